// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/base/escape.h"
#include "user/base/user_name.h"
#include "user/web/json_put.h"

void json_put_bytes(FILE *out, const char *key, const char *text, size_t length)
{
	char escaped[6 * HC_USER_TEXT];

	escape_json(escaped, sizeof(escaped), text, length);
	fprintf(out, "\"%s\":\"%s\"", key, escaped);
}

void json_put_text(FILE *out, const char *key, const char *text)
{
	json_put_bytes(out, key, text, strlen(text));
}

void json_put_count(FILE *out, const char *key, __u64 number)
{
	fprintf(out, ",\"%s\":%llu", key, number);
}

void json_put_or_null(FILE *out, const char *key, __u64 number, __u64 none)
{
	if (number == none)
		fprintf(out, ",\"%s\":null", key);
	else
		json_put_count(out, key, number);
}
