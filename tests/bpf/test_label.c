// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions get other labels by several threads while reloads move all of them from service to
 * service: whatever comes between, each session holds one slot, of the user that its record
 * says, and of the total.
 */
#include "gate.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "user/kernel/labels.h"
#include "user/kernel/state.h"

#define SESSIONS 24
#define LABELS   5
#define CAP      8
#define LABELLED                                                                               \
	"listen = 143\nuser = label\ncap = 8\ntotal = 100\noverride = user4 8 total=exempt\n"
#define FIRST  SMALL "[service imap]\n" LABELLED
#define SECOND SMALL "[service pop]\n" LABELLED

struct giver {
	struct headcount_bpf *object;
	pthread_t thread;
	unsigned int seed;
	int answers[2]; /* given, over the cap */
};

static atomic_bool stop;

static __u64 id_of(int session)
{
	return 1000 + 4 * session;
}

/* A session as session_accepted() leaves it, but for its charge: nobody is charged yet. */
static void insert(int session)
{
	/* Of the level that has a set for each. */
	__u32 index = session_set_of(id_of(session), HC_SESSION_LEVELS - 1,
				     bpf_map__max_entries(object->maps.sessions));
	struct hc_session_set set;
	struct hc_session *record = NULL;

	map_get(object->maps.sessions, &index, &set, 0);
	for (int way = 0; way < HC_SESSION_WAYS && !record; way++) {
		if (set.id[way])
			continue;
		set.id[way] = id_of(session);
		record = &set.way[way];
	}
	assert_non_null(record);
	*record = (struct hc_session){
		.direction = HC_INBOUND,
		.ends = {.local_port = 143,
			 .remote_port = 2000 + session,
			 .netns = enforced.items[0].inode},
		.uid = HC_UID_UNKNOWN,
		/* Of nobody's record, which the first reload takes it from. */
		.charge = charge_pack(1, IMAP_ID, id_of(session)),
	};
	address_of(record->ends.local, LOCAL4);
	address_of(record->ends.remote, "192.0.2.7");
	map_put(object->maps.sessions, &index, &set, 0);
}

/* The record from which the sessions are taken: it holds as many. */
static void make_nobody(void)
{
	struct hc_user_set set = {};
	__u32 zero = 0;

	set.tag[0] = 1;
	set.way[0] = (struct hc_user){.word = SESSIONS,
				      .key = {.service = IMAP_ID, .kind = HC_BY_UID, .uid = 1}};
	write_set(zero, &set);
}

/* Mostly one of two, about which they quarrel. */
static __u64 any_session(struct giver *giver)
{
	return id_of(rand_r(&giver->seed) % (rand_r(&giver->seed) % 4 ? 2 : SESSIONS));
}

static void *give(void *context)
{
	struct giver *giver = context;
	struct hc_label label;
	int error;

	while (!atomic_load(&stop)) {
		memset(&label, 0, sizeof(label));
		snprintf(label.text, sizeof(label.text), "user%d",
			 rand_r(&giver->seed) % LABELS);
		error = labels_give(giver->object, any_session(giver), &label);
		if (!error || error == -EDQUOT)
			giver->answers[!!error]++;
		else if (error != -EAGAIN)
			abort();
	}
	return NULL;
}

/* What each user holds is what the sessions say; returns how many are charged. */
static int check(void)
{
	struct state_session *sessions;
	struct state_user *users;
	size_t count, user_count;
	int charged = 0;

	assert_int_equal(state_read_sessions(object, NULL, NULL, &sessions, &count), 0);
	assert_int_equal(state_read_users(object, &users, &user_count), 0);
	for (size_t i = 0; i < user_count; i++) {
		__u32 held = 0;

		for (size_t j = 0; j < count; j++) {
			const struct hc_session *session = &sessions[j].session;

			if (charge_position(session->charge) != users[i].position)
				continue;
			held++;
			assert_memory_equal(&session->user, &users[i].user.key,
					    sizeof(session->user));
			assert_true(charge_is_of(session->charge, sessions[j].id));
		}
		assert_int_equal(hc_user_active(&users[i].user), held);
		assert_int_equal(hc_user_held(&users[i].user), 0);
		if (users[i].user.key.kind == HC_BY_LABEL)
			assert_true(held <= CAP);
		charged += held;
	}
	free(sessions);
	free(users);
	return charged;
}

/* The total of a service is what its sessions' charges say. */
static void check_total(__u32 service)
{
	struct hc_service_state state;
	struct state_session *sessions;
	size_t count;
	__u32 held = 0;

	map_get(object->maps.service_states, &service, &state, BPF_F_LOCK);
	assert_int_equal(state_read_sessions(object, NULL, NULL, &sessions, &count), 0);
	for (size_t i = 0; i < count; i++)
		held += sessions[i].session.charge & HC_CHARGE_TOTAL &&
			charge_service(sessions[i].session.charge) == service;
	assert_int_equal(state.slots.active, held);
	free(sessions);
}

/* The other tests of packets stay on one CPU. */
static void use_every_cpu(void)
{
	cpu_set_t every;

	memset(&every, 0xff, sizeof(every));
	assert_int_equal(sched_setaffinity(0, sizeof(every), &every), 0);
}

static void test_moves(void **state)
{
	struct load_request request = {.programs = LOAD_LABEL_SET};
	struct giver givers[3] = {};

	(void)state;
	use_every_cpu();
	start_with(LOAD_WALK_SESSIONS, FIRST);
	labels_use(object);
	reload(FIRST);
	make_nobody();
	for (int i = 0; i < SESSIONS; i++)
		insert(i);
	assert_int_equal(walk_sessions(object), 0);
	assert_int_equal(check(), SESSIONS);
	request.shared = object;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(load_object(&givers[i].object, &request), 0);
		givers[i].seed = i + 1;
	}
	atomic_store(&stop, false);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&givers[i].thread, NULL, give, &givers[i]), 0);
	for (int i = 0; i < 60; i++) {
		reload(i % 2 ? FIRST : SECOND);
		assert_int_equal(walk_sessions(object), 0);
		usleep(3000);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++) {
		pthread_join(givers[i].thread, NULL);
		assert_true(givers[i].answers[0] > 0);
		headcount_bpf__destroy(givers[i].object);
	}
	assert_int_equal(walk_sessions(object), 0);
	assert_int_equal(check(), SESSIONS);
	for (__u32 id = 0; id < HC_SERVICES_MAX; id++)
		check_total(id);
	labels_use(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_moves, begin, end),
	};

	return RUN_GATE_TESTS(tests);
}
