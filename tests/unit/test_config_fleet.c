// SPDX-License-Identifier: GPL-2.0-only
#include "config_file.h"

/* [fleet], and scope = fleet. */

#define FLEET "[fleet]\nstore = valkey://10.0.0.1:6379, 10.0.0.2\n"
#define ALL   "[service imap]\nlisten = 143\nscope = fleet\n"

static void nothing_said(void **state)
{
	char name[65] = "";
	struct config config;

	(void)state;
	gethostname(name, sizeof(name) - 1);
	read_good(&config, IMAP);
	assert_false(config_has_fleet(&config));
	assert_int_equal(config.fleet.lease, 10);
	assert_int_equal(config.fleet.keep, 60);
	assert_int_equal(config.fleet.asks, 2000);
	assert_int_equal(config.fleet.alone, HC_ALONE_LOCAL);
	assert_string_equal(config.fleet.name, name);
	assert_int_equal(config.services[2].service.fleet, 0);
	assert_int_equal(config.services[2].service.holding, 0);
	config_free(&config);
}

static void everything_said(void **state)
{
	struct config config;
	const struct config_fleet *fleet = &config.fleet;
	const struct hc_service *service;

	(void)state;
	read_good(&config,
		  ALL "cold = admit\ncap_alone = 7\n"
		      "[fleet]\nstore = valkeys://u:p@10.0.0.1:6379, 10.0.0.2\n"
		      "store = sentinels://10.0.0.3/main\nname = front-7.example\n"
		      "lease = 30s\nkeep = 5m\nasks = 50\nservers = 3\nalone = refuse\n"
		      "kill = yes\nprefix = hc:a\ntls_ca = /ca\ntls_cert = /cert\n"
		      "tls_key = /key\nsentinel_user = s\nsentinel_password = secret\n");
	assert_true(config_has_fleet(&config));
	assert_int_equal(fleet->store_count, 2);
	assert_int_equal(fleet->stores[0].count, 2);
	assert_string_equal(fleet->stores[0].password, "p");
	assert_string_equal(fleet->stores[1].name, "main");
	assert_string_equal(fleet->name, "front-7.example");
	assert_int_equal(fleet->lease, 30);
	assert_int_equal(fleet->keep, 300);
	assert_int_equal(fleet->asks, 50);
	assert_int_equal(fleet->servers, 3);
	assert_true(fleet->kill);
	assert_string_equal(fleet->prefix, "hc:a");
	assert_string_equal(fleet->tls_ca, "/ca");
	assert_string_equal(fleet->tls_cert, "/cert");
	assert_string_equal(fleet->tls_key, "/key");
	assert_string_equal(fleet->sentinel_user, "s");
	assert_string_equal(fleet->sentinel_password, "secret");
	service = &config.services[2].service;
	assert_int_equal(service->fleet, 1);
	assert_int_equal(service->holding, 1);
	assert_int_equal(service->cold, HC_COLD_ADMIT);
	assert_int_equal(service->alone, HC_ALONE_REFUSE);
	assert_int_equal(service->cap_alone, 7);
	config_free(&config);
}

/* In whichever order the sections are. */
static void services_know_alone(void **state)
{
	struct config config;

	(void)state;
	read_good(&config, FLEET "alone = admit\n" ALL "wait_max = 5s\n");
	assert_int_equal(config.services[2].service.alone, HC_ALONE_ADMIT);
	assert_int_equal(config.services[2].service.cold, HC_COLD_WAIT);
	assert_int_equal(config.services[2].service.wait_max, 5);
	config_free(&config);
	/* While the store is silent who comes waits, whatever `cold` says. */
	read_good(&config, ALL "cold = admit\nwait_max = 5s\n" FLEET);
	assert_int_equal(config.services[2].service.wait_max, 5);
	config_free(&config);
	read_good(&config, ALL FLEET "alone = close\n");
	assert_int_equal(config.services[2].service.alone, HC_ALONE_CLOSE);
	config_free(&config);
	read_good(&config,
		  FLEET IMAP "scope = host\n[service pop]\nlisten = 995\nuser = label\n"
			     "scope = fleet\n[service web]\nlisten = 80\nuser = uid\n"
			     "scope = fleet\n[service inbound]\nscope = fleet\n");
	assert_int_equal(config.services[2].service.fleet, 0);
	assert_int_equal(config.services[3].service.fleet, 1);
	assert_int_equal(config.services[HC_INBOUND_SERVICE].service.fleet, 1);
	config_free(&config);
}

