// SPDX-License-Identifier: GPL-2.0-only
#include "user/answer/words.h"

#define PIECE(text)                                                                            \
	{                                                                                      \
		text, sizeof(text) - 1                                                         \
	}

/* RFC 5530: temporary; what Dovecot says to a user over mail_max_userip_connections. */
#define IMAP "* BYE [UNAVAILABLE] Too many sessions, try again later\r\n"

/* RFC 3206: temporary, not for the user to worry. [IN-USE] would be an answer to a login. */
#define POP3 "-ERR [SYS/TEMP] Too many sessions, try again later\r\n"

/* RFC 5321, 3.8 and 4.2.3. The enhanced code as Postfix has it in the place of a greeting. */
#define SMTP "421 4.7.0 Too many sessions, try again later\r\n"

/* RFC 959, 5.4 */
#define FTP "421 Too many sessions, try again later\r\n"

/* RFC 9110, 15.6.4 and 10.2.3 */
#define HTTP_BODY "Too many sessions, try again later.\n"
#define HTTP_HEAD                                                                              \
	"HTTP/1.1 503 Service Unavailable\r\n"                                                 \
	"Retry-After: 10\r\n"                                                                  \
	"Content-Type: text/plain\r\n"                                                         \
	"Content-Length: 36\r\n"                                                               \
	"Cache-Control: no-store\r\n"                                                          \
	"Connection: close\r\n\r\n"
_Static_assert(sizeof(HTTP_BODY) - 1 == 36, "Content-Length");

/* RFC 9113: SETTINGS, empty, then GOAWAY: no stream was taken, ENHANCE_YOUR_CALM. */
#define HTTP2                                                                                  \
	"\0\0\0\4\0\0\0\0\0"                                                                   \
	"\0\0\x19\7\0\0\0\0\0"                                                                 \
	"\0\0\0\0\0\0\0\x0b"                                                                   \
	"Too many sessions"
_Static_assert(sizeof(HTTP2) - 1 == 9 + 9 + 0x19, "length of GOAWAY");

/* Redis' own words, which its clients know. */
#define REDIS "-ERR max number of clients reached\r\n"

/* ErrorResponse of protocol 3: severity, the same untranslated, SQLSTATE too_many_connections.
 */
#define POSTGRESQL                                                                             \
	"E\0\0\0\x30"                                                                          \
	"SFATAL\0VFATAL\0C53300\0Mtoo many connections\0"
_Static_assert(sizeof(POSTGRESQL) == 1 + 0x30, "length of ErrorResponse, its last NUL with it");

/* ERR_Packet 0 with ER_CON_COUNT_ERROR. Before the handshake it has no SQL state, and clients
 * that keep to that would show a marker ("#08004") as text. */
#define MYSQL "\x17\0\0\0\xff\x10\4Too many connections"
_Static_assert(sizeof(MYSQL) - 1 == 4 + 0x17, "length of ERR_Packet");

/* RFC 4253, 4.2, 6 and 11.1: the version, then SSH_MSG_DISCONNECT for TOO_MANY_CONNECTIONS
 * (12), no language, padded to a multiple of 8; nothing is encrypted yet. */
#define SSH_VERSION "SSH-2.0-headcount\r\n"
#define SSH_PACKET                                                                             \
	"\0\0\0\x34\4"                                                                         \
	"\1\0\0\0\x0c\0\0\0\x22"                                                               \
	"Too many sessions, try again later"                                                   \
	"\0\0\0\0"                                                                             \
	"\0\0\0\0"
_Static_assert(sizeof(SSH_PACKET) - 1 == 4 + 0x34 && !((sizeof(SSH_PACKET) - 1) % 8),
	       "length of the packet");

/* RFC 8446, 6.2: a fatal alert, access_denied (49). */
#define TLS "\x15\3\3\0\2\2\x31"

const struct talk_piece answer_words[] = {
	[HC_ANSWER_IMAP] = PIECE(IMAP),
	[HC_ANSWER_POP3] = PIECE(POP3),
	[HC_ANSWER_SMTP] = PIECE(SMTP),
	[HC_ANSWER_FTP] = PIECE(FTP),
	[HC_ANSWER_HTTP] = PIECE(HTTP_HEAD HTTP_BODY),
	[HC_ANSWER_REDIS] = PIECE(REDIS),
	[HC_ANSWER_POSTGRESQL] = {POSTGRESQL, sizeof(POSTGRESQL)},
	[HC_ANSWER_MYSQL] = PIECE(MYSQL),
	[HC_ANSWER_SSH] = PIECE(SSH_VERSION SSH_PACKET),
};

const struct talk_piece answer_http_head = PIECE(HTTP_HEAD);
const struct talk_piece answer_http2 = PIECE(HTTP2);
const struct talk_piece answer_tls = PIECE(TLS);
