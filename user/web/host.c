// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <string.h>

#include "user/web/host.h"

#define NAME_MAX_BYTES 256

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1;
}

/* [2001:db8::1] */
static bool is_bracketed(char *text)
{
	size_t length = strlen(text);
	unsigned char bytes[16];

	if (*text != '[' || text[length - 1] != ']')
		return false;
	text[length - 1] = '\0';
	return inet_pton(AF_INET6, text + 1, bytes) == 1;
}

static bool is_own(const char *text, const char *own)
{
	size_t first = strcspn(own, ".");

	if (!*own)
		return false;
	return !strcasecmp(text, own) ||
	       (strlen(text) == first && !strncasecmp(text, own, first));
}

bool web_host_is_ours(const char *header, const char *own)
{
	char text[NAME_MAX_BYTES];
	char *port;

	if (!header || strlen(header) >= sizeof(text))
		return false;
	strcpy(text, header);
	port = strrchr(text, ':');
	/* Not in the middle of an IPv6 address. */
	if (port && !strchr(port, ']')) {
		if (port[1 + strspn(port + 1, "0123456789")])
			return false;
		*port = '\0';
	}
	return is_address(text) || is_bracketed(text) || !strcasecmp(text, "localhost") ||
	       is_own(text, own);
}
