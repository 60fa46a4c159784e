/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which run on which host tells: what every line has after its number. The three together are
 * given to one line only, so that whoever gets a line twice knows it.
 */
#ifndef HEADCOUNT_ORIGIN_H
#define HEADCOUNT_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include "user/base/host_name.h"

/* The keys and the id take less than 64 bytes; each byte of a name may become six. */
#define ORIGIN_ROOM (64 + 6 * HOST_NAME_ROOM)

/* ,"host.name":"front7","agent.ephemeral_id":"8a4f500f9c3d21e7" (no NUL), or nothing. */
struct origin {
	size_t length;
	char text[ORIGIN_ROOM];
};

/* A run that begins now, whose id no other has; `name` as for host_name(). */
void origin_begin(struct origin *origin, const char *name);

/* That of a line which was printed with one; nothing if the line has none. */
void origin_of_line(struct origin *origin, const char *text, size_t length);

/* Is the line of this origin? Not if that is nothing. */
bool origin_has_line(const struct origin *origin, const char *text, size_t length);

#endif
