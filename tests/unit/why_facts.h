/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of `why` are made of: a user's facts, what is found in them, what is offered.
 */
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/why/print.h"

#define MOST   64
#define MINUTE 60000ull
#define HOUR   (60 * MINUTE)

static const struct why_limits limits = {WHY_IDLE_MS, WHY_QUIET_MS};
static struct why_session sessions[MOST];
static struct why_facts facts;
static struct why_report report;
static struct why_advice advice;

static inline int set_up(void **state)
{
	(void)state;
	memset(sessions, 0, sizeof(sessions));
	facts = (struct why_facts){
		.key = {.service = 2, .kind = HC_BY_CLIENT, .prefix = 128},
		.service = {.name = "imap", .used = true, .cap = 32, .total = HC_UNLIMITED},
		.user = "192.0.2.7",
		.name = "192.0.2.7",
		.cap = 32,
		.service_cap = 32,
		.refused_ms = WHY_UNKNOWN,
		.sessions = sessions,
	};
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	why_report_free(&report);
	return 0;
}

/* One more, inbound from 192.0.2.7 and in use; its age and silence in milliseconds. */
static inline struct why_session *add(__u64 age, __u64 silent)
{
	struct why_session *session = &sessions[facts.count++];

	*session = (struct why_session){
		.id = facts.count,
		.age_ms = age,
		.idle_ms = silent,
		.heard_ms = silent,
		.half_closed_ms = WHY_UNKNOWN,
		.remote = {[10] = 0xff, 0xff, 192, 0, 2, 7},
		.state = TCP_ESTABLISHED,
		.inbound = true,
		.pid = 100,
		.comm = "imapd",
	};
	facts.active++;
	return session;
}

static inline void add_many(int count, __u64 age, __u64 silent)
{
	while (count--)
		add(age, silent);
}

static inline struct why_session *of(struct why_session *session, __u8 host)
{
	session->remote[15] = host;
	return session;
}

static inline void find(void)
{
	why_report_free(&report);
	assert_int_equal(why_find(&facts, &limits, &report), 0);
	why_advise(&facts, &limits, &report, &advice);
}

static inline const struct why_finding *found(enum why_kind kind)
{
	for (size_t i = 0; i < report.count; i++)
		if (report.findings[i].kind == kind)
			return &report.findings[i];
	return NULL;
}

/* These and no others, up to the first WHY_KINDS. */
static inline void only(enum why_kind first, enum why_kind second)
{
	for (size_t i = 0; i < report.count; i++)
		if (report.findings[i].kind != first && report.findings[i].kind != second)
			fail_msg("%s is not so", why_kind_word(report.findings[i].kind));
	assert_true(first == WHY_KINDS || found(first));
	assert_true(second == WHY_KINDS || found(second));
}

static inline void says(enum why_kind kind, const char *want)
{
	char *text = why_sentence(found(kind), &facts, &limits);

	assert_string_equal(text, want);
	free(text);
}

static inline void offers(const char *want)
{
	for (size_t i = 0; i < advice.count; i++) {
		char *command = why_offer_command(&advice.offers[i]);
		bool same =
			!strcmp(advice.offers[i].argc ? command : advice.offers[i].line, want);

		free(command);
		if (same)
			return;
	}
	fail_msg("not offered: %s", want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
