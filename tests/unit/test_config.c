// SPDX-License-Identifier: GPL-2.0-only
#include "config_file.h"

static void test_defaults(void **state)
{
	const struct hc_service *in, *out;
	struct config config;

	(void)state;
	assert_int_equal(config_defaults(&config), 0);
	assert_int_equal(config.sessions_max, 262144);
	assert_int_equal(config.users_max, 65536);
	assert_int_equal(config.listeners_max, 65536);
	assert_int_equal(config.netns_count, 0);
	assert_int_equal(config.service_count, 2);
	assert_int_equal(config_find(&config, "outbound"), HC_OUTBOUND_SERVICE);
	assert_int_equal(config_find(&config, "inbound"), HC_INBOUND_SERVICE);
	assert_int_equal(config_find(&config, "imap"), -1);
	in = &config.services[HC_INBOUND_SERVICE].service;
	out = &config.services[HC_OUTBOUND_SERVICE].service;
	assert_int_equal(in->identify, HC_BY_CLIENT);
	assert_int_equal(in->prefix4, 32);
	assert_int_equal(in->prefix6, 64);
	assert_int_equal(out->identify, HC_BY_UID);
	assert_int_equal(out->error, ECONNREFUSED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(config.services[i].service.used, 1);
		assert_int_equal(config.services[i].service.cap, HC_UNLIMITED);
		assert_int_equal(config.services[i].service.total, HC_UNLIMITED);
		assert_int_equal(config.services[i].service.excess, HC_REJECT);
		assert_int_equal(config.services[i].service.limited, 0);
	}
	config_free(&config);
	config_free(&config); /* a zeroed struct is fine */
}

static void test_empty_file(void **state)
{
	struct config config, defaults;

	(void)state;
	read_good(&config, "");
	assert_int_equal(config_defaults(&defaults), 0);
	assert_int_equal(config.service_count, defaults.service_count);
	assert_memory_equal(config.services, defaults.services, 2 * sizeof(*config.services));
	config_free(&config);
	config_free(&defaults);
}

static void test_headcount_section(void **state)
{
	struct config config;

	(void)state;
	read_good(&config, "[headcount]\nsessions_max = 1024 ; least\nusers_max = 4194304\n"
			   "listeners_max = 64\n"
			   "netns = blue, /run/netns/red\nnetns = green\n");
	assert_int_equal(config.directions, HC_BOTH_DIRECTIONS);
	assert_int_equal(config.sessions_max, 1024);
	assert_int_equal(config.users_max, 4194304);
	assert_int_equal(config.listeners_max, 64);
	assert_int_equal(config.netns_count, 3);
	assert_string_equal(config.netns[0], "blue");
	assert_string_equal(config.netns[1], "/run/netns/red");
	assert_string_equal(config.netns[2], "green");
	config_free(&config);
}

static void test_directions(void **state)
{
	struct config config;

	(void)state;
	read_good(&config, IMAP "[headcount]\ndirections = inbound\n");
	assert_true(config_wants(&config, HC_INBOUND) && !config_wants(&config, HC_OUTBOUND));
	assert_false(config.services[HC_OUTBOUND_SERVICE].service.used);
	assert_true(config.services[HC_INBOUND_SERVICE].service.used);
	config_free(&config);
	read_good(&config, "[service outbound]\ncap = 1\n[headcount]\ndirections = outbound\n");
	assert_true(config_wants(&config, HC_OUTBOUND) && !config_wants(&config, HC_INBOUND));
	assert_true(config.services[HC_OUTBOUND_SERVICE].service.used);
	assert_false(config.services[HC_INBOUND_SERVICE].service.used);
	config_free(&config);
	read_good(&config, "[headcount]\ndirections = outbound, inbound\nnetns = a\n");
	assert_int_equal(config.directions, HC_BOTH_DIRECTIONS);
	config_free(&config);
}

static void test_metrics(void **state)
{
	static const __u8 any4[16] = {[10] = 0xff, [11] = 0xff}, loopback6[16] = {[15] = 1};
	struct config config;

	(void)state;
	read_good(&config, IMAP);
	assert_string_equal(config.metrics.text, "");
	assert_int_equal(config.metrics.max, 16);
	assert_false(config_has_page(&config.metrics));
	assert_int_equal(config.events.subscribers_max, 64);
	config_free(&config);
	read_good(&config, "[headcount]\nmetrics = 0.0.0.0:9435\nmetrics_top_users = 1000\n"
			   "metrics_max = 256\nevents_max = 10000\n");
	assert_string_equal(config.metrics.text, "0.0.0.0:9435");
	assert_memory_equal(config.metrics.listen.address, any4, 16);
	assert_int_equal(config.metrics.listen.port, 9435);
	assert_null(config_metrics_path(&config.metrics));
	assert_int_equal(config.metrics_top_users, 1000);
	assert_int_equal(config.metrics.max, 256);
	assert_int_equal(config.events.subscribers_max, 10000);
	config_free(&config);
	read_good(&config, "[headcount]\nmetrics = [::1]:65535\n");
	assert_memory_equal(config.metrics.listen.address, loopback6, 16);
	assert_int_equal(config.metrics.listen.port, 65535);
	config_free(&config);
	read_good(&config, "[headcount]\nmetrics = unix:/" X50 X50 "123456\n");
	assert_string_equal(config_metrics_path(&config.metrics), "/" X50 X50 "123456");
	config_free(&config);
}

