// SPDX-License-Identifier: GPL-2.0-only
/* The keys and their values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keepalive.h"
#include "record.h"
#include "user/base/number.h"
#include "user/base/words.h"
#include "user/config/parser.h"

#define BLANKS_AND_COMMAS " \t,"

static int set_sessions_max(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 1024, 16777216, &parser->config->sessions_max);
}

static int set_users_max(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 64, 4194304, &parser->config->users_max);
}

static int set_listeners_max(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 64, 4194304, &parser->config->listeners_max);
}

static int set_limit(struct config_parser *parser, const char *value, __u32 *limit)
{
	if (number_parse_cap(value, limit))
		return config_fail(parser, parser->line,
				   "\"%s\" is neither a number from 0 to %u nor \"unlimited\"",
				   value, HC_UNLIMITED - 1);
	return 0;
}

static int set_cap(struct config_parser *parser, const char *value)
{
	return set_limit(parser, value, &config_current(parser)->service.cap);
}

static int set_total(struct config_parser *parser, const char *value)
{
	return set_limit(parser, value, &config_current(parser)->service.total);
}

static int set_unlabelled(struct config_parser *parser, const char *value)
{
	parser->label_line = parser->line;
	return set_limit(parser, value, &config_current(parser)->service.unlabelled);
}

static int set_login_grace(struct config_parser *parser, const char *value)
{
	parser->label_line = parser->line;
	return config_set_number(parser, value, 0, 86400,
				 &config_current(parser)->service.login_grace);
}

static int set_keepalive(struct config_parser *parser, const char *value)
{
	return config_set_seconds(parser, value, HC_KEEPALIVE_MIN, HC_KEEPALIVE_MAX,
				  &config_current(parser)->service.keepalive);
}

static int set_idle(struct config_parser *parser, const char *value)
{
	return config_set_seconds(parser, value, CONFIG_IDLE_MIN, CONFIG_IDLE_MAX,
				  &config_current(parser)->service.idle);
}

/* Calls `add` for each word of a list. */
static int for_each_word(struct config_parser *parser, const char *value,
			 int (*add)(struct config_parser *parser, const char *word))
{
	char *copy = strdup(value), *rest, *word;
	int error = 0;

	if (!copy)
		return config_fail_errno(parser, ENOMEM);
	word = strtok_r(copy, BLANKS_AND_COMMAS, &rest);
	if (!word)
		error = config_fail(parser, parser->line, "empty list");
	for (; word && !error; word = strtok_r(NULL, BLANKS_AND_COMMAS, &rest))
		error = add(parser, word);
	free(copy);
	return error;
}

static int set_labellers(struct config_parser *parser, const char *value)
{
	return for_each_word(parser, value, config_add_labeller);
}

static int add_direction(struct config_parser *parser, const char *word)
{
	__u32 *directions = &parser->config->directions, bit;

	if (!strcmp(word, "inbound"))
		bit = 1u << HC_INBOUND;
	else if (!strcmp(word, "outbound"))
		bit = 1u << HC_OUTBOUND;
	else
		return config_fail(parser, parser->line,
				   "bad direction \"%s\": inbound or outbound", word);
	if (*directions & bit)
		return config_fail(parser, parser->line, "direction %s twice", word);
	*directions |= bit;
	return 0;
}

static int set_directions(struct config_parser *parser, const char *value)
{
	parser->config->directions = 0;
	return for_each_word(parser, value, add_direction);
}

static int add_netns(struct config_parser *parser, const char *word)
{
	struct config *config = parser->config;
	char *copy;
	int error;

	for (size_t i = 0; i < config->netns_count; i++)
		if (!strcmp(config->netns[i], word))
			return config_fail(parser, parser->line, "netns %s twice", word);
	if (config->netns_count == CONFIG_NETNS_MAX)
		return config_fail(parser, parser->line, "more than %d namespaces",
				   CONFIG_NETNS_MAX);
	copy = strdup(word);
	if (!copy)
		return config_fail_errno(parser, ENOMEM);
	error = config_append(parser, &config->netns, &config->netns_count, &copy,
			      sizeof(copy));
	if (error)
		free(copy);
	return error;
}

static int set_netns(struct config_parser *parser, const char *value)
{
	if (!parser->netns_line)
		parser->netns_line = parser->line;
	return for_each_word(parser, value, add_netns);
}

static int add_events(struct config_parser *parser, const char *word)
{
	char why[512] = "";
	int error = sink_list_add(&parser->config->events, word, why, sizeof(why));

	if (error == -ENOMEM)
		return config_fail_errno(parser, ENOMEM);
	return error ? config_fail(parser, parser->line, "%s", why) : 0;
}

