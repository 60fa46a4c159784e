// SPDX-License-Identifier: GPL-2.0-only
/* The file: lines, sections and what holds for a whole section. */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/config/parser.h"

/* Can anything refuse a session of this service? */
static bool is_limited(const struct config_service *service)
{
	if (service->service.unlabelled != HC_UNLIMITED)
		return true;
	if (service->service.cap != HC_UNLIMITED || service->service.total != HC_UNLIMITED)
		return true;
	for (size_t i = 0; i < service->override_count; i++)
		if (service->overrides[i].cap != HC_UNLIMITED)
			return true;
	return false;
}

static bool is_special(const struct config_service *service)
{
	for (size_t i = 0; i < service->override_count; i++)
		if (service->overrides[i].traits || service->overrides[i].idle)
			return true;
	return false;
}

static int close_section(struct config_parser *parser)
{
	struct config_service *service = config_current(parser);

	if (parser->where & CONFIG_SERVICE) {
		if (parser->where == CONFIG_NAMED && !service->listens)
			return config_fail(parser, parser->section_line,
					   "[service %s] needs a line \"listen = PORT\"",
					   service->service.name);
		if (parser->label_line && service->service.identify != HC_BY_LABEL)
			return config_fail(parser, parser->label_line,
					   "unlabelled, login_grace and labellers are of a "
					   "service with user = label");
		if (config_resolve_overrides(parser))
			return -EINVAL;
		if (config_check_scope(parser) || config_check_excess(parser))
			return -EINVAL;
		config_resolve_labellers(service);
		service->service.limited = is_limited(service);
		service->service.special = is_special(service);
	}
	return parser->where == CONFIG_FLEET ? config_check_fleet_section(parser) : 0;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && isblank((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

static bool is_service_name(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789_.-");

	return length && length < HC_NAME_MAX && !name[length];
}

static int open_service(struct config_parser *parser, const char *name)
{
	struct config *config = parser->config;
	struct config_service fresh = {};
	int index;

	if (!is_service_name(name))
		return config_fail(parser, parser->line,
				   "bad service name \"%s\": 1 to %d of A-Z a-z 0-9 _ . -",
				   name, HC_NAME_MAX - 1);
	index = config_find(config, name);
	if (index == HC_OUTBOUND_SERVICE || index == HC_INBOUND_SERVICE) {
		parser->where = index == HC_OUTBOUND_SERVICE ? CONFIG_OUTBOUND : CONFIG_INBOUND;
		parser->service = index;
		return 0;
	}
	if (index >= 0)
		return config_fail(parser, parser->line, "second section [service %s]", name);
	if (config->service_count == HC_SERVICES_MAX)
		return config_fail(parser, parser->line, "more than %d services",
				   HC_SERVICES_MAX - HC_FIRST_SERVICE);
	config_service_defaults(&fresh.service, name);
	parser->where = CONFIG_NAMED;
	parser->service = config->service_count;
	return config_append(parser, &config->services, &config->service_count, &fresh,
			     sizeof(fresh));
}

/*
 * A line that starts with a bracket. libinih tells of a section only with its
 * first key, and cuts long names, so an empty section is seen only here.
 */
static int open_section(struct config_parser *parser, char *text)
{
	char *end = strchr(text, ']');
	char *after;

	if (!end)
		return 0; /* libinih calls it an error of this line */
	if (close_section(parser))
		return -EINVAL;
	after = end + 1 + strspn(end + 1, " \t\r\n");
	if (*after && *after != ';' && *after != '#')
		return config_fail(parser, parser->line, "text after the section's name");
	*end = '\0';
	text = trim(text + 1);
	parser->section_line = parser->line;
	parser->keys_seen = 0;
	parser->label_line = 0;
	parser->wait_line = parser->evict_line = 0;
	parser->redirect_line = parser->excess_line = 0;
	parser->scope_line = parser->cold_line = 0;
	if (!strcmp(text, "headcount"))
		parser->where = CONFIG_HEADCOUNT;
	else if (!strcmp(text, "fleet"))
		parser->where = CONFIG_FLEET;
	else if (strncmp(text, "service", 7) || (text[7] && !isblank((unsigned char)text[7])))
		return config_fail(parser, parser->line, "unknown section [%s]", text);
	else if (open_service(parser, trim(text + 7)))
		return -EINVAL;
	if (parser->where & ~CONFIG_NAMED & parser->sections_seen)
		return config_fail(parser, parser->line, "second section [%s]", text);
	parser->sections_seen |= parser->where;
	if (parser->where == CONFIG_OUTBOUND)
		parser->outbound_line = parser->line;
	else if (parser->where & CONFIG_SERVICE && !parser->inbound_line)
		parser->inbound_line = parser->line;
	return 0;
}

/* A page is served where the metrics are. */
static void check_page(struct config_parser *parser)
{
	if (parser->page_line && !*parser->config->metrics.text)
		config_fail(parser, parser->page_line,
			    "page = yes needs an address: a line \"metrics = ...\"");
}

/* Lines about sessions that are not counted would be ignored. */
static void check_directions(struct config_parser *parser)
{
	const struct config *config = parser->config;

	if (!config_wants(config, HC_OUTBOUND) && parser->outbound_line)
		config_fail(parser, parser->outbound_line,
			    "a section of outbound sessions, and directions = inbound");
	else if (!config_wants(config, HC_INBOUND) && parser->inbound_line)
		config_fail(parser, parser->inbound_line,
			    "a section of inbound sessions, and directions = outbound");
	else if (!config_wants(config, HC_INBOUND) && parser->netns_line)
		config_fail(parser, parser->netns_line,
			    "netns is of inbound sessions, and directions = outbound");
	else
		config_set_directions(parser->config, config->directions);
}

/*
 * The reader libinih pulls lines from. Reading ourselves gives keys their line
 * numbers and makes the result independent of how libinih was built: leading
 * blanks never continue the line before, and a line is never cut in two.
 */
static char *read_line(char *line, int room, void *stream)
{
	struct config_parser *parser = stream;
	ssize_t length;
	char *text;

	if (parser->error)
		return NULL;
	length = getline(&parser->text, &parser->text_size, parser->file);
	if (length < 0) {
		if (!feof(parser->file))
			config_fail_errno(parser, errno);
		return NULL;
	}
	parser->line++;
	text = parser->text;
	if (strlen(text) != (size_t)length) {
		config_fail(parser, parser->line, "a NUL byte");
		return NULL;
	}
	if (parser->line == 1 && !strncmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	text += strspn(text, " \t\r\n\v\f");
	if (*text == ';' || *text == '#')
		*text = '\0';
	/* One byte less than fits: a line that fills its buffer looks cut to libinih. */
	if (strlen(text) > (size_t)room - 2) {
		config_fail(parser, parser->line, "line longer than %d bytes", room - 2);
		return NULL;
	}
	strcpy(line, text);
	if (*text == '[' && open_section(parser, text))
		return NULL;
	return line;
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	(void)section; /* cut short by libinih, and known from read_line() */
	return !config_set(user, name, value);
}

static void parse_file(struct config_parser *parser)
{
	int status = ini_parse_stream(read_line, parser, on_key, parser);

	if (status < 0)
		config_fail_errno(parser, ENOMEM);
	/* libinih goes on after a line that it cannot parse, and only its number is known. */
	if (status > 0 && (!parser->error || (unsigned int)status < parser->error_line))
		config_fail(parser, status, "neither a [section], KEY = VALUE nor a comment");
	if (!parser->error && !close_section(parser)) {
		check_page(parser);
		if (!parser->error)
			check_directions(parser);
		if (!parser->error)
			config_check_fleet(parser);
	}
}

static int open_source(struct config_parser *parser)
{
	parser->file = fopen(parser->path, "re");
	if (!parser->file)
		return config_fail_errno(parser, errno);
	hc_step("opened %s", parser->path);
	return 0;
}

int config_read(struct config *config, const char *path, char *why, size_t why_size)
{
	struct config_parser parser = {
		.config = config,
		.path = path,
		.why = why,
		.why_size = why_size,
	};
	int error;

	error = config_defaults(config) ? config_fail_errno(&parser, ENOMEM) : 0;
	error = error ?: open_source(&parser);
	if (!error)
		parse_file(&parser);
	if (parser.file)
		fclose(parser.file);
	for (size_t i = 0; i < parser.pending_count; i++)
		free(parser.pending[i].text);
	free(parser.pending);
	free(parser.text);
	if (parser.error)
		config_free(config);
	return parser.error;
}