static const struct bad {
	const char *name;
	unsigned int line;
	const char *says;
	const char *text;
} bad[] = {
	{"no store", 1, "[fleet] needs a line \"store", "[fleet]\nname = a\n"},
	{"no section", 3, "scope = fleet needs a section [fleet]", ALL},
	{"no section, the second service", 5, "needs a section [fleet]",
	 IMAP "[service pop]\nlisten = 995\nscope = fleet\n"},
	{"section twice", 3, "second section [fleet]", FLEET "[fleet]\n"},
	{"a store that is none", 2, "store", "[fleet]\nstore = http://a\n"},
	{"the same store twice", 1, "the same store twice",
	 FLEET "store = valkey://10.0.0.1:6379, 10.0.0.2\n"},
	{"too many stores", 18, "more than 16 stores",
	 "[fleet]\nstore = unix:/1\nstore = unix:/2\nstore = unix:/3\nstore = unix:/4\n"
	 "store = unix:/5\nstore = unix:/6\nstore = unix:/7\nstore = unix:/8\nstore = unix:/9\n"
	 "store = unix:/a\nstore = unix:/b\nstore = unix:/c\nstore = unix:/d\nstore = unix:/e\n"
	 "store = unix:/f\nstore = unix:/g\nstore = unix:/h\n"},
	{"a name of blanks", 3, "bad name \"a b\"", FLEET "name = a b\n"},
	{"a long name", 3, "bad name", FLEET "name = " X50 "12345678901234\n"},
	{"a short lease", 3, "\"1s\" is not a time from 2s", FLEET "lease = 1s\n"},
	{"a long lease", 3, "\"1h\"", FLEET "lease = 1h\n"},
	{"keep, none", 3, "\"0\"", FLEET "keep = 0\n"},
	{"asks, none", 3, "from 1 to 1000000", FLEET "asks = 0\n"},
	{"servers, too many", 3, "from 1 to 16", FLEET "servers = 17\n"},
	{"alone", 3, "bad alone \"wait\"", FLEET "alone = wait\n"},
	{"alone, in capitals", 3, "local, refuse, admit or close", FLEET "alone = CLOSE\n"},
	{"kill", 3, "write yes or no", FLEET "kill = 1\n"},
	{"prefix", 3, "bad prefix \"a*\"", FLEET "prefix = a*\n"},
	{"a path that is relative", 3, "no absolute path", FLEET "tls_ca = ca.pem\n"},
	{"a certificate without a key", 3, "go together",
	 "[fleet]\nstore = rediss://a\ntls_cert = /a\n"},
	{"TLS unused", 3, "no store with TLS", FLEET "tls_ca = /a\n"},
	{"Sentinels' password unused", 3, "no store has sentinel://",
	 FLEET "sentinel_password = a\n"},
	{"scope", 3, "bad scope \"all\"", IMAP "scope = all\n"},
	{"cold", 4, "bad cold \"close\"", ALL "cold = close\n" FLEET},
	{"cold of one host", 3, "are of a service with scope = fleet", IMAP "cold = admit\n"},
	{"cap_alone of one host", 4, "are of a service with scope = fleet",
	 IMAP "scope = host\ncap_alone = 2\n"},
	{"cap_alone, none", 4, "from 1 to", ALL "cap_alone = 0\n" FLEET},
	{"cgroups", 3, "user = client, uid or label, not cgroup", ALL "user = cgroup\n" FLEET},
	{"outbound", 2, "\"scope\" is not allowed", OUTBOUND "scope = fleet\n"},
	{"a service's key", 3, "\"cap\" is not allowed", FLEET "cap = 1\n"},
};

static void errors(void **state)
{
	char expected[128];
	struct config config;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (!read_bytes(&config, bad[i].text, strlen(bad[i].text)))
			fail_msg("%s: read", bad[i].name);
		snprintf(expected, sizeof(expected), "%s:%u: ", path, bad[i].line);
		if (strncmp(why, expected, strlen(expected)) || !strstr(why, bad[i].says))
			fail_msg("%s: %s", bad[i].name, why);
	}
}

/* Errors are printed: none may have what nobody may read. */
static void secrets_stay(void **state)
{
	struct config config;

	(void)state;
	assert_int_not_equal(read_bytes(&config, "[fleet]\nstore = valkey://u:hush@a:x\n", 36),
			     0);
	assert_null(strstr(why, "hush"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said),        cmocka_unit_test(everything_said),
		cmocka_unit_test(services_know_alone), cmocka_unit_test(errors),
		cmocka_unit_test(secrets_stay),
	};
	int failed;

	if (make_file())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
