// SPDX-License-Identifier: GPL-2.0-only
/* What hosts print as JSON: read, and printed again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/log.h"
#include "user/cmd/fleet.h"

#define DEPTH 12 /* that of `why` is 5 */

struct json_object *fleet_parse(const struct fleet_told *told, enum json_type type, bool *whole)
{
	struct json_tokener *tokener;
	struct json_object *object = NULL;
	size_t end = 0;

	if (!told->ended || told->spoilt || (told->code && !told->output))
		return NULL;
	tokener = json_tokener_new_ex(DEPTH);
	if (tokener && told->output) {
		object = json_tokener_parse_ex(tokener, told->output, told->output_size);
		end = json_tokener_get_parse_end(tokener);
		end += strspn(told->output + end, "\n");
	}
	if (tokener)
		json_tokener_free(tokener);
	if (json_object_is_type(object, type) && end == told->output_size)
		return object;
	json_object_put(object);
	if (whole) {
		hc_error("%s: its answer is not what that command prints", told->host);
		*whole = false;
	}
	return NULL;
}

const char *fleet_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

bool fleet_number(struct json_object *object, const char *key, __u64 *number)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_int))
		return false;
	*number = json_object_get_uint64(value);
	return true;
}

static void print_text(const char *text, size_t length)
{
	char *escaped = malloc(6 * length + 1);

	if (escaped)
		escape_json(escaped, 6 * length + 1, text, length);
	printf("\"%s\"", escaped ?: "");
	free(escaped);
}

static void print_object(struct json_object *object, const char *host)
{
	const char *comma = host ? "," : "";

	printf("{");
	if (host) {
		printf("\"host.name\":");
		print_text(host, strlen(host));
	}
	json_object_object_foreach(object, key, value)
	{
		printf("%s", comma);
		print_text(key, strlen(key));
		printf(":");
		fleet_print_json(value, NULL);
		comma = ",";
	}
	printf("}");
}

void fleet_print_json(struct json_object *value, const char *host)
{
	switch (json_object_get_type(value)) {
	case json_type_object:
		print_object(value, host);
		break;
	case json_type_array:
		printf("[");
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			printf(i ? "," : "");
			fleet_print_json(json_object_array_get_idx(value, i), NULL);
		}
		printf("]");
		break;
	case json_type_string:
		print_text(json_object_get_string(value), json_object_get_string_len(value));
		break;
	default: /* a number, a truth or nothing: of no bytes but its own */
		printf("%s", json_object_to_json_string(value));
	}
}

void fleet_print_rows_json(const struct fleet_answers *answers, enum json_type type,
			   bool *whole)
{
	const char *comma = "";

	printf("[");
	for (size_t i = 0; i < answers->count; i++) {
		const struct fleet_told *told = &answers->hosts[i];
		struct json_object *rows = fleet_parse(told, type, whole);
		size_t count = type == json_type_array && rows ? json_object_array_length(rows)
							       : !!rows;

		for (size_t j = 0; j < count; j++) {
			printf("%s", comma);
			fleet_print_json(type == json_type_array
						 ? json_object_array_get_idx(rows, j)
						 : rows,
					 told->host);
			comma = ",\n";
		}
		json_object_put(rows);
	}
	printf("]\n");
}
