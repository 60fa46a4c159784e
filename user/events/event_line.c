// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/events/event_line.h"
#include "user/events/print.h"
#include "user/fleet/askers.h"

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static __u64 number_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value)
							      : 0;
}

static bool is_true(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

/* "2026-11-21T20:56:47.661339252Z", or 0. */
static __u64 time_of(struct json_object *object, const char *key)
{
	struct tm tm = {};
	const char *rest = strptime(text_of(object, key), "%Y-%m-%dT%H:%M:%S", &tm);
	__u64 ns = 0, unit = 100000000;

	if (!rest || *rest++ != '.')
		return 0;
	for (; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
		ns += (*rest - '0') * unit;
	return timegm(&tm) * NS_PER_SECOND + ns;
}

static void address_of(struct json_object *object, const char *key, __u8 address[16])
{
	const char *text = text_of(object, key);

	if (inet_pton(AF_INET6, text, address) == 1)
		return;
	memset(address, 0, 16);
	if (inet_pton(AF_INET, text, address + 12) == 1)
		memset(address + 10, 0xff, 2);
}

static __u8 end_of(const char *word)
{
	for (int end = 0; end < HC_END_COUNT; end++)
		if (!strcmp(word_of_end(end), word))
			return end;
	return HC_END_UNKNOWN;
}

static void fill_ends(struct hc_event *event, struct json_object *object)
{
	bool inbound = event->direction == HC_INBOUND;
	struct hc_ends *ends = &event->ends;

	address_of(object, "source.ip", inbound ? ends->remote : ends->local);
	address_of(object, "destination.ip", inbound ? ends->local : ends->remote);
	*(inbound ? &ends->remote_port : &ends->local_port) = number_of(object, "source.port");
	*(inbound ? &ends->local_port : &ends->remote_port) =
		number_of(object, "destination.port");
	*(inbound ? &event->rx_bytes : &event->tx_bytes) = number_of(object, "source.bytes");
	*(inbound ? &event->tx_bytes : &event->rx_bytes) =
		number_of(object, "destination.bytes");
}

static void fill_flags(struct hc_event *event, struct json_object *object)
{
	int excess;

	/* A session's start is told, unless it is older than headcount. */
	if (is_true(object, "headcount.found") ||
	    (event->type == HC_CLOSED && !event->start_ns))
		event->flags |= HC_F_FOUND;
	if (is_true(object, "headcount.late"))
		event->flags |= HC_F_LATE;
	excess = excess_of_word(text_of(object, "headcount.excess"));
	if (excess == HC_OBSERVE)
		event->flags |= HC_F_OBSERVED;
	if (event->type == HC_REFUSED && excess > 0)
		event->excess = excess;
	if (!strcmp(text_of(object, "headcount.scope"), "total"))
		event->flags |= HC_F_TOTAL;
}

/* After the ends, whose bytes are in the same place. */
static void fill_eviction(struct hc_event *event, struct json_object *object)
{
	const char *evidence = text_of(object, "headcount.evicted.evidence");

	event->evidence = strcmp(evidence, word_of_evidence(HC_EVIDENCE_DEAD))
				  ? HC_EVIDENCE_IDLE
				  : HC_EVIDENCE_DEAD;
	event->idle = (struct hc_idle){HC_NEVER, number_of(object, "headcount.idle_ms")};
	event->unanswered = number_of(object, "headcount.unanswered");
	address_of(object, "headcount.evicted.for.ip", event->newcomer);
	event->newcomer_port = number_of(object, "headcount.evicted.for.port");
}

static void fill_killer(struct hc_event *event, struct json_object *object)
{
	const char *host = text_of(object, "headcount.killed_by.host");

	event->asker = strtoul(text_of(object, "headcount.killed_by.id"), NULL, 10);
	if (*host)
		event->newcomer_port = askers_number(host);
}

/* What is no session's is printed as the end of one. */
static __u8 type_of(const struct event_line *line)
{
	for (int type = HC_OPENED; type < ACTION_COUNT; type++)
		if (event_line_is(line, type))
			return type;
	return HC_CLOSED;
}

static void fill_event(struct event_line *line)
{
	struct json_object *object = line->object, *cap;
	struct hc_event *event = &line->event;

	event->type = type_of(line);
	if (!strcmp(text_of(object, "network.direction"), "ingress"))
		event->direction = HC_INBOUND;
	event->time_ns = time_of(object, "@timestamp");
	event->start_ns = time_of(object, "event.start");
	event->end = end_of(line->reason);
	event->id = number_of(object, "headcount.session.id");
	event->active = number_of(object, "headcount.active");
	event->cap = HC_UNLIMITED;
	if (json_object_object_get_ex(object, "headcount.cap", &cap) && cap)
		event->cap = json_object_get_uint64(cap);
	if (event->type == HC_REFUSED)
		event->suppressed = number_of(object, "headcount.suppressed");
	event->srtt_us = number_of(object, "headcount.srtt_us");
	event->pid = number_of(object, "process.pid");
	if (event->type == HC_KILLED)
		fill_killer(event, object);
	fill_ends(event, object);
	fill_flags(event, object);
	if (event->type == HC_KILLED && event->end == HC_END_EVICTED)
		fill_eviction(event, object);
}

int event_line_parse(struct event_line *line, const char *text, size_t length)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *lost;

	*line = (struct event_line){};
	if (!tokener)
		return -ENOMEM;
	line->object = json_tokener_parse_ex(tokener, text, length);
	json_tokener_free(tokener);
	if (!json_object_is_type(line->object, json_type_object)) {
		event_line_free(line);
		return -EINVAL;
	}
	line->action = text_of(line->object, "event.action");
	line->service = text_of(line->object, "rule.name");
	line->user = text_of(line->object, "headcount.user");
	line->before = text_of(line->object, "headcount.user_before");
	line->process = text_of(line->object, "process.name");
	line->reason = text_of(line->object, "event.reason");
	line->lost = PRINT_LOST_UNKNOWN;
	if (json_object_object_get_ex(line->object, "headcount.events-lost", &lost) && lost)
		line->lost = json_object_get_uint64(lost);
	fill_event(line);
	return 0;
}

void event_line_free(struct event_line *line)
{
	json_object_put(line->object);
	line->object = NULL;
}

/* Outsiders' bytes come after it. */
__u64 event_line_sequence(const char *text, size_t length)
{
	static const char key[] = "\"event.sequence\":";
	const char *at = memmem(text, length, key, sizeof(key) - 1);
	__u64 number = 0;

	if (!at)
		return 0;
	for (at += sizeof(key) - 1; at < text + length && *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	return number;
}

bool event_line_is(const struct event_line *line, unsigned int action)
{
	return !strcmp(line->action, name_of_action(action));
}
