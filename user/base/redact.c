// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "user/base/redact.h"

#define BETWEEN_WORDS " \t\n,;=/()[]<>'\"\\"

/* With a port, too, if IPv4. (The brackets around IPv6 are between words.) */
static bool is_one(const char *word, size_t length)
{
	char text[INET6_ADDRSTRLEN + 8], *colon;
	struct in6_addr address;

	if (length >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)length, word);
	text[strcspn(text, "%")] = '\0'; /* the interface */
	if (inet_pton(AF_INET6, text, &address) == 1)
		return true;
	colon = strchr(text, ':');
	if (colon)
		*colon = '\0';
	return inet_pton(AF_INET, text, &address) == 1;
}

/* Marks behind it are the sentence's. */
static bool is_address(const char *word, size_t length)
{
	bool found = is_one(word, length);

	while (!found && length > 1 && strchr(":.", word[length - 1]))
		found = is_one(word, --length);
	return found;
}

static bool is_told(const char *line)
{
	const char *message = strstr(line, ": "), *systemd = strstr(line, " systemd[");

	return message && ((systemd && systemd < message) ||
			   !strncmp(message + 2, "headcount: ", strlen("headcount: ")));
}

void redact_text(const char *line, char *out, size_t size)
{
	size_t used = 0, length;

	*out = '\0';
	for (; *line && used < size; line += length) {
		length = strcspn(line, BETWEEN_WORDS);
		if (!length && *line == '"') {
			snprintf(out + used, size - used, "\"...\n");
			break;
		}
		if (length && is_address(line, length)) {
			used += snprintf(out + used, size - used, "ADDRESS");
			continue;
		}
		length = length ?: 1;
		used += snprintf(out + used, size - used, "%.*s", (int)length, line);
	}
}

bool redact_log(const char *line, char *out, size_t size)
{
	*out = '\0';
	if (!is_told(line))
		return false;
	redact_text(line, out, size);
	return true;
}
