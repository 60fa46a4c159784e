// SPDX-License-Identifier: GPL-2.0-only
/* The keys of the metrics. */
#include <string.h>
#include <sys/un.h>

#include "user/base/address.h"
#include "user/config/parser.h"

#define UNIX_PREFIX "unix:"

const char *config_metrics_path(const struct config_metrics *metrics)
{
	const size_t prefix = strlen(UNIX_PREFIX);

	return strncmp(metrics->text, UNIX_PREFIX, prefix) ? NULL : metrics->text + prefix;
}

static bool is_loopback(const __u8 address[16])
{
	static const __u8 loopback[16] = {[15] = 1};

	return address_is_ipv4(address) ? address[12] == 127
					: !memcmp(address, loopback, sizeof(loopback));
}

bool config_has_page(const struct config_metrics *metrics)
{
	if (!*metrics->text || metrics->page == CONFIG_PAGE_NO)
		return false;
	return metrics->page == CONFIG_PAGE_YES || config_metrics_path(metrics) ||
	       is_loopback(metrics->listen.address);
}

/* unix:/PATH, or an address as in `listen`, with its port */
int config_set_metrics(struct config_parser *parser, const char *value)
{
	const size_t path_room = sizeof(((struct sockaddr_un *)0)->sun_path);
	struct config_metrics *metrics = &parser->config->metrics;
	const char *path, *port = strrchr(value, ':');

	_Static_assert(sizeof(metrics->text) >
			       sizeof(UNIX_PREFIX) +
				       sizeof(((struct sockaddr_un *)0)->sun_path),
		       "room");
	snprintf(metrics->text, sizeof(metrics->text), "%s", value);
	path = config_metrics_path(metrics);
	if (path ? *path == '/' && strlen(value) < strlen(UNIX_PREFIX) + path_room
		 : port && port[strspn(port + 1, "0123456789") + 1] == '\0' &&
			    !config_parse_listen(value, &metrics->listen))
		return 0;
	return config_fail(
		parser, parser->line,
		"bad metrics \"%s\": write IPV4:PORT, [IPV6]:PORT or unix:/PATH of at "
		"most %zu bytes",
		value, path_room - 1);
}

int config_set_metrics_max(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 1, CONFIG_METRICS_MAX_MAX,
				 &parser->config->metrics.max);
}

int config_set_metrics_top_users(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 0, CONFIG_TOP_USERS_MAX,
				 &parser->config->metrics_top_users);
}

int config_set_page(struct config_parser *parser, const char *value)
{
	bool yes = !strcmp(value, "yes");

	if (!yes && strcmp(value, "no"))
		return config_fail(parser, parser->line, "bad page \"%s\": write yes or no",
				   value);
	parser->config->metrics.page = yes ? CONFIG_PAGE_YES : CONFIG_PAGE_NO;
	parser->page_line = yes ? parser->line : 0;
	return 0;
}
