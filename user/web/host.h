/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whom a browser believes that it asks. The name of a site of others can be made to mean this
 * host's address (DNS rebinding); its scripts could then read the page. A name that nobody else
 * can give away is none of those. Pure.
 */
#ifndef HEADCOUNT_WEB_HOST_H
#define HEADCOUNT_WEB_HOST_H

#include <stdbool.h>

/* Is the header `Host` an address, localhost, or `own`, this host's name (or its first part)?
 * With a port or without. NULL is no header. */
bool web_host_is_ours(const char *header, const char *own);

#endif
