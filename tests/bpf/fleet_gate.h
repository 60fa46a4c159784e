/* SPDX-License-Identifier: GPL-2.0-only */
/* For the tests of the fleet's users: the daemon's words, and a service that is the fleet's. */
#ifndef HEADCOUNT_TEST_FLEET_GATE_H
#define HEADCOUNT_TEST_FLEET_GATE_H

#include "held.h"
#include "user/kernel/fleet_words.h"

static struct fleet_words *words;
static struct hc_ask asked; /* the newest */
static int asks;

static inline void on_ask(void *context, const struct hc_ask *ask)
{
	(void)context;
	asked = *ask;
	asks++;
}

static inline int read_asks(void)
{
	asks = 0;
	fleet_words_hear(words);
	return asks;
}

static inline void open_words(void)
{
	listen_at(NULL, 143);
	open_silent();
	assert_int_equal(fleet_words_open(&words, object, on_ask, NULL), 0);
	fleet_words_set_shards(words, 1);
	fleet_words_set_answers(words, 0, ~0ull >> 1);
}

static inline int close_words(void **state)
{
	fleet_words_close(words);
	words = NULL;
	close_silent();
	return end(state);
}

/* Of the fleet from now on. */
static inline void share(enum hc_cold cold, enum hc_alone alone, __u32 cap_alone)
{
	struct hc_service service;
	struct hc_control control;
	__u32 zero = 0, index;

	map_get(object->maps.control, &zero, &control, 0);
	index = (control.generation & 1) * HC_SERVICES_MAX + IMAP_ID;
	map_get(object->maps.services, &index, &service, 0);
	service.fleet = service.holding = true;
	service.cold = cold;
	service.alone = alone;
	service.cap_alone = cap_alone;
	map_put(object->maps.services, &index, &service, BPF_ANY);
	control.generation += 2; /* the same half */
	map_put(object->maps.control, &zero, &control, BPF_ANY);
}

static inline void lease(__u32 shard, bool live)
{
	fleet_words_set_deadline(words, shard,
				 live ? clock_ns(CLOCK_BOOTTIME) + 3600 * NS_PER_SECOND : 0);
}

static inline void answers(__u32 shard, bool does)
{
	fleet_words_set_answers(words, shard,
				does ? clock_ns(CLOCK_BOOTTIME) + 3600 * NS_PER_SECOND : 0);
}

/* Units of shard 0; what was taken. */
static inline __u32 set_units(const struct hc_user_key *user, __u32 units)
{
	__u32 taken = 77;

	assert_int_equal(fleet_words_set_units(words, user, 0, units, &taken), 0);
	return taken;
}

static inline __u32 sessions_of(const struct hc_user_key *user)
{
	__u32 taken = 77;

	assert_int_equal(fleet_words_sessions(words, user, &taken), 0);
	return taken;
}

static inline void set_short(const struct hc_user_key *user, bool is_short)
{
	fleet_words_set_short(words, user,
			      is_short ? clock_monotonic_ns() + 3600 * NS_PER_SECOND : 0);
}

#endif
