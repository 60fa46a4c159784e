// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events as JSON lines, at the pace of the event ring: no printf, no memory
 * taken and no name looked up in the common case.
 */
#include "user/base/address.h"
#include "user/base/community_id.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/events/decode.h"
#include "user/events/print.h"
#include "user/events/put_names.h"
#include "user/fleet/askers.h"

/*
 * The longest line: the keys take less than 1400 bytes, the numbers, times and
 * addresses less than 500, the service, the process and two accounts less than
 * 900. Users, of whom there may be two, are their texts, every byte of which may become six.
 */
#define LINE_ROOM (3072 + ORIGIN_ROOM + 2 * 6 * HC_USER_TEXT)

/* From "@timestamp" to the origin: what every line begins with. */
static char *put_head(char *p, struct print_context *context, __u64 time_ns, const char *types,
		      const char *action)
{
	p = PUT(p, "{\"@timestamp\":\"");
	p = put_time(p, print_realtime(context, time_ns));
	p = PUT(p, "\",\"event.kind\":\"event\",\"event.category\":[\"network\"],\"event."
		   "type\":[");
	p = stpcpy(p, types);
	p = PUT(p, "],\"event.action\":\"");
	p = stpcpy(p, action);
	p = PUT(p, "\",\"event.dataset\":\"headcount.session\",\"event.sequence\":");
	p = put_number(p, context->sequence);
	return context->origin ? mempcpy(p, context->origin->text, context->origin->length) : p;
}

static const char *event_types(const struct hc_event *event)
{
	if (event->type == HC_OPENED)
		return "\"connection\",\"start\"";
	if (event->type == HC_CLOSED)
		return "\"connection\",\"end\"";
	if (event->type == HC_KILLED || event->type == HC_LABELLED)
		return "\"connection\",\"info\"";
	return event->flags & HC_F_OBSERVED ? "\"connection\",\"allowed\""
					    : "\"connection\",\"denied\"";
}

/* Why it ended. Who kills has none, unless it is headcount itself. */
static char *put_reason(char *p, const struct hc_event *event)
{
	if (event->type != HC_CLOSED && (event->type != HC_KILLED || !event->end))
		return p;
	p = PUT(p, ",\"event.reason\":\"");
	p = stpcpy(p, word_of_end(event->end));
	*p++ = '"';
	return p;
}

/* When the session was: its start if that is known, and its end if it is over. */
static char *put_times(char *p, const struct print_context *context,
		       const struct hc_event *event)
{
	bool found = event->flags & HC_F_FOUND || !event->start_ns;

	if (event->type == HC_REFUSED)
		return p;
	if (!found) {
		p = PUT(p, ",\"event.start\":\"");
		p = put_time(p, print_realtime(context, event->start_ns));
		*p++ = '"';
	} else if (event->type == HC_OPENED) {
		p = PUT(p, ",\"headcount.found\":true");
	}
	if (event->type != HC_CLOSED)
		return put_reason(p, event);

	p = PUT(p, ",\"event.end\":\"");
	p = put_time(p, print_realtime(context, event->time_ns));
	*p++ = '"';
	if (!found) {
		p = PUT(p, ",\"event.duration\":");
		p = put_number(p, decode_duration_ns(event));
	}
	return put_reason(p, event);
}

/* One end of the connection, and the bytes it sent. */
static char *put_side(char *p, const char *name, const __u8 address[16], __u16 port,
		      const __u64 *bytes)
{
	if (address_is_known(address)) {
		p = stpcpy(p, name);
		p = PUT(p, "ip\":\"");
		p = put_address(p, address);
		*p++ = '"';
	}
	if (port) {
		p = stpcpy(p, name);
		p = PUT(p, "port\":");
		p = put_number(p, port);
	}
	if (bytes) {
		p = stpcpy(p, name);
		p = PUT(p, "bytes\":");
		p = put_number(p, *bytes);
	}
	return p;
}

/* Both ends; `source` is the one that opened the connection. */
static char *put_ends(char *p, const struct hc_event *event)
{
	static const char source[] = ",\"source.", destination[] = ",\"destination.";
	const __u64 *rx = &event->rx_bytes, *tx = &event->tx_bytes;
	const struct hc_ends *ends = &event->ends;

	if (event->type != HC_CLOSED)
		rx = tx = NULL;
	if (event->direction == HC_INBOUND) {
		p = put_side(p, source, ends->remote, ends->remote_port, rx);
		return put_side(p, destination, ends->local, ends->local_port, tx);
	}
	p = put_side(p, source, ends->local, ends->local_port, tx);
	return put_side(p, destination, ends->remote, ends->remote_port, rx);
}

