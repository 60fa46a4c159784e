/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where events go, as it is written: `events =` of the configuration and
 * `run --events`. Pure text; nothing is opened.
 */
#ifndef HEADCOUNT_SINK_LIST_H
#define HEADCOUNT_SINK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SINKS_MAX           16
#define SINK_SOCKET         "/run/headcount/events.sock"
#define SINK_JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SINK_MODE_DEFAULT   0660
/* The action of the one line that a subscriber gets for whom there is no room. */
#define SUBSCRIBERS_FULL    "subscribers-full"
#define SUBSCRIBERS_DEFAULT 64
#define SUBSCRIBERS_MAX     10000
#define SINK_BLANKS         " \t,"

enum sink_kind { SINK_STDOUT, SINK_FILE, SINK_UNIX, SINK_JOURNAL };

struct sink_spec {
	enum sink_kind kind;
	char *path; /* NULL if the kind has none */
};

struct sink_list {
	struct sink_spec items[SINKS_MAX];
	size_t count;
	bool given;                   /* else the default, stdout */
	mode_t mode;                  /* of sockets */
	gid_t group;                  /* -1: the one of the process */
	unsigned int subscribers_max; /* of all sockets together */
};

/* stdout. */
void sink_list_default(struct sink_list *list);
/* If nothing else was given, and stdout leads to a journal that can be reached, the
 * journal itself. */
void sink_list_upgrade(struct sink_list *list);
void sink_list_free(struct sink_list *list);

/* Adds one word of a list; the first takes the default's place. Returns 0, or -EINVAL
 * (or -ENOMEM) with the reason in `why`. */
int sink_list_add(struct sink_list *list, const char *word, char *why, size_t why_size);

/* A whole list, its words apart by commas or blanks. */
int sink_list_parse(struct sink_list *list, const char *text, char *why, size_t why_size);

/* Mode and group of sockets: octal, and a name or number. Return 0 or -EINVAL. */
int sink_list_mode(struct sink_list *list, const char *text);
int sink_list_group(struct sink_list *list, const char *text);

/* Takes the other list's sinks, and leaves it to be freed; mode, group and maximum of
 * sockets stay. */
void sink_list_take(struct sink_list *list, struct sink_list *other);

/* As it is written. Returns `text`. */
char *sink_spec_format(const struct sink_spec *spec, char *text, size_t size);

bool sink_spec_equal(const struct sink_spec *a, const struct sink_spec *b);

#endif
