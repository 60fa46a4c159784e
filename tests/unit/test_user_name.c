// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/base/cgroup.h"
#include "user/base/user_name.h"
#include "labels.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct hc_service by(enum hc_identify identify, int prefix4, int prefix6)
{
	return (struct hc_service){
		.identify = identify, .prefix4 = prefix4, .prefix6 = prefix6};
}

static void test_prefix_mask(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits <= 128; bits++) {
		__u8 id[16];

		memset(id, 0xff, sizeof(id));
		prefix_mask(id, bits);
		for (unsigned int bit = 0; bit < 128; bit++)
			assert_int_equal(id[bit / 8] >> (7 - bit % 8) & 1, bit < bits);
	}
}

/* What is written, and what it is for a service of client/prefix4/prefix6. */
static void test_client(void **state)
{
	static const struct {
		const char *text;
		int prefix4, prefix6;
		const char *id;
		unsigned int prefix, bits;
		const char *back;
	} rows[] = {
		{"10.0.0.7", 32, 64, "::ffff:10.0.0.7", 128, 128, "10.0.0.7"},
		{"10.0.0.7/32", 32, 64, "::ffff:10.0.0.7", 128, 128, "10.0.0.7"},
		{"::ffff:10.0.0.7", 32, 64, "::ffff:10.0.0.7", 128, 128, "10.0.0.7"},
		{"10.0.0.7", 24, 64, "::ffff:10.0.0.0", 120, 128, "10.0.0.0/24"},
		{"10.0.0.0/24", 24, 64, "::ffff:10.0.0.0", 120, 128, "10.0.0.0/24"},
		{"10.0.0.0/24", 32, 64, "::ffff:10.0.0.0", 120, 120, "10.0.0.0/24"},
		{"::ffff:10.0.0.0/104", 32, 64, "::ffff:10.0.0.0", 104, 104, "10.0.0.0/8"},
		{"0.0.0.0/0", 32, 64, "::ffff:0.0.0.0", 96, 96, "0.0.0.0/0"},
		{"10.0.0.7", 0, 64, "::ffff:0.0.0.0", 96, 128, "0.0.0.0/0"},
		{"2001:db8::7", 32, 128, "2001:db8::7", 128, 128, "2001:db8::7"},
		{"2001:db8:1:2::7", 32, 64, "2001:db8:1:2::", 64, 128, "2001:db8:1:2::/64"},
		{"2001:db8:1:2::/64", 32, 64, "2001:db8:1:2::", 64, 128, "2001:db8:1:2::/64"},
		{"2001:db8::/32", 32, 64, "2001:db8::", 32, 32, "2001:db8::/32"},
		{"2001:db8::/33", 32, 64, "2001:db8::", 33, 33, "2001:db8::/33"},
		{"2001:db8::7", 32, 0, "::", 0, 128, "::/0"},
		{"::/0", 32, 0, "::", 0, 128, "::/0"},
		{"::1", 32, 128, "::1", 128, 128, "::1"},
	};
	char text[HC_USER_TEXT], why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hc_service service = by(HC_BY_CLIENT, rows[i].prefix4, rows[i].prefix6);
		struct hc_user_key key, expected = {.service = 7,
						    .kind = HC_BY_CLIENT,
						    .prefix = rows[i].prefix};
		unsigned int bits = 0;

		memset(&key, 0xff, sizeof(key));
		inet_pton(AF_INET6, rows[i].id, expected.id);
		if (user_key_parse(rows[i].text, &service, 7, &key, &bits, why, sizeof(why)))
			fail_msg("%s: %s", rows[i].text, why);
		if (memcmp(&key, &expected, sizeof(key)) || bits != rows[i].bits)
			fail_msg("%s: row %zu, prefix %u, bits %u", rows[i].text, i, key.prefix,
				 bits);
		assert_string_equal(user_key_format(&key, true, text, sizeof(text)),
				    rows[i].back);
	}
}