static char *put_network(char *p, const struct hc_event *event)
{
	const struct hc_ends *ends = &event->ends;

	p = PUT(p, ",\"network.transport\":\"tcp\"");
	if (event->flags & HC_F_IPV4 || address_is_ipv4(ends->remote))
		p = PUT(p, ",\"network.type\":\"ipv4\"");
	else if (address_is_known(ends->remote))
		p = PUT(p, ",\"network.type\":\"ipv6\"");
	if (event->direction == HC_INBOUND)
		p = PUT(p, ",\"network.direction\":\"ingress\"");
	else
		p = PUT(p, ",\"network.direction\":\"egress\"");

	if (!ends->local_port || !ends->remote_port || !address_is_known(ends->local) ||
	    !address_is_known(ends->remote))
		return p;
	p = PUT(p, ",\"network.community_id\":\"");
	community_id(p, ends->remote, ends->remote_port, ends->local, ends->local_port);
	p += COMMUNITY_ID_SIZE - 1;
	*p++ = '"';
	return p;
}

/* Whose session it is, as this host's accounts and processes go. */
static char *put_owner(char *p, const struct hc_event *event)
{
	size_t length = strnlen(event->comm, sizeof(event->comm));

	if (event->uid != HC_UID_UNKNOWN)
		p = put_account(p, "user", event->uid);
	if (event->pid) {
		p = PUT(p, ",\"process.pid\":");
		p = put_number(p, event->pid);
	}
	if (length) {
		p = PUT(p, ",\"process.name\":\"");
		p = put_escaped(p, event->comm, length);
		*p++ = '"';
	}
	return p;
}

/* The user that headcount charges, and what it holds. */
static char *put_charge(char *p, const char *service, const struct hc_event *event)
{
	size_t length = strnlen(service, HC_NAME_MAX);

	if (length) {
		p = PUT(p, ",\"rule.name\":\"");
		p = put_escaped(p, service, length);
		*p++ = '"';
	}
	p = PUT(p, ",\"headcount.user\":\"");
	p = put_user(p, &event->user);
	*p++ = '"';
	if (event->type == HC_LABELLED) {
		p = PUT(p, ",\"headcount.user_before\":\"");
		p = put_user(p, &event->before);
		*p++ = '"';
	}
	if (event->type != HC_KILLED) {
		p = PUT(p, ",\"headcount.active\":");
		p = put_number(p, event->active);
		p = PUT(p, ",\"headcount.cap\":");
		p = event->cap == HC_UNLIMITED ? PUT(p, "null") : put_number(p, event->cap);
	}
	if (event->id) {
		p = PUT(p, ",\"headcount.session.id\":");
		p = put_number(p, event->id);
	}
	if (event->flags & HC_F_LATE)
		p = PUT(p, ",\"headcount.late\":true");
	return p;
}

static char *put_refusal(char *p, const struct hc_event *event)
{
	p = PUT(p, ",\"headcount.suppressed\":");
	p = put_number(p, event->suppressed);
	if (event->flags & HC_F_TOTAL)
		p = PUT(p, ",\"headcount.scope\":\"total\"");
	else
		p = PUT(p, ",\"headcount.scope\":\"user\"");
	p = PUT(p, ",\"headcount.excess\":\"");
	p = stpcpy(p, word_of_excess(event->excess));
	*p++ = '"';
	return p;
}

static char *put_transfer(char *p, const struct hc_event *event)
{
	__u64 ms;

	p = PUT(p, ",\"headcount.srtt_us\":");
	p = put_number(p, event->srtt_us);
	p = PUT(p, ",\"headcount.retransmits\":");
	p = put_number(p, event->retransmits);
	if (event->end == HC_END_UNKNOWN) /* its socket was gone already */
		return p;
	p = PUT(p, ",\"headcount.idle_ms\":");
	p = put_number(p, ticks_idle_ms(&event->idle));
	p = PUT(p, ",\"headcount.heard_ms\":");
	if (event->heard_ticks == HC_NEVER)
		p = PUT(p, "null");
	else
		p = put_number(p, ticks_to_ms(event->heard_ticks));
	p = PUT(p, ",\"headcount.send_queue\":");
	p = put_number(p, event->send_queue);
	p = PUT(p, ",\"headcount.unanswered\":");
	p = put_number(p, event->unanswered);
	if (event->flags & HC_F_ORPHAN)
		p = PUT(p, ",\"headcount.orphan\":true,\"headcount.half_closed_ms\":");
	else
		p = PUT(p, ",\"headcount.orphan\":false,\"headcount.half_closed_ms\":");
	return ticks_half_closed_ms(event->half_closed, &ms) ? put_number(p, ms)
							     : PUT(p, "null");
}

