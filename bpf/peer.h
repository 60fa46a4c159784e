/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a socket tells of its peer: is it there, or only not busy?
 *
 * Idle is the time since payload was received, in order, or sent for the first time. The
 * kernel's time of sending (lsndtime) moves with retransmissions too, so that a session whose
 * peer is gone would never be idle for long once something was written to it. While a
 * retransmission is unanswered, first_tx_mstamp stands for it: when the newest segment that
 * the peer has acknowledged was sent, or the first of what is unacknowledged, whichever is
 * later. What else was sent before the retransmissions began, mostly within their timeout, is
 * not known any more: idle is too long by that at most. And after the peer has answered,
 * lsndtime counts again, from its last retransmission on, which got through.
 *
 * Heard is the time since the peer's last segment, ACKs included. rcv_tstamp moves with what
 * the kernel takes as an ACK, lrcvtime with payload; a peer's own keepalive probes move
 * neither.
 */
#ifndef HEADCOUNT_PEER_H
#define HEADCOUNT_PEER_H

#include "kernel.h"
#include "record.h"

/* Jiffies, of which one may have come since `now` was read. */
static __always_inline __u32 peer_since(__u32 now, __u32 then)
{
	return now - then < 0xffffff00 ? now - then : 0;
}

static __always_inline __u32 peer_least(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline void peer_idle(struct hc_idle *idle, const struct tcp_sock *tp)
{
	__u32 sent = tp->lsndtime, received = tp->inet_conn.icsk_ack.lrcvtime;
	__u32 now = bpf_jiffies64();
	__u64 first = 0, us;

	idle->ms = HC_NEVER;
	if (!sent && !received) /* a handshake under way */
		return;
	idle->ticks = peer_since(now, received);
	if (tp->retrans_out || tp->inet_conn.icsk_retransmits)
		first = tp->first_tx_mstamp;
	if (first) {
		us = bpf_ktime_get_ns() / 1000;
		idle->ms = us > first ? (us - first) / 1000 : 0;
	} else {
		idle->ticks = peer_least(idle->ticks, peer_since(now, sent));
	}
}

/* What was written and not acknowledged, without a SYN or FIN. */
static __always_inline __u32 peer_queue(const struct tcp_sock *tp, int state)
{
	__u32 bytes = tp->write_seq - tp->snd_una;
	bool flag = state == TCP_SYN_SENT || state == TCP_FIN_WAIT1 || state == TCP_CLOSING ||
		    state == TCP_LAST_ACK;

	return bytes && flag ? bytes - 1 : bytes;
}

static __always_inline __u32 peer_unanswered(const struct tcp_sock *tp)
{
	return tp->inet_conn.icsk_retransmits + tp->inet_conn.icsk_probes_out;
}

static __always_inline void peer_read(struct hc_peer *peer, const struct tcp_sock *tp,
				      int state)
{
	__u32 acked = tp->rcv_tstamp, received = tp->inet_conn.icsk_ack.lrcvtime;
	__u32 now = bpf_jiffies64();

	peer->heard_ticks = state == TCP_SYN_SENT ? HC_NEVER
						  : peer_least(peer_since(now, acked),
							       peer_since(now, received));
	peer->send_queue = peer_queue(tp, state);
	peer->unanswered = peer_unanswered(tp);
}

/* An accepted socket that nobody has taken yet is none, nor is a subflow of an MPTCP
 * connection that still is one. */
static __always_inline bool peer_orphan(const struct tcp_sock *tp)
{
	return tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags & (1ul << SOCK_DEAD);
}

#endif
