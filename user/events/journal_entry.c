// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "user/base/address.h"
#include "user/base/clock.h"
#include "user/base/escape.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/events/decode.h"
#include "user/events/journal_entry.h"
#include "user/events/print.h"
#include "user/fleet/askers.h"

/* A user is the longest field, and stands in the message too, as may another; the others take
 * less than 2000.
 */
#define ENTRY_ROOM (4096 + 3 * 4 * HC_USER_TEXT)

/* One for each action, and never another: catalogs and filters refer to them. */
static const char *const message_ids[] = {
	[ACTION_LOST] = "efc4bc35dfe044f6a510435aa0f2547d",
	[HC_OPENED] = "8c1e4fee8de54591870a779503d11ac5",
	[HC_CLOSED] = "02780c8456af446fa1981f7c4e0abca7",
	[HC_REFUSED] = "33d5a158fe8348a3a460a8f7ff629544",
	[HC_KILLED] = "b9a9c507c6b349eb95a3cfb25717d5fc",
	[HC_LABELLED] = "0217444524394b39a4a3048d1ea50479",
};

#define ID_ALONE "1c6374e787844587b12f1205d5aa46e9"
#define ID_BACK  "fac626be525f4a3d951139cee7ac4c2e"

static char *put_field(char *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static char *put_field(char *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	p += vsprintf(p, format, args) + 1;
	va_end(args);
	return p;
}

/* A field of outsiders' bytes; none if there are none. */
static char *put_text(char *p, const char *name, const char *text, size_t length)
{
	if (!length)
		return p;
	p += sprintf(p, "%s=", name);
	return p + escape_text(p, 4 * length + 1, text, length) + 1;
}

static char *put_entry_side(char *p, const char *side, const __u8 address[16], __u16 port)
{
	char text[ADDRESS_TEXT];

	if (address_is_known(address))
		p = put_field(p, "HEADCOUNT_%s_IP=%s", side, address_format(address, text));
	return port ? put_field(p, "HEADCOUNT_%s_PORT=%u", side, port) : p;
}

/* What every entry begins with. */
static char *put_any_head(char *p, const struct print_context *context, const char *id,
			  const char *action, int priority, __u64 time_ns)
{
	p = put_field(p, "MESSAGE_ID=%s", id);
	p = put_field(p, "PRIORITY=%d", priority);
	p = put_field(p, "SYSLOG_IDENTIFIER=headcount");
	p = put_field(p, "HEADCOUNT_ACTION=%s", action);
	p = put_field(p, "HEADCOUNT_SEQUENCE=%llu", context->sequence);
	p = PUT(p, "HEADCOUNT_TIME=");
	p = put_time(p, time_ns);
	*p++ = '\0';
	return p;
}

static char *put_entry_head(char *p, const struct print_context *context, int type,
			    int priority, __u64 time_ns)
{
	return put_any_head(p, context, message_ids[type], name_of_action(type), priority,
			    time_ns);
}

static const char *verb(const struct hc_event *event)
{
	if (event->type == HC_OPENED)
		return "opened a session";
	if (event->type == HC_CLOSED)
		return "closed a session";
	if (event->type == HC_KILLED)
		return "had a session closed";
	if (event->type == HC_LABELLED)
		return "was given a session";
	if (event->excess == HC_WAIT || event->excess == HC_EVICT)
		return "has to wait";
	if (event->excess == HC_REDIRECT)
		return "was redirected";
	return event->excess == HC_OBSERVE ? "is over its cap" : "was refused";
}

static const char *killer_host(const struct hc_event *event, char name[HOST_NAME_ROOM])
{
	return askers_name(event->end == HC_END_EVICTED ? 0 : event->newcomer_port, name);
}

static char *put_killer(char *p, const struct hc_event *event)
{
	char name[HOST_NAME_ROOM];

	p += sprintf(p, " by uid %u", event->asker);
	return *killer_host(event, name) ? p + sprintf(p, " of %s", name) : p;
}

/* A sentence: who did what in which service, and what it holds. */
static char *put_message(char *p, const char *service, const char *user,
			 const struct hc_event *event)
{
	p = PUT(p, "MESSAGE=");
	p += escape_text(p, 4 * HC_NAME_MAX, service, strnlen(service, HC_NAME_MAX));
	p = PUT(p, ": ");
	p += escape_text(p, 4 * HC_USER_TEXT, user, strlen(user));
	p += sprintf(p, " %s", verb(event));
	if (event->type == HC_CLOSED || event->end)
		p += sprintf(p, " (%s)", word_of_end(event->end));
	if (event->type == HC_KILLED)
		return put_killer(p, event) + 1;
	p += sprintf(p, ", has %u", event->active);
	if (event->cap != HC_UNLIMITED)
		p += sprintf(p, " of %u", event->cap);
	if (event->type == HC_REFUSED && event->suppressed)
		p += sprintf(p, " (and %u refusals before)", event->suppressed);
	return p + 1;
}

static char *put_closed(char *p, const struct hc_event *event)
{
	bool inbound = event->direction == HC_INBOUND;
	__u64 ms;

	p = put_field(p, "HEADCOUNT_REASON=%s", word_of_end(event->end));
	if (event->start_ns && !(event->flags & HC_F_FOUND))
		p = put_field(p, "HEADCOUNT_DURATION_NS=%llu", decode_duration_ns(event));
	p = put_field(p, "HEADCOUNT_SOURCE_BYTES=%llu",
		      inbound ? event->rx_bytes : event->tx_bytes);
	p = put_field(p, "HEADCOUNT_DESTINATION_BYTES=%llu",
		      inbound ? event->tx_bytes : event->rx_bytes);
	if (event->end == HC_END_UNKNOWN) /* its socket was gone already */
		return p;
	p = put_field(p, "HEADCOUNT_IDLE_MS=%llu", ticks_idle_ms(&event->idle));
	if (event->heard_ticks != HC_NEVER)
		p = put_field(p, "HEADCOUNT_HEARD_MS=%llu", ticks_to_ms(event->heard_ticks));
	p = put_field(p, "HEADCOUNT_SEND_QUEUE=%u", event->send_queue);
	p = put_field(p, "HEADCOUNT_UNANSWERED=%u", event->unanswered);
	p = put_field(p, "HEADCOUNT_ORPHAN=%s", event->flags & HC_F_ORPHAN ? "true" : "false");
	if (ticks_half_closed_ms(event->half_closed, &ms))
		p = put_field(p, "HEADCOUNT_HALF_CLOSED_MS=%llu", ms);
	return p;
}

static char *put_evicted(char *p, const struct hc_event *event)
{
	p = put_field(p, "HEADCOUNT_EVICTED_EVIDENCE=%s", word_of_evidence(event->evidence));
	p = put_field(p, "HEADCOUNT_IDLE_MS=%llu", ticks_idle_ms(&event->idle));
	if (event->unheard_ticks != HC_NEVER)
		p = put_field(p, "HEADCOUNT_HEARD_MS=%llu", ticks_to_ms(event->unheard_ticks));
	p = put_field(p, "HEADCOUNT_UNANSWERED=%u", event->unanswered);
	return put_entry_side(p, "EVICTED_FOR", event->newcomer, event->newcomer_port);
}

static char *put_killed(char *p, const struct hc_event *event)
{
	char name[HOST_NAME_ROOM];

	p = put_field(p, "HEADCOUNT_KILLED_BY_ID=%u", event->asker);
	if (*killer_host(event, name))
		p = put_field(p, "HEADCOUNT_KILLED_BY_HOST=%s", name);
	return p;
}

static char *put_entry_session(char *p, const struct hc_event *event)
{
	const struct hc_ends *ends = &event->ends;
	bool inbound = event->direction == HC_INBOUND;

	p = put_field(p, "HEADCOUNT_DIRECTION=%s", inbound ? "ingress" : "egress");
	p = put_entry_side(p, inbound ? "DESTINATION" : "SOURCE", ends->local,
			   ends->local_port);
	p = put_entry_side(p, inbound ? "SOURCE" : "DESTINATION", ends->remote,
			   ends->remote_port);
	if (event->type == HC_KILLED)
		p = put_killed(p, event);
	if (event->type == HC_KILLED && event->end)
		p = put_field(p, "HEADCOUNT_REASON=%s", word_of_end(event->end));
	if (event->type == HC_KILLED && event->end == HC_END_EVICTED)
		p = put_evicted(p, event);
	if (event->type != HC_KILLED)
		p = put_field(p, "HEADCOUNT_ACTIVE=%u", event->active);
	if (event->type != HC_KILLED && event->cap != HC_UNLIMITED)
		p = put_field(p, "HEADCOUNT_CAP=%u", event->cap);
	if (event->id)
		p = put_field(p, "HEADCOUNT_SESSION_ID=%llu", event->id);
	if (event->uid != HC_UID_UNKNOWN)
		p = put_field(p, "HEADCOUNT_UID=%u", event->uid);
	if (event->pid)
		p = put_field(p, "HEADCOUNT_PID=%u", event->pid);
	p = put_text(p, "HEADCOUNT_PROCESS", event->comm,
		     strnlen(event->comm, sizeof(event->comm)));
	if (event->type == HC_CLOSED)
		return put_closed(p, event);
	if (event->type != HC_REFUSED)
		return p;
	p = put_field(p, "HEADCOUNT_SUPPRESSED=%u", event->suppressed);
	p = put_field(p, "HEADCOUNT_SCOPE=%s", event->flags & HC_F_TOTAL ? "total" : "user");
	return put_field(p, "HEADCOUNT_EXCESS=%s", word_of_excess(event->excess));
}

bool journal_entry_event(struct print_buffer *out, const struct print_context *context,
			 const struct hc_event *event)
{
	const char *service = context->service_names[event->user.service];
	char *p = print_reserve(out, ENTRY_ROOM), user[HC_USER_TEXT], before[HC_USER_TEXT];

	if (!p)
		return false;
	user_key_format(&event->user, false, user, sizeof(user));
	p = put_message(p, service, user, event);
	p = put_entry_head(p, context, event->type,
			   event->type == HC_REFUSED ? LOG_WARNING : LOG_INFO,
			   print_realtime(context, event->time_ns));
	p = put_text(p, "HEADCOUNT_SERVICE", service, strnlen(service, HC_NAME_MAX));
	p = put_text(p, "HEADCOUNT_USER", user, strlen(user));
	if (event->type == HC_LABELLED) {
		user_key_format(&event->before, false, before, sizeof(before));
		p = put_text(p, "HEADCOUNT_USER_BEFORE", before, strlen(before));
	}
	p = put_entry_session(p, event);
	*p++ = '\0';
	print_commit(out, p);
	return true;
}

bool journal_entry_lost(struct print_buffer *out, const struct print_context *context,
			const char *word, __u64 lost)
{
	char *p = print_reserve(out, ENTRY_ROOM);

	if (!p)
		return false;
	p = put_field(p, "MESSAGE=%llu events are lost: %s", lost, word);
	p = put_entry_head(p, context, ACTION_LOST, LOG_WARNING, clock_realtime_ns());
	p = put_field(p, "HEADCOUNT_REASON=%s", word);
	p = put_field(p, "HEADCOUNT_EVENTS_LOST=%llu", lost);
	*p++ = '\0';
	print_commit(out, p);
	return true;
}

/* The store is an administrator's word, or a Sentinel's. */
bool journal_entry_fleet(struct print_buffer *out, const struct print_context *context,
			 const struct print_fleet *fleet)
{
	const size_t length = strnlen(fleet->store, sizeof(fleet->store));
	char *p = print_reserve(out, ENTRY_ROOM);

	if (!p)
		return false;
	if (fleet->alone)
		p += sprintf(p,
			     "MESSAGE=fleet: this host is alone, and alone = %s holds: no "
			     "lease from the store at ",
			     word_of_alone(fleet->means));
	else
		p += sprintf(p,
			     "MESSAGE=fleet: this host has a lease again from the store at ");
	p += escape_text(p, 4 * length + 1, fleet->store, length) + 1;
	p = put_any_head(p, context, fleet->alone ? ID_ALONE : ID_BACK,
			 name_of_fleet(fleet->alone), fleet->alone ? LOG_WARNING : LOG_INFO,
			 print_realtime(context, fleet->time_ns));
	if (!fleet->alone)
		p = put_field(p, "HEADCOUNT_DURATION_NS=%llu",
			      fleet->time_ns - fleet->since_ns);
	p = put_field(p, "HEADCOUNT_FLEET_ALONE=%s", word_of_alone(fleet->means));
	p = put_field(p, "HEADCOUNT_FLEET_MEMBERS=%u", fleet->members);
	p = put_text(p, "HEADCOUNT_FLEET_STORE", fleet->store, length);
	*p++ = '\0';
	print_commit(out, p);
	return true;
}