/* What made it the stalest, and whom it makes room for. */
static char *put_eviction(char *p, const struct hc_event *event)
{
	__u8 newcomer[16]; /* a copy: gcc takes it for the bytes in its place, and warns */

	memcpy(newcomer, event->newcomer, sizeof(newcomer));
	p = PUT(p, ",\"headcount.evicted.evidence\":\"");
	p = stpcpy(p, word_of_evidence(event->evidence));
	p = PUT(p, "\",\"headcount.idle_ms\":");
	p = put_number(p, ticks_idle_ms(&event->idle));
	p = PUT(p, ",\"headcount.heard_ms\":");
	if (event->unheard_ticks == HC_NEVER)
		p = PUT(p, "null");
	else
		p = put_number(p, ticks_to_ms(event->unheard_ticks));
	p = PUT(p, ",\"headcount.unanswered\":");
	p = put_number(p, event->unanswered);
	return put_side(p, ",\"headcount.evicted.for.", newcomer, event->newcomer_port, NULL);
}

/* Who had it closed: of another host it is a uid of there. */
static char *put_killer(char *p, const struct hc_event *event)
{
	char name[HOST_NAME_ROOM];

	if (event->end == HC_END_EVICTED || !event->newcomer_port)
		return put_account(p, "headcount.killed_by", event->asker);
	p = PUT(p, ",\"headcount.killed_by.id\":\"");
	p = put_number(p, event->asker);
	*p++ = '"';
	if (!*askers_name(event->newcomer_port, name)) /* asked of the daemon before us */
		return p;
	p = PUT(p, ",\"headcount.killed_by.host\":\"");
	p = put_escaped(p, name, strlen(name));
	return PUT(p, "\"");
}

/* A line that finds no memory has its number all the same: the gap shows. */
void print_json_event(struct print_buffer *out, struct print_context *context,
		      const struct hc_event *event)
{
	char *p = print_reserve(out, LINE_ROOM);

	context->sequence++;
	if (!p)
		return;
	p = put_head(p, context, event->time_ns, event_types(event),
		     name_of_action(event->type));
	p = put_times(p, context, event);
	p = put_ends(p, event);
	p = put_network(p, event);
	p = put_owner(p, event);
	p = put_charge(p, context->service_names[event->user.service], event);
	if (event->type == HC_CLOSED)
		p = put_transfer(p, event);
	if (event->type == HC_KILLED)
		p = put_killer(p, event);
	if (event->type == HC_KILLED && event->end == HC_END_EVICTED)
		p = put_eviction(p, event);
	if (event->type == HC_REFUSED)
		p = put_refusal(p, event);
	print_commit(out, PUT(p, "}\n"));
}

void print_json_lost(struct print_buffer *out, struct print_context *context, __u64 time_ns,
		     const char *word, __u64 lost)
{
	char *p = print_reserve(out, LINE_ROOM);

	context->sequence++;
	if (!p)
		return;
	p = put_head(p, context, time_ns, "\"info\"", name_of_action(ACTION_LOST));
	p = PUT(p, ",\"event.reason\":\"");
	p = put_escaped(p, word, strnlen(word, HC_USER_TEXT));
	p = PUT(p, "\",\"headcount.events-lost\":");
	p = lost == PRINT_LOST_UNKNOWN ? PUT(p, "null") : put_number(p, lost);
	print_commit(out, PUT(p, "}\n"));
}

void print_json_fleet(struct print_buffer *out, struct print_context *context,
		      const struct print_fleet *fleet)
{
	char *p = print_reserve(out, LINE_ROOM);

	context->sequence++;
	if (!p)
		return;
	p = put_head(p, context, fleet->time_ns, "\"info\"", name_of_fleet(fleet->alone));
	p = PUT(p, ",\"event.start\":\"");
	p = put_time(p, print_realtime(context, fleet->since_ns));
	*p++ = '"';
	if (!fleet->alone) {
		p = PUT(p, ",\"event.duration\":");
		p = put_number(p, fleet->time_ns - fleet->since_ns);
	}
	p = PUT(p, ",\"headcount.fleet.alone\":\"");
	p = stpcpy(p, word_of_alone(fleet->means));
	p = PUT(p, "\",\"headcount.fleet.members\":");
	p = put_number(p, fleet->members);
	p = PUT(p, ",\"headcount.fleet.store\":\"");
	p = put_escaped(p, fleet->store, strnlen(fleet->store, sizeof(fleet->store)));
	print_commit(out, PUT(p, "\"}\n"));
}
