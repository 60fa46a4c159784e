// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/ticks.h"
#include "user/kernel/policy_caps.h"
#include "user/sessions/idle.h"

static __u32 lesser(__u32 least, __u32 seconds)
{
	if (!seconds || seconds == HC_UNLIMITED)
		return least;
	return least && least < seconds ? least : seconds;
}

__u32 idle_least(const struct config *config)
{
	__u32 least = 0;

	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		least = lesser(least, service->service.idle);
		for (size_t j = 0; j < service->override_count; j++)
			least = lesser(least, service->overrides[j].idle);
	}
	return least;
}

void idle_set(struct idle *idle, const struct policy *policy, const struct config *config)
{
	idle->policy = *policy;
	idle->least = idle_least(config);
}

__u32 idle_ticks(const struct idle *idle)
{
	return ticks_of_ms(idle->least * 1000ull);
}

/* Of an MPTCP connection a subflow may be idle while others are not. */
static bool is_over(const struct idle *idle, const struct headcount_bpf *walker,
		    const struct hc_socket *socket)
{
	const struct hc_session *session = &socket->session;
	__u32 seconds;

	if (socket->mptcp || session->user.elsewhere || session->flags & HC_S_REFUSED)
		return false;
	seconds = policy_idle(walker, &idle->policy, &session->user);
	return seconds && ticks_idle_ms(&socket->idle) >= seconds * 1000ull;
}

void idle_close(struct idle *idle, const struct headcount_bpf *walker, struct closer *closer,
		const struct walk_sockets *found)
{
	int error;

	for (size_t i = 0; i < found->count; i++) {
		const struct hc_socket *socket = &found->rows[i];

		if (!is_over(idle, walker, socket))
			continue;
		error = closer_kill(closer, walker,
				    &(struct hc_kill){.id = socket->id,
						      .end = HC_END_IDLE,
						      .session = socket->session},
				    socket->device);
		if (error >= 0 || error == -EBUSY || idle->complained)
			continue;
		idle->complained = true;
		hc_error_errno(error, "cannot close idle sessions%s", privileges_hint(error));
	}
}
