// SPDX-License-Identifier: GPL-2.0-only
#include "config_file.h"

/* Errors: the line, and a word that shows which error it was. */

struct bad {
	const char *name;
	unsigned int line;
	const char *says;
	const char *text;
};

static const struct bad bad[] = {
	/* sections */
	{"unknown section", 2, "unknown section [foo]", "\n[foo]\ncap = 1\n"},
	{"unknown section, empty", 3, "unknown section [foo]", "\n\n[foo]\n"},
	{"services is no section", 1, "unknown section", "[services imap]\n"},
	{"empty section name", 1, "unknown section", "[]\n"},
	{"nameless service", 1, "bad service name", "[service]\nlisten = 143\n"},
	{"service name with a blank", 1, "bad service name \"a b\"", "[service a b]\n"},
	{"service name with a slash", 1, "bad service name", "[service a/b]\n"},
	{"service name of 32 bytes", 1, "bad service name",
	 "[service 0123456789abcdef0123456789abcdef]\nlisten = 143\n"},
	{"service name of 200 bytes", 1, "bad service name", "[service " X50 X50 X50 "]\n"},
	{"text after a section", 1, "text after", "[service imap] cap = 3\nlisten = 143\n"},
	{"service twice", 3, "second section [service imap]", IMAP "[service imap]\n"},
	{"outbound twice", 4, "second section [service outbound]",
	 OUTBOUND "cap = 1\n[headcount]\n[service outbound]\n"},
	{"inbound twice", 2, "second section [service inbound]",
	 "[service inbound]\n[service inbound]\n"},
	{"headcount twice", 2, "second section [headcount]", "[headcount]\n[headcount]\n"},
	{"no listen", 3, "[service imap] needs", "\n\n[service imap]\ncap = 1\n"},
	{"no listen, not the last section", 1, "[service imap] needs",
	 "[service imap]\ncap = 1\n" OUTBOUND},
	{"an error before the missing listen", 2, "\"x\"", "[service imap]\ncap = x\n"},
	/* lines */
	{"key outside of any section", 2, "before any section", "# c\ncap = 1\n" IMAP},
	{"no equals sign", 3, "neither", IMAP "cap 32\n"},
	{"no equals sign, then another error", 3, "neither", IMAP "cap 32\ncap = x\n"},
	{"another error, then no equals sign", 3, "\"x\"", IMAP "cap = x\ncap 32\n"},
	{"two errors", 3, "\"x\"", IMAP "cap = x\ntotal = y\n[foo]\n"},
	{"no bracket", 3, "neither", IMAP "[service smtp\nlisten = 25\n"},
	{"continuation line", 3, "neither", IMAP "   993\n"},
	{"line too long", 3, "line longer than", IMAP "netns = " X200 "\n"},
	{"line much too long", 1, "line longer than", "[" X200 X200 X200 "]\n"},
	/* keys */
	{"unknown key", 3, "unknown key \"caps\"", IMAP "caps = 1\n"},
	{"unknown long key", 3, "unknown key \"xxxx", IMAP X50 X50 " = 1\n"},
	{"service key in headcount", 2, "\"cap\" is not allowed", "[headcount]\ncap = 1\n"},
	{"headcount key in service", 3, "\"netns\" is not allowed", IMAP "netns = a\n"},
	{"listen in inbound", 2, "\"listen\" is not allowed",
	 "[service inbound]\nlisten = 143\n"},
	{"listen in outbound", 2, "\"listen\" is not allowed", OUTBOUND "listen = 143\n"},
	{"errno in a named service", 3, "\"errno\" is not allowed", IMAP "errno = EPERM\n"},
	{"errno in inbound", 2, "\"errno\" is not allowed",
	 "[service inbound]\nerrno = EPERM\n"},
	{"cap twice", 5, "\"cap\" twice", IMAP "cap = 1\ntotal = 1\ncap = 1\n"},
	{"user twice", 4, "\"user\" twice", IMAP "user = client\nuser = client\n"},
	{"sessions_max twice", 3, "\"sessions_max\" twice",
	 "[headcount]\nsessions_max = 2048\nsessions_max = 2048\n"},
	/* numbers */
	{"cap with letters", 3, "\"32x\"", IMAP "cap = 32x\n"},
	{"cap with a comment that is none", 3, "\"32;\"", IMAP "cap = 32;\n"},
	{"cap empty", 3, "\"\"", IMAP "cap =\n"},
	{"cap negative", 3, "\"-1\"", IMAP "cap = -1\n"},
	{"cap with a plus", 3, "\"+1\"", IMAP "cap = +1\n"},
	{"cap hexadecimal", 3, "\"0x10\"", IMAP "cap = 0x10\n"},
	{"cap of two words", 3, "\"1 2\"", IMAP "cap = 1 2\n"},
	{"cap of 2^32-1", 3, "4294967294", IMAP "cap = 4294967295\n"},
	{"cap of 2^64+1", 3, "4294967294", IMAP "cap = 18446744073709551617\n"},
	{"keepalive too short", 3, "\"9\" is not a time from 10s to 4h00m",
	 IMAP "keepalive = 9\n"},
	{"keepalive too long", 3, "\"5h\"", IMAP "keepalive = 5h\n"},
	{"keepalive, none", 3, "\"0\"", IMAP "keepalive = 0\n"},
	{"keepalive of a strange unit", 3, "\"60ms\"", IMAP "keepalive = 60ms\n"},
	{"total bad", 3, "\"many\"", IMAP "total = many\n"},
	{"total negative", 3, "\"-1\"", IMAP "total = -1\n"},
	{"directions, another", 2, "bad direction \"in\"", "[headcount]\ndirections = in\n"},
	{"directions, none", 2, "empty list", "[headcount]\ndirections = ,\n"},
	{"directions, one twice", 2, "direction inbound twice",
	 "[headcount]\ndirections = inbound, inbound\n"},
	{"directions twice", 3, "\"directions\" twice",
	 "[headcount]\ndirections = inbound\ndirections = outbound\n"},
	{"outbound is not counted", 3, "directions = inbound",
	 "[headcount]\ndirections = inbound\n[service outbound]\ncap = 1\n"},
	{"outbound is not counted, as is said after it", 1, "directions = inbound",
	 "[service outbound]\n[headcount]\ndirections = inbound\n"},
	{"inbound is not counted", 4, "directions = outbound",
	 "[headcount]\ndirections = outbound\n\n[service inbound]\n"},
	{"no named service is counted", 1, "directions = outbound",
	 IMAP "[headcount]\ndirections = outbound\n"},
	{"netns of what is not counted", 3, "directions = outbound",
	 "[headcount]\ndirections = outbound\nnetns = a\n"},
	{"metrics, a port alone", 2, "bad metrics \"9435\"", "[headcount]\nmetrics = 9435\n"},
	{"metrics, port 0", 2, "bad metrics", "[headcount]\nmetrics = [::1]:0\n"},
	{"metrics, no path", 2, "bad metrics", "[headcount]\nmetrics = unix:\n"},
	{"metrics, a relative path", 2, "bad metrics", "[headcount]\nmetrics = unix:a\n"},
	{"metrics, a path too long", 2, "at most 107 bytes",
	 "[headcount]\nmetrics = unix:/" X50 X50 "1234567\n"},
	{"metrics twice", 3, "\"metrics\" twice",
	 "[headcount]\nmetrics = [::]:1\nmetrics = [::]:1\n"},
	{"metrics in a service", 3, "\"metrics\" is not allowed", IMAP "metrics = [::]:1\n"},
	{"top users", 2, "from 0 to 1000", "[headcount]\nmetrics_top_users = 1001\n"},
	{"page", 3, "write yes or no", "[headcount]\nmetrics = [::]:1\npage = on\n"},
	{"page without an address", 2, "needs an address", "[headcount]\npage = yes\n"},
	{"page in a service", 3, "\"page\" is not allowed", IMAP "page = no\n"},
	{"metrics_max 0", 2, "from 1 to 256", "[headcount]\nmetrics_max = 0\n"},
	{"metrics_max large", 2, "from 1 to 256", "[headcount]\nmetrics_max = 257\n"},
	{"events_max 0", 2, "from 1 to 10000", "[headcount]\nevents_max = 0\n"},
	{"events_max large", 2, "from 1 to 10000", "[headcount]\nevents_max = 10001\n"},
	{"sessions_max small", 2, "from 1024", "[headcount]\nsessions_max = 1023\n"},
	{"sessions_max large", 2, "to 16777216", "[headcount]\nsessions_max = 16777217\n"},
	{"sessions_max unlimited", 2, "is not a number",
	 "[headcount]\nsessions_max = unlimited\n"},
	{"listeners_max small", 2, "from 64", "[headcount]\nlisteners_max = 63\n"},
	{"users_max small", 2, "from 64", "[headcount]\nusers_max = 63\n"},
	{"users_max large", 2, "to 4194304", "[headcount]\nusers_max = 4194305\n"},
	/* lists */
	{"netns empty", 2, "empty list", "[headcount]\nnetns = ,\n"},
	{"netns twice", 3, "netns b twice", "[headcount]\nnetns = a b\nnetns = b\n"},
	{"listen empty", 2, "empty list", "[service imap]\nlisten =\n"},
	{"port 0", 2, "bad \"0\"", "[service imap]\nlisten = 0\n"},
	{"port 65536", 2, "bad \"65536\"", "[service imap]\nlisten = 143, 65536\n"},
	{"port negative", 2, "bad \"-143\"", "[service imap]\nlisten = -143\n"},
	{"port by a name that is none", 2, "bad \"cellar\"",
	 "[service imap]\nlisten = cellar\n"},
	{"range backwards", 2, "bad \"9-8\"", "[service imap]\nlisten = 9-8\n"},
	{"range from 0", 2, "bad \"0-8\"", "[service imap]\nlisten = 0-8\n"},
	{"range too far", 2, "bad \"8-65536\"", "[service imap]\nlisten = 8-65536\n"},
	{"range half open", 2, "bad \"8-\"", "[service imap]\nlisten = 8-\n"},
	{"range of three", 2, "bad \"8-9-10\"", "[service imap]\nlisten = 8-9-10\n"},
	{"range in a range", 3, "142-144 is already in [service imap]",
	 IMAP "listen=142-144\n"},
	{"port in a range", 4, "10.0.0.1:20 is already in [service a]",
	 "[service a]\nlisten = 10.0.0.1:10-30, 20\n[service b]\nlisten = 10.0.0.1:20\n"},
	{"range of too many at an address", 2, "more than 4096",
	 "[service a]\nlisten = 10.0.0.1:1-4096, 10.0.0.2:1\n"},
	{"metrics at a range", 2, "bad metrics", "[headcount]\nmetrics = 127.0.0.1:1-2\n"},
	{"metrics at a name", 2, "bad metrics", "[headcount]\nmetrics = 127.0.0.1:imaps\n"},
	{"port missing", 2, "bad \"10.0.0.1:\"", "[service imap]\nlisten = 10.0.0.1:\n"},
	{"port of an address", 2, "bad", "[service imap]\nlisten = 10.0.0.1:65536\n"},
	{"address bad", 2, "bad \"10.0.0:143\"", "[service imap]\nlisten = 10.0.0:143\n"},
	{"address empty", 2, "bad \":143\"", "[service imap]\nlisten = :143\n"},
	{"address without brackets", 2, "bad", "[service imap]\nlisten = 2001:db8::1:143\n"},
	{"IPv4 in brackets", 2, "bad", "[service imap]\nlisten = [10.0.0.1]:143\n"},
	{"bracket alone", 2, "bad \"[:143\"", "[service imap]\nlisten = [:143\n"},
	{"bracket open", 2, "bad", "[service imap]\nlisten = [2001:db8::11:143\n"},
	{"brackets empty", 2, "bad \"[]:143\"", "[service imap]\nlisten = []:143\n"},
	{"address long", 2, "bad", "[service imap]\nlisten = " X50 X50 ":143\n"},
	{"every IPv4 address", 2, "port alone, 143", "[service imap]\nlisten = 0.0.0.0:143\n"},
	{"every IPv6 address", 2, "port alone, 143", "[service imap]\nlisten = [::]:143\n"},
	{"port in two services", 4, "993 is already in [service imap]",
	 "[service imap]\nlisten = 143, 993\n[service mail]\nlisten = 25 993\n"},
	{"address in two services", 4, "is already in [service imap]",
	 "[service imap]\nlisten = 10.0.0.1:143\n"
	 "[service mail]\nlisten = [::ffff:10.0.0.1]:143\n"},
	{"port twice in a service", 3, "143 is already in [service imap]", IMAP "listen=143\n"},
	/* words */
	{"user unknown", 3, "bad user \"ip\"", IMAP "user = ip\n"},
	{"user clients", 3, "bad user", IMAP "user = clients\n"},
	{"user client/33", 3, "bad user", IMAP "user = client/33\n"},
	{"user client/24/129", 3, "bad user", IMAP "user = client/24/129\n"},
	{"user client/", 3, "bad user", IMAP "user = client/\n"},
	{"user client/24/", 3, "bad user", IMAP "user = client/24/\n"},
	{"user client/24/64/8", 3, "bad user", IMAP "user = client/24/64/8\n"},
	{"user client/-1", 3, "bad user", IMAP "user = client/-1\n"},
	{"user client/032/0128/1", 3, "bad user", IMAP "user = client/032/0128/1\n"},
	{"user label, outbound", 2, "bad user \"label\"", "[service outbound]\nuser = label\n"},
	{"unlabelled", 3, "of a service with user = label", IMAP "unlabelled = 5\n"},
	{"login_grace", 4, "of a service with user = label",
	 IMAP "user = uid\nlogin_grace = 5\n"},
	{"login_grace too long", 4, "86400", IMAP "user = label\nlogin_grace = 86401\n"},
	{"labellers", 4, "of a service with user = label", IMAP "user = uid\nlabellers = 5\n"},
	{"labellers, outbound", 2, "not allowed", "[service outbound]\nlabellers = 5\n"},
	{"labellers, empty", 4, "empty list", IMAP "user = label\nlabellers =\n"},
	{"labellers, nobody", 4, "no account \"nosuch\"",
	 IMAP "user = label\nlabellers = 5,nosuch\n"},
	{"labellers, too large", 4, "no account \"4294967295\"",
	 IMAP "user = label\nlabellers = 4294967295\n"},
	{"labellers, twice", 5, "labeller \"root\" twice",
	 IMAP "user = label\nlabellers = 0, 7\nlabellers = root\n"},
	{"labellers, everybody and more", 4, "no other labeller",
	 IMAP "user = label\nlabellers = *, 7\n"},
	{"labellers, more and everybody", 5, "no other labeller",
	 IMAP "user = label\nlabellers = 7\nlabellers = *\n"},
	{"label, empty", 4, "bad override", IMAP "user = label\noverride = 5\n"},
	{"label, two", 5, "already on line 4",
	 IMAP "user = label\noverride = a 5\noverride = a 6\n"},
	{"label, two prefixes", 5, "already on line 4",
	 IMAP "user = label\noverride = a* 5\noverride = %61* 6\n"},
	{"label, a star", 4, "* is written %2a", IMAP "user = label\noverride = a*b 5\n"},
	{"orphans unknown", 3, "bad orphans \"keep\"", IMAP "orphans = keep\n"},
	{"orphans twice", 4, "twice", IMAP "orphans = count\norphans = ignore\n"},
	{"excess unknown", 3, "bad excess \"drop\"", IMAP "excess = drop\n"},
	{"emit unknown", 3, "bad emit \"born\"", IMAP "emit = opened, born\n"},
	{"emit none and more", 3, "bad emit \"none\"", IMAP "emit = opened none\n"},
	{"errno unknown", 2, "bad errno \"EIO\"", OUTBOUND "errno = EIO\n"},
	{"errno number", 2, "bad errno \"1\"", OUTBOUND "errno = 1\n"},
	/* overrides, which are resolved when their section ends */
	{"override without a cap", 3, "bad override", IMAP "override = 10.0.0.1\n"},
	{"override without a user", 3, "bad override", IMAP "override = 5\n"},
	{"override with a bad exemption", 3, "bad override",
	 IMAP "override = 10.0.0.1 total=none\n"},
	{"override with an exemption in the cap's place", 3, "bad override",
	 IMAP "override = 10.0.0.1 total=exempt 5x\n"},
	{"override of nobody, exempt", 3, "bad override", IMAP "override = total=exempt\n"},
	{"override with two caps", 3, "is not an IPv4", IMAP "override = 10.0.0.1 5 cap=6\n"},
	{"override with a setting twice", 3, "bad override",
	 IMAP "override = 10.0.0.1 idle=never idle=never\n"},
	{"override with a bad excess", 3, "bad override",
	 IMAP "override = 10.0.0.1 excess=drop\n"},
	{"override with too short an idle", 3, "bad override",
	 IMAP "override = 10.0.0.1 idle=9\n"},
	{"override with an unknown setting", 3, "bad override",
	 IMAP "override = 10.0.0.1 idles=9\n"},
	{"override of nobody, with settings", 3, "bad override",
	 IMAP "override = cap=5 idle=never\n"},
	{"idle too short", 3, "\"9s\" is not a time from 10s to 14d00h", IMAP "idle = 9s\n"},
	{"idle too long", 3, "\"15d\"", IMAP "idle = 15d\n"},
	{"override empty", 3, "bad override", IMAP "override =\n"},
	{"override with a bad cap", 3, "bad override", IMAP "override = 10.0.0.1 x\ncap = 1\n"},
	{"override with a negative cap", 3, "bad override", IMAP "override = 10.0.0.1 -1\n"},
	{"override of no address", 3, "\"alice\" is not an IPv4 or IPv6 address",
	 IMAP "override = alice 5\n\n[headcount]\n"},
	{"override with a bad prefix", 3, "0 to 32", IMAP "override = 10.0.0.0/33 5\n"},
	{"override with a bad IPv6 prefix", 3, "0 to 128",
	 IMAP "override = 2001:db8::/129 5\n"},
	{"override with host bits", 3, "write 10.1.2.0/24", IMAP "override = 10.1.2.3/24 5\n"},
	{"override with IPv6 host bits", 3, "write 2001:db8::/32",
	 IMAP "override = 2001:db8:1::/32 5\n"},
	{"override longer than the user", 3, "users are /24",
	 IMAP "override = 10.1.2.128/25 5\nuser = client/24\n"},
	{"override longer than the IPv6 user", 3, "users are /64",
	 IMAP "override = 2001:db8::7/128 5\n"},
	{"override of IPv6 that has IPv4 in it", 3, "every IPv4 client",
	 IMAP "override = ::/0 5\n"},
	{"override of an unknown account", 3, "no account \"no-such-account\"",
	 OUTBOUND "cap = 5\noverride = no-such-account 5\n"},
	{"override of an account in an address's place", 2, "no account \"10.0.0.1\"",
	 OUTBOUND "override = 10.0.0.1 5\n"},
	{"override of a cgroup without a slash", 2, "starts with /",
	 OUTBOUND "override = user.slice 5\nuser = cgroup\n"},
	{"override twice", 5, "\"10.0.0.1\" is already on line 3",
	 IMAP "override = 10.0.0.1 5\noverride = 10.0.0.2 5\noverride = 10.0.0.1 6\n"},
	{"override twice in two spellings", 4, "is already on line 3",
	 IMAP "override = 2001:db8::1 5\noverride = 2001:db8:0:0::/64 5\n"},
	{"override twice, name and number", 3, "is already on line 2",
	 OUTBOUND "override = root 5\noverride = 0 6\n"},
};

