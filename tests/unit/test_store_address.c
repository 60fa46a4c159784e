// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "user/config/store_address.h"

static struct store_address address;
static char why[256];

/* As it was understood; what is wrong with it. */
static const char *understood(const char *text)
{
	static char all[STORE_ADDRESS_TEXT];

	*why = '\0';
	if (store_address_parse(&address, text, why, sizeof(why)))
		return why;
	return store_address_format(&address, all, sizeof(all));
}

static void good(void **state)
{
	(void)state;
	assert_string_equal(understood("valkey://10.0.0.1"), "valkey://10.0.0.1:6379");
	assert_string_equal(understood("redis://a.example:1, b-2:65535 ,[fd00::1]:7,[::1]"),
			    "valkey://a.example:1,b-2:65535,[fd00::1]:7,[::1]:6379");
	assert_int_equal(address.count, 4);
	assert_string_equal(address.places[2].host, "fd00::1");
	assert_int_equal(address.places[2].port, 7);
	assert_string_equal(understood("rediss://a"), "valkeys://a:6379");
	assert_true(address.tls);
	assert_string_equal(understood("sentinel://a, b:1/front"),
			    "sentinel://a:26379,b:1/front");
	assert_int_equal(address.kind, STORE_SENTINELS);
	assert_false(address.tls);
	assert_string_equal(understood("sentinels://[::1]/m"), "sentinels://[::1]:26379/m");
	assert_true(address.tls);
	assert_string_equal(understood("unix:/run/redis/a,b@/c d"), "unix:/run/redis/a,b@/c d");
	assert_int_equal(address.count, 1);
	assert_int_equal(address.places[0].port, 0);
	assert_string_equal(understood("valkey://[fe80::1%eth0]:1"),
			    "valkey://[fe80::1%eth0]:1");
}

static void secrets(void **state)
{
	(void)state;
	assert_string_equal(understood("valkey://fleet:a%40:b%2f%25/@c@h"), "valkey://h:6379");
	assert_string_equal(address.user, "fleet");
	assert_string_equal(address.password, "a@:b/%/@c");
	assert_string_equal(understood("redis://:pw@h,i"), "valkey://h:6379,i:6379");
	assert_string_equal(address.user, "");
	assert_string_equal(address.password, "pw");
	assert_string_equal(understood("sentinel://u@h/n"), "sentinel://h:26379/n");
	assert_string_equal(address.user, "u");
	assert_string_equal(address.password, "");
	assert_string_equal(understood("unix:u:p@/run/x"), "unix:/run/x");
	assert_string_equal(address.password, "p");
}

#define HOST  "bad store: a host is NAME, NAME:PORT or [IPV6]:PORT"
#define NAMED "bad store: after Sentinels comes /NAME, what they call the primary"

static void bad(void **state)
{
	static const char *const hosts[] = {
		"valkey://a:",        "valkey://a:0",  "valkey://a:65536", "valkey://:1",
		"valkey://a:1:2",     "valkey://::1",  "valkey://[::1",    "valkey://[::1]1",
		"valkey://[]:1",      "valkey://a;b",  "valkey://a\x1b",   "valkey://a:x",
		"valkey://a:000001b", "valkey://[a]:",
	};
	char text[1024] = "valkey://";

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_string_equal(understood(hosts[i]), HOST);
	for (const char *const *word = (const char *const[]){"", "a", "http://a", "valkey:/a",
							     "VALKEY://a", " valkey://a", NULL};
	     *word; word++)
		assert_non_null(strstr(understood(*word), "it begins with"));
	assert_string_equal(understood("valkey://"), "bad store: no host");
	assert_string_equal(understood("valkey://u:p@, "), "bad store: no host");
	assert_non_null(strstr(understood("valkey://a/0"), "always 0"));
	assert_string_equal(understood("sentinel://a"), NAMED);
	assert_string_equal(understood("sentinel://a/"), NAMED);
	assert_string_equal(understood("sentinel://a/b/c"), NAMED);
	assert_string_equal(understood("sentinel://a/b c"), NAMED);
	assert_non_null(strstr(understood("unix:run/x"), "begins with /"));
	for (int i = 0; i < 17; i++)
		strcat(text, "a,");
	assert_string_equal(understood(text), "bad store: more than 16 hosts");
	memset(text + 9, 'a', 900);
	assert_string_equal(understood(text), HOST);
	memcpy(text, "unix:////", 9);
	assert_non_null(strstr(understood(text), "too long for a socket"));
}

/* Nobody reads a password in the log. */
static void says_no_secret(void **state)
{
	static const char *const words[] = {
		"valkey://u:geheim%@h",   "valkey://u:geheim%00@h", "valkey://u:geheim%4@h",
		"valkey://u:geheim@h:x",  "sentinel://u:geheim@h",  "unix:u:geheim@/",
		"valkey://u:geheim%zz@h", "valkey://geheim@",
	};
	char text[2048] = "valkey://u:";

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_null(strstr(understood(words[i]), "geheim"));
	memset(text + 11, 'p', STORE_SECRET_MAX);
	strcat(text, "@h");
	assert_non_null(strstr(understood(text), "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(secrets),
		cmocka_unit_test(bad),
		cmocka_unit_test(says_no_secret),
	};

	return cmocka_run_group_tests_name("store_address", tests, NULL, NULL);
}
