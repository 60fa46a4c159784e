/* SPDX-License-Identifier: GPL-2.0-only */
/* The files that a browser gets, as they are in this folder. */
#ifndef HEADCOUNT_WEB_ASSETS_H
#define HEADCOUNT_WEB_ASSETS_H

#include <stddef.h>

struct web_asset {
	const char *url;
	const char *type; /* its Content-Type */
	const char *start, *end;
};

/* The asset of that URL, or NULL. */
const struct web_asset *web_asset_find(const char *url);

/* Its ETag, with the quotes: another one for other bytes. */
#define WEB_TAG 24
char *web_asset_tag(const struct web_asset *asset, char tag[WEB_TAG]);

#endif
