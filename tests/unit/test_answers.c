// SPDX-License-Identifier: GPL-2.0-only
/* What a client over its cap is told: each protocol's bytes, however the client's are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/answer/talk.h"

#define WORDS "Too many sessions, try again later"
#define HELLO "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"
#define ALERT "\x15\3\3\0\2\2\x31"
#define HTTP_503                                                                               \
	"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Type: text/plain\r\n"  \
	"Content-Length: 36\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
#define POSTGRESQL "E\0\0\0\x30SFATAL\0VFATAL\0C53300\0Mtoo many connections\0\0"
#define STARTUP    "\0\0\0\x10\0\3\0\0user\0me\0"
#define SSL        "\0\0\0\x8\x04\xd2\x16\x2f"
#define GSS        "\0\0\0\x8\x04\xd2\x16\x30"
#define CANCEL     "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1\0\0\0\2"

static const struct talk_piece file = {"wait\n\0more", 10};

struct heard {
	char bytes[1024];
	size_t size;
};

static void take_all(struct talk *talk, struct heard *heard)
{
	struct talk_piece piece;

	while ((piece = talk_next(talk)).size) {
		/* By halves, as a full socket would take it. */
		size_t size = (piece.size + 1) / 2;

		assert_true(heard->size + size <= sizeof(heard->bytes));
		memcpy(heard->bytes + heard->size, piece.bytes, size);
		heard->size += size;
		talk_sent(talk, size);
	}
}

/* What is answered to these bytes, cut after each of `step`. */
static struct heard talk_to(struct talk *talk, enum hc_answer protocol, const char *bytes,
			    size_t size, size_t step)
{
	struct heard heard = {};

	talk_begin(talk, protocol, file);
	take_all(talk, &heard);
	for (size_t at = 0; at < size; at += step) {
		/* A copy of its size, so that a sanitizer sees who reads further. */
		size_t part = size - at < step ? size - at : step;
		char *copy = malloc(part);

		memcpy(copy, bytes + at, part);
		talk_hear(talk, copy, part);
		free(copy);
		take_all(talk, &heard);
	}
	return heard;
}

static void check(enum hc_answer protocol, const char *bytes, size_t size, const char *want,
		  size_t want_size, bool over)
{
	for (size_t step = 1; step <= size + !size; step++) {
		struct talk talk;
		struct heard heard = talk_to(&talk, protocol, bytes, size, step);

		assert_int_equal(heard.size, want_size);
		assert_memory_equal(heard.bytes, want, want_size);
		assert_int_equal(talk_is_over(&talk), over);
		if (over)
			assert_int_equal(talk_has_answered(&talk),
					 want_size > strspn(want, "N"));
	}
}

#define ANSWERS(protocol, said, want)                                                          \
	check(protocol, said, sizeof(said) - 1, want, sizeof(want) - 1, true)
#define WAITS(protocol, said, want)                                                            \
	check(protocol, said, sizeof(said) - 1, want, sizeof(want) - 1, false)

static void after_silence(enum hc_answer protocol, const char *said, const char *want)
{
	struct talk talk;
	struct heard heard = talk_to(&talk, protocol, said, strlen(said), 1);

	assert_int_equal(heard.size, 0);
	assert_true(talk_looks(&talk));
	talk_silence(&talk);
	assert_false(talk_looks(&talk));
	take_all(&talk, &heard);
	assert_int_equal(heard.size, strlen(want));
	assert_memory_equal(heard.bytes, want, heard.size);
	assert_true(talk_is_over(&talk) && talk_has_answered(&talk));
}

/* To a client that waits for the greeting, that does not, and to one with TLS. */
static void greets(enum hc_answer protocol, const char *want)
{
	after_silence(protocol, "", want);
	after_silence(protocol, "\x16", want);
	check(protocol, "EHLO x\r\n", 8, want, strlen(want), true);
	check(protocol, "\x16\x04", 2, want, strlen(want), true);
	ANSWERS(protocol, HELLO, ALERT);
}

