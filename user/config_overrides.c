// SPDX-License-Identifier: GPL-2.0-only
/* The lines "override = USER N" of a section: they wait for its end, and no two of them
 * may say something of the same user. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_parser.h"
#include "number.h"
#include "user_name.h"

#define BLANKS " \t"

static struct config_service *current(struct config_parser *parser)
{
	return &parser->config->services[parser->service];
}

int config_add_override(struct config_parser *parser, const char *value)
{
	struct config_pending pending = {.line = parser->line};
	size_t count = parser->pending_count;
	int err;

	for (size_t i = 0; i < parser->config->service_count; i++)
		count += parser->config->services[i].override_count;
	if (count == CONFIG_OVERRIDES_MAX)
		return config_fail(parser, parser->line, "more than %d overrides",
				   CONFIG_OVERRIDES_MAX);
	pending.text = strdup(value);
	if (!pending.text)
		return config_fail_errno(parser, ENOMEM);
	err = config_append(parser, &parser->pending, &parser->pending_count, &pending,
			    sizeof(pending));
	if (err)
		free(pending.text);
	return err;
}

/* Cuts "USER N" in two. The user is all but the last word: a cgroup's path may
 * have blanks in it. Returns N. */
static const char *split_override(char *text)
{
	char *cap = text + strlen(text);
	char *end;

	while (cap > text && !strchr(BLANKS, cap[-1]))
		cap--;
	for (end = cap; end > text && strchr(BLANKS, end[-1]);)
		end--;
	if (end == text)
		return NULL;
	*end = '\0';
	return cap;
}

static int resolve_override(struct config_parser *parser, const struct config_pending *pending)
{
	struct config_service *service = current(parser);
	const char *cap = split_override(pending->text);
	struct config_override override = {};
	char why[512];

	if (!cap || number_parse_cap(cap, &override.cap))
		return config_fail(parser, pending->line,
				   "bad override: USER and a number from 0 to %u or "
				   "\"unlimited\"",
				   HC_UNLIMITED - 1);
	if (user_key_parse(pending->text, &service->service, parser->service, &override.key,
			   &override.bits, why, sizeof(why)))
		return config_fail(parser, pending->line, "%s", why);
	return config_append(parser, &service->overrides, &service->override_count, &override,
			     sizeof(override));
}

/* By what they say of whom; of two that say the same, the earlier first. */
static int by_key(const void *left, const void *right)
{
	const struct config_override *a = *(const struct config_override *const *)left;
	const struct config_override *b = *(const struct config_override *const *)right;
	int order = memcmp(&a->key, &b->key, sizeof(a->key));

	if (!order && a->bits != b->bits)
		order = a->bits < b->bits ? -1 : 1;
	return order ?: a < b ? -1 : a > b;
}

/* Overrides were resolved in the order of `pending`, so the indexes agree. */
static int find_twins(struct config_parser *parser)
{
	const struct config_service *service = current(parser);
	const struct config_override *items = service->overrides, **order;
	size_t count = service->override_count, twin = count, other = 0;

	order = malloc((count + 1) * sizeof(*order));
	if (!order)
		return config_fail_errno(parser, ENOMEM);
	for (size_t i = 0; i < count; i++)
		order[i] = &items[i];
	qsort(order, count, sizeof(*order), by_key);
	for (size_t i = 1; i < count; i++) {
		if (order[i]->bits != order[i - 1]->bits ||
		    memcmp(&order[i]->key, &order[i - 1]->key, sizeof(order[i]->key)) ||
		    (size_t)(order[i] - items) > twin)
			continue;
		twin = order[i] - items;
		other = order[i - 1] - items;
	}
	free(order);
	if (twin == count)
		return 0;
	return config_fail(parser, parser->pending[twin].line,
			   "override of \"%s\" is on line %u already, of \"%s\"",
			   parser->pending[twin].text, parser->pending[other].line,
			   parser->pending[other].text);
}

int config_resolve_overrides(struct config_parser *parser)
{
	for (size_t i = 0; i < parser->pending_count; i++)
		if (resolve_override(parser, &parser->pending[i]))
			return -EINVAL;
	if (find_twins(parser))
		return -EINVAL;
	for (size_t i = 0; i < parser->pending_count; i++)
		free(parser->pending[i].text);
	parser->pending_count = 0;
	return 0;
}
