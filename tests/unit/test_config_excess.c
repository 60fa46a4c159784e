// SPDX-License-Identifier: GPL-2.0-only
/* What an excess gets: the keys that say it, and that they fit together. */
#include "config_file.h"
#include "user/kernel/service_text.h"

#define IMAPS "[service imap]\nlisten = 143, 10.0.0.1:1993\n"

static void test_defaults(void **state)
{
	struct config config;

	(void)state;
	read_good(&config, IMAPS "excess = wait\n");
	assert_int_equal(config.services[2].service.excess, HC_WAIT);
	assert_int_equal(config.services[2].service.wait_max, 30);
	assert_int_equal(config.services[2].service.evict_idle, 60);
	assert_int_equal(config.services[2].service.evict_rate, 10);
	assert_int_equal(config.services[2].service.holding, 1);
	assert_int_equal(config.services[HC_INBOUND_SERVICE].service.holding, 0);
	assert_true(config_has_excess(&config, HC_WAIT));
	assert_false(config_has_excess(&config, HC_EVICT));
	config_free(&config);
}

static void test_settings(void **state)
{
	const struct config_service *service;
	struct config config;

	(void)state;
	read_good(&config, IMAPS "excess = evict\nwait_max = 5m\nevict_idle = 2h\n"
				 "evict_rate = 3\noverride = 10.0.0.0/8 excess=redirect\n"
				 "redirect = 2143\n");
	service = &config.services[2];
	assert_int_equal(service->service.excess, HC_EVICT);
	assert_int_equal(service->service.wait_max, 300);
	assert_int_equal(service->service.evict_idle, 7200);
	assert_int_equal(service->service.evict_rate, 3);
	assert_int_equal(service->service.redirect.port, 2143);
	assert_int_equal(hc_excess_of(&service->service, service->overrides[0].traits),
			 HC_REDIRECT);
	assert_int_equal(hc_excess_of(&service->service, HC_EXEMPT), HC_EVICT);
	config_free(&config);
	/* An override alone can be what makes a service hold. */
	read_good(&config, IMAPS "override = 10.0.0.0/8 excess=wait\n");
	assert_int_equal(config.services[2].service.excess, HC_REJECT);
	assert_int_equal(config.services[2].service.holding, 1);
	config_free(&config);
	read_good(&config, "[service inbound]\ncap = 1\nexcess = wait\n");
	assert_int_equal(config.services[HC_INBOUND_SERVICE].service.holding, 1);
	config_free(&config);
}

/* Where a redirect leads, as it is written. */
static void test_redirects(void **state)
{
	static const char *const same[] = {
		"2143",         "10.0.0.1:143", "[2001:db8::1]:2143", "answer:imap",
		"answer:pop3",  "answer:smtp",  "answer:ftp",         "answer:http",
		"answer:redis", "answer:mysql", "answer:postgresql",  "answer:ssh",
	};
	char text[REDIRECT_TEXT], file[256];
	struct config config;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(file, sizeof(file),
			 "[service imap]\nlisten = 10.0.0.2:143\nexcess = redirect\n"
			 "redirect = %s\n",
			 same[i]);
		read_good(&config, file);
		assert_string_equal(redirect_format(&config.services[2].service.redirect, text),
				    same[i]);
		assert_null(config.services[2].answer_path);
		config_free(&config);
	}
	read_good(&config, IMAPS "excess = redirect\nredirect = answer:file:/etc/busy page\n");
	assert_string_equal(config.services[2].answer_path, "/etc/busy page");
	assert_string_equal(redirect_format(&config.services[2].service.redirect, text),
			    "answer:file");
	config_free(&config);
}

static const struct {
	const char *name;
	unsigned int line;
	const char *why, *text;
} bad[] = {
	{"excess of outbound", 2, "excess = wait is of inbound sessions",
	 OUTBOUND "excess = wait\n"},
	{"of an override of outbound", 3, "excess = redirect is of inbound sessions",
	 OUTBOUND "user = uid\noverride = 0 excess=redirect\n"},
	{"wait_max of outbound", 2, "not allowed", OUTBOUND "wait_max = 3\n"},
	{"redirect of outbound", 2, "not allowed", OUTBOUND "redirect = 3\n"},
	{"redirect, and none", 3, "excess = redirect needs a line",
	 IMAPS "excess = redirect\n"},
	{"an override's redirect, and none", 4, "excess = redirect needs a line",
	 IMAPS "excess = wait\noverride = 10.0.0.1 excess=redirect\n"},
	{"redirect unused", 3, "redirect, and nothing here", IMAPS "redirect = 2143\n"},
	{"wait_max unused", 3, "wait_max, and nothing here",
	 IMAPS "wait_max = 5\nexcess = observe\n"},
	{"evict_idle unused", 3, "evict_idle and evict_rate, and nothing here",
	 IMAPS "evict_idle = 5\nexcess = wait\n"},
	{"evict_rate unused", 4, "evict_idle and evict_rate, and nothing here",
	 IMAPS "excess = reject\nevict_rate = 5\n"},
	{"wait_max too short", 3, "is not a time from 1s to 5m00s", IMAPS "wait_max = 0\n"},
	{"wait_max too long", 3, "is not a time", IMAPS "wait_max = 6m\n"},
	{"evict_idle too long", 3, "is not a time", IMAPS "evict_idle = 15d\n"},
	{"evict_rate 0", 3, "is not a number from 1 to 10000", IMAPS "evict_rate = 0\n"},
	{"wait_max twice", 4, "twice", IMAPS "wait_max = 5\nwait_max = 5\n"},
	{"redirect to itself", 3, "leads back to [service imap]",
	 IMAPS "redirect = 143\nexcess = redirect\n"},
	{"to itself, at an address", 4, "leads back to [service imap]",
	 IMAPS "excess = redirect\nredirect = 127.0.0.1:143\n"},
	{"to itself, where it listens at an address", 3, "leads back to [service imap]",
	 IMAPS "redirect = 1993\nexcess = redirect\n"},
	{"redirect to no port", 3, "bad redirect \"0\"", IMAPS "redirect = 0\n"},
	{"redirect to ports", 3, "bad redirect \"5-6\"", IMAPS "redirect = 5-6\n"},
	{"redirect to every address", 3, "bad redirect", IMAPS "redirect = 0.0.0.0:25\n"},
	{"redirect to a name", 3, "bad redirect", IMAPS "redirect = localhost:25\n"},
	{"redirect to nothing", 3, "bad redirect", IMAPS "redirect =\n"},
	{"no answer", 3, "bad redirect \"answer:\"", IMAPS "redirect = answer:\n"},
	{"another answer", 3, "bad redirect \"answer:nntp\"", IMAPS "redirect = answer:nntp\n"},
	{"no file", 3, "bad redirect \"answer:file\"", IMAPS "redirect = answer:file\n"},
	{"no path", 3, "bad redirect", IMAPS "redirect = answer:file:\n"},
	{"no whole path", 3, "bad redirect", IMAPS "redirect = answer:file:busy\n"},
};

static void test_error(void **state)
{
	struct config config;
	char start[sizeof(path) + 16];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(start, sizeof(start), "%s:%u: ", path, bad[i].line);
		if (read_bytes(&config, bad[i].text, strlen(bad[i].text)) != -EINVAL)
			fail_msg("%s: taken", bad[i].name);
		if (strncmp(why, start, strlen(start)) || !strstr(why, bad[i].why))
			fail_msg("%s: %s", bad[i].name, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_error),
	};
	int failed;

	if (make_file())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