static void test_greetings(void **state)
{
	(void)state;
	greets(HC_ANSWER_IMAP, "* BYE [UNAVAILABLE] " WORDS "\r\n");
	greets(HC_ANSWER_POP3, "-ERR [SYS/TEMP] " WORDS "\r\n");
	greets(HC_ANSWER_SMTP, "421 4.7.0 " WORDS "\r\n");
	greets(HC_ANSWER_FTP, "421 " WORDS "\r\n");
	greets(HC_ANSWER_REDIS, "-ERR max number of clients reached\r\n");
}

/* Those whose clients never begin with TLS do not wait for anybody. */
static void test_at_once(void **state)
{
	static const char ssh[] = "SSH-2.0-headcount\r\n"
				  "\0\0\0\x34\4\1\0\0\0\x0c\0\0\0\x22" WORDS "\0\0\0\0\0\0\0\0";

	(void)state;
	ANSWERS(HC_ANSWER_MYSQL, "", "\x17\0\0\0\xff\x10\4Too many connections");
	ANSWERS(HC_ANSWER_SSH, "", ssh);
	ANSWERS(HC_ANSWER_SSH, "SSH-2.0-OpenSSH_9.2\r\n\0\0\5", ssh);
	check(HC_ANSWER_FILE, "", 0, file.bytes, file.size, true);
	check(HC_ANSWER_FILE, HELLO, sizeof(HELLO) - 1, file.bytes, file.size, true);
}

static void test_empty_file(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, HC_ANSWER_FILE, (struct talk_piece){"", 0});
	assert_true(talk_is_over(&talk) && talk_has_answered(&talk));
}

