// SPDX-License-Identifier: GPL-2.0-only
/* The ring of events as it is (event_ring.h), but small: step by step, and by threads at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HC_EVENT_SLOTS 8
#include "event_ring.h"

static struct hc_event_ring ring;
static struct hc_event_slot slots[HC_EVENT_SLOTS];
static struct event_ring_reader reader = {.ring = &ring};

static int reset(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	event_ring_begin(&reader);
	return 0;
}

/* A record of `value`, which is its size too. */
static __u64 write_one(__u32 value)
{
	__u64 at = 0;

	assert_true(event_ring_claim(&ring, &at));
	slots[event_ring_slot(at)].record[0] = value;
	event_ring_publish(&ring, at, value);
	return at;
}

/* The value of the next record, 0 if there is none. What is empty is passed over. */
static __u32 read_one(void)
{
	__u64 position;
	__u32 size;

	while (event_ring_read(&reader, &position, &size)) {
		__u64 value = slots[event_ring_slot(position)].record[0];

		event_ring_release(&reader);
		if (size) {
			assert_int_equal(value, size);
			return size;
		}
	}
	return 0;
}

static void test_full(void **state)
{
	__u64 at = 0;

	(void)state;
	assert_int_equal(read_one(), 0);
	for (__u32 round = 0; round < 5; round++) {
		for (__u32 i = 1; i <= HC_EVENT_SLOTS; i++)
			write_one(i);
		assert_false(event_ring_claim(&ring, &at));
		for (__u32 i = 1; i <= HC_EVENT_SLOTS; i++)
			assert_int_equal(read_one(), i);
		assert_int_equal(read_one(), 0);
	}
}

/* Who was interrupted holds up the reader, not the other writers. */
static void test_interrupted(void **state)
{
	__u64 first = 0;

	(void)state;
	assert_true(event_ring_claim(&ring, &first));
	write_one(2);
	assert_int_equal(read_one(), 0);
	slots[event_ring_slot(first)].record[0] = 1;
	event_ring_publish(&ring, first, 1);
	assert_int_equal(read_one(), 1);
	assert_int_equal(read_one(), 2);
}

/* Of two that saw the last room, one has a position without a slot: as event_ring_claim(). */
static void test_last_room(void **state)
{
	__u64 beyond;

	(void)state;
	for (__u32 i = 1; i <= HC_EVENT_SLOTS; i++)
		write_one(i);
	beyond = event_ring_next(__sync_fetch_and_add(&ring.state, EVENT_RING_ONE));
	event_ring_publish(&ring, beyond, 0);
	assert_int_equal(read_one(), 1);
	assert_false(event_ring_claim(&ring, &beyond)); /* 8 are not read still */
	assert_int_equal(read_one(), 2);
	write_one(9);
	for (__u32 i = 3; i <= 9; i++)
		assert_int_equal(read_one(), i);
	assert_int_equal(read_one(), 0);
	assert_int_equal(event_ring_unread(ring.state), 0);
}

static void test_rewind(void **state)
{
	__u64 at = 0;

	(void)state;
	for (__u32 round = 0; round < 100; round++) {
		assert_int_equal(event_ring_slot(write_one(1)), 0);
		assert_int_equal(event_ring_slot(write_one(2)), 1);
		event_ring_rewind(&reader); /* not while there is something */
		assert_int_equal(read_one(), 1);
		event_ring_rewind(&reader);
		assert_int_equal(read_one(), 2);
		assert_true(event_ring_claim(&ring, &at)); /* nor while somebody writes */
		event_ring_rewind(&reader);
		assert_int_equal(event_ring_slot(at), 2);
		slots[2].record[0] = 3;
		event_ring_publish(&ring, at, 3);
		assert_int_equal(read_one(), 3);
		event_ring_rewind(&reader);
		event_ring_rewind(&reader);
		event_ring_begin(&reader);
		assert_int_equal(event_ring_slot(reader.position), 0);
		assert_int_equal(read_one(), 0);
	}
	assert_int_equal(reader.position, 100 * HC_EVENT_SLOTS);
}

/* Positions wrap: a reader goes on, and so does one that begins just then. */
static void test_wrap(void **state)
{
	(void)state;
	ring.state = -3ull << EVENT_RING_SHIFT;
	event_ring_begin(&reader);
	for (__u32 i = 1; i <= 5; i++)
		write_one(i);
	assert_int_equal(read_one(), 1);
	event_ring_begin(&reader);
	for (__u32 i = 2; i <= 5; i++)
		assert_int_equal(read_one(), i);
	assert_int_equal(read_one(), 0);
}

/* A turn that is left of the time before positions wrapped is not taken for a record. */
static void test_left(void **state)
{
	(void)state;
	event_ring_publish(&ring, 0, 7);
	assert_int_equal(read_one(), 0);
	write_one(1);
	assert_int_equal(read_one(), 1);
	event_ring_publish(&ring, 1, 7);
	assert_int_equal(read_one(), 0);
	assert_int_equal(event_ring_unread(ring.state), 0);
}

/* By threads: writers say who they are and count; the reader begins anew now and then. */
#define WRITERS 3
#define RECORDS 1000000

static __u32 writing;

static void *write_all(void *context)
{
	__u32 me = (uintptr_t)context;
	__u64 at = 0;

	for (__u32 i = 1; i <= RECORDS; i++) {
		while (!event_ring_claim(&ring, &at))
			;
		for (int word = 0; word < 4; word++)
			*(volatile __u64 *)&slots[event_ring_slot(at)].record[word] =
				(__u64)me << 32 | i;
		event_ring_publish(&ring, at, 16 + me);
	}
	__atomic_sub_fetch(&writing, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_at_once(void **state)
{
	__u32 last[WRITERS] = {}, size, rewound = 0;
	__u64 position;
	pthread_t threads[WRITERS];
	bool done = false;

	(void)state;
	writing = WRITERS;
	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_all, (void *)i), 0);
	while (!done) {
		done = !__atomic_load_n(&writing, __ATOMIC_ACQUIRE);
		event_ring_begin(&reader);
		while (event_ring_read(&reader, &position, &size)) {
			volatile __u64 *record = slots[event_ring_slot(position)].record;
			__u64 value = record[0];
			__u32 who = value >> 32, number = value;

			if (!size)
				continue;
			assert_int_equal(size, 16 + who);
			for (int word = 1; word < 4; word++)
				assert_int_equal(record[word], value);
			assert_in_range(who, 0, WRITERS - 1);
			assert_int_equal(number, ++last[who]);
		}
		event_ring_release(&reader);
		event_ring_rewind(&reader);
		rewound += event_ring_next(ring.state) > reader.position;
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(last[i], RECORDS);
	}
	assert_true(rewound > 0);
	assert_int_equal(event_ring_unread(ring.state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_full, reset),
		cmocka_unit_test_setup(test_interrupted, reset),
		cmocka_unit_test_setup(test_last_room, reset),
		cmocka_unit_test_setup(test_rewind, reset),
		cmocka_unit_test_setup(test_wrap, reset),
		cmocka_unit_test_setup(test_left, reset),
		cmocka_unit_test_setup(test_at_once, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