static int set_events(struct config_parser *parser, const char *value)
{
	return for_each_word(parser, value, add_events);
}

static int set_events_mode(struct config_parser *parser, const char *value)
{
	if (sink_list_mode(&parser->config->events, value))
		return config_fail(parser, parser->line,
				   "\"%s\" is not an octal mode up to 777", value);
	return 0;
}

static int set_events_group(struct config_parser *parser, const char *value)
{
	if (sink_list_group(&parser->config->events, value))
		return config_fail(parser, parser->line, "no group \"%s\"", value);
	return 0;
}

static int set_events_max(struct config_parser *parser, const char *value)
{
	return config_set_number(parser, value, 1, SUBSCRIBERS_MAX,
				 &parser->config->events.subscribers_max);
}

static int set_listen(struct config_parser *parser, const char *value)
{
	return for_each_word(parser, value, config_add_listen);
}

/* client, client/24 or client/24/56 */
static int parse_client_user(const char *value, struct hc_service *service)
{
	char copy[sizeof("client/32/128")], *rest = copy;
	const char *word, *bits4, *bits6;
	__u32 prefix4 = 32, prefix6 = 64;

	if (strlen(value) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, value);
	word = strsep(&rest, "/");
	bits4 = strsep(&rest, "/");
	bits6 = strsep(&rest, "/");
	if (strcmp(word, "client") || rest)
		return -EINVAL;
	if (bits4 && number_parse(bits4, 0, 32, &prefix4))
		return -EINVAL;
	if (bits6 && number_parse(bits6, 0, 128, &prefix6))
		return -EINVAL;
	service->identify = HC_BY_CLIENT;
	service->prefix4 = prefix4;
	service->prefix6 = prefix6;
	return 0;
}

static int set_user(struct config_parser *parser, const char *value)
{
	struct hc_service *service = &config_current(parser)->service;

	if (!strcmp(value, "uid"))
		service->identify = HC_BY_UID;
	else if (!strcmp(value, "cgroup"))
		service->identify = HC_BY_CGROUP;
	else if (!strcmp(value, "label") && parser->where != CONFIG_OUTBOUND)
		service->identify = HC_BY_LABEL;
	else if (parse_client_user(value, service))
		return config_fail(parser, parser->line,
				   "bad user \"%s\": client, client/0..32, "
				   "client/0..32/0..128, uid, cgroup or label",
				   value);
	return 0;
}

static int set_orphans(struct config_parser *parser, const char *value)
{
	struct hc_service *service = &config_current(parser)->service;

	if (!strcmp(value, "count"))
		service->orphans = HC_ORPHANS_COUNT;
	else if (!strcmp(value, "ignore"))
		service->orphans = HC_ORPHANS_IGNORE;
	else
		return config_fail(parser, parser->line, "bad orphans \"%s\": count or ignore",
				   value);
	return 0;
}

static int add_emit(struct config_parser *parser, const char *word)
{
	struct hc_service *service = &config_current(parser)->service;

	for (int type = HC_OPENED; type <= HC_REFUSED; type++) {
		if (strcmp(word, word_of_action(type)))
			continue;
		service->mute &= ~MUTE_OF_ACTION(type);
		return 0;
	}
	return config_fail(parser, parser->line,
			   "bad emit \"%s\": opened, closed, refused, or none", word);
}

static int set_emit(struct config_parser *parser, const char *value)
{
	config_current(parser)->service.mute = HC_MUTE_ALL;
	return strcmp(value, "none") ? for_each_word(parser, value, add_emit) : 0;
}

static const struct {
	const char *name;
	__u16 error;
} errors[] = {
	{"ECONNREFUSED", ECONNREFUSED},
	{"EPERM", EPERM},
	{"EDQUOT", EDQUOT},
	{"EAGAIN", EAGAIN},
};

const char *config_errno_name(__u16 error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].error == error)
			return errors[i].name;
	return NULL;
}

static int set_errno(struct config_parser *parser, const char *value)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (!strcmp(value, errors[i].name)) {
			config_current(parser)->service.error = errors[i].error;
			return 0;
		}
	}
	return config_fail(parser, parser->line,
			   "bad errno \"%s\": ECONNREFUSED, EPERM, EDQUOT or EAGAIN", value);
}

