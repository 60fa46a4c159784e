// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/journal_stream.h"
#include "user/base/number.h"
#include "user/config/sink_list.h"

static const char *const words[] = {
	[SINK_STDOUT] = "stdout",
	[SINK_FILE] = "file",
	[SINK_UNIX] = "unix",
	[SINK_JOURNAL] = "journal",
};

void sink_list_default(struct sink_list *list)
{
	*list = (struct sink_list){
		.items[0].kind = SINK_STDOUT,
		.count = 1,
		.mode = SINK_MODE_DEFAULT,
		.group = (gid_t)-1,
		.subscribers_max = SUBSCRIBERS_DEFAULT,
	};
}

void sink_list_upgrade(struct sink_list *list)
{
	/* A unit with a folder of its own may have the stream, and not the socket. */
	if (!list->given && journal_stream_is(STDOUT_FILENO) &&
	    !access(SINK_JOURNAL_SOCKET, F_OK))
		list->items[0].kind = SINK_JOURNAL;
}

void sink_list_free(struct sink_list *list)
{
	while (list->count)
		free(list->items[--list->count].path);
}

bool sink_spec_equal(const struct sink_spec *a, const struct sink_spec *b)
{
	return a->kind == b->kind && !strcmp(a->path ?: "", b->path ?: "");
}

char *sink_spec_format(const struct sink_spec *spec, char *text, size_t size)
{
	snprintf(text, size, "%s%s%s", words[spec->kind], spec->path ? ":" : "",
		 spec->path ?: "");
	return text;
}

/* What stands behind the colon, or for a socket the default: what is wrong with it, or NULL. */
static const char *check_path(enum sink_kind kind, const char *path)
{
	if (*path != '/')
		return "a path begins with /";
	if (path[strlen(path) - 1] == '/')
		return "a folder is no sink";
	if (kind == SINK_UNIX && strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "too long for a socket";
	if (strlen(path) >= PATH_MAX)
		return "too long for a path";
	return NULL;
}

/* Returns what is wrong with the word, or NULL. */
static const char *parse_word(const char *word, struct sink_spec *spec, const char **path)
{
	const char *colon = strchrnul(word, ':');
	size_t length = colon - word;

	for (spec->kind = SINK_STDOUT; spec->kind <= SINK_JOURNAL; spec->kind++)
		if (strlen(words[spec->kind]) == length &&
		    !memcmp(words[spec->kind], word, length))
			break;
	*path = *colon ? colon + 1 : spec->kind == SINK_UNIX ? SINK_SOCKET : NULL;
	if (spec->kind > SINK_JOURNAL ||
	    !!*path != (spec->kind == SINK_FILE || spec->kind == SINK_UNIX))
		return "stdout, file:PATH, unix, unix:PATH, journal or none";
	return *path ? check_path(spec->kind, *path) : NULL;
}

static int fail_word(char *why, size_t why_size, const char *word, const char *reason)
{
	snprintf(why, why_size, "bad events \"%s\": %s", word, reason);
	return -EINVAL;
}

int sink_list_add(struct sink_list *list, const char *word, char *why, size_t why_size)
{
	struct sink_spec spec = {};
	const char *path, *wrong;

	if (!strcmp(word, "none") || (list->given && !list->count)) {
		if (list->given)
			return fail_word(why, why_size, word, "\"none\" cannot be combined");
		sink_list_free(list);
		list->given = true;
		return 0;
	}
	wrong = parse_word(word, &spec, &path);
	if (wrong)
		return fail_word(why, why_size, word, wrong);
	if (!list->given)
		sink_list_free(list);
	list->given = true;
	spec.path = (char *)path;
	for (size_t i = 0; i < list->count; i++)
		if (sink_spec_equal(&list->items[i], &spec))
			return fail_word(why, why_size, word, "twice");
	if (list->count == SINKS_MAX)
		return fail_word(why, why_size, word, "at most 16");
	spec.path = path ? strdup(path) : NULL;
	if (path && !spec.path)
		return -ENOMEM;
	list->items[list->count++] = spec;
	return 0;
}

int sink_list_parse(struct sink_list *list, const char *text, char *why, size_t why_size)
{
	char *copy = strdup(text), *rest, *word;
	int error = copy ? 0 : -ENOMEM;

	snprintf(why, why_size, "%s", strerror(ENOMEM));
	word = copy ? strtok_r(copy, SINK_BLANKS, &rest) : NULL;
	if (copy && !word)
		error = fail_word(why, why_size, text, "empty list");
	for (; word && !error; word = strtok_r(NULL, SINK_BLANKS, &rest))
		error = sink_list_add(list, word, why, why_size);
	free(copy);
	return error;
}

int sink_list_mode(struct sink_list *list, const char *text)
{
	mode_t mode = 0;

	if (!*text || strlen(text) > 4)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '7')
			return -EINVAL;
		mode = mode * 8 + (*text - '0');
	}
	if (mode > 0777)
		return -EINVAL;
	list->mode = mode;
	return 0;
}

int sink_list_group(struct sink_list *list, const char *text)
{
	const struct group *group = getgrnam(text);
	__u32 number;

	if (!group && number_parse(text, 0, 4294967294u, &number))
		return -EINVAL;
	list->group = group ? group->gr_gid : number;
	return 0;
}

void sink_list_take(struct sink_list *list, struct sink_list *other)
{
	sink_list_free(list);
	memcpy(list->items, other->items, sizeof(list->items));
	list->count = other->count;
	list->given = other->given;
	other->count = 0;
}
