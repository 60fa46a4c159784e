// SPDX-License-Identifier: GPL-2.0-only
/* What a CPU remembers of the listener that it looked for last (bpf/origin.h). */
#include "gate.h"

/* Where `busy` is in the value of cpu_states, whose type is the programs' own (bpf/maps.h). */
#define BUSY 156

/* Whom the gate takes for the listener where the next packet comes in. */
static __u32 uid_of(const char *from, __u16 port)
{
	assert_int_equal(arrive_packet(packet_of(from, LOCAL4, port), 1), SK_DROP);
	assert_int_equal(read_refusals(), 1);
	return last.uid;
}

/* As nobody does: what is in the table changes, and it is not told. */
static void becomes(__u32 uid, __u16 port)
{
	struct hc_listener_key key = {.netns = enforced.items[0].inode, .port = port};
	struct hc_listener listener;

	map_get(object->maps.listeners, &key, &listener, 0);
	listener.uid = uid;
	map_put(object->maps.listeners, &key, &listener, BPF_ANY);
}

static void tell(__u16 port)
{
	__u32 index = port, word;

	map_get(object->maps.listened, &index, &word, 0);
	word += HC_LISTEN_CHANGE;
	map_put(object->maps.listened, &index, &word, BPF_ANY);
}

static void set_busy(__u32 busy)
{
	char value[192];

	assert_int_equal(bpf_map__value_size(object->maps.cpu_states), sizeof(value));
	for (__u32 cpu = 0; cpu < bpf_map__max_entries(object->maps.cpu_states); cpu++) {
		map_get(object->maps.cpu_states, &cpu, value, 0);
		memcpy(value + BUSY, &busy, sizeof(busy));
		map_put(object->maps.cpu_states, &cpu, value, BPF_ANY);
	}
}

static int begin_two(void **state)
{
	begin(state);
	start(SMALL "[service inbound]\nuser = uid\ncap = 0\n");
	listen_at(NULL, 143);
	listen_at(NULL, 144);
	return 0;
}

/* Until the port's listeners change. (The next uids have not been refused yet, and are told.)
 */
static void test_remembers(void **state)
{
	(void)state;
	assert_int_equal(uid_of("10.0.0.1", 143), 77);
	becomes(78, 143);
	assert_int_equal(uid_of("10.0.0.2", 143), 77);
	tell(143);
	assert_int_equal(uid_of("10.0.0.3", 143), 78);
	becomes(79, 143);
	tell(144);
	assert_int_equal(uid_of("10.0.0.4", 143), 78);
}

/* One place: whoever comes in elsewhere has it looked for. */
static void test_another_place(void **state)
{
	(void)state;
	becomes(78, 144);
	assert_int_equal(uid_of("10.0.0.1", 143), 77);
	assert_int_equal(uid_of("10.0.0.1", 144), 78);
	becomes(79, 143);
	assert_int_equal(uid_of("10.0.0.1", 143), 79);
	listen_at(LOCAL4, 143);
	assert_int_equal(uid_of("10.0.0.1", 143), 77);
}

/* Who comes in the midst of it looks for himself, and changes nothing. */
static void test_busy(void **state)
{
	(void)state;
	assert_int_equal(uid_of("10.0.0.1", 143), 77);
	becomes(78, 143);
	set_busy(1);
	assert_int_equal(uid_of("10.0.0.1", 143), 78);
	listen_at("192.0.2.77", 145);
	assert_int_equal(arrive_packet(packet_of("10.0.0.1", LOCAL4, 145), 1), SK_PASS);
	set_busy(0);
	assert_int_equal(uid_of("10.0.0.1", 143), 77);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_remembers, begin_two, end),
		cmocka_unit_test_setup_teardown(test_another_place, begin_two, end),
		cmocka_unit_test_setup_teardown(test_busy, begin_two, end),
	};

	return RUN_GATE_TESTS(tests);
}