static void test_bad(void **state)
{
	const struct bad *row = *state;
	struct config config;
	char start[64];

	snprintf(start, sizeof(start), "%s:%u: ", path, row->line);
	assert_int_equal(read_bytes(&config, row->text, strlen(row->text)), -EINVAL);
	if (strncmp(why, start, strlen(start)) || !strstr(why, row->says) || strchr(why, '\n'))
		fail_msg("expected \"%s...%s\", got \"%s\"", start, row->says, why);
}

static void test_unknown_cgroup(void **state)
{
	static const char text[] = OUTBOUND "user = cgroup\noverride = /no/such/cgroup 5\n";
	struct config config;
	char start[64];

	(void)state;
	snprintf(start, sizeof(start), "%s:3: ", path);
	assert_int_equal(read_bytes(&config, text, strlen(text)), -EINVAL);
	assert_memory_equal(why, start, strlen(start));
	assert_true(strstr(why, "/no/such/cgroup") || strstr(why, "not mounted"));
}

static void test_nul_byte(void **state)
{
	static const char text[] = IMAP "cap = 3\0002\n";
	struct config config;

	(void)state;
	assert_int_equal(read_bytes(&config, text, sizeof(text) - 1), -EINVAL);
	assert_non_null(strstr(why, ":3: a NUL byte"));
}

