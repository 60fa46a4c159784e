/* SPDX-License-Identifier: GPL-2.0-only */
/* The facts of the page that a test makes up, and what page.json tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "user/base/clock.h"
#include "user/web/json.h"

static struct web_facts facts;

static inline int clear(void **state)
{
	(void)state;
	memset(&facts, 0, sizeof(facts));
	facts.now_ns = 1000 * NS_PER_SECOND;
	return 0;
}

static inline struct hc_service *service(int id, const char *name)
{
	struct hc_service *service = &facts.policy.services[id];

	*service = (struct hc_service){.used = true, .cap = 4, .total = HC_UNLIMITED};
	snprintf(service->name, sizeof(service->name), "%s", name);
	return service;
}

/* page.json, parsed; its bytes in `*size`. */
static inline struct json_object *printed(size_t *size)
{
	struct json_tokener *parser = json_tokener_new();
	struct json_object *object;
	char *text;
	FILE *out = open_memstream(&text, size);

	json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	web_json_print(out, &facts);
	fclose(out);
	object = json_tokener_parse_ex(parser, text, *size);
	if (!object)
		fail_msg("%s in %s", json_tokener_error_desc(json_tokener_get_error(parser)),
			 text);
	json_tokener_free(parser);
	free(text);
	return object;
}

static inline struct json_object *item(struct json_object *object, const char *list,
				       size_t place)
{
	return json_object_array_get_idx(json_object_object_get(object, list), place);
}

static inline const char *text_of(struct json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static inline __s64 number_of(struct json_object *object, const char *key)
{
	return json_object_get_int64(json_object_object_get(object, key));
}
