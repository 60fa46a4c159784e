// SPDX-License-Identifier: GPL-2.0-only
/* A shard whose kernel part, and what closes sessions, are here: what becomes of their errors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/clock.h"
#include "user/daemon/fleet_shard.h"
#include "user/kernel/state.h"

static int read_error, close_error; /* of the next calls */
static __u32 slots, active, closed;
static __u64 deadline;
static __u64 gone;            /* the id of a session that has ended */
static struct hc_ask asks[2]; /* in the ring */
static __u32 ask_count;

__u32 fleet_words_gather(struct fleet_words *words)
{
	(void)words;
	return ask_count;
}

const struct hc_ask *fleet_words_gathered(const struct fleet_words *words, __u32 i)
{
	(void)words;
	return &asks[i];
}

bool state_read_session(const struct headcount_bpf *object, __u64 id,
			struct hc_session *session)
{
	(void)object, (void)session;
	return id != gone;
}

int fleet_words_sessions(struct fleet_words *words, const struct hc_user_key *user,
			 __u32 *taken)
{
	(void)words, (void)user;
	if (!read_error)
		*taken = slots;
	return read_error;
}

int fleet_words_set_units(struct fleet_words *words, const struct hc_user_key *user,
			  __u32 shard, __u32 units, __u32 *taken)
{
	(void)words, (void)user, (void)shard, (void)units;
	*taken = slots;
	return read_error;
}

void fleet_words_set_deadline(struct fleet_words *words, __u32 shard, __u64 until)
{
	(void)words, (void)shard;
	deadline = until;
}

void fleet_words_set_short(struct fleet_words *words, const struct hc_user_key *user,
			   __u64 until_ns)
{
	(void)words, (void)user, (void)until_ns;
}

int closer_close(struct closer *closer, const struct hc_socket *socket)
{
	(void)closer, (void)socket;
	closed += !close_error;
	active -= !close_error;
	return close_error;
}

bool state_read_user(const struct headcount_bpf *object, const struct hc_control *control,
		     const struct hc_user_key *key, struct hc_user *user)
{
	(void)object, (void)control, (void)key;
	*user = (struct hc_user){.word = active};
	return true;
}

static const struct fleet_key key = {{1}};
static const struct hc_user_key alice = {.service = 2, .kind = HC_BY_UID, .uid = 7};
static struct policy policy;
static struct shard_common common;
static struct shard shard;
static struct store_address address = {.kind = STORE_SERVERS, .count = 1};

static __u64 now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

static int begin(void **state)
{
	struct config config = {.users_max = 4,
				.fleet = {.lease = 10,
					  .keep = 60,
					  .asks = 10,
					  .servers = 1,
					  .stores = &address,
					  .store_count = 1}};

	(void)state;
	common = (struct shard_common){.policy = &policy};
	policy.services[2] = (struct hc_service){
		.used = true, .fleet = true, .cap = 8, .limited = true, .cold = HC_COLD_ADMIT};
	shard = (struct shard){};
	read_error = close_error = 0;
	slots = active = closed = ask_count = 0;
	gone = 0;
	deadline = 1;
	assert_int_equal(shard_open(&shard, &common, 0, &config), 0);
	shard_want(&shard, &key, &alice, 8, 1, now_ns());
	return 0;
}

static int end(void **state)
{
	(void)state;
	shard_close(&shard);
	return 0;
}

static __u32 sessions(void)
{
	return shard.host.kernel.sessions(&shard, 0, &key);
}

/* Who cannot be looked at is claimed with all that it may have, and admits by units no more. */
static void what_cannot_be_read(void **state)
{
	(void)state;
	shard.host.table.users[0].units = 3;
	slots = 2;
	assert_int_equal(sessions(), 2);
	assert_false(shard.faulty);
	read_error = -EPERM;
	assert_int_equal(sessions(), 3);
	assert_true(shard.faulty);
	assert_int_equal(deadline, 0);
	read_error = 0;
	shard.host.kernel.set_deadline(&shard, now_ns() + NS_PER_SECOND);
	assert_int_equal(deadline, 0);
}

