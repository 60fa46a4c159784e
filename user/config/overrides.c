// SPDX-License-Identifier: GPL-2.0-only
/* The lines "override = USER N" of a section: they wait for its end, and no two of them
 * may say something of the same user. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/label.h"
#include "user/base/number.h"
#include "user/base/user_name.h"
#include "user/config/parser.h"

#define BLANKS " \t"

int config_add_override(struct config_parser *parser, const char *value)
{
	struct config_pending pending = {.line = parser->line};
	size_t count = parser->pending_count;
	int error;

	for (size_t i = 0; i < parser->config->service_count; i++)
		count += parser->config->services[i].override_count;
	if (count == CONFIG_OVERRIDES_MAX)
		return config_fail(parser, parser->line, "more than %d overrides",
				   CONFIG_OVERRIDES_MAX);
	pending.text = strdup(value);
	if (!pending.text)
		return config_fail_errno(parser, ENOMEM);
	error = config_append(parser, &parser->pending, &parser->pending_count, &pending,
			      sizeof(pending));
	if (error)
		free(pending.text);
	return error;
}

/* The last word, or NULL if there is but one. */
static char *last_word(char *text)
{
	char *word = text + strlen(text);

	while (word > text && !strchr(BLANKS, word[-1]))
		word--;
	return word > text ? word : NULL;
}

/* Cuts it off, with the blanks before it. */
static void cut_word(const char *text, char *word)
{
	while (word > text && strchr(BLANKS, word[-1]))
		word--;
	*word = '\0';
}

/* USER N, USER N total=exempt, or USER total=exempt, which leaves the cap as the service has
 * it. The user is all that is before: a cgroup's path may have blanks in it. */
static int cut_override(const struct config_service *service, char *text,
			struct config_override *override)
{
	char *word = last_word(text);

	if (word && !strcmp(word, "total=exempt")) {
		cut_word(text, word);
		override->exempt = true;
		override->cap = service->service.cap;
		word = last_word(text); /* a number that stands alone is a uid */
		if (!word || number_parse_cap(word, &override->cap))
			return 0;
	} else if (!word || number_parse_cap(word, &override->cap)) {
		return -EINVAL;
	}
	cut_word(text, word);
	return 0;
}

static int resolve_override(struct config_parser *parser, const struct config_pending *pending)
{
	struct config_service *service = config_current(parser);
	struct config_override override = {.line = pending->line};
	char why[512];

	if (cut_override(service, pending->text, &override))
		return config_fail(parser, pending->line,
				   "bad override: USER and a number from 0 to %u or "
				   "\"unlimited\", or total=exempt, or both",
				   HC_UNLIMITED - 1);
	if (user_key_parse(pending->text, &service->service, parser->service, &override.key,
			   &override.bits, why, sizeof(why)))
		return config_fail(parser, pending->line, "%s", why);
	if (override.key.kind == HC_BY_LABEL &&
	    label_parse(pending->text, &override.label, &override.bits, why, sizeof(why)))
		return config_fail(parser, pending->line, "%s", why);
	override.part = user_is_more(&override.key, pending->text);
	return config_append(parser, &service->overrides, &service->override_count, &override,
			     sizeof(override));
}

/* By what they say of whom; of two that say the same, the earlier first. */
static int by_override(const void *left, const void *right)
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
	const struct config_service *service = config_current(parser);
	const struct config_override *items = service->overrides, **order;
	size_t count = service->override_count, twin = count, other = 0;

	order = malloc((count + 1) * sizeof(*order));
	if (!order)
		return config_fail_errno(parser, ENOMEM);
	for (size_t i = 0; i < count; i++)
		order[i] = &items[i];
	qsort(order, count, sizeof(*order), by_override);
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
			   "override of \"%s\" is already on line %u, of \"%s\"",
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
