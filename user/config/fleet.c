// SPDX-License-Identifier: GPL-2.0-only
/* [fleet], and what a service says of it. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/words.h"
#include "user/config/parser.h"

int config_add_store(struct config_parser *parser, const char *value)
{
	struct config_fleet *fleet = &parser->config->fleet;
	struct store_address *address;
	char why[256];
	int error;

	if (fleet->store_count == HC_SHARDS_MAX)
		return config_fail(parser, parser->line, "more than %d stores", HC_SHARDS_MAX);
	address = calloc(1, sizeof(*address));
	if (!address)
		return config_fail_errno(parser, ENOMEM);
	error = store_address_parse(address, value, why, sizeof(why))
			? config_fail(parser, parser->line, "%s", why)
			: config_append(parser, &fleet->stores, &fleet->store_count, address,
					sizeof(*address));
	explicit_bzero(address, sizeof(*address));
	free(address);
	return error;
}

/* Other hosts, and whoever reads events, know this one by it. */
int config_set_fleet_name(struct config_parser *parser, const char *value)
{
	char *name = parser->config->fleet.name;
	size_t length = strlen(value), i = 0;

	while (i < length && (isalnum((unsigned char)value[i]) || strchr("._-", value[i])))
		i++;
	if (!length || length > CONFIG_NAME_MAX || i < length)
		return config_fail(parser, parser->line,
				   "bad name \"%s\": 1 to %d of A-Z a-z 0-9 _ . -", value,
				   CONFIG_NAME_MAX);
	strcpy(name, value);
	parser->config->fleet.named = true;
	return 0;
}

int config_set_lease(struct config_parser *parser, const char *value)
{
	return config_set_seconds(parser, value, CONFIG_LEASE_MIN, CONFIG_LEASE_MAX,
				  &parser->config->fleet.lease);
}

int config_set_keep(struct config_parser *parser, const char *value)
{
	return config_set_seconds(parser, value, 1, CONFIG_KEEP_MAX,
				  &parser->config->fleet.keep);
}

int config_set_asks(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 1, CONFIG_ASKS_MAX,
				 &parser->config->fleet.asks);
}

int config_set_servers(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 1, STORE_PLACES_MAX,
				 &parser->config->fleet.servers);
}

int config_set_alone(struct config_parser *parser, const char *value)
{
	int alone = alone_of_word(value);

	if (alone < 0)
		return config_fail(parser, parser->line,
				   "bad alone \"%s\": local, refuse, admit or close", value);
	parser->config->fleet.alone = alone;
	return 0;
}

int config_set_fleet_kill(struct config_parser *parser, const char *value)
{
	bool yes = !strcmp(value, "yes");

	if (!yes && strcmp(value, "no"))
		return config_fail(parser, parser->line, "bad kill \"%s\": write yes or no",
				   value);
	parser->config->fleet.kill = yes;
	return 0;
}

static int set_text(struct config_parser *parser, const char *value, char **text)
{
	*text = strdup(value);
	return *text ? 0 : config_fail_errno(parser, ENOMEM);
}

/* A part of the names of keys, which an ACL lists. */
int config_set_prefix(struct config_parser *parser, const char *value)
{
	size_t length = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.:-");

	if (!length || value[length] || length > CONFIG_PREFIX_MAX)
		return config_fail(parser, parser->line,
				   "bad prefix \"%s\": 1 to %d of A-Z a-z 0-9 _ . : -", value,
				   CONFIG_PREFIX_MAX);
	return set_text(parser, value, &parser->config->fleet.prefix);
}

static int set_path(struct config_parser *parser, const char *value, char **path)
{
	parser->tls_line = parser->line;
	if (*value != '/' || strlen(value) >= PATH_MAX)
		return config_fail(parser, parser->line, "\"%s\" is no absolute path", value);
	return set_text(parser, value, path);
}

int config_set_tls_ca(struct config_parser *parser, const char *value)
{
	return set_path(parser, value, &parser->config->fleet.tls_ca);
}

int config_set_tls_cert(struct config_parser *parser, const char *value)
{
	return set_path(parser, value, &parser->config->fleet.tls_cert);
}

int config_set_tls_key(struct config_parser *parser, const char *value)
{
	return set_path(parser, value, &parser->config->fleet.tls_key);
}

