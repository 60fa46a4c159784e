/* SPDX-License-Identifier: GPL-2.0-only */
/* Reserve, fill, submit; or count the loss. */
#ifndef HEADCOUNT_EMIT_H
#define HEADCOUNT_EMIT_H

#include "identify.h"
#include "peer.h"

/* Wake-ups are what makes a tracer slow: the reader looks in by itself, many
 * times a second, and is never woken. */
static __always_inline void emit_submit(struct hc_event *event)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* What headcount's own record knows of the session, or of one that was refused. */
static __always_inline void emit_fill(struct hc_event *event, __u64 id,
				      const struct hc_session *session, __u8 type, __u64 now)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->version = HC_RECORD_VERSION;
	event->type = type;
	event->direction = session->direction;
	event->flags = session->flags & HC_F_ALL;
	event->time_ns = now;
	event->start_ns = session->flags & HC_F_FOUND ? 0 : session->opened_ns;
	event->id = id;
	event->user = session->user;
	event->uid = session->uid;
	event->pid = session->pid;
	event->ends = session->ends;
	__builtin_memcpy(event->comm, session->comm, sizeof(event->comm));
}

/* NULL: its service does not want such events, or the loss is counted. */
static __always_inline struct hc_event *emit_begin(__u64 id, const struct hc_session *session,
						   __u8 type, __u64 now)
{
	__u32 mute = type == HC_OPENED ? HC_S_MUTE_OPENED : HC_S_MUTE_CLOSED;
	struct hc_event *event;

	if (session->flags & mute)
		return NULL;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event)
		emit_fill(event, id, session, type, now);
	else
		count_loss(HC_LOSS_RING_FULL);
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
	event->tx_bytes = tp->bytes_sent - tp->bytes_retrans;
	event->srtt_us = tp->srtt_us >> 3;
	event->retransmits = tp->total_retrans;
	peer_idle(&event->idle, tp);
	peer_read(&peer, tp, state);
	event->heard_ticks = peer.heard_ticks;
	event->send_queue = peer.send_queue;
	event->unanswered = peer.unanswered < 255 ? peer.unanswered : 255;
	if (peer_orphan(tp))
		event->flags |= HC_F_ORPHAN;
}

#endif
