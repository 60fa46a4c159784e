/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host is called, wherever others are told of it. */
#ifndef HEADCOUNT_HOST_NAME_H
#define HEADCOUNT_HOST_NAME_H

#define HOST_NAME_ROOM 65 /* bytes of a name, with its NUL: as many as the kernel's */

/* The name that the configuration gives (cut to the room), or if that is NULL or empty the
 * kernel's node name. Returns `name`. */
const char *host_name(const char *configured, char name[HOST_NAME_ROOM]);

#endif
