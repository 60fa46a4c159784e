// SPDX-License-Identifier: GPL-2.0-only
/* What is closed where a host is alone, and when its units go back: what reads and closes
 * sessions is here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "user/base/clock.h"
#include "user/base/label.h"
#include "user/daemon/fleet_close.h"
#include "user/kernel/policy_caps.h"
#include "user/kernel/state.h"

static atomic_int sessions, returns;
static struct shard shards[2];

int load_object(struct headcount_bpf **object, const struct load_request *request)
{
	(void)request;
	*object = NULL;
	return 0;
}

int policy_read(const struct headcount_bpf *object, struct policy *policy)
{
	(void)object;
	policy->services[2] = (struct hc_service){.used = true,
						  .fleet = true,
						  .cap = 4,
						  .limited = true,
						  .alone = HC_ALONE_CLOSE};
	return 0;
}

int policy_read_new(const struct headcount_bpf *object, struct policy **policy)
{
	*policy = calloc(1, sizeof(**policy));
	assert_non_null(*policy);
	return policy_read(object, *policy);
}

__u32 policy_cap(const struct headcount_bpf *object, const struct policy *policy,
		 const struct hc_user_key *key)
{
	(void)object, (void)policy, (void)key;
	return 4;
}

int policy_special(const struct headcount_bpf *object, const struct policy *policy,
		   const struct hc_user_key *key, struct hc_override *found)
{
	(void)object, (void)policy, (void)key, (void)found;
	return -1;
}

int state_read_sessions(const struct headcount_bpf *object, state_wanted *wanted, void *context,
			struct state_session **found, size_t *count)
{
	(void)object, (void)wanted, (void)context;
	*count = atomic_load(&sessions);
	*found = calloc(*count + 1, sizeof(**found));
	for (size_t i = 0; *found && i < *count; i++)
		(*found)[i] = (struct state_session){
			.id = i + 1, .session.user = {.service = 2, .kind = HC_BY_UID}};
	return 0;
}

bool state_read_user(const struct headcount_bpf *object, const struct hc_control *control,
		     const struct hc_user_key *key, struct hc_user *user)
{
	(void)object, (void)control, (void)key, (void)user;
	return false;
}

int closer_kill(struct closer *closer, const struct headcount_bpf *walker,
		const struct hc_kill *kill, __u32 device)
{
	(void)closer, (void)walker, (void)kill, (void)device;
	atomic_fetch_sub(&sessions, 1);
	return 1;
}

void shard_return(struct shard *shard)
{
	assert_ptr_equal(shard, &shards[0]);
	atomic_fetch_add(&returns, 1);
}

static __u64 decide(struct fleet_close *closing, bool wanted)
{
	return fleet_close_decide(closing, shards, 1, wanted, clock_ns(CLOCK_BOOTTIME));
}

/* As the lease ends, and again when what was in use then has been closed. */
static void units_go_back(void **state)
{
	struct fleet_close *closing;

	(void)state;
	atomic_store(&sessions, 3);
	shards[0].had_lease = true;
	assert_int_equal(fleet_close_new(&closing, NULL, 1), 0);
	decide(closing, true);
	assert_int_equal(atomic_load(&returns), 0);
	shards[0].alone = true;
	decide(closing, true);
	decide(closing, true);
	assert_int_equal(atomic_load(&returns), 1);
	assert_int_equal(fleet_close_start(closing, NULL), 0);
	for (int i = 0; i < 1000 && atomic_load(&returns) < 2; i++) {
		decide(closing, true);
		clock_sleep_ms(10);
	}
	assert_int_equal(atomic_load(&returns), 2);
	assert_int_equal(decide(closing, true), 3);
	decide(closing, false);
	assert_int_equal(atomic_load(&returns), 2);
	fleet_close_free(closing);
}

/* The end of no lease is slept through. */
static void when_leases_end(void **state)
{
	(void)state;
	shards[0].host.deadline = 90;
	shards[1].host.deadline = 250;
	assert_int_equal(fleet_close_until(shards, 2, 100, 200), 200);
	assert_int_equal(fleet_close_until(shards, 2, 100, 300), 250);
	shards[0].host.deadline = 101;
	assert_int_equal(fleet_close_until(shards, 2, 100, 300), 101);
	assert_int_equal(fleet_close_until(shards, 0, 100, 300), 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_go_back),
		cmocka_unit_test(when_leases_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
