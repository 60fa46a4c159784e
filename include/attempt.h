/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is kept of attempts that are over the cap and neither rejected nor admitted (excess =
 * wait, redirect, evict): the values of the maps of bpf/excess.h. Layout and units are as in
 * record.h.
 */
#ifndef HEADCOUNT_ATTEMPT_H
#define HEADCOUNT_ATTEMPT_H

#include "record.h"

/*
 * A listening socket that a packet is sent to, the key of `targets`: an administrator's, by
 * where it listens, or one of the daemon's own, which goes as the daemon does.
 */
struct hc_target {
	__u8 address[16]; /* all zero: every one of IPv6, and perhaps IPv4; or an own one */
	__u32 netns;      /* inode number; 0: the silent one, which is for all */
	__u16 port;       /* host order; 0: the daemon's own, */
	__u16 own;        /* HC_TARGET_SILENT, or what struct hc_redirect says */
};

/* Has a filter that lets nothing through: a packet that gets there vanishes. */
#define HC_TARGET_SILENT 0

/* Where an administrator's target may listen, the key of `target_places`: the address as in
 * struct hc_target. */
struct hc_target_place {
	__u8 address[16];
	__u16 port;
	__u16 half;
};

/* An attempt to connect: its SYN and those that the client sends again. */
struct hc_attempt {
	__u8 remote[16];
	__u16 remote_port; /* host order */
	__u16 local_port;
	__u32 netns;
};

struct hc_waiting {
	__u64 first_ns; /* CLOCK_MONOTONIC */
	__u64 last_ns;
	__u32 told; /* as a refusal */
	__u32 spare;
};

/*
 * A record of the ring `pleas`, for the daemon: an attempt of a user at its cap wants room, and
 * has been dropped. It comes again with each SYN that the client sends again, as long as that
 * finds no slot. `user`, `ends` and `first_ns` are the same then, and tell attempts apart.
 */
struct hc_plea {
	struct hc_user_key user;
	struct hc_ends ends;
	__u64 first_ns; /* CLOCK_MONOTONIC: of the attempt, */
	__u64 time_ns;  /* and of this SYN */
	__u32 active;   /* the user's sessions, */
	__u32 cap;      /* and its cap */
	__u32 total;    /* the service's total was reached, not the cap */
	__u32 spare;
};

HC_STATIC_ASSERT(sizeof(struct hc_target) == 24);
HC_STATIC_ASSERT(sizeof(struct hc_target_place) == 20);
HC_STATIC_ASSERT(sizeof(struct hc_attempt) == 24);
HC_STATIC_ASSERT(sizeof(struct hc_plea) == 96);

#endif
