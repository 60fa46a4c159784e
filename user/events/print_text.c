// SPDX-License-Identifier: GPL-2.0-only
/* Events for a person. */
#include <stdio.h>
#include <time.h>

#include "user/base/address.h"
#include "user/base/clock.h"
#include "user/base/human.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/events/decode.h"
#include "user/events/text_line.h"
#include "user/fleet/askers.h"

#define LINE_ROOM 2048 /* without service and user, every byte of which may become four */

#define SHORT_ROOM 64 /* a cell of bounded length */

static void put_clock(struct line *line, const struct print_context *context, __u64 time_ns)
{
	__u64 realtime = print_realtime(context, time_ns);
	time_t seconds = realtime / NS_PER_SECOND;
	char text[SHORT_ROOM];
	struct tm tm = {0};

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%T", &tm);
	put_cell(line, text);
	snprintf(text + strlen(text), 5, ".%03u",
		 (unsigned int)(realtime % NS_PER_SECOND / NS_PER_MS));
	put_cell(line, text);
}

static void put_process(struct line *line, const char *name, __u32 pid)
{
	char text[4 * SHORT_ROOM];

	snprintf(text, sizeof(text), "%.*s", SHORT_ROOM, *name || pid ? name : "-");
	put_cell(line, text);
	if (pid)
		snprintf(text, sizeof(text), "%.*s/%u", SHORT_ROOM, name, pid);
	put_cell_with(line, text, pid ? strrchr(text, '/') : NULL);
}

static void put_port_cell(struct line *line, __u16 port)
{
	char text[SHORT_ROOM] = "-";

	if (port)
		snprintf(text, sizeof(text), "%u", port);
	put_cell(line, text);
}

static void put_end_cell(struct line *line, const __u8 address[16], __u16 port)
{
	char text[END_TEXT] = "-";

	if (address_is_known(address) && port)
		end_format(address, port, text);
	else if (address_is_known(address))
		address_format(address, text);
	else if (port)
		snprintf(text, sizeof(text), "*:%u", port);
	put_cell_with(line, text, port ? strrchr(text, ':') : NULL);
}

