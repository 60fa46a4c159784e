/* SPDX-License-Identifier: GPL-2.0-only */
/* A service's settings as they are written. Each writes into `text` and returns it. */
#ifndef HEADCOUNT_SERVICE_TEXT_H
#define HEADCOUNT_SERVICE_TEXT_H

#include "policy.h"
#include "user/base/put.h"

#define SERVICE_USER_TEXT 24
#define SERVICE_EMIT_TEXT 32
#define DIRECTIONS_TEXT   24
#define LISTEN_TEXT       (END_TEXT + 6)

/* "client/32/64", "uid", "cgroup" */
char *service_user_format(const struct hc_service *service, char text[SERVICE_USER_TEXT]);

/* "opened closed refused", "none"; `between` the words */
char *service_emit_format(__u8 mute, const char *between, char text[SERVICE_EMIT_TEXT]);

/* "inbound", "inbound,outbound": bits of enum hc_direction, and between them `between` */
char *directions_format(__u32 directions, const char *between, char text[DIRECTIONS_TEXT]);

/* "answer:imap", "2143", "192.0.2.1:2143", "[2001:db8::1]:2143"; "": nowhere */
#define REDIRECT_TEXT LISTEN_TEXT
char *redirect_format(const struct hc_redirect *redirect, char text[REDIRECT_TEXT]);

/* "143", "5900-5999", "192.0.2.1:143" */
char *listen_format(const __u8 address[16], __u16 first, __u16 last, char text[LISTEN_TEXT]);

#endif
