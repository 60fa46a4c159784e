// SPDX-License-Identifier: GPL-2.0-only
/* Real connections of the fleet's users, in a namespace of their own: those that wait for a
 * unit, those that are let in without one, and labels. */
#include "fleet_gate.h"

#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "user/kernel/attach.h"
#include "user/kernel/labels.h"

#define HERE     "127.0.0.1"
#define SESSIONS 4

static struct headcount_bpf *programs;
static struct attachments links;
static int listener = -1, clients[SESSIONS], servers[SESSIONS];
static struct hc_late order; /* the newest */
static int orders;

/* Nothing gets through to this socket, or everything again. */
static void deafen(int fd, bool deaf)
{
	struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog filter = {.len = 1, .filter = &nothing};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, deaf ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
				    &filter, sizeof(filter)),
			 0);
}

static struct sockaddr_in server_address(void)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(143),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Where the tests are alone, and everything is attached there. */
static void serve(const char *text)
{
	struct load_request request = {.programs = LOAD_TRACE | LOAD_STATE | LOAD_CONNECT |
						   LOAD_RESENT | LOAD_LABEL};
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in address = server_address();
	int one = 1;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(listener, SIOCSIFFLAGS, &up), 0);
	start(text);
	open_words();
	deafen(silent, true);
	labels_use(object);
	reload(text);
	request.shared = object;
	assert_int_equal(load_object(&programs, &request), 0);
	assert_int_equal(attach_state(&links, programs), 0);
	assert_int_equal(attach_trace(&links, programs), 0);
	assert_int_equal(attach_release(&links, programs), 0);
	assert_int_equal(attach_resent(&links, programs), 0);
	assert_int_equal(attach_labels(&links, programs), 0);
	assert_int_equal(attach_arrival(&links, programs, &enforced.items[0]), 0);
	assert_int_equal(load_gated(object), 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, SESSIONS), 0);
	for (int i = 0; i < SESSIONS; i++)
		clients[i] = servers[i] = -1;
	orders = 0;
}

static int leave(void **state)
{
	for (int i = 0; i < SESSIONS; i++) {
		close(clients[i]);
		close(servers[i]);
	}
	close(listener);
	attach_close(&links);
	headcount_bpf__destroy(programs);
	programs = NULL;
	labels_use(NULL);
	return close_words(state);
}

static bool waits(int fd, int ms)
{
	struct pollfd wait = {.fd = fd, .events = fd == listener ? POLLIN : POLLOUT};

	return poll(&wait, 1, ms) == 0;
}

/* A client sends its SYN; deaf it does not hear the answer. */
static void dial(int client, bool deaf)
{
	struct sockaddr_in address = server_address();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	clients[client] = fd;
	if (deaf)
		deafen(fd, true);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, EINPROGRESS);
}

static void take_up(int client)
{
	assert_false(waits(listener, 5000));
	servers[client] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(servers[client] >= 0);
}

static __u64 cookie_of(int fd)
{
	__u64 cookie;
	socklen_t size = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return cookie;
}

static int on_late(void *context, void *data, size_t size)
{
	(void)context;
	assert_int_equal(size, sizeof(order));
	memcpy(&order, data, size);
	orders++;
	return 0;
}

static void read_late(void)
{
	struct ring_buffer *late =
		ring_buffer__new(bpf_map__fd(object->maps.late), on_late, NULL, NULL);

	assert_non_null(late);
	assert_true(ring_buffer__consume(late) >= 0);
	ring_buffer__free(late);
}

#define BY_CLIENT SMALL IMAP "user = client/32/128\ncap = 3\n"

/* The SYN vanishes; when it comes again there is a unit. */
static void test_wait(void **state)
{
	struct hc_user_key user = client_at(HERE);

	(void)state;
	serve(BY_CLIENT);
	share(HC_COLD_WAIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	dial(0, false);
	assert_true(waits(clients[0], 100));
	assert_int_equal(read_asks(), 1);
	assert_memory_equal(&asked.user, &user, sizeof(user));
	assert_int_equal(asked.need, 1);
	set_units(&user, 1);
	take_up(0);
	assert_false(waits(clients[0], 5000));
	assert_int_equal(sessions_of(&user), 1);
	dial(1, false);
	assert_true(waits(clients[1], 100));
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.need, 2);
	assert_int_equal(read_refusals(), 0);
	close(servers[0]);
	servers[0] = -1;
	close(clients[0]);
	clients[0] = -1;
	take_up(1); /* the first one's unit */
	assert_int_equal(sessions_of(&user), 1);
}