static void test_bad(void **state)
{
	static const struct {
		enum hc_identify identify;
		const char *text, *says;
	} rows[] = {
		{HC_BY_CLIENT, "", "is not an IPv4 or IPv6 address"},
		{HC_BY_CLIENT, "alice", "\"alice\" is not an IPv4 or IPv6 address"},
		{HC_BY_CLIENT, "10.0.0", "is not an IPv4 or IPv6 address"},
		{HC_BY_CLIENT, "10.0.0.256", "is not an IPv4 or IPv6 address"},
		{HC_BY_CLIENT, "/24", "is not an IPv4 or IPv6 address"},
		{HC_BY_CLIENT, "2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8",
		 "is not an IPv4 or IPv6 address"},
		{HC_BY_CLIENT, "10.0.0.0/", "0 to 32"},
		{HC_BY_CLIENT, "10.0.0.0/33", "0 to 32"},
		{HC_BY_CLIENT, "10.0.0.0/-1", "0 to 32"},
		{HC_BY_CLIENT, "10.0.0.0/8/8", "0 to 32"},
		{HC_BY_CLIENT, "2001:db8::/129", "0 to 128"},
		{HC_BY_CLIENT, "10.0.0.0/29", "users are /28"},
		{HC_BY_CLIENT, "10.0.0.7/32", "users are /28"},
		{HC_BY_CLIENT, "2001:db8::/65", "users are /64"},
		{HC_BY_CLIENT, "10.1.2.3/8", "write 10.0.0.0/8"},
		{HC_BY_CLIENT, "10.1.2.3/0", "write 0.0.0.0/0"},
		{HC_BY_CLIENT, "2001:db8::/31", NULL},
		{HC_BY_CLIENT, "2001:db9::/31", "write 2001:db8::/31"},
		{HC_BY_CLIENT, "::/0", "every IPv4 client"},
		{HC_BY_CLIENT, "::/64", NULL},
		{HC_BY_UID, "", "no account"},
		{HC_BY_UID, "no-such-account", "no account \"no-such-account\""},
		{HC_BY_UID, "4294967295", "no account"},
		{HC_BY_UID, "4294967296", "no account"},
		{HC_BY_UID, "-1", "no account"},
		{HC_BY_UID, "0 ", "no account"},
		{HC_BY_UID, "10.0.0.1", "no account"},
		{HC_BY_CGROUP, "", "starts with /"},
		{HC_BY_CGROUP, "user.slice", "starts with /"},
		{HC_BY_LABEL, "", "it is empty"},
		{HC_BY_LABEL, "a%4", "two hexadecimal digits"},
		{HC_BY_LABEL, "a%00", "not 0"},
		{HC_BY_LABEL, "a%zz", "two hexadecimal digits"},
		{HC_BY_LABEL, "a*b", "* is written %2a"},
		{HC_BY_LABEL,
		 "01234567890123456789012345678901234567890123456789012345678901234",
		 "more than 64 bytes"},
		{HC_BY_LABEL,
		 "0123456789012345678901234567890123456789012345678901234567890123*",
		 "* is written %2a"},
		{HC_BY_LABEL, "label#123", "no hash"},
		{HC_BY_LABEL, "unlabelled/alice", "is not an IPv4"},
	};
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hc_service service = by(rows[i].identify, 28, 64);
		struct hc_user_key key;
		unsigned int bits;
		int err;

		*why = '\0';
		err = user_key_parse(rows[i].text, &service, 2, &key, &bits, why, sizeof(why));
		if (!rows[i].says) {
			assert_int_equal(err, 0);
			continue;
		}
		assert_int_equal(err, -EINVAL);
		if (!strstr(why, rows[i].says) || strchr(why, '\n'))
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].text, rows[i].says,
				 why);
	}
}

