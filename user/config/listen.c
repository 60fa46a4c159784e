// SPDX-License-Identifier: GPL-2.0-only
/* Where a service listens: addresses and ports, without overlaps. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/number.h"
#include "user/config/parser.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* 143, 5900-5999, or a name of /etc/services (or wherever this host has them). */
static int parse_ports(const char *text, struct config_listen *listen)
{
	const char *dash = strchr(text, '-');
	const struct servent *service;
	char first[sizeof("65535")] = "";
	__u32 port, last;

	if (!number_parse(text, 1, 65535, &port)) {
		listen->port = listen->last = port;
		return 0;
	}
	if (dash && (size_t)(dash - text) < sizeof(first)) {
		memcpy(first, text, dash - text);
		if (!number_parse(first, 1, 65535, &port) &&
		    !number_parse(dash + 1, port, 65535, &last)) {
			listen->port = port;
			listen->last = last;
			return 0;
		}
	}
	service = strpbrk(text, LETTERS) ? getservbyname(text, "tcp") : NULL;
	if (!service || !service->s_port)
		return -EINVAL;
	listen->port = listen->last = ntohs(service->s_port);
	return 0;
}

int config_parse_listen(const char *word, struct config_listen *listen)
{
	const char *colon = strrchr(word, ':');
	const char *start = word, *end = colon;
	char address[INET6_ADDRSTRLEN] = "";

	memset(listen, 0, sizeof(*listen));
	if (parse_ports(colon ? colon + 1 : word, listen))
		return -EINVAL;
	if (!colon)
		return 0;
	if (*word == '[') {
		start++;
		end--;
		if (*end != ']')
			return -EINVAL;
	}
	if ((size_t)(end - start) >= sizeof(address))
		return -EINVAL;
	memcpy(address, start, end - start);
	if (*word == '[')
		return inet_pton(AF_INET6, address, listen->address) == 1 ? 0 : -EINVAL;
	memset(listen->address + 10, 0xff, 2);
	return inet_pton(AF_INET, address, listen->address + 12) == 1 ? 0 : -EINVAL;
}

/* Each port at an address is an entry of a table; the ports of every address are one. */
static size_t entries_of(const struct config_listen *listen)
{
	return address_is_known(listen->address) ? listen->last - listen->port + 1 : 0;
}

static bool overlap(const struct config_listen *a, const struct config_listen *b)
{
	return a->port <= b->last && b->port <= a->last &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}

int config_add_listen(struct config_parser *parser, const char *word)
{
	const struct config *config = parser->config;
	struct config_service *service = config_current(parser);
	struct config_listen listen;
	size_t entries;

	if (config_parse_listen(word, &listen))
		return config_fail(
			parser, parser->line,
			"bad \"%s\": write PORT, IPV4:PORT or [IPV6]:PORT, with a port "
			"from 1 to 65535, a range of them, or the name of a TCP service",
			word);
	/* No session's local address is 0.0.0.0 or ::, so that could not mean what it says. */
	if (strchr(word, ':') && !address_is_known(listen.address))
		return config_fail(parser, parser->line,
				   "bad \"%s\": for every address write the port alone, %s",
				   word, strrchr(word, ':') + 1);
	entries = entries_of(&listen);
	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *other = &config->services[i];

		for (size_t j = 0; j < other->listens; j++) {
			if (overlap(&other->listen[j], &listen))
				return config_fail(parser, parser->line,
						   "%s is already in [service %s]", word,
						   other->service.name);
			entries += entries_of(&other->listen[j]);
		}
	}
	if (entries > CONFIG_ADDRESSES_MAX && entries_of(&listen))
		return config_fail(
			parser, parser->line,
			"more than %d addresses with a port (a port alone does not count)",
			CONFIG_ADDRESSES_MAX);
	return config_append(parser, &service->listen, &service->listens, &listen,
			     sizeof(listen));
}
