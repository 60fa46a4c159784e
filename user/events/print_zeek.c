// SPDX-License-Identifier: GPL-2.0-only
/*
 * conn.log as Zeek's ASCII writer makes it: columns apart by tabs, "-" for what is not known,
 * and in strings \xNN for what is no printable character or has a meaning.
 */
#include <stdio.h>

#include "user/base/address.h"
#include "user/base/clock.h"
#include "user/events/decode.h"
#include "user/events/print.h"
#include "user/events/print_zeek.h"

#define LINE_ROOM   1024
#define STRING_ROOM 256 /* bytes of a string before they are escaped; a service has 31 */

static const char fields[] =
	"ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\t"
	"orig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\t"
	"orig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents";
static const char types[] =
	"time\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\t"
	"bool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]";

static char *put_day(char *p, const char *what, time_t now)
{
	struct tm tm;

	p += sprintf(p, "#%s\t", what);
	p += strftime(p, 64, "%Y-%m-%d-%H-%M-%S", localtime_r(&now, &tm));
	return PUT(p, "\n");
}

void print_zeek_header(struct print_buffer *out, time_t now)
{
	char *p = print_reserve(out, LINE_ROOM);

	if (!p)
		return;
	p = PUT(p, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n"
		   "#unset_field\t-\n#path\tconn\n");
	p = put_day(p, "open", now);
	p += sprintf(p, "#fields\t%s\n#types\t%s\n", fields, types);
	print_commit(out, p);
}

void print_zeek_close(struct print_buffer *out, time_t now)
{
	char *p = print_reserve(out, LINE_ROOM);

	if (p)
		print_commit(out, put_day(p, "close", now));
}

/* A string that could be taken for "no value", "empty" or several of a set is none. */
static char *put_string(char *p, const char *text)
{
	size_t length = strnlen(text, STRING_ROOM);
	bool whole = !strcmp(text, "-") || !strcmp(text, "(empty)");

	if (!length)
		return PUT(p, "-");
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = text[i];

		if (byte < 0x20 || byte > 0x7e || byte == '\\' || (whole && !i))
			p += sprintf(p, "\\x%02x", byte);
		else
			*p++ = byte;
	}
	return p;
}

/* Seconds with six digits, as Zeek writes times and intervals. */
static char *put_seconds(char *p, __u64 ns)
{
	return p + sprintf(p, "%llu.%06llu", ns / NS_PER_SECOND, ns % NS_PER_SECOND / 1000);
}

static char *put_host(char *p, const __u8 address[16], __u16 port)
{
	p = address_is_known(address) ? put_address(p, address) : PUT(p, "-");
	*p++ = '\t';
	p = port ? put_number(p, port) : PUT(p, "-");
	*p++ = '\t';
	return p;
}

static const char *state_of(const struct hc_event *event)
{
	bool inbound = event->direction == HC_INBOUND;

	if (event->type == HC_REFUSED)
		return "REJ";
	switch (event->end) {
	case HC_END_FINISHED:
		return "SF";
	case HC_END_REFUSED:
		return "REJ";
	case HC_END_RESET: /* by the peer */
		return inbound ? "RSTO" : "RSTR";
	case HC_END_ABORTED: /* by this side */
	case HC_END_KILLED:
	case HC_END_IDLE:
	case HC_END_EVICTED:
	case HC_END_ALONE:
		return inbound ? "RSTR" : "RSTO";
	case HC_END_TIMEOUT:
	case HC_END_UNREACHABLE:
		return decode_was_established(event) ? "S1" : "S0";
	case HC_END_ABANDONED:
		return "S0";
	default:
		return "OTH";
	}
}

static char *put_amounts(char *p, const struct hc_event *event)
{
	bool inbound = event->direction == HC_INBOUND;

	if (event->type == HC_REFUSED)
		return PUT(p, "-\t-\t-");
	if (event->flags & HC_F_FOUND)
		p = PUT(p, "-");
	else
		p = put_seconds(p, decode_duration_ns(event));
	*p++ = '\t';
	p = put_number(p, inbound ? event->rx_bytes : event->tx_bytes);
	*p++ = '\t';
	return put_number(p, inbound ? event->tx_bytes : event->rx_bytes);
}

/* Is it the end of a session, or of an attempt? */
static bool is_end(const struct event_line *line)
{
	if (event_line_is(line, HC_CLOSED))
		return true;
	return event_line_is(line, HC_REFUSED) && !(line->event.flags & HC_F_OBSERVED);
}

void print_zeek_event(struct print_buffer *out, const struct event_line *line)
{
	const struct hc_event *event = &line->event;
	const struct hc_ends *ends = &event->ends;
	bool inbound = event->direction == HC_INBOUND;
	char *p = is_end(line) ? print_reserve(out, LINE_ROOM + 4 * STRING_ROOM) : NULL;

	if (!p)
		return;
	p = put_seconds(p, event->start_ns ?: event->time_ns);
	*p++ = '\t';
	p = event->id ? put_number(p, event->id) : PUT(p, "-");
	*p++ = '\t';
	if (inbound) {
		p = put_host(p, ends->remote, ends->remote_port);
		p = put_host(p, ends->local, ends->local_port);
	} else {
		p = put_host(p, ends->local, ends->local_port);
		p = put_host(p, ends->remote, ends->remote_port);
	}
	p = PUT(p, "tcp\t");
	p = put_string(p, line->service);
	*p++ = '\t';
	p = put_amounts(p, event);
	p += sprintf(p, "\t%s\t%s\t-\t-\t-\t-\t-\t-\t-\n", state_of(event),
		     inbound ? "-\tT" : "T\t-");
	print_commit(out, p);
}