/* A prefix that belongs to no service. */
static void test_prefix(void **state)
{
	static const struct {
		const char *text, *id;
		unsigned int bits;
		const char *says;
	} rows[] = {
		{"10.0.0.7", "::ffff:10.0.0.7", 128, NULL},
		{"10.0.0.0/8", "::ffff:10.0.0.0", 104, NULL},
		{"0.0.0.0/0", "::ffff:0.0.0.0", 96, NULL},
		{"2001:db8::7", "2001:db8::7", 128, NULL},
		{"2001:db8::/33", "2001:db8::", 33, NULL},
		{"::/0", "::", 0, NULL},
		{"", NULL, 0, "is not an IPv4 or IPv6 address"},
		{"/8", NULL, 0, "is not an IPv4 or IPv6 address"},
		{"10.0.0.0/", NULL, 0, "0 to 32"},
		{"10.0.0.0/33", NULL, 0, "0 to 32"},
		{"::/129", NULL, 0, "0 to 128"},
		{"10.1.2.3/8", NULL, 0, "write 10.0.0.0/8"},
		{"2001:db8::1/32", NULL, 0, "write 2001:db8::/32"},
	};
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		__u8 id[16], expected[16];
		unsigned int bits = 0;
		int error = prefix_parse(rows[i].text, id, &bits, why, sizeof(why));

		if (rows[i].says) {
			assert_int_equal(error, -EINVAL);
			assert_non_null(strstr(why, rows[i].says));
			continue;
		}
		assert_int_equal(error, 0);
		inet_pton(AF_INET6, rows[i].id, expected);
		assert_memory_equal(id, expected, sizeof(id));
		assert_int_equal(bits, rows[i].bits);
	}
}

static void test_uid(void **state)
{
	struct hc_service service = by(HC_BY_UID, 32, 64);
	struct hc_user_key key, expected = {.service = 0, .kind = HC_BY_UID};
	char text[HC_USER_TEXT], why[256];
	unsigned int bits;

	(void)state;
	assert_int_equal(user_key_parse("root", &service, 0, &key, &bits, why, sizeof(why)), 0);
	assert_memory_equal(&key, &expected, sizeof(key));
	assert_int_equal(bits, 128);
	assert_string_equal(user_key_format(&key, true, text, sizeof(text)), "root");
	assert_string_equal(user_key_format(&key, false, text, sizeof(text)), "0");
	assert_string_equal(user_key_format(&key, true, text, 3), "ro");

	assert_int_equal(
		user_key_parse("4294967294", &service, 0, &key, &bits, why, sizeof(why)), 0);
	expected.uid = 4294967294;
	assert_memory_equal(&key, &expected, sizeof(key));
	/* nobody's uid, asked for twice: the second answer is the cache's */
	assert_string_equal(user_key_format(&key, true, text, sizeof(text)), "4294967294");
	assert_string_equal(user_key_format(&key, true, text, sizeof(text)), "4294967294");
}

/* An account that is not root, whichever this machine has. */
static void test_account(void **state)
{
	struct hc_service service = by(HC_BY_UID, 32, 64);
	const struct passwd *passwd = getpwuid(1);
	char name[256], text[HC_USER_TEXT], why[256];
	struct hc_user_key key;
	unsigned int bits;

	(void)state;
	if (!passwd) {
		print_message("no account has uid 1\n");
		skip();
	}
	snprintf(name, sizeof(name), "%s", passwd->pw_name);
	assert_int_equal(user_key_parse(name, &service, 0, &key, &bits, why, sizeof(why)), 0);
	assert_int_equal(key.uid, 1);
	assert_string_equal(user_key_format(&key, true, text, sizeof(text)), name);
}

/* Uids that share a place in the cache of names do not share a name. */
static void test_uid_cache(void **state)
{
	struct hc_user_key key = {.kind = HC_BY_UID};
	char text[HC_USER_TEXT], number[16];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (__u32 i = 0; i < 8; i++) {
			key.uid = 0x7ff00000u + i * 64;
			snprintf(number, sizeof(number), "%u", key.uid);
			assert_string_equal(user_key_format(&key, true, text, sizeof(text)),
					    number);
		}
		key.uid = 0;
		assert_string_equal(user_key_format(&key, true, text, sizeof(text)), "root");
	}
}