/* Unless something else is written, where no other host can ask. */
static void test_page(void **state)
{
	static const struct {
		const char *metrics, *page;
		bool served;
	} rows[] = {
		{"127.0.0.1:9", "", true},
		{"127.255.0.9:9", "", true},
		{"[::1]:9", "", true},
		{"unix:/x", "", true},
		{"0.0.0.0:9", "", false},
		{"[::]:9", "", false},
		{"192.0.2.1:9", "", false},
		{"[::ffff:127.0.0.1]:9", "", true},
		{"[::]:9", "page = yes", true},
		{"192.0.2.1:9", "page = yes", true},
		{"127.0.0.1:9", "page = no", false},
		{"unix:/x", "page = no", false},
	};
	struct config config;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "[headcount]\n%s\nmetrics = %s\n", rows[i].page,
			 rows[i].metrics);
		read_good(&config, text);
		if (config_has_page(&config.metrics) != rows[i].served)
			fail_msg("%s", text);
		config_free(&config);
	}
	read_good(&config, "[headcount]\npage = no\n");
	assert_false(config_has_page(&config.metrics));
	config_free(&config);
}

static void test_service(void **state)
{
	const struct config_service *service;
	struct config config;

	(void)state;
	read_good(&config,
		  "[service imap]\nlisten = 143, 993\nuser = client/24/56\ncap = 32\n"
		  "total = 10000\nexcess = observe\nemit = closed, refused\norphans = ignore\n"
		  "keepalive = 2m\nidle = 2h\n"
		  "[service smtp]\nlisten = 25\nexcess = reject\nemit = none\n");
	assert_int_equal(config.service_count, 4);
	assert_int_equal(config_find(&config, "imap"), 2);
	service = &config.services[2];
	assert_string_equal(service->service.name, "imap");
	assert_int_equal(service->service.used, 1);
	assert_int_equal(service->service.identify, HC_BY_CLIENT);
	assert_int_equal(service->service.prefix4, 24);
	assert_int_equal(service->service.prefix6, 56);
	assert_int_equal(service->service.cap, 32);
	assert_int_equal(service->service.total, 10000);
	assert_int_equal(service->service.excess, HC_OBSERVE);
	assert_int_equal(service->service.orphans, HC_ORPHANS_IGNORE);
	assert_int_equal(service->service.mute, HC_MUTE_OPENED);
	assert_int_equal(service->service.keepalive, 120);
	assert_int_equal(service->service.idle, 7200);
	assert_int_equal(service->service.limited, 1);
	assert_int_equal(service->listens, 2);
	assert_int_equal(service->listen[0].port, 143);
	assert_int_equal(service->listen[1].port, 993);
	service = &config.services[3];
	assert_string_equal(service->service.name, "smtp");
	assert_int_equal(service->service.identify, HC_BY_CLIENT);
	assert_int_equal(service->service.prefix4, 32);
	assert_int_equal(service->service.prefix6, 64);
	assert_int_equal(service->service.cap, HC_UNLIMITED);
	assert_int_equal(service->service.excess, HC_REJECT);
	assert_int_equal(service->service.mute, HC_MUTE_ALL);
	assert_int_equal(service->service.keepalive, 0);
	assert_int_equal(service->service.orphans, HC_ORPHANS_COUNT);
	assert_int_equal(service->service.limited, 0);
	config_free(&config);
}

static void test_outbound(void **state)
{
	const struct hc_service *out;
	struct config config;

	(void)state;
	read_good(&config, "[service outbound]\nuser = client\ncap = 0\nerrno = EDQUOT\n"
			   "[service inbound]\nuser = cgroup\ntotal = 4294967294\n");
	assert_int_equal(config.service_count, 2);
	out = &config.services[HC_OUTBOUND_SERVICE].service;
	assert_int_equal(out->identify, HC_BY_CLIENT);
	assert_int_equal(out->prefix4, 32);
	assert_int_equal(out->cap, 0);
	assert_int_equal(out->error, EDQUOT);
	assert_int_equal(out->limited, 1);
	assert_int_equal(config.services[HC_INBOUND_SERVICE].service.identify, HC_BY_CGROUP);
	assert_int_equal(config.services[HC_INBOUND_SERVICE].service.total, 4294967294);
	config_free(&config);
}