static void test_http(void **state)
{
	static const char body[] = HTTP_503 WORDS ".\n";

	(void)state;
	ANSWERS(HC_ANSWER_HTTP, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", body);
	ANSWERS(HC_ANSWER_HTTP, "\r\n\r\nGET / HTTP/1.0\r\n\r\n", body);
	ANSWERS(HC_ANSWER_HTTP, "GET / HTTP/1.0\n\n", body);
	ANSWERS(HC_ANSWER_HTTP, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", body);
	ANSWERS(HC_ANSWER_HTTP, "HEADING / HTTP/1.1\r\n\r\n", body);
	ANSWERS(HC_ANSWER_HTTP, "HEA / HTTP/1.1\r\n\r\n", body);
	ANSWERS(HC_ANSWER_HTTP, "head / HTTP/1.1\r\n\r\n", body);
	ANSWERS(HC_ANSWER_HTTP, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_503);
	ANSWERS(HC_ANSWER_HTTP, "\r\nHEAD / HTTP/1.1\r\n\r\n", HTTP_503);
	ANSWERS(HC_ANSWER_HTTP, "\x16 / HTTP/1.1\r\n\r\n", body);
	ANSWERS(HC_ANSWER_HTTP, HELLO, ALERT);
	ANSWERS(HC_ANSWER_HTTP, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
		"\0\0\0\4\0\0\0\0\0\0\0\x19\7\0\0\0\0\0\0\0\0\0\0\0\0\x0bToo many sessions");
	/* Not before the request is whole: some take what comes earlier for an error. */
	WAITS(HC_ANSWER_HTTP, "", "");
	WAITS(HC_ANSWER_HTTP, "\r\n\r\n\r\n", "");
	WAITS(HC_ANSWER_HTTP, "GET / HTTP/1.1\r\nHost: x\r\n", "");
	WAITS(HC_ANSWER_HTTP, "GET / HTTP/1.1\r\nX:\r\r", "");
}

static void test_http_silence(void **state)
{
	struct talk talk;
	struct heard heard = talk_to(&talk, HC_ANSWER_HTTP, "GET", 3, 1);

	(void)state;
	assert_false(talk_looks(&talk));
	talk_silence(&talk);
	take_all(&talk, &heard);
	assert_int_equal(heard.size, 0);
	assert_false(talk_is_over(&talk));
	talk_end(&talk);
	assert_true(talk_is_over(&talk));
	assert_false(talk_has_answered(&talk));
}

static void test_postgresql(void **state)
{
	(void)state;
	ANSWERS(HC_ANSWER_POSTGRESQL, STARTUP, POSTGRESQL);
	ANSWERS(HC_ANSWER_POSTGRESQL, SSL STARTUP, "N" POSTGRESQL);
	ANSWERS(HC_ANSWER_POSTGRESQL, GSS SSL STARTUP, "NN" POSTGRESQL);
	ANSWERS(HC_ANSWER_POSTGRESQL, SSL GSS STARTUP "more", "NN" POSTGRESQL);
	ANSWERS(HC_ANSWER_POSTGRESQL, "\0\0\0\x8\0\3\0\2", POSTGRESQL);
	ANSWERS(HC_ANSWER_POSTGRESQL, HELLO, ALERT); /* sslnegotiation=direct */
	ANSWERS(HC_ANSWER_POSTGRESQL, CANCEL, "");
	ANSWERS(HC_ANSWER_POSTGRESQL, SSL CANCEL, "N");
	/* What no client says. */
	ANSWERS(HC_ANSWER_POSTGRESQL, SSL SSL STARTUP, "N");
	ANSWERS(HC_ANSWER_POSTGRESQL, GSS SSL GSS STARTUP, "NN");
	ANSWERS(HC_ANSWER_POSTGRESQL, "\0\0\0\x9\x04\xd2\x16\x2f!", "");
	ANSWERS(HC_ANSWER_POSTGRESQL, "\0\0\0\x7\0\3\0\0", "");
	ANSWERS(HC_ANSWER_POSTGRESQL, "\0\0\0\0\0\0\0\0", "");
	ANSWERS(HC_ANSWER_POSTGRESQL, "\0\0\x27\x11\0\3\0\0", "");
	ANSWERS(HC_ANSWER_POSTGRESQL, "\xff\xff\xff\xff\xff\xff\xff\xff", "");
	ANSWERS(HC_ANSWER_POSTGRESQL, "GET / HTTP/1.1\r\n\r\n", "");
	WAITS(HC_ANSWER_POSTGRESQL, "", "");
	WAITS(HC_ANSWER_POSTGRESQL, SSL, "N");
	WAITS(HC_ANSWER_POSTGRESQL, "\0\0\0\x10\0\3\0\0user\0me", "");
	WAITS(HC_ANSWER_POSTGRESQL, "\0\0\x27\x10\0\3\0\0user\0me\0", "");
}

/* Whoever never ends his request is answered all the same, and no more is looked at. */
static void test_endless(void **state)
{
	static char bytes[TALK_HEARD_MAX + 1];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct talk talk;
		struct heard heard;

		memset(bytes, "x "[i], sizeof(bytes));
		heard = talk_to(&talk, HC_ANSWER_HTTP, bytes, sizeof(bytes) - 1, 1000);
		assert_int_equal(heard.size, 0);
		heard = talk_to(&talk, HC_ANSWER_HTTP, bytes, sizeof(bytes), 1000);
		assert_true(heard.size > 0 && talk_is_over(&talk));
		assert_int_equal(talk.heard, sizeof(bytes));
	}
}

static void test_ended(void **state)
{
	struct heard heard;
	struct talk talk;

	(void)state;
	heard = talk_to(&talk, HC_ANSWER_IMAP, "", 0, 1);
	talk_end(&talk); /* has shut down its side, and still listens */
	take_all(&talk, &heard);
	assert_memory_equal(heard.bytes, "* BYE", 5);
	heard = talk_to(&talk, HC_ANSWER_POSTGRESQL, SSL, 8, 1);
	talk_end(&talk);
	assert_true(talk_is_over(&talk) && !talk_has_answered(&talk));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greetings),    cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_empty_file),   cmocka_unit_test(test_http),
		cmocka_unit_test(test_http_silence), cmocka_unit_test(test_postgresql),
		cmocka_unit_test(test_endless),      cmocka_unit_test(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