static void test_label(void **state)
{
	static const struct {
		const char *label, *text;
	} rows[] = {
		{"alice", "alice"},
		{"a@example.com", "a@example.com"},
		{"J\xc3\xbcrgen M", "J\xc3\xbcrgen M"},
		{"\"<'&", "\"<'&"},
		{"50%", "50%25"},
		{"%41", "%2541"},
		{"a\\x41", "a%5cx41"},
		{"a\x1b[31m\n\x7f", "a%1b[31m%0a%7f"},
		{"cut \xc3", "cut %c3"},
		{"\xff\xfe", "%ff%fe"},
		{"all*", "all%2a"},
		{"unlabelled/10.0.0.7", "%75nlabelled/10.0.0.7"},
		{"label#00", "%6cabel#00"},
		{"unlabelled", "unlabelled"},
		{" ", "%20"},
		{" two blanks ", "%20two blanks%20"},
		{"imap", "imap"},
		{"0123456789012345678901234567890123456789012345678901234567890123",
		 "0123456789012345678901234567890123456789012345678901234567890123"},
	};
	struct hc_service service = by(HC_BY_LABEL, 32, 64);
	struct hc_user_key key, back;
	char text[HC_USER_TEXT], why[512];
	unsigned int bits;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		key = (struct hc_user_key){.service = 3};
		be_labelled(&key, rows[i].label);
		assert_string_equal(user_key_format(&key, true, text, sizeof(text)),
				    rows[i].text);
		assert_int_equal(
			user_key_parse(text, &service, 3, &back, &bits, why, sizeof(why)), 0);
		assert_memory_equal(&back, &key, sizeof(key));
		assert_int_equal(bits, 128);
	}
	/* Of a prefix: how many bytes it has. */
	assert_int_equal(user_key_parse("a%2ab*", &service, 3, &back, &bits, why, sizeof(why)),
			 0);
	assert_int_equal(bits, 3);
}

/* What is no label is a client, or a hash; and says what it is. */
static void test_not_labelled(void **state)
{
	struct hc_service service = by(HC_BY_LABEL, 32, 64);
	struct hc_user_key key = {.service = 3, .kind = HC_BY_LABEL}, back;
	char text[HC_USER_TEXT], why[512];
	unsigned int bits;

	(void)state;
	for (int i = 0; i < 16; i++)
		key.id[i] = i * 17;
	user_key_format(&key, true, text, sizeof(text));
	assert_string_equal(text, "label#00112233445566778899aabbccddeeff");
	assert_int_equal(user_key_parse(text, &service, 3, &back, &bits, why, sizeof(why)), 0);
	assert_memory_equal(&back, &key, sizeof(key));
	assert_int_equal(user_key_parse("unlabelled/2001:db8::7", &service, 3, &back, &bits,
					why, sizeof(why)),
			 0);
	assert_int_equal(back.kind, HC_UNLABELLED);
	assert_int_equal(back.prefix, 64);
	assert_true(user_is_more(&back, "unlabelled/2001:db8::7"));
	assert_string_equal(user_key_format(&back, true, text, sizeof(text)),
			    "unlabelled/2001:db8::/64");
}

static void test_cgroup_mount(void **state)
{
	FILE *mounts = fopen("/proc/self/mounts", "r");
	char line[4096], *type = NULL;

	(void)state;
	assert_non_null(mounts);
	while (!type && fgets(line, sizeof(line), mounts))
		type = strstr(line, " cgroup2 ");
	fclose(mounts);
	if (!type) {
		assert_null(cgroup_mount());
		return;
	}
	*type = '\0'; /* "cgroup2 /sys/fs/cgroup" */
	assert_string_equal(cgroup_mount(), strchr(line, ' ') + 1);
}

int main(void)
{
	static const struct CMUnitTest user_name[] = {
		cmocka_unit_test(test_prefix_mask),  cmocka_unit_test(test_client),
		cmocka_unit_test(test_bad),          cmocka_unit_test(test_uid),
		cmocka_unit_test(test_account),      cmocka_unit_test(test_uid_cache),
		cmocka_unit_test(test_label),        cmocka_unit_test(test_not_labelled),
		cmocka_unit_test(test_cgroup_mount), cmocka_unit_test(test_prefix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(user_name, NULL, NULL);
}