/* It is let in, asked for, and told as a session that has no unit yet. */
static void test_admitted(void **state)
{
	struct hc_user_key user = client_at(HERE);

	(void)state;
	serve(BY_CLIENT);
	share(HC_COLD_ADMIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	set_units(&user, 1);
	dial(0, false);
	take_up(0);
	assert_int_equal(read_asks(), 0);
	dial(1, false);
	take_up(1);
	assert_int_equal(read_asks(), 2);
	assert_memory_equal(&asked.user, &user, sizeof(user));
	assert_int_equal(asked.id, cookie_of(servers[1]));
	assert_int_equal(asked.ends.local_port, 143);
	assert_int_equal(asked.need, 2);
	assert_int_equal(asked.cap, 3);
	assert_int_equal(sessions_of(&user), 2);
	read_late();
	assert_int_equal(orders, 0);
}

/* A session is there with a unit, and another one's handshake takes its time. */
static struct hc_user_key dial_slowly(void)
{
	struct hc_user_key user = client_at(HERE);

	serve(BY_CLIENT);
	share(HC_COLD_ADMIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	dial(0, false);
	take_up(0);
	assert_int_equal(read_asks(), 2);
	assert_int_equal(asked.id, cookie_of(servers[0]));
	assert_int_equal(asked.need, 1);
	set_units(&user, 1);
	dial(1, true);
	assert_true(waits(clients[1], 10));
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.id, 0);
	assert_int_equal(asked.need, 2);
	return user;
}

/* The unit comes while the handshake is under way: nothing more is asked. */
static void test_in_time(void **state)
{
	struct hc_user_key user = dial_slowly();

	(void)state;
	set_units(&user, 2);
	deafen(clients[1], false);
	take_up(1);
	assert_int_equal(read_asks(), 0);
	read_late();
	assert_int_equal(orders, 0);
	assert_int_equal(sessions_of(&user), 2);
}

/* The store says meanwhile that there is none: refused, and to be closed. */
static void test_in_vain(void **state)
{
	struct hc_user_key user = dial_slowly();

	(void)state;
	set_short(&user, true);
	deafen(clients[1], false);
	take_up(1);
	assert_int_equal(read_asks(), 0);
	read_late();
	assert_int_equal(orders, 1);
	assert_int_equal(order.id, cookie_of(servers[1]));
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(last.cap, 3);
	assert_int_equal(user_read(&user).refused, 1);
}

/* The ring of asks is full: nobody is let in who could not be asked for, and who is on his way
 * already is refused, and to be closed. */
static void test_unheard(void **state)
{
	char from[32];

	(void)state;
	dial_slowly();
	for (int i = 0; i < 1500; i++) {
		snprintf(from, sizeof(from), "10.2.%d.%d", i / 256, i % 256);
		arrive(from);
	}
	assert_true(lost(HC_LOSS_ASKS_FULL) > 0);
	assert_true(vanishes("10.3.0.1"));
	deafen(clients[1], false);
	take_up(1);
	read_late();
	assert_int_equal(orders, 1);
	assert_int_equal(order.id, cookie_of(servers[1]));
}

/* Who ends its handshake first has the unit, whoever came first. */
static void test_overtaken(void **state)
{
	struct hc_user_key user = dial_slowly();

	(void)state;
	set_units(&user, 2);
	dial(2, false);
	set_short(&user, true);
	take_up(2);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.id, 0);
	read_late();
	assert_int_equal(orders, 0);
	deafen(clients[1], false);
	take_up(1);
	read_late();
	assert_int_equal(orders, 1);
	assert_int_equal(order.id, cookie_of(servers[1]));
}

