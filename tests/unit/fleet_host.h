/* SPDX-License-Identifier: GPL-2.0-only */
/* A host of the fleet, a kernel of three users, and answers as a store would write them. */
#ifndef HEADCOUNT_TEST_FLEET_HOST_H
#define HEADCOUNT_TEST_FLEET_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/clock.h"
#include "user/fleet/host.h"

#define USERS 3
#define LEASE (10 * NS_PER_SECOND)
#define ID    0x1234

static struct fleet_host host;
static __u64 now;
static __u32 sessions[USERS], units[USERS];
static __u64 used;   /* when a session of any user began or ended last, that nobody saw */
static __u32 begins; /* sessions that begin when units are set next */
static __u64 deadline;

static const struct fleet_key keys[USERS] = {{{1}}, {{2}}, {{3}}};

static __u32 read_sessions(void *ctx, __u32 index, const struct fleet_key *key)
{
	(void)ctx;
	(void)index;
	return key->bytes[0] > USERS ? 0 : sessions[key->bytes[0] - 1];
}

static __u32 set_units(void *ctx, __u32 index, const struct fleet_key *key, __u32 number)
{
	int user = key->bytes[0] - 1;

	(void)ctx;
	(void)index;
	if (user >= USERS) /* one of a crowd, who has none */
		return 0;
	sessions[user] += begins;
	begins = 0;
	units[user] = number;
	return sessions[user];
}

static void set_deadline(void *ctx, __u64 time)
{
	(void)ctx;
	deadline = time;
}

static __u64 get_unused(void *ctx, __u32 index, const struct fleet_key *key)
{
	(void)ctx;
	(void)index;
	(void)key;
	return now - used;
}

static void host_begin(__u32 acks)
{
	const struct fleet_kernel kernel = {NULL, read_sessions, set_units, set_deadline,
					    get_unused};
	const struct fleet_settings settings = {
		.lease = LEASE,
		.renew = NS_PER_SECOND,
		.patience = 2 * NS_PER_SECOND,
		.keep = 60 * NS_PER_SECOND,
		.unused = 5 * NS_PER_SECOND,
		.grace = NS_PER_SECOND,
		.retry = 300 * NS_PER_MS,
		.users_max = 64,
		.asks = 100,
		.acks = acks,
	};

	now = 1000 * NS_PER_SECOND;
	memset(sessions, 0, sizeof(sessions));
	memset(units, 0, sizeof(units));
	begins = deadline = used = 0;
	assert_int_equal(fleet_host_init(&host, &settings, &kernel, ID), 0);
}

/* The argument `number` of the message that is to be sent, as text; NULL: there is no message.
 */
static inline const char *argument(const struct fleet_message *message, size_t number)
{
	static char text[8][256];
	static int turn;
	char *to = text[turn++ % 8];

	if (!message || number >= message->count)
		return NULL;
	snprintf(to, sizeof(text[0]), "%.*s", (int)message->words[number].length,
		 message->words[number].text);
	return to;
}

#define EPOCH  "1.ab.2.0.cd.7"
#define EPOCH2 "2.ef.1.0.cd.9"

/* An answer to message n, acknowledged by one. */
static inline int answer_to(__u64 n, const char *status, const char *epoch, const char *ready,
			    const char *down, const char *calls, size_t calls_length)
{
	char number[24];
	const struct fleet_word words[] = {
		{status, strlen(status)},
		{number, sprintf(number, "%llu", n)},
		{epoch, strlen(epoch)},
		{"3", 1},
		{ready, 1},
		{down, strlen(down)},
		{calls, calls_length},
	};
	const struct fleet_word confirm = {strchr(epoch, '.') + 1, strlen("ab.2.0")};

	return fleet_receive(&host, words, 7, 1, &confirm, now);
}

static inline int answer(const char *status, const char *epoch, const char *ready,
			 const char *down)
{
	return answer_to(host.n, status, epoch, ready, down, "", 0);
}

/* A member of an epoch that grants. */
static inline void host_member(__u32 acks)
{
	host_begin(acks);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer("joined", EPOCH, "1", ""), 0);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer("ok", EPOCH, "1", ""), 0);
	assert_int_equal(host.stage, FLEET_MEMBER);
}

/* The user gets so many units by asking. */
static inline void get(int user, __u32 need, const char *down)
{
	assert_int_equal(fleet_want(&host, &keys[user], 8, need, now), 0);
	assert_non_null(fleet_send(&host, now));
	assert_int_equal(answer("ok", EPOCH, "1", down), 0);
}

#endif