static void test_no_file(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(config_read(&config, "/no/such/file", why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "/no/such/file: No such file or directory");
	assert_int_equal(config_read(&config, "/tmp", why, sizeof(why)), -EISDIR);
	assert_string_equal(why, "/tmp: Is a directory");
}

static void test_short_why(void **state)
{
	char text[64] = IMAP "cap = x\n", small[8];
	struct config config;

	(void)state;
	read_bytes(&config, text, strlen(text));
	memset(small, 'x', sizeof(small));
	assert_int_equal(config_read(&config, path, small, 4), -EINVAL);
	assert_memory_equal(small, "/tm\0xxxx", 8);
}

/* `count` services named s0, s1 ..., each on a port of its own */
static int read_services(struct config *config, unsigned int count)
{
	static char text[HC_SERVICES_MAX * 64];
	size_t length = 0;

	for (unsigned int i = 0; i < count; i++)
		length += snprintf(text + length, sizeof(text) - length,
				   "[service s%u]\nlisten = %u\n", i, i + 1);
	return read_bytes(config, text, length);
}

static void test_closes_file(void **state)
{
	int fd = dup(STDOUT_FILENO), again;
	struct config config;

	(void)state;
	close(fd);
	assert_int_equal(read_bytes(&config, "[", 1), -EINVAL);
	again = dup(STDOUT_FILENO);
	close(again);
	assert_int_equal(again, fd);
}

static void test_many_services(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(read_services(&config, HC_SERVICES_MAX - 2), 0);
	assert_int_equal(config.service_count, HC_SERVICES_MAX);
	assert_int_equal(config_find(&config, "s253"), 255);
	config_free(&config);
	assert_int_equal(read_services(&config, HC_SERVICES_MAX - 1), -EINVAL);
	assert_non_null(strstr(why, ":509: more than 254 services"));
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_unknown_cgroup), cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_no_file),        cmocka_unit_test(test_short_why),
		cmocka_unit_test(test_closes_file),    cmocka_unit_test(test_many_services),
	};
	struct CMUnitTest config_errors[COUNT(bad) + COUNT(others)] = {};
	int failed;

	/* A test for each row, so that a failure names it. */
	for (size_t i = 0; i < COUNT(bad); i++) {
		config_errors[i].name = bad[i].name;
		config_errors[i].test_func = test_bad;
		config_errors[i].initial_state = (void *)&bad[i];
	}
	memcpy(config_errors + COUNT(bad), others, sizeof(others));
	if (make_file())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(config_errors, NULL, NULL);
	unlink(path);
	return failed;
}
