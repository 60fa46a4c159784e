/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is asked of the hosts of a fleet: a command of headcount, its options and arguments, and
 * who asks. It travels as JSON through the store, where anybody may have written it: nothing is
 * in a request that was read but a command of the table in request.c with options that the
 * table has, within the bounds stated here. No option of the table names a file.
 */
#ifndef HEADCOUNT_FLEET_REQUEST_H
#define HEADCOUNT_FLEET_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/host_name.h"
#include "user/config/config.h"

#define REQUEST_WORDS_MAX 256
#define REQUEST_WORD_MAX  1024 /* bytes of one, with its zero */
#define REQUEST_TEXT      16384
#define REQUEST_JSON      (64 * 1024) /* bytes of one that is read */

enum request_command { REQUEST_USERS, REQUEST_SESSIONS, REQUEST_WHY, REQUEST_KILL };

struct fleet_request {
	char host[HOST_NAME_ROOM]; /* who asks, as it says itself, */
	__u32 uid;                 /* and for whom there */
	enum request_command command;
	/* --NAME or --NAME=VALUE each; behind "--" what is no option. Each ends with a zero,
	 * one behind the other in `text`. */
	size_t count, used;
	char text[REQUEST_TEXT];
};

/* Appends a word. Returns 0, or -E2BIG: there are too many, or too long ones. */
int request_add(struct fleet_request *request, const char *word);

/* The words one after the other: the first for NULL; NULL behind the last. */
const char *request_next(const struct fleet_request *request, const char *word);

/* Has it only what its command allows? */
bool request_is_good(const struct fleet_request *request);

/* Does its command close sessions? Not with --dry-run. */
bool request_closes(const struct fleet_request *request);

/* "kill --service=imap", cut off at the end of `line`; not escaped. Returns it. */
char *request_line(const struct fleet_request *request, char *line, size_t size);

const char *request_command_name(enum request_command command);

/* To be freed; NULL: no memory. */
char *request_to_json(const struct fleet_request *request);

/* `text` needs no zero at its end. Returns 0, or -EINVAL: it is none that is good. */
int request_from_json(struct fleet_request *request, const char *text, size_t length);

/* 1 to HOST_NAME_ROOM - 1 of the characters of a host's name. */
bool request_is_name(const char *name, size_t length);

#endif
