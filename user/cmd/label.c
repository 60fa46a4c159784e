// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/sessions/labeller.h"

#define LINE_ROOM   4096 /* of a line that is read */
#define ANSWER_ROOM 2048 /* of the reasons in an answer; a longer one is cut */

/* What was said on the way, as the log has escaped it. */
static char reasons[ANSWER_ROOM];

static void hear_reason(const char *line)
{
	size_t length = strlen(reasons);

	snprintf(reasons + length, sizeof(reasons) - length, "%s%s", length ? "; " : "", line);
}

/* The answers say it: stderr is not told as well. */
static void say_nothing(const char *line)
{
	(void)line;
}

/* `error` is what came of an order. */
static void print_answer(int error, bool closed, bool json)
{
	const char *result = !error ? "ok" : error == -EDQUOT ? "over-cap" : "error";
	char text[6 * ANSWER_ROOM];

	if (!json) {
		printf("%s%s%s\n", result, error ? " " : "", error ? reasons : "");
		return;
	}
	escape_json(text, sizeof(text), reasons, strlen(reasons));
	printf("{\"result\":\"%s\"", result);
	if (error == -EDQUOT)
		printf(",\"closed\":%s", closed ? "true" : "false");
	printf(error ? ",\"error\":\"%s\"}\n" : "}\n", text);
}

/* The next blank-separated word of a line that begins with "--", or NULL. */
static char *next_option(char **line)
{
	char *word = *line += strspn(*line, " \t");

	if (strncmp(word, "--", 2))
		return NULL;
	*line += strcspn(*line, " \t");
	if (**line)
		*(*line)++ = '\0';
	return word + 2;
}

/* Options as on the command line; whatever follows them is the name. */
static int parse_line(char *line, struct label_words *words)
{
	const char *end = line + strlen(line);
	char *option, *value;

	while ((option = next_option(&line)) && *option) {
		if (!strcmp(option, "kill")) {
			words->kill = true;
			continue;
		}
		value = strchr(option, '=');
		if (value)
			*value++ = '\0';
		if (!value) {
			value = line += strspn(line, " \t");
			line += strcspn(line, " \t");
			if (*line)
				*line++ = '\0';
		}
		if (!label_words_set(words, option, value))
			return hc_error("label: unknown option --%s", option);
	}
	words->name = line;
	words->length = end - line;
	return 0;
}

static int parse_member(struct label_words *words, const char *key, struct json_object *value)
{
	const char *text = json_object_get_string(value);

	if (!strcmp(key, "kill")) {
		if (!json_object_is_type(value, json_type_boolean))
			return hc_error("label: kill is true or false");
		words->kill = json_object_get_boolean(value);
		return 0;
	}
	if (!strcmp(key, "name")) {
		if (!json_object_is_type(value, json_type_string))
			return hc_error("label: name is a string");
		words->name = text;
		words->length = json_object_get_string_len(value);
		return 0;
	}
	/* null is as good as nothing; numbers are as they are written. */
	if (text && strlen(text) != (size_t)json_object_get_string_len(value) &&
	    json_object_is_type(value, json_type_string))
		return hc_error("label: %s has a NUL", key);
	if (!label_words_set(words, key, text))
		return hc_error("label: unknown key %s", key);
	return 0;
}

