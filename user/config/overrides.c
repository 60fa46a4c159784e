// SPDX-License-Identifier: GPL-2.0-only
/* The lines "override = USER N ..." of a section: they wait for its end, and no two of them
 * may say something of the same user. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/label.h"
#include "user/base/number.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
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

/* What an override has said so far, read from its end. */
struct said {
	struct config_override *override;
	bool cap, idle, excess, total; /* it was among it */
};

static int say_cap(struct said *said, const char *value)
{
	if (said->cap || number_parse_cap(value, &said->override->cap))
		return -EINVAL;
	said->cap = true;
	return 0;
}

static int say_idle(struct said *said, const char *value)
{
	__u64 ms = 0;

	if (said->idle)
		return -EINVAL;
	said->idle = true;
	if (!strcmp(value, "never")) {
		said->override->idle = HC_UNLIMITED;
		return 0;
	}
	if (number_parse_duration(value, &ms) || ms / 1000 < CONFIG_IDLE_MIN ||
	    ms / 1000 > CONFIG_IDLE_MAX)
		return -EINVAL;
	said->override->idle = ms / 1000;
	return 0;
}

static int say_excess(struct said *said, const char *value)
{
	int excess = excess_of_word(value);

	if (said->excess || excess < 0)
		return -EINVAL;
	said->excess = true;
	said->override->traits |= HC_TRAITS_EXCESS(excess);
	return 0;
}

static int say_total(struct said *said, const char *value)
{
	if (said->total || strcmp(value, "exempt"))
		return -EINVAL;
	said->total = true;
	said->override->traits |= HC_EXEMPT;
	return 0;
}

static const struct {
	const char *name; /* with its sign */
	int (*say)(struct said *said, const char *value);
} settings[] = {
	{"cap=", say_cap},
	{"idle=", say_idle},
	{"excess=", say_excess},
	{"total=", say_total},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* Which setting the word is; SETTINGS: none. */
static size_t find_setting(const char *word)
{
	size_t i = 0;

	while (i < SETTINGS && strncmp(word, settings[i].name, strlen(settings[i].name)))
		i++;
	return i;
}

/* USER, then a cap or settings or both. The user is all that is before them: a cgroup's path
 * may have blanks in it, and a number that stands alone is a uid. */
static int cut_override(struct said *said, char *text)
{
	char *word;
	size_t i;

	while ((word = last_word(text)) && (i = find_setting(word)) < SETTINGS) {
		if (settings[i].say(said, word + strlen(settings[i].name)))
			return -EINVAL;
		cut_word(text, word);
	}
	if (word && !say_cap(said, word))
		cut_word(text, word);
	if (find_setting(text) < SETTINGS) /* and no USER */
		return -EINVAL;
	return said->cap || said->idle || said->excess || said->total ? 0 : -EINVAL;
}

/* What it does not say is as the service has it. */
static void fill_override(const struct hc_service *service, const struct said *said)
{
	struct config_override *override = said->override;

	if (!said->cap)
		override->cap = override->key.kind == HC_UNLABELLED ? service->unlabelled
								    : service->cap;
}

static int resolve_override(struct config_parser *parser, const struct config_pending *pending)
{
	struct config_service *service = config_current(parser);
	struct config_override override = {.line = pending->line};
	struct said said = {.override = &override};
	char why[512];

	if (cut_override(&said, pending->text))
		return config_fail(parser, pending->line,
				   "bad override: USER and then a number from 0 to %u or "
				   "\"unlimited\", or any of cap=N, idle=never (or a time from "
				   "10s to 14d), excess=reject, observe, wait, redirect or "
				   "evict, total=exempt",
				   HC_UNLIMITED - 1);
	if (user_key_parse(pending->text, &service->service, parser->service, &override.key,
			   &override.bits, why, sizeof(why)))
		return config_fail(parser, pending->line, "%s", why);
	if (override.key.kind == HC_BY_LABEL &&
	    label_parse(pending->text, &override.label, &override.bits, why, sizeof(why)))
		return config_fail(parser, pending->line, "%s", why);
	fill_override(&service->service, &said);
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
