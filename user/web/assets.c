// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include <linux/types.h>

#include "user/web/assets.h"

/* The assembler reads the file: the Makefile knows that this depends on it. */
#define FILE_BYTES(name, path)                                                                 \
	__asm__(".pushsection .rodata\n"                                                       \
		".hidden asset_" #name "\n.global asset_" #name "\nasset_" #name ":\n"         \
		".incbin \"" path "\"\n"                                                       \
		".hidden asset_" #name "_end\n.global asset_" #name "_end\nasset_" #name       \
		"_end:\n"                                                                      \
		".popsection\n");                                                              \
	extern const char asset_##name[], asset_##name##_end[]

FILE_BYTES(html, "user/web/page.html");
FILE_BYTES(css, "user/web/page.css");
FILE_BYTES(js, "user/web/page.js");
FILE_BYTES(icon, "user/web/icon.svg");

static const struct web_asset assets[] = {
	{"/", "text/html; charset=utf-8", asset_html, asset_html_end},
	{"/page.css", "text/css; charset=utf-8", asset_css, asset_css_end},
	{"/page.js", "text/javascript; charset=utf-8", asset_js, asset_js_end},
	{"/icon.svg", "image/svg+xml", asset_icon, asset_icon_end},
};

const struct web_asset *web_asset_find(const char *url)
{
	for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
		if (!strcmp(url, assets[i].url))
			return &assets[i];
	return NULL;
}

char *web_asset_tag(const struct web_asset *asset, char tag[WEB_TAG])
{
	__u64 hash = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *byte = asset->start; byte < asset->end; byte++)
		hash = (hash ^ (unsigned char)*byte) * 0x100000001b3ull;
	snprintf(tag, WEB_TAG, "\"%016llx\"", hash);
	return tag;
}
