/* SPDX-License-Identifier: GPL-2.0-only */
/* Names in a line of JSON, escaped. Each writes at `p`, and returns the end. */
#ifndef HEADCOUNT_PUT_NAMES_H
#define HEADCOUNT_PUT_NAMES_H

#include "policy.h"

/* A string of an outsider: `length` bytes, six times that at most. */
char *put_escaped(char *p, const char *text, size_t length);

/* ,"KEY.id":"1000","KEY.name":"alice" */
char *put_account(char *p, const char *key, __u32 uid);

/* A user without its service. */
char *put_user(char *p, const struct hc_user_key *user);

#endif
