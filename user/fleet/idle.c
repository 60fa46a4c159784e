// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/clock.h"
#include "user/fleet/host.h"

#define ROUND (5 * NS_PER_SECOND)  /* in which each user is looked at once */
#define LEAST 64                   /* users that are looked at in a tick */
#define AGAIN (NS_PER_SECOND / 10) /* until those that others ask for are looked at again */

/* Nothing of it is known to the store, and nobody asks. */
static bool is_over(const struct fleet_host *host, const struct fleet_user *user,
		    __u32 sessions, __u64 now)
{
	return !user->units && !sessions && !fleet_asks(host, user, now) &&
	       !(user->flags & (FLEET_USER_QUEUED | FLEET_USER_TOLD | FLEET_USER_WAITING |
				FLEET_USER_AWAITED));
}

/* Has it had a session since, that nobody saw by looking? Then it is idle from there on. */
static bool was_used(const struct fleet_host *host, __u32 index, __u64 now)
{
	struct fleet_user *user = &host->table.users[index];
	const struct fleet_kernel *kernel = &host->kernel;
	__u64 unused = kernel->unused ? kernel->unused(kernel->ctx, index, &user->key) : now;
	__u32 last = fleet_tenths(unused < now ? now - unused : 0);

	if ((__s32)(last - user->since) <= 0)
		return false;
	user->since = last;
	user->flags |= FLEET_USER_USED;
	return true;
}

static bool is_kept(const struct fleet_host *host, const struct fleet_user *user, __u64 now)
{
	const struct fleet_settings *settings = &host->settings;
	__u64 keep = user->flags & FLEET_USER_USED ? settings->keep : settings->unused;

	return fleet_tenths(now) - user->since < fleet_tenths(keep);
}

static bool is_to_be_told(struct fleet_host *host, __u32 index, __u32 sessions, __u64 now)
{
	struct fleet_user *user = &host->table.users[index];

	if (fleet_asks(host, user, now) || fleet_busy(host, user, sessions, now) > sessions)
		return false;
	/* It gave up, or was not counted. */
	if (user->flags & FLEET_USER_WAITING || sessions > user->units)
		return true;
	if (user->need || sessions == user->units) {
		user->need = 0;
		user->since = fleet_tenths(now);
		if (sessions == user->units)
			user->flags |= FLEET_USER_USED;
		return false;
	}
	if (!(user->flags & FLEET_USER_CALLED) &&
	    (is_kept(host, user, now) ||
	     (was_used(host, index, now) && is_kept(host, user, now))))
		return false;
	user->flags |= FLEET_USER_RETURN;
	return true;
}

static void look(struct fleet_host *host, __u32 index, __u64 now)
{
	struct fleet_user *user = &host->table.users[index];
	__u32 sessions;

	if (!(user->flags & FLEET_USER_THERE))
		return;
	sessions = host->kernel.sessions(host->kernel.ctx, index, &user->key);
	if (is_over(host, user, sessions, now)) {
		fleet_table_remove(&host->table, index);
		return;
	}
	if (is_to_be_told(host, index, sessions, now) && !(user->flags & FLEET_USER_TOLD))
		fleet_queue_put(host, &host->urgent, index);
	if (!(user->flags & FLEET_USER_AWAITED))
		user->flags &= ~FLEET_USER_CALLED;
}

void fleet_await(struct fleet_host *host, __u32 index, __u64 now)
{
	struct fleet_user *user = &host->table.users[index];
	struct fleet_awaited *awaited = host->awaited;

	user->flags |= FLEET_USER_CALLED;
	if (user->flags & FLEET_USER_AWAITED) {
		while (awaited->index != index)
			awaited++;
	} else if (host->awaited_count < FLEET_AWAITED) {
		awaited += host->awaited_count++;
		user->flags |= FLEET_USER_AWAITED;
		awaited->index = index;
	} else {
		return; /* the next look is its last chance */
	}
	/* What was asked for here just before goes on for a tenth longer than the grace, and
	 * two looks see that it is over. */
	awaited->until = now + host->settings.grace + 3 * AGAIN;
}

/* Whoever asks for them has asked for so long, or the walk has begun anew. */
static void look_at_awaited(struct fleet_host *host, __u64 now)
{
	if (now - host->awaited_looked < AGAIN)
		return;
	host->awaited_looked = now;
	for (__u32 i = 0; i < host->awaited_count;) {
		struct fleet_awaited *awaited = &host->awaited[i];
		struct fleet_user *user = &host->table.users[awaited->index];

		if (now < awaited->until) {
			look(host, awaited->index, now);
			i++;
			continue;
		}
		user->flags &= ~(FLEET_USER_AWAITED | FLEET_USER_CALLED);
		*awaited = host->awaited[--host->awaited_count];
	}
}

void fleet_tick(struct fleet_host *host, __u64 now)
{
	__u64 passed = now - host->scanned, count;

	host->scanned = now;
	/* While claims are made the walk is the only one. */
	if (host->stage != FLEET_MEMBER || !host->table.high)
		return;
	look_at_awaited(host, now);
	count = host->table.high * (passed < ROUND ? passed : ROUND) / ROUND + LEAST;
	if (count > host->table.high)
		count = host->table.high;
	while (count--) {
		if (host->hand >= host->table.high)
			host->hand = 0;
		look(host, host->hand++, now);
	}
}