/* The whole line as an object, or NULL. */
static struct json_object *read_object(const char *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = NULL;
	size_t end;

	if (!tokener)
		return NULL;
	object = json_tokener_parse_ex(tokener, line, -1);
	end = json_tokener_get_parse_end(tokener);
	if (!json_object_is_type(object, json_type_object) ||
	    line[end + strspn(line + end, " \t\r")]) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

/* The words are in the object. */
static int parse_json(const char *line, struct label_words *words, struct json_object **object)
{
	struct json_object_iterator at, end;
	int error = 0;

	*object = read_object(line);
	if (!*object)
		return hc_error("label: this is not one JSON object");
	at = json_object_iter_begin(*object);
	end = json_object_iter_end(*object);
	for (; !error && !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		error = parse_member(words, json_object_iter_peek_name(&at),
				     json_object_iter_peek_value(&at));
	return error;
}

/* One line without its end, as much of it as there is room for. Its length; -1: the end. */
static ssize_t next_line(char line[LINE_ROOM], bool *whole)
{
	size_t length = 0;
	int byte;

	while ((byte = getc_unlocked(stdin)) != EOF && byte != '\n')
		if (length++ < LINE_ROOM - 1)
			line[length - 1] = byte;
	line[length < LINE_ROOM ? length : LINE_ROOM - 1] = '\0';
	*whole = byte != EOF;
	return *whole || length ? (ssize_t)length : -1;
}

static int check_line(const char *line, size_t length, bool whole)
{
	if (!whole)
		return hc_error("label: the last line has no end: a part of it may be missing");
	if (length >= LINE_ROOM)
		return hc_error("label: the line is longer than %d bytes", LINE_ROOM - 1);
	if (strlen(line) != length)
		return hc_error("label: the line has a NUL");
	return 0;
}

static void answer_line(struct labeller *labeller, char *line, size_t length, bool whole,
			bool kill)
{
	bool json = line[strspn(line, " \t")] == '{', closed = false;
	struct label_words words = {.kill = kill};
	struct json_object *object = NULL;
	struct label_order order;
	int error = check_line(line, length, whole);

	if (!error)
		error = json ? parse_json(line, &words, &object) : parse_line(line, &words);
	error = error ?: label_order_parse(&words, &order);
	error = error ?: labeller_give(labeller, &order, &closed);
	print_answer(error, closed, json);
	json_object_put(object);
}

/* Answers each line at once, until there are no more, or nobody reads the answers. */
static int answer_lines(struct labeller *labeller, bool kill)
{
	char line[LINE_ROOM];
	ssize_t length;
	bool whole;

	if (labeller_open(labeller, kill))
		return EXIT_FAILED;
	log_overhear(hear_reason);
	if (!log_tells(LOG_STEPS))
		log_divert(say_nothing);
	while ((length = next_line(line, &whole)) >= 0) {
		*reasons = '\0';
		answer_line(labeller, line, length, whole, kill);
		if (fflush(stdout))
			break;
	}
	log_divert(NULL);
	log_overhear(NULL);
	return EXIT_DONE;
}

static int label_one(struct labeller *labeller, const struct label_words *words, bool json)
{
	struct label_order order;
	bool closed;
	int error;

	if (label_order_parse(words, &order))
		return EXIT_USAGE;
	log_overhear(hear_reason);
	error = labeller_give(labeller, &order, &closed);
	log_overhear(NULL);
	if (json)
		print_answer(error, closed, true);
	return error ? EXIT_FAILED : EXIT_DONE;
}

int cmd_label(const struct command *command, int argc, char **argv)
{
	struct labeller labeller = {};
	struct label_words words = {};
	bool json = false;
	int first, status;

	const struct command_option options[] = {
		OPTION_TEXT("fd", 0, "N", "the session of this open descriptor", &words.fd),
		OPTION_TEXT("id", 0, "ID", "the session with this id", &words.id),
		OPTION_TEXT("remote", 'r', "ADDR:PORT", "the session with this client",
			    &words.remote),
		OPTION_TEXT("local", 'l', "ADDR:PORT", "and with this end of ours",
			    &words.local),
		OPTION_TEXT("netns", 0, "N", "and in this network namespace: a name or a path",
			    &words.netns),
		OPTION_FLAG("kill", 'k', "close the session if it is over the cap",
			    &words.kill),
		OPTION_FLAG("json", 'j', "print the answer as JSON", &json),
		{},
	};
	if (command_options(command, options, argc, argv, 1, &first, &status))
		return status;
	words.name = argv[first];
	words.length = strlen(words.name);
	if (strcmp(words.name, "-") || label_words_select(&words))
		status = label_one(&labeller, &words, json);
	else if (json)
		status = (hc_error("label: each line of - is answered in its own form"),
			  EXIT_USAGE);
	else
		status = answer_lines(&labeller, words.kill);
	labeller_close(&labeller);
	return status;
}