static const struct config_key {
	const char *name;
	unsigned int where;           /* bits of config_where */
	enum { ONCE, REPEATS } often; /* in a section */
	int (*set)(struct config_parser *parser, const char *value);
} keys[] = {
	{"sessions_max", CONFIG_HEADCOUNT, ONCE, set_sessions_max},
	{"users_max", CONFIG_HEADCOUNT, ONCE, set_users_max},
	{"listeners_max", CONFIG_HEADCOUNT, ONCE, set_listeners_max},
	{"metrics", CONFIG_HEADCOUNT, ONCE, config_set_metrics},
	{"metrics_max", CONFIG_HEADCOUNT, ONCE, config_set_metrics_max},
	{"metrics_top_users", CONFIG_HEADCOUNT, ONCE, config_set_metrics_top_users},
	{"page", CONFIG_HEADCOUNT, ONCE, config_set_page},
	{"directions", CONFIG_HEADCOUNT, ONCE, set_directions},
	{"netns", CONFIG_HEADCOUNT, REPEATS, set_netns},
	{"events", CONFIG_HEADCOUNT, REPEATS, set_events},
	{"events_mode", CONFIG_HEADCOUNT, ONCE, set_events_mode},
	{"events_group", CONFIG_HEADCOUNT, ONCE, set_events_group},
	{"events_max", CONFIG_HEADCOUNT, ONCE, set_events_max},
	{"listen", CONFIG_NAMED, REPEATS, set_listen},
	{"user", CONFIG_SERVICE, ONCE, set_user},
	{"cap", CONFIG_SERVICE, ONCE, set_cap},
	{"total", CONFIG_SERVICE, ONCE, set_total},
	{"unlabelled", CONFIG_INBOUND | CONFIG_NAMED, ONCE, set_unlabelled},
	{"login_grace", CONFIG_INBOUND | CONFIG_NAMED, ONCE, set_login_grace},
	{"labellers", CONFIG_INBOUND | CONFIG_NAMED, REPEATS, set_labellers},
	{"excess", CONFIG_SERVICE, ONCE, config_set_excess},
	{"wait_max", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_wait_max},
	{"evict_idle", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_evict_idle},
	{"evict_rate", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_evict_rate},
	{"redirect", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_redirect},
	{"emit", CONFIG_SERVICE, ONCE, set_emit},
	{"orphans", CONFIG_SERVICE, ONCE, set_orphans},
	{"keepalive", CONFIG_SERVICE, ONCE, set_keepalive},
	{"idle", CONFIG_SERVICE, ONCE, set_idle},
	{"override", CONFIG_SERVICE, REPEATS, config_add_override},
	{"errno", CONFIG_OUTBOUND, ONCE, set_errno},
	{"scope", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_scope},
	{"cold", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_cold},
	{"cap_alone", CONFIG_INBOUND | CONFIG_NAMED, ONCE, config_set_cap_alone},
	{"store", CONFIG_FLEET, REPEATS, config_add_store},
	{"name", CONFIG_FLEET, ONCE, config_set_fleet_name},
	{"lease", CONFIG_FLEET, ONCE, config_set_lease},
	{"keep", CONFIG_FLEET, ONCE, config_set_keep},
	{"asks", CONFIG_FLEET, ONCE, config_set_asks},
	{"servers", CONFIG_FLEET, ONCE, config_set_servers},
	{"alone", CONFIG_FLEET, ONCE, config_set_alone},
	{"kill", CONFIG_FLEET, ONCE, config_set_fleet_kill},
	{"prefix", CONFIG_FLEET, ONCE, config_set_prefix},
	{"tls_ca", CONFIG_FLEET, ONCE, config_set_tls_ca},
	{"tls_cert", CONFIG_FLEET, ONCE, config_set_tls_cert},
	{"tls_key", CONFIG_FLEET, ONCE, config_set_tls_key},
	{"sentinel_user", CONFIG_FLEET, ONCE, config_set_sentinel_user},
	{"sentinel_password", CONFIG_FLEET, ONCE, config_set_sentinel_password},
};

_Static_assert(sizeof(keys) / sizeof(*keys) <= 64, "a bit of keys_seen for each");

int config_set(struct config_parser *parser, const char *name, const char *value)
{
	const size_t count = sizeof(keys) / sizeof(*keys);
	size_t i;

	if (parser->where == CONFIG_NOWHERE)
		return config_fail(parser, parser->line, "\"%s\" before any section", name);
	for (i = 0; i < count && strcmp(keys[i].name, name);)
		i++;
	if (i == count)
		return config_fail(parser, parser->line, "unknown key \"%s\"", name);
	if (!(keys[i].where & parser->where))
		return config_fail(parser, parser->line,
				   "\"%s\" is not allowed in this section", name);
	if (keys[i].often == ONCE && (parser->keys_seen & 1ull << i))
		return config_fail(parser, parser->line, "\"%s\" twice in this section", name);
	parser->keys_seen |= 1ull << i;
	return keys[i].set(parser, value);
}
