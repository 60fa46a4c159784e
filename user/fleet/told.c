// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"
#include "user/fleet/told.h"

#define HOSTS_MAX 1024
#define BYTES_MAX (256ul * 1024 * 1024) /* of all answers */

struct fleet_told *told_host(struct fleet_answers *answers, const struct fleet_word *name)
{
	struct fleet_told told = {};

	for (size_t i = 0; i < answers->count; i++)
		if (strlen(answers->hosts[i].host) == name->length &&
		    !memcmp(answers->hosts[i].host, name->text, name->length))
			return &answers->hosts[i];
	memcpy(told.host, name->text, name->length);
	if (answers->count == HOSTS_MAX ||
	    array_append(&answers->hosts, &answers->count, &told, sizeof(told)))
		return NULL;
	return &answers->hosts[answers->count - 1];
}

/* One that is longer than a host of ours lets it be is nobody's. */
static int append(struct fleet_answers *answers, struct fleet_told *told, char **to,
		  size_t *used, size_t max, const struct fleet_word *bytes)
{
	char *more;

	if (bytes->length > max - *used || bytes->length > BYTES_MAX - answers->bytes) {
		told->spoilt = true;
		return 0;
	}
	more = realloc(*to, *used + bytes->length + 1);
	if (!more)
		return -ENOMEM;
	memcpy(more + *used, bytes->text, bytes->length);
	*to = more;
	*used += bytes->length;
	more[*used] = '\0';
	answers->bytes += bytes->length;
	return 0;
}

static void end(struct fleet_told *told, const struct fleet_word *code)
{
	told->ended = true;
	if (code->length == 1 && *code->text >= '0' && *code->text <= '9')
		told->code = *code->text - '0';
	else
		told->spoilt = true;
}

static int take(struct fleet_answers *answers, struct fleet_told *told, char kind,
		const struct fleet_word *bytes)
{
	if (told->ended || told->spoilt)
		return 0;
	told->begun = true;
	switch (kind) {
	case 'a':
		return 0;
	case 'o':
		return append(answers, told, &told->output, &told->output_size, ASK_OUTPUT_MAX,
			      bytes);
	case 'e':
		return append(answers, told, &told->said, &told->said_size, ASK_SAID_MAX,
			      bytes);
	case 'z':
		end(told, bytes);
		return 0;
	default:
		told->spoilt = true;
		return 0;
	}
}

int told_take(struct fleet_answers *answers, const struct fleet_word *element)
{
	const char *text = element->text, *blank = memchr(text, ' ', element->length);
	struct fleet_word name = {text, blank ? (size_t)(blank - text) : 0}, bytes = {"", 0};
	struct fleet_told *told;
	size_t rest = element->length - name.length; /* " KIND", " KIND BYTES" */

	if (!request_is_name(name.text, name.length) || rest < 2 ||
	    (rest > 2 && blank[2] != ' '))
		return 0;
	if (rest > 3)
		bytes = (struct fleet_word){blank + 3, rest - 3};
	told = told_host(answers, &name);
	return told ? take(answers, told, blank[1], &bytes) : -ENOMEM;
}

bool told_all_begun(const struct fleet_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++)
		if (!answers->hosts[i].begun)
			return false;
	return true;
}

bool told_all_ended(const struct fleet_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++)
		if (answers->hosts[i].begun && !answers->hosts[i].ended &&
		    !answers->hosts[i].spoilt)
			return false;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct fleet_told *one = a, *other = b;

	return strcmp(one->host, other->host);
}

void told_sort(struct fleet_answers *answers)
{
	if (answers->count)
		qsort(answers->hosts, answers->count, sizeof(*answers->hosts), by_name);
}

void fleet_answers_free(struct fleet_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++) {
		free(answers->hosts[i].output);
		free(answers->hosts[i].said);
	}
	free(answers->hosts);
	*answers = (struct fleet_answers){};
}
