// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as records of the event rings, the way drain.c takes them: what decode_event() lets
 * through, both printers must print as one clean line.
 *
 * The input is a sequence of records, the last of which may be short. The services' names are
 * the first record's bytes, where policy_read() would have found them. The seeds are an opened,
 * a closed, a refused and a killed session, one of each way to identify a user.
 */
#include <stdint.h>

#include "user/base/community_id.h"
#include "user/base/words.h"
#include "user/events/decode.h"
#include "line.h"
#include "user/events/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char names[HC_SERVICES_MAX][HC_NAME_MAX];
static struct print_context context = {.service_names = names};

static void check(struct print_buffer *out, bool json)
{
	char *text = strndup(out->data, out->length);

	if (strlen(text) != out->length)
		abort(); /* a NUL in the line */
	check_line(text, out->length, json);
	free(text);
	out->length = 0;
}

/* The same text from both directions, of its one length. */
static void check_community_id(const struct hc_event *event)
{
	const struct hc_ends *ends = &event->ends;
	char there[COMMUNITY_ID_SIZE], back[COMMUNITY_ID_SIZE];

	community_id(there, ends->local, ends->local_port, ends->remote, ends->remote_port);
	community_id(back, ends->remote, ends->remote_port, ends->local, ends->local_port);
	if (strcmp(there, back) || strlen(there) != COMMUNITY_ID_SIZE - 1)
		abort();
}

static void record(struct print_buffer *out, const uint8_t *data, size_t size)
{
	struct hc_event event;

	if (decode_event(&event, data, size))
		return;
	check_community_id(&event);
	print_json_event(out, &context, &event);
	check(out, true);
	print_text_event(out, &context, &event);
	check(out, false);
	print_json_lost(out, &context, event.time_ns, word_of_end(event.end), event.id);
	check(out, true);
	print_text_lost(out, &context, event.time_ns, word_of_state(event.end), event.id);
	check(out, false);
}

/* How long the record is that begins here, by its type. */
static size_t step_of(const uint8_t *data, size_t size)
{
	size_t type = offsetof(struct hc_event, type);
	size_t step = size > type && data[type] == HC_OPENED ? HC_OPENED_SIZE
							     : sizeof(struct hc_event);

	return size < step ? size : step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct print_buffer out = {0};
	size_t step = step_of(data, size);

	for (size_t i = 0; i < sizeof(names) && size; i++)
		((char *)names)[i] = data[i % step];
	for (; size; data += step, size -= step) {
		step = step_of(data, size);
		record(&out, data, step);
	}
	print_buffer_free(&out);
	return 0;
}