static void test_errno_words(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{OUTBOUND "errno = ECONNREFUSED\n", ECONNREFUSED},
		{OUTBOUND "errno = EPERM\n", EPERM},
		{OUTBOUND "errno = EDQUOT\n", EDQUOT},
		{OUTBOUND "errno = EAGAIN\n", EAGAIN},
	};
	struct config config;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_good(&config, rows[i].text);
		assert_int_equal(config.services[HC_OUTBOUND_SERVICE].service.error,
				 rows[i].error);
		config_free(&config);
	}
}

static void test_limited(void **state)
{
	static const struct {
		const char *text;
		int limited;
	} rows[] = {
		{OUTBOUND, 0},
		{OUTBOUND "cap = unlimited\ntotal = unlimited\n", 0},
		{OUTBOUND "cap = 4294967294\n", 1},
		{OUTBOUND "total = 0\n", 1},
		{OUTBOUND "override = root unlimited\n", 0},
		{OUTBOUND "override = root unlimited\noverride = 5 7\n", 1},
	};
	struct config config;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_good(&config, rows[i].text);
		assert_int_equal(config.services[HC_OUTBOUND_SERVICE].service.limited,
				 rows[i].limited);
		assert_int_equal(config.services[HC_INBOUND_SERVICE].service.limited, 0);
		config_free(&config);
	}
}

/* One configuration in the spellings that must not matter. */
static void test_spellings(void **state)
{
	static const char *const rows[] = {
		"[service imap]\nlisten=143\ncap=32\n",
		"[service imap]\r\nlisten = 143\r\ncap = 32\r\n",
		"\xef\xbb\xbf[service imap]\nlisten = 143\ncap = 32\n",
		"[ service \t imap ] ; comment\nlisten = 143 ; comment\ncap = 32\t; comment\n",
		"  [service imap] # comment\n  listen = 143\n\n\t cap = 32",
		"# " X200 X200 "\n ; " X200 "\n[service imap]\nlisten : 143\ncap : 32\n",
		"[headcount]\n[service imap]\ncap = 0032\nlisten = 0143\n[service inbound]\n",
	};
	struct config config;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_good(&config, rows[i]);
		assert_int_equal(config.service_count, 3);
		assert_string_equal(config.services[2].service.name, "imap");
		assert_int_equal(config.services[2].listens, 1);
		assert_int_equal(config.services[2].listen[0].port, 143);
		assert_int_equal(config.services[2].service.cap, 32);
		config_free(&config);
	}
}

/* The longest line that is said to be accepted is, with every key of it read. */
static void test_longest_line(void **state)
{
	static const char long_line[] = "[headcount]\nnetns = " X200 "\n";
	char text[512];
	struct config config;
	unsigned int most;

	(void)state;
	assert_int_equal(read_bytes(&config, long_line, strlen(long_line)), -EINVAL);
	assert_int_equal(sscanf(strstr(why, "than "), "than %u", &most), 1);
	assert_in_range(most, 150, 250);
	most -= strlen("netns = \n");
	snprintf(text, sizeof(text), "[headcount]\nnetns = %.*s\nusers_max = 64\n", most,
		 X200 X200);
	read_good(&config, text);
	assert_int_equal(strlen(config.netns[0]), most);
	assert_int_equal(config.users_max, 64);
	config_free(&config);
	snprintf(text, sizeof(text), "[headcount]\nnetns = %.*s\n", most + 1, X200 X200);
	assert_int_equal(read_bytes(&config, text, strlen(text)), -EINVAL);
}

static void test_name_of_31(void **state)
{
	struct config config;

	(void)state;
	read_good(&config, "[service A.b_c-0123456789abcdef01234567]\nlisten = 1\n"
			   "[service .]\nlisten = 2\n");
	assert_int_equal(config_find(&config, "A.b_c-0123456789abcdef01234567"), 2);
	assert_int_equal(config_find(&config, "."), 3);
	config_free(&config);
	read_good(&config, "[service 0123456789abcdef0123456789abcde]\nlisten = 1\n");
	assert_int_equal(config_find(&config, "0123456789abcdef0123456789abcde"), 2);
	config_free(&config);
}

int main(void)
{
	static const struct CMUnitTest config[] = {
		cmocka_unit_test(test_defaults),          cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_headcount_section), cmocka_unit_test(test_directions),
		cmocka_unit_test(test_metrics),           cmocka_unit_test(test_page),
		cmocka_unit_test(test_service),           cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_errno_words),       cmocka_unit_test(test_limited),
		cmocka_unit_test(test_spellings),         cmocka_unit_test(test_longest_line),
		cmocka_unit_test(test_name_of_31),
	};
	int failed;

	if (make_file())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(config, NULL, NULL);
	unlink(path);
	return failed;
}
