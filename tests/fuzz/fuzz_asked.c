// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as what the fleet is asked and answers: a request that is taken is within its
 * bounds and becomes the same once more; an answer is kept within its own. The input's first
 * byte says which; of answers, elements are cut by the byte 255.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/fleet/told.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool is_so)
{
	if (!is_so)
		abort();
}

static void ask(const char *text, size_t size)
{
	static struct fleet_request request, again;
	const char *word = NULL;
	char *json, line[512];
	size_t count = 0;

	if (request_from_json(&request, text, size))
		return;
	need(request_is_good(&request));
	while ((word = request_next(&request, word))) {
		count++;
		for (const char *p = word; *p; p++)
			need((unsigned char)*p >= ' ' && *p != 127);
	}
	need(count == request.count && count <= REQUEST_WORDS_MAX);
	need(strlen(request_line(&request, line, sizeof(line))) < sizeof(line));
	json = request_to_json(&request);
	need(!request_from_json(&again, json, strlen(json)));
	need(request.used == again.used && !memcmp(request.text, again.text, again.used));
	free(json);
}

static void tell(const char *text, size_t size)
{
	struct fleet_answers answers = {};
	size_t bytes = 0;

	while (size) {
		const char *end = memchr(text, 255, size);
		struct fleet_word element = {text, end ? (size_t)(end - text) : size};

		need(!told_take(&answers, &element));
		text += element.length + !!end;
		size -= element.length + !!end;
	}
	told_sort(&answers);
	for (size_t i = 0; i < answers.count; i++) {
		const struct fleet_told *told = &answers.hosts[i];

		need(request_is_name(told->host, strlen(told->host)));
		need(!told->output || !told->output[told->output_size]);
		need(told->code >= 0 && told->code <= 9 && told->said_size <= ASK_SAID_MAX);
		bytes += told->output_size + told->said_size;
	}
	need(bytes == answers.bytes);
	fleet_answers_free(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (*data & 1)
		ask((const char *)data + 1, size - 1);
	else
		tell((const char *)data + 1, size - 1);
	return 0;
}