/* A session without a unit that cannot be closed now is when the store says so again. */
static void what_cannot_be_closed(void **state)
{
	const struct shard_late late = {
		.key = key, .user = alice, .id = 77, .time_ns = now_ns()};

	(void)state;
	active = slots = 1;
	shard_watch(&shard, &late);
	close_error = -EPERM;
	shard.host.set_short(&shard, 0, &key, true);
	assert_true(common.complained);
	assert_int_equal(common.closed, 0);
	close_error = 0;
	shard.host.set_short(&shard, 0, &key, true);
	assert_int_equal(closed, 1);
	assert_int_equal(common.closed, 1);
	shard.host.set_short(&shard, 0, &key, true);
	assert_int_equal(closed, 1);
}

/* Who ended by himself is no error, and counts for nobody. */
static void what_has_ended(void **state)
{
	const struct shard_late late = {
		.key = key, .user = alice, .id = 77, .time_ns = now_ns()};

	(void)state;
	active = slots = 1;
	shard_watch(&shard, &late);
	close_error = -ENOENT;
	shard.host.set_short(&shard, 0, &key, true);
	close_error = 0;
	shard.host.set_short(&shard, 0, &key, true);
	assert_int_equal(closed, 0);
	assert_int_equal(common.closed, 0);
	assert_false(common.complained);
}

/* An attempt in the user's name hides nothing that is there without a unit: who begins anew has
 * none for what a daemon before him let in. */
static void what_is_claimed(void **state)
{
	const struct shard_late late = {
		.key = key, .user = alice, .id = 77, .time_ns = now_ns()};

	(void)state;
	slots = active = 5;
	assert_int_equal(sessions(), 5);
	slots = 7; /* two attempts: what comes of them is asked for as it begins */
	assert_int_equal(sessions(), 5);
	shard_watch(&shard, &late);
	active = 6;
	assert_int_equal(sessions(), 5);
	asks[0] = (struct hc_ask){.user = alice, .need = 9};
	asks[1] = (struct hc_ask){.user = alice, .need = 7, .id = 78};
	ask_count = 2;
	active = 7;
	assert_int_equal(sessions(), 5);
	asks[1].user.uid++;
	assert_int_equal(sessions(), 6);
	gone = 77;
	assert_int_equal(sessions(), 7);
}

/* What was let in without one is no less than what has units, and hides none of it. */
static void units_are_claimed(void **state)
{
	const struct shard_late late = {
		.key = key, .user = alice, .id = 77, .time_ns = now_ns()};

	(void)state;
	shard_watch(&shard, &late);
	shard.host.table.users[0].units = 3;
	slots = active = 3;
	assert_int_equal(sessions(), 3);
	slots = active = 2;
	assert_int_equal(sessions(), 2);
	slots = 4;
	active = 2;
	assert_int_equal(sessions(), 3);
	policy.services[2].cold = HC_COLD_WAIT;
	assert_int_equal(sessions(), 4);
}

/* Sessions are let in without a unit for a while after an answer, unless more is known. */
static void how_long_it_answers(void **state)
{
	struct fleet_host *host = &shard.host;
	const __u64 now = now_ns();

	(void)state;
	assert_int_equal(shard_answers(&shard, now), 0);
	host->answered = host->sent = now;
	assert_int_equal(shard_answers(&shard, now + 1), now + 1300 * NS_PER_MS);
	host->sent = now + 100 * NS_PER_MS;
	host->flying = true;
	assert_int_equal(shard_answers(&shard, now + 300 * NS_PER_MS), now + 1300 * NS_PER_MS);
	assert_int_equal(shard_answers(&shard, now + 500 * NS_PER_MS), 0);
	fleet_broken(host, now);
	assert_int_equal(shard_answers(&shard, now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_cannot_be_read, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be_closed, begin, end),
		cmocka_unit_test_setup_teardown(what_has_ended, begin, end),
		cmocka_unit_test_setup_teardown(what_is_claimed, begin, end),
		cmocka_unit_test_setup_teardown(units_are_claimed, begin, end),
		cmocka_unit_test_setup_teardown(how_long_it_answers, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