/* Three digits or so, cut and not rounded, so that 59.99s is no 60.0s. */
static void put_duration(struct line *line, const struct hc_event *event)
{
	__u64 ns = event->time_ns - event->start_ns, us = ns / 1000, s = ns / NS_PER_SECOND;
	char text[SHORT_ROOM];

	if (!event->start_ns || event->flags & HC_F_FOUND)
		snprintf(text, sizeof(text), "-");
	else if (event->time_ns <= event->start_ns)
		snprintf(text, sizeof(text), "0.0ms");
	else if (us < 10000)
		snprintf(text, sizeof(text), "%llu.%llums", us / 1000, us / 100 % 10);
	else if (s < 1)
		snprintf(text, sizeof(text), "%llums", us / 1000);
	else if (s < 60)
		snprintf(text, sizeof(text), "%llu.%llus", s, us / 100000 % 10);
	else if (s < 3600)
		snprintf(text, sizeof(text), "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, sizeof(text), "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(text, sizeof(text), "%llud%02lluh", s / 86400, s / 3600 % 24);
	put_cell(line, text);
}

static void put_bytes_cell(struct line *line, __u64 bytes)
{
	const char *unit = "KMGTPE";
	char text[SHORT_ROOM];

	if (bytes < 1024) {
		snprintf(text, sizeof(text), "%llu", bytes);
	} else {
		for (; bytes >= 1024 * 1024; bytes /= 1024)
			unit++;
		if (bytes < 10 * 1024)
			snprintf(text, sizeof(text), "%llu.%llu%c", bytes / 1024,
				 bytes % 1024 * 10 / 1024, *unit);
		else
			snprintf(text, sizeof(text), "%llu%c", bytes / 1024, *unit);
	}
	put_cell(line, text);
}

static void put_rtt(struct line *line, __u32 us)
{
	char text[SHORT_ROOM];

	if (!us)
		snprintf(text, sizeof(text), "-");
	else if (us < 100000)
		snprintf(text, sizeof(text), "%u.%02u", us / 1000, us / 10 % 100);
	else
		snprintf(text, sizeof(text), "%u", us / 1000);
	put_cell(line, text);
}

static void put_refusal_note(struct line *line, const struct hc_event *event)
{
	char text[SHORT_ROOM];

	if (event->flags & HC_F_TOTAL)
		snprintf(text, sizeof(text), "total reached");
	else if (event->cap == HC_UNLIMITED)
		snprintf(text, sizeof(text), "cap unlimited");
	else
		snprintf(text, sizeof(text), "cap %u", event->cap);
	put_note(line, text);
	if (event->suppressed) {
		snprintf(text, sizeof(text), "(+%u suppressed)", event->suppressed);
		put_note(line, text);
	}
}

/* "evict: idle 5m00s, for 10.1.2.3:40000" */
static void put_eviction(struct line *line, const struct hc_event *event)
{
	char text[2 * SHORT_ROOM + END_TEXT], time[HUMAN_TEXT], whom[END_TEXT] = "?";

	if (address_is_known(event->newcomer))
		end_format(event->newcomer, event->newcomer_port, whom);
	if (event->evidence == HC_EVIDENCE_DEAD)
		snprintf(text, sizeof(text), "%s: %u unanswered, for %s",
			 word_of_end(event->end), event->unanswered, whom);
	else
		snprintf(text, sizeof(text), "%s: idle %s, for %s", word_of_end(event->end),
			 human_duration(ticks_idle_ms(&event->idle) / 1000, time), whom);
	put_note(line, text);
}

static void put_killer(struct line *line, const struct hc_event *event)
{
	struct hc_user_key asker = {.kind = HC_BY_UID, .uid = event->asker};
	char text[HC_USER_TEXT] = "by ", host[HOST_NAME_ROOM];

	if (event->end == HC_END_EVICTED || !*askers_name(event->newcomer_port, host))
		user_key_format(&asker, true, text + 3, sizeof(text) - 3);
	else
		snprintf(text, sizeof(text), "by uid %u of %s", event->asker, host);
	put_note(line, text);
	if (event->end == HC_END_EVICTED)
		put_eviction(line, event);
	else if (event->end)
		put_note(line, word_of_end(event->end));
}

/* An outbound session begins with its SYN: whether there will be an answer nobody knows yet. */
static const char *event_word(const struct hc_event *event)
{
	if (event->type == HC_OPENED)
		return event->direction == HC_INBOUND || event->flags & HC_F_FOUND ? "open"
										   : "connect";
	if (event->type == HC_CLOSED)
		return decode_was_established(event) ? "close" : "fail";
	if (event->type == HC_KILLED)
		return "kill";
	if (event->type == HC_LABELLED)
		return "label";
	/* Words that fit the column. */
	return event->excess == HC_REJECT     ? "refuse"
	       : event->excess == HC_REDIRECT ? "divert"
					      : word_of_excess(event->excess);
}

/* Where the others say how it went: whose it was. */
static void put_before(struct line *line, const char *before)
{
	char text[HC_USER_TEXT + 8];

	snprintf(text, sizeof(text), "was %s", before);
	put_note(line, text);
}

static void put_outcome(struct line *line, const struct hc_event *event, const char *before)
{
	if (event->type == HC_REFUSED) {
		put_refusal_note(line, event);
	} else if (event->type == HC_CLOSED) {
		put_duration(line, event);
		put_bytes_cell(line, event->rx_bytes);
		put_bytes_cell(line, event->tx_bytes);
		put_rtt(line, event->srtt_us);
		put_cell(line, word_of_end(event->end));
	} else if (event->type == HC_KILLED) {
		put_killer(line, event);
	} else if (event->type == HC_LABELLED) {
		put_before(line, before);
	} else if (event->flags & HC_F_FOUND) {
		put_note(line, "was there before");
	}
	if (event->flags & HC_F_LATE)
		put_note(line, "late");
}

void print_text_header(struct print_buffer *out, const struct print_context *context)
{
	struct line line;

	if (!line_begin(&line, out, context, LINE_ROOM))
		return;
	line_header(&line);
	line_end(&line, out);
}

void print_text_row(struct print_buffer *out, struct print_context *context,
		    const struct hc_event *event, const struct print_names *names)
{
	struct line line;

	context->sequence++;
	if (!line_begin(&line, out, context,
			LINE_ROOM + 4 * strlen(names->service) + 4 * strlen(names->user) +
				4 * strlen(names->before ?: "")))
		return;
	put_clock(&line, context, event->time_ns);
	put_cell(&line, event_word(event));
	put_cell(&line, event->direction == HC_INBOUND ? "in" : "out");
	put_cell(&line, *names->service ? names->service : "-");
	put_cell(&line, *names->user ? names->user : "-");
	put_process(&line, names->process, event->pid);
	put_port_cell(&line, event->ends.local_port);
	put_end_cell(&line, event->ends.local, event->ends.local_port);
	put_end_cell(&line, event->ends.remote, event->ends.remote_port);
	put_outcome(&line, event, names->before ?: "");
	line_end(&line, out);
}

void print_text_event(struct print_buffer *out, struct print_context *context,
		      const struct hc_event *event)
{
	char user[HC_USER_TEXT], service[HC_NAME_MAX + 1] = "", process[HC_COMM_MAX + 1] = "",
						       before[HC_USER_TEXT] = "";

	strncat(service, context->service_names[event->user.service], HC_NAME_MAX);
	strncat(process, event->comm, HC_COMM_MAX);
	user_key_format(&event->user, true, user, sizeof(user));
	if (event->type == HC_LABELLED)
		user_key_format(&event->before, true, before, sizeof(before));
	print_text_row(out, context, event,
		       &(const struct print_names){service, user, process, before});
}

void print_text_lost(struct print_buffer *out, struct print_context *context, __u64 time_ns,
		     const char *word, __u64 lost)
{
	char text[128];
	struct line line;

	context->sequence++;
	if (!line_begin(&line, out, context, LINE_ROOM))
		return;
	put_clock(&line, context, time_ns);
	put_cell(&line, "lost");
	if (lost == PRINT_LOST_UNKNOWN)
		snprintf(text, sizeof(text), "unknown events: %s", word);
	else
		snprintf(text, sizeof(text), "%llu event%s: %s", lost, lost == 1 ? "" : "s",
			 word);
	put_note(&line, text);
	line_end(&line, out);
}