static int set_secret(struct config_parser *parser, const char *value, char **text)
{
	parser->sentinel_line = parser->line;
	if (!*value || strlen(value) >= STORE_SECRET_MAX)
		return config_fail(parser, parser->line, "1 to %d bytes are wanted",
				   STORE_SECRET_MAX - 1);
	return set_text(parser, value, text);
}

int config_set_sentinel_user(struct config_parser *parser, const char *value)
{
	return set_secret(parser, value, &parser->config->fleet.sentinel_user);
}

int config_set_sentinel_password(struct config_parser *parser, const char *value)
{
	return set_secret(parser, value, &parser->config->fleet.sentinel_password);
}

int config_set_scope(struct config_parser *parser, const char *value)
{
	bool fleet = !strcmp(value, "fleet");

	if (!fleet && strcmp(value, "host"))
		return config_fail(parser, parser->line, "bad scope \"%s\": host or fleet",
				   value);
	parser->scope_line = fleet ? parser->line : 0;
	config_current(parser)->service.fleet = fleet;
	return 0;
}

int config_set_cold(struct config_parser *parser, const char *value)
{
	int cold = cold_of_word(value);

	parser->cold_line = parser->line;
	if (cold < 0)
		return config_fail(parser, parser->line, "bad cold \"%s\": wait or admit",
				   value);
	config_current(parser)->service.cold = cold;
	return 0;
}

int config_set_cap_alone(struct config_parser *parser, const char *value)
{
	parser->cold_line = parser->line;
	return config_set_number(parser, value, 1, HC_UNLIMITED - 1,
				 &config_current(parser)->service.cap_alone);
}

int config_check_scope(struct config_parser *parser)
{
	const struct hc_service *service = &config_current(parser)->service;

	if (!service->fleet && parser->cold_line)
		return config_fail(parser, parser->cold_line,
				   "cold and cap_alone are of a service with scope = fleet");
	if (!service->fleet)
		return 0;
	if (service->identify == HC_BY_CGROUP)
		return config_fail(parser, parser->scope_line,
				   "scope = fleet is of users that all hosts know: user = "
				   "client, uid or label, not cgroup");
	if (!parser->fleet_line)
		parser->fleet_line = parser->scope_line;
	return 0;
}

static bool has_kind(const struct config_fleet *fleet, bool tls, bool sentinels)
{
	for (size_t i = 0; i < fleet->store_count; i++)
		if ((tls && fleet->stores[i].tls) ||
		    (sentinels && fleet->stores[i].kind == STORE_SENTINELS))
			return true;
	return false;
}

/* Shards are told apart by their place in the list: twice the same would be two worlds in one.
 */
static bool has_twins(const struct config_fleet *fleet)
{
	for (size_t i = 1; i < fleet->store_count; i++)
		for (size_t j = 0; j < i; j++)
			if (!memcmp(&fleet->stores[i], &fleet->stores[j],
				    sizeof(*fleet->stores)))
				return true;
	return false;
}

int config_check_fleet_section(struct config_parser *parser)
{
	const struct config_fleet *fleet = &parser->config->fleet;
	unsigned int line = parser->section_line;

	if (!fleet->store_count)
		return config_fail(parser, line,
				   "[fleet] needs a line \"store = valkey://HOST:PORT\"");
	if (has_twins(fleet))
		return config_fail(parser, line, "[fleet] has the same store twice");
	if (!fleet->tls_cert != !fleet->tls_key)
		return config_fail(parser, parser->tls_line,
				   "tls_cert and tls_key go together");
	if (parser->tls_line && !has_kind(fleet, true, false))
		return config_fail(parser, parser->tls_line,
				   "tls_ca, tls_cert and tls_key, and no store with TLS: "
				   "valkeys://, rediss:// or sentinels://");
	if (parser->sentinel_line && !has_kind(fleet, false, true))
		return config_fail(parser, parser->sentinel_line,
				   "sentinel_user and sentinel_password, and no store has "
				   "sentinel://");
	return 0;
}

int config_check_fleet(struct config_parser *parser)
{
	struct config *config = parser->config;

	if (parser->fleet_line && !config->fleet.store_count)
		return config_fail(parser, parser->fleet_line,
				   "scope = fleet needs a section [fleet] with a line \"store "
				   "= valkey://HOST:PORT\"");
	for (size_t i = 0; i < config->service_count; i++)
		config->services[i].service.alone = config->fleet.alone;
	return 0;
}
