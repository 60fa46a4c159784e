/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `keepalive = SECONDS` turns into, so that a peer that does not answer is gone within
 * that time, whatever the program does meanwhile.
 *
 * The worst case is that data is written to a dead peer just before its last probe would have
 * ended the session: the kernel sends no probes while data is in flight, and begins to count
 * anew. So the silence and the unacknowledged data have half of the time each. A timer of the
 * kernel may be late by an eighth, and the first retransmission takes up to a second.
 */
#ifndef HEADCOUNT_KEEPALIVE_H
#define HEADCOUNT_KEEPALIVE_H

#include <linux/types.h>

/* With less the peer would not have HC_KEEPALIVE_PROBES, a second apart, to answer one of. */
#define HC_KEEPALIVE_MIN    10
#define HC_KEEPALIVE_MAX    14400 /* fits a session's flags: HC_S_KEEPALIVE_SHIFT */
#define HC_KEEPALIVE_PROBES 3

/* All in seconds: without a word from the peer, and how often after that; either way it ends
 * when nothing was answered, or acknowledged, for `gone`. */
static inline __u32 hc_keepalive_gone(__u32 seconds)
{
	return (seconds - 1) * 4 / 9;
}

static inline __u32 hc_keepalive_interval(__u32 seconds)
{
	__u32 interval = hc_keepalive_gone(seconds) / (2 * HC_KEEPALIVE_PROBES);

	return interval ? interval : 1;
}

static inline __u32 hc_keepalive_silence(__u32 seconds)
{
	return hc_keepalive_gone(seconds) -
	       HC_KEEPALIVE_PROBES * hc_keepalive_interval(seconds);
}

#endif