/* The lease passes meanwhile: it was admitted while it was live. */
static void test_lapsed(void **state)
{
	(void)state;
	dial_slowly();
	lease(0, false);
	deafen(clients[1], false);
	take_up(1);
	assert_int_equal(read_asks(), 0);
	read_late();
	assert_int_equal(orders, 0);
}

#define BY_LABEL SMALL IMAP "user = label\ncap = 3\n"

static int give(int server, const char *label)
{
	return setsockopt(servers[server], HC_SOL, HC_SO_LABEL, label, strlen(label)) ? errno
										      : 0;
}

static void serve_labels(const char *text)
{
	serve(text);
	share(HC_COLD_ADMIT, HC_ALONE_REFUSE, 0);
	lease(0, true);
	for (int i = 0; i < 2; i++) {
		dial(i, false);
		take_up(i);
	}
	/* Without a label a session is its client's, who is not the fleet's. */
	assert_int_equal(read_asks(), 0);
}

/* It is to be tried again until there is an answer, with cold = admit as well. */
static void test_label(void **state)
{
	struct hc_user_key user;

	(void)state;
	serve_labels(BY_LABEL);
	assert_int_equal(give(0, "alice"), EAGAIN);
	assert_int_equal(read_asks(), 1);
	assert_string_equal(asked.label.text, "alice");
	assert_int_equal(asked.user.kind, HC_BY_LABEL);
	assert_int_equal(asked.user.service, IMAP_ID);
	assert_int_equal(asked.need, 1);
	assert_int_equal(asked.cap, 3);
	assert_int_equal(asked.again, 0);
	assert_int_equal(give(0, "alice"), EAGAIN);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.again, 1);
	user = asked.user;
	assert_int_equal(set_units(&user, 1), 0);
	assert_int_equal(give(0, "alice"), 0);
	assert_int_equal(sessions_of(&user), 1);
	assert_int_equal(give(1, "alice"), EAGAIN);
	assert_int_equal(read_asks(), 1);
	assert_int_equal(asked.need, 2);
	assert_int_equal(refused(HC_REJECT), 0);
	set_short(&user, true);
	assert_int_equal(give(1, "alice"), EDQUOT);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(refused(HC_REJECT), 1);
	assert_int_equal(user_read(&user).refused, 1);
	set_short(&user, false);
	set_units(&user, 2);
	assert_int_equal(give(1, "alice"), 0);
	assert_int_equal(sessions_of(&user), 2);
}

/* No answer for wait_max; the lease is over; where it is observed. */
static void test_label_others(void **state)
{
	(void)state;
	serve_labels(BY_LABEL);
	assert_int_equal(give(0, "alice"), EAGAIN);
	wait_for(31, 1);
	assert_int_equal(give(0, "alice"), EDQUOT);
	assert_int_equal(refused(HC_REJECT), 1);
	assert_int_equal(give(0, "alice"), EAGAIN);
	lease(0, false);
	assert_int_equal(give(0, "alice"), EDQUOT);
	share(HC_COLD_WAIT, HC_ALONE_LOCAL, 1);
	assert_int_equal(give(0, "alice"), 0);
	assert_int_equal(give(1, "alice"), EDQUOT);
}

static void test_label_observed(void **state)
{
	(void)state;
	serve_labels(BY_LABEL "excess = observe\n");
	assert_int_equal(give(0, "alice"), 0);
	assert_int_equal(read_asks(), 1);
	assert_string_equal(asked.label.text, "alice");
	assert_int_equal(asked.need, 1);
	assert_int_equal(refused(HC_OBSERVE), 0);
	set_short(&asked.user, true);
	assert_int_equal(give(1, "alice"), 0);
	assert_int_equal(read_asks(), 0);
	assert_int_equal(refused(HC_OBSERVE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wait),      TEST(test_admitted),     TEST(test_in_time),
		TEST(test_unheard),   TEST(test_in_vain),      TEST(test_lapsed),
		TEST(test_label),     TEST(test_label_others), TEST(test_label_observed),
		TEST(test_overtaken),
	};

	return RUN_GATE_TESTS(tests);
}
