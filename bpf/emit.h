/* SPDX-License-Identifier: GPL-2.0-only */
/* Reserve, fill, submit; or count the loss. */
#ifndef HEADCOUNT_EMIT_H
#define HEADCOUNT_EMIT_H

#include "identify.h"
#include "peer.h"

_Static_assert(sizeof(struct hc_label_event) <= HC_EVENT_SIZE, "a slot has room for each");

/* A record that is being written. */
struct emission {
	struct hc_event_ring *ring;
	__u64 position;
};

/* Room for a record, or NULL: the loss is counted. */
static __always_inline void *emit_begin(struct emission *emission)
{
	__u32 index = 0;

	emission->ring = bpf_map_lookup_elem(&event_ring, &index);
	if (!emission->ring)
		return NULL;
	if (!event_ring_claim(emission->ring, &emission->position)) {
		count_loss(HC_LOSS_RING_FULL);
		return NULL;
	}
	index = event_ring_slot(emission->position);
	return bpf_map_lookup_elem(&events, &index);
}

/* Wake-ups are what makes a tracer slow: the reader looks in by itself, many
 * times a second, and is never woken. */
static __always_inline void emit_end(const struct emission *emission, __u32 size)
{
	event_ring_publish(emission->ring, emission->position, size);
}

/* What headcount's own record knows of the session, or of one that was refused; every byte up
 * to HC_OPENED_SIZE, each once. */
static __always_inline void emit_head(struct hc_event *event, __u64 id,
				      const struct hc_session *session, __u8 type, __u64 now)
{
	event->version = HC_RECORD_VERSION;
	event->type = type;
	event->direction = session->direction;
	event->flags = session->flags & HC_F_ALL;
	event->end = 0;
	event->error = 0;
	event->unanswered = 0;
	event->time_ns = now;
	event->start_ns = session->flags & HC_F_FOUND ? 0 : session->opened_ns;
	event->id = id;
	event->user = session->user;
	event->active = 0;
	event->cap = 0;
	event->uid = session->uid;
	event->pid = session->pid;
	event->ends = session->ends;
	__builtin_memcpy(event->comm, session->comm, sizeof(event->comm));
}

static __always_inline void emit_fill(struct hc_event *event, __u64 id,
				      const struct hc_session *session, __u8 type, __u64 now)
{
	emit_head(event, id, session, type, now);
	__builtin_memset(&event->rx_bytes, 0, sizeof(*event) - HC_OPENED_SIZE);
}

static __always_inline struct hc_event *emit_opened(struct emission *emission, __u64 id,
						    const struct hc_session *session, __u64 now)
{
	struct hc_event *event =
		session->flags & HC_S_MUTE_OPENED ? NULL : emit_begin(emission);

	if (event)
		emit_head(event, id, session, HC_OPENED, now);
	return event;
}

static __always_inline struct hc_event *emit_closed(struct emission *emission, __u64 id,
						    const struct hc_session *session, __u64 now)
{
	struct hc_event *event =
		session->flags & HC_S_MUTE_CLOSED ? NULL : emit_begin(emission);

	if (event)
		emit_fill(event, id, session, HC_CLOSED, now);
	return event;
}

/* What the kernel's socket knows. */
static __always_inline __u64 received_of(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u64 bytes = tp->bytes_received;

	return bytes && (sk->__sk_common.skc_flags & (1ul << SOCK_DONE)) ? bytes - 1 : bytes;
}

static __always_inline void emit_traffic(struct hc_event *event, const struct tcp_sock *tp,
					 int state)
{
	struct hc_peer peer;

	event->rx_bytes = received_of(tp);
	event->tx_bytes = tp->bytes_sent;
	event->srtt_us = tp->srtt_us >> 3;
	event->retransmits = tp->total_retrans;
	if (event->retransmits)
		event->tx_bytes -= tp->bytes_retrans;
	peer_idle(&event->idle, tp);
	peer_read(&peer, tp, state);
	event->heard_ticks = peer.heard_ticks;
	event->send_queue = peer.send_queue;
	event->unanswered = peer.unanswered < 255 ? peer.unanswered : 255;
	if (peer_orphan(tp))
		event->flags |= HC_F_ORPHAN;
}

#endif
