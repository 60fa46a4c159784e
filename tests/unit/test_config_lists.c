// SPDX-License-Identifier: GPL-2.0-only
/* What a service has lists of: places to listen, and overrides. */
#include <netdb.h>

#include "config_file.h"
#include "user/config/parser.h"

static void test_listen(void **state)
{
	static const __u8 any[16], v4[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1},
				   v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	const struct config_service *service;
	struct config config;

	(void)state;
	read_good(&config, "[service imap]\nlisten = 1 ,, 65535\n"
			   "listen = 10.0.0.1:143,[2001:db8::1]:993\n"
			   "[service mail]\nlisten = 143\n");
	service = &config.services[2];
	assert_int_equal(service->listens, 4);
	assert_memory_equal(service->listen[0].address, any, 16);
	assert_int_equal(service->listen[0].port, 1);
	assert_int_equal(service->listen[1].port, 65535);
	assert_memory_equal(service->listen[2].address, v4, 16);
	assert_int_equal(service->listen[2].port, 143);
	assert_memory_equal(service->listen[3].address, v6, 16);
	assert_int_equal(service->listen[3].port, 993);
	/* one address of a port in one service, the rest of it in another */
	assert_int_equal(config.services[3].listens, 1);
	assert_memory_equal(config.services[3].listen[0].address, any, 16);
	config_free(&config);
}

static void test_listen_ranges(void **state)
{
	const struct config_service *service;
	struct config config;

	(void)state;
	read_good(&config, "[service vnc]\nlisten = 5900-5999, 1-1 10.0.0.1:5950-5960\n"
			   "[service all]\nlisten = 6000-65535\nlisten = [::1]:1-4000\n");
	service = &config.services[2];
	assert_int_equal(service->listens, 3);
	assert_int_equal(service->listen[0].port, 5900);
	assert_int_equal(service->listen[0].last, 5999);
	assert_int_equal(service->listen[1].port, 1);
	assert_int_equal(service->listen[1].last, 1);
	assert_int_equal(service->listen[2].last, 5960);
	assert_int_equal(config.services[3].listen[0].last, 65535);
	config_free(&config);
}

/* Names as /etc/services has them, be it there or not. */
static void test_listen_names(void **state)
{
	const struct servent *imaps = getservbyname("imaps", "tcp");
	struct config config;

	(void)state;
	if (!imaps)
		skip();
	read_good(&config, "[service mail]\nlisten = imaps, 10.0.0.1:pop3s\n");
	assert_int_equal(config.services[2].listens, 2);
	assert_int_equal(config.services[2].listen[0].port, 993);
	assert_int_equal(config.services[2].listen[0].last, 993);
	assert_int_equal(config.services[2].listen[1].port, 995);
	config_free(&config);
}

static void test_overrides(void **state)
{
	static const __u8 net[16] = {[10] = 0xff, [11] = 0xff, 10, 1, 2},
			  v6[16] = {0x20, 0x01, 0x0d, 0xb8};
	const struct config_override *override;
	struct config config;

	(void)state;
	read_good(&config, "[service smtp]\nlisten = 25\n"
			   "[service imap]\nlisten = 143\n"
			   "override = 10.1.2.0/24 64\noverride = 2001:db8::7 unlimited\n"
			   "user = client/28/48\noverride = 10.1.2.0 0\n");
	assert_int_equal(config.services[2].override_count, 0);
	assert_int_equal(config.services[3].override_count, 3);
	override = config.services[3].overrides;
	assert_int_equal(override[0].key.service, 3);
	assert_int_equal(override[0].key.kind, HC_BY_CLIENT);
	assert_int_equal(override[0].bits, 96 + 24);
	assert_int_equal(override[0].cap, 64);
	assert_memory_equal(override[0].key.id, net, 16);
	assert_int_equal(override[1].bits, 128);
	assert_int_equal(override[1].key.prefix, 48);
	assert_int_equal(override[1].cap, HC_UNLIMITED);
	assert_memory_equal(override[1].key.id, v6, 16);
	/* the same bits of the id, but one user and not a prefix of users */
	assert_int_equal(override[2].bits, 128);
	assert_int_equal(override[2].key.prefix, 96 + 28);
	assert_int_equal(override[2].cap, 0);
	config_free(&config);
}

/* Settings by name, in any order, with a cap before them or among them, or with none. */
static void test_override_says_more(void **state)
{
	static const struct {
		__u32 cap, idle, traits;
	} want[] = {
		{64, HC_UNLIMITED, HC_TRAITS_EXCESS(HC_OBSERVE)},
		{5, 7200, HC_TRAITS_EXCESS(HC_REJECT) | HC_EXEMPT},
		{7, 90, 0},
		{HC_UNLIMITED, 0, HC_TRAITS_EXCESS(HC_OBSERVE)},
		{7, 14 * 86400, 0},
	};
	const struct config_override *override;
	struct config config;

	(void)state;
	read_good(&config,
		  "[service imap]\nlisten = 143\ncap = 7\n"
		  "override = 10.0.0.1 cap=64 idle=never excess=observe\n"
		  "override = 10.0.0.0/24 5 total=exempt excess=reject \t idle=2h\n"
		  "override = 2001:db8::1 idle=90\n"
		  "override = 10.0.0.3 excess=observe cap=unlimited\noverride = 10.0.0.4 "
		  "idle=14d\n"
		  "[service outbound]\nuser = uid\noverride = 1000 idle=never\n"
		  "[service pop]\nlisten = 110\nuser = label\nunlabelled = 3\ncap = 9\n"
		  "override = unlabelled/10.0.0.0/8 idle=never\noverride = a* idle=never\n");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		override = &config.services[2].overrides[i];
		assert_int_equal(override->cap, want[i].cap);
		assert_int_equal(override->idle, want[i].idle);
		assert_int_equal(override->traits, want[i].traits);
	}
	assert_int_equal(config.services[2].service.special, 1);
	override = config.services[HC_OUTBOUND_SERVICE].overrides;
	assert_int_equal(override->key.uid, 1000);
	assert_int_equal(config.services[HC_OUTBOUND_SERVICE].service.limited, 0);
	override = config.services[3].overrides;
	assert_int_equal(override[0].cap, 3); /* of who has no label */
	assert_int_equal(override[1].cap, 9);
	config_free(&config);
}

