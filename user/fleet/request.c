// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "user/fleet/request.h"

#define DEPTH        4
#define OPERANDS_MAX 2 /* of `why` */

#define OF(command) (1u << REQUEST_##command)
#define LISTS       (OF(SESSIONS) | OF(KILL))

/* All that others may ask. What a value means is found out by the command itself. */
static const struct {
	const char *name;
	unsigned int commands;
	bool value;
} allowed[] = {
	{"service", OF(USERS) | LISTS, true},
	{"user", LISTS, true},
	{"idle", LISTS | OF(WHY), true},
	{"unheard", LISTS, true},
	{"age", LISTS, true},
	{"remote", LISTS, true},
	{"state", LISTS, true},
	{"id", LISTS, true},
	{"sort", OF(SESSIONS), true},
	{"orphan", LISTS, false},
	{"stale", LISTS, false},
	{"dry-run", OF(KILL), false},
	{"quiet", OF(KILL), false},
	{"json", OF(USERS) | LISTS | OF(WHY), false},
};

static const char *const names[] = {"users", "sessions", "why", "kill"};

const char *request_command_name(enum request_command command)
{
	return names[command];
}

bool request_is_name(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !memchr("._-", name[i], 3))
			return false;
	return length && length < HOST_NAME_ROOM;
}

int request_add(struct fleet_request *request, const char *word)
{
	size_t size = strlen(word) + 1;

	if (request->count == REQUEST_WORDS_MAX || size > REQUEST_WORD_MAX ||
	    size > sizeof(request->text) - request->used)
		return -E2BIG;
	memcpy(request->text + request->used, word, size);
	request->used += size;
	request->count++;
	return 0;
}

const char *request_next(const struct fleet_request *request, const char *word)
{
	word = word ? word + strlen(word) + 1 : request->text;
	return word < request->text + request->used ? word : NULL;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static bool is_option(enum request_command command, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);

	if (strncmp(word, "--", 2))
		return false;
	word += 2;
	length -= 2;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strlen(allowed[i].name) == length && !memcmp(allowed[i].name, word, length))
			return allowed[i].commands & 1u << command &&
			       allowed[i].value == !!equals;
	return false;
}

bool request_is_good(const struct fleet_request *request)
{
	size_t operands = 0;
	bool ended = false;
	const char *word = NULL;

	if ((size_t)request->command >= sizeof(names) / sizeof(names[0]) ||
	    !request_is_name(request->host, strlen(request->host)))
		return false;
	while ((word = request_next(request, word))) {
		if (!is_plain(word))
			return false;
		if (ended)
			operands++;
		else if (!strcmp(word, "--"))
			ended = true;
		else if (!is_option(request->command, word))
			return false;
	}
	return operands <= (request->command == REQUEST_WHY ? OPERANDS_MAX : 0);
}

bool request_closes(const struct fleet_request *request)
{
	const char *word = NULL;

	if (request->command != REQUEST_KILL)
		return false;
	while ((word = request_next(request, word)))
		if (!strcmp(word, "--dry-run"))
			return false;
	return true;
}

char *request_line(const struct fleet_request *request, char *line, size_t size)
{
	const char *word = NULL;
	int used = snprintf(line, size, "%s", names[request->command]);

	while (used < (int)size && (word = request_next(request, word)))
		used += snprintf(line + used, size - used, " %s", word);
	return line;
}

char *request_to_json(const struct fleet_request *request)
{
	struct json_object *object = json_object_new_object();
	struct json_object *words = json_object_new_array();
	const char *word = NULL;
	char *text = NULL;

	if (object && words) {
		while ((word = request_next(request, word)))
			json_object_array_add(words, json_object_new_string(word));
		json_object_object_add(object, "host", json_object_new_string(request->host));
		json_object_object_add(object, "uid", json_object_new_int64(request->uid));
		json_object_object_add(object, "command",
				       json_object_new_string(names[request->command]));
		json_object_object_add(object, "arguments", json_object_get(words));
		text = strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	}
	json_object_put(words);
	json_object_put(object);
	return text;
}

/* A string without a zero in it, or NULL. */
static const char *text_of(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static int take_words(struct fleet_request *request, struct json_object *words)
{
	int error = json_object_is_type(words, json_type_array) ? 0 : -EINVAL;

	for (size_t i = 0; !error && i < json_object_array_length(words); i++) {
		const char *word = text_of(json_object_array_get_idx(words, i));

		error = word ? request_add(request, word) : -EINVAL;
	}
	return error;
}

static int take(struct fleet_request *request, struct json_object *object)
{
	struct json_object *host, *uid, *command, *words;
	const char *name, *word;
	__s64 number;

	if (!json_object_object_get_ex(object, "host", &host) || !(name = text_of(host)) ||
	    !json_object_object_get_ex(object, "uid", &uid) ||
	    !json_object_is_type(uid, json_type_int) ||
	    !json_object_object_get_ex(object, "command", &command) ||
	    !(word = text_of(command)) ||
	    !json_object_object_get_ex(object, "arguments", &words) ||
	    strlen(name) >= sizeof(request->host))
		return -EINVAL;
	number = json_object_get_int64(uid);
	if (number < 0 || number > 0xffffffffll)
		return -EINVAL;
	strcpy(request->host, name);
	request->uid = number;
	for (; request->command < sizeof(names) / sizeof(names[0]); request->command++)
		if (!strcmp(names[request->command], word))
			return take_words(request, words);
	return -EINVAL;
}

int request_from_json(struct fleet_request *request, const char *text, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct json_object *object = NULL;
	int error = -EINVAL;

	memset(request, 0, sizeof(*request));
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	if (length < REQUEST_JSON)
		object = json_tokener_parse_ex(tokener, text, length);
	if (object && json_tokener_get_parse_end(tokener) == length &&
	    json_object_is_type(object, json_type_object))
		error = take(request, object);
	json_object_put(object);
	json_tokener_free(tokener);
	if (!error && !request_is_good(request))
		error = -EINVAL;
	return error;
}