/* The cap of an override that has none is the service's, wherever that stands. */
static void test_override_exempt(void **state)
{
	const struct config_override *override;
	struct config config;

	(void)state;
	read_good(&config, "[service imap]\nlisten = 143\noverride = 10.0.0.1 total=exempt\n"
			   "override = 10.0.0.2 64\t total=exempt\ncap = 7\n"
			   "override = 10.0.0.3 9\n"
			   "[service outbound]\noverride = 1000 total=exempt\n"
			   "override = 1001 unlimited total=exempt\n");
	override = config.services[2].overrides;
	assert_true(override[0].traits & HC_EXEMPT);
	assert_int_equal(override[0].cap, 7);
	assert_true(override[1].traits & HC_EXEMPT);
	assert_int_equal(override[1].cap, 64);
	assert_false(override[2].traits & HC_EXEMPT);
	assert_int_equal(override[2].cap, 9);
	override = config.services[HC_OUTBOUND_SERVICE].overrides;
	assert_true(override[0].traits & HC_EXEMPT);
	assert_int_equal(override[0].key.uid, 1000);
	assert_int_equal(override[0].cap, HC_UNLIMITED);
	assert_int_equal(override[1].key.uid, 1001);
	config_free(&config);
}

static void test_override_before_user(void **state)
{
	struct config config;

	(void)state;
	read_good(&config, "[service imap]\noverride =\troot \t 7\nuser = uid\nlisten = 143\n");
	assert_int_equal(config.services[2].override_count, 1);
	assert_int_equal(config.services[2].overrides[0].key.kind, HC_BY_UID);
	assert_int_equal(config.services[2].overrides[0].key.uid, 0);
	assert_int_equal(config.services[2].overrides[0].bits, 128);
	assert_int_equal(config.services[2].overrides[0].cap, 7);
	config_free(&config);
}

/* Whose servers may give labels: a list, everybody, or the system's accounts. */
static void test_labellers(void **state)
{
	const struct config_service *services;
	struct config config;

	(void)state;
	read_good(&config, "[service a]\nlisten = 1\nuser = label\nlabellers = root, 97\n"
			   "labellers = 1001\n"
			   "[service b]\nlisten = 2\nlabellers = *\nuser = label\n"
			   "[service c]\nlisten = 3\nuser = label\n[service d]\nlisten = 4\n");
	services = &config.services[2];
	assert_int_equal(services[0].service.listed, 1);
	assert_int_equal(services[0].labeller_count, 3);
	assert_memory_equal(services[0].labellers, ((__u32[]){0, 97, 1001}), 12);
	assert_int_equal(services[1].service.listed, 0);
	assert_int_equal(services[1].service.labeller_max, HC_UID_UNKNOWN);
	assert_int_equal(services[2].service.listed, 0);
	assert_true(services[2].service.labeller_max < 60000);
	assert_int_equal(services[3].service.labeller_max, 0);
	config_free(&config);
}

/* Which those are, as login.defs says; else below 1000. */
static void test_system_accounts(void **state)
{
	static const struct {
		const char *defs;
		__u32 max;
	} rows[] = {
		{"", 999},
		{"UID_MIN 1000\n#SYS_UID_MAX 5\n", 999},
		{"# x\n\t UID_MIN\t 500 \nUID_MAX 60000\n", 499},
		{"SYS_UID_MAX 899\n", 899},
		{"UID_MIN 0x200", 511},
		{"SYS_UID_MAX 60000\nUID_MIN 1000\n", 999},
		{"SYS_UID_MAX 60000\n", 999},
		{"UID_MIN\nUID_MIN x\nUID_MIN 0\nUID_MIN -5\nSYS_UID_MAX -1\nUID_MINI 5\n",
		 999},
		{"UID_MIN 99999999999999999999\n", 999},
		{"SYS_UID_MAX 0\n", 0},
	};

	(void)state;
	assert_int_equal(config_system_uid_max(NULL), 999);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		FILE *defs = fmemopen((char *)rows[i].defs, strlen(rows[i].defs) + 1, "r");

		assert_non_null(defs);
		assert_int_equal(config_system_uid_max(defs), rows[i].max);
		fclose(defs);
	}
}

int main(void)
{
	static const struct CMUnitTest config[] = {
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_listen_ranges),
		cmocka_unit_test(test_listen_names),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_override_exempt),
		cmocka_unit_test(test_override_says_more),
		cmocka_unit_test(test_override_before_user),
		cmocka_unit_test(test_labellers),
		cmocka_unit_test(test_system_accounts),
	};
	int failed;

	if (make_file())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(config, NULL, NULL);
	unlink(path);
	return failed;
}
