/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of those who are over the cap, and neither rejected nor admitted: excess.h. */
#ifndef HEADCOUNT_EXCESS_MAPS_H
#define HEADCOUNT_EXCESS_MAPS_H

#include "attempt.h"
#include "maps.h"

/* Sockets that packets are sent to. The daemon's own are put here by user space; those of
 * administrators by on_milestone as they begin to listen, and by walk_targets those that listen
 * already. The kernel takes a socket out when it is closed. The value is its cookie, for user
 * space alone. Full: it is not found (HC_LOSS_NOT_HELD, HC_LOSS_NOT_REDIRECTED). */
MAP(targets, BPF_MAP_TYPE_SOCKHASH, struct hc_target, __u64, 8192, 0);

/* Where administrators' targets may listen, in namespaces that are enforced, of both halves of
 * the policy: so that nobody else's sockets fill `targets`. User space alone writes it. */
#define TARGET_PLACES 4 /* of a service, at most */
MAP(target_places, BPF_MAP_TYPE_HASH, struct hc_target_place, __u8,
    2 * TARGET_PLACES * HC_SERVICES_MAX, BPF_F_NO_PREALLOC);

/* Attempts that wait, or were redirected and have not been accepted. Made by the gate, deleted
 * as an attempt is rejected or accepted elsewhere; what got in, or nobody goes on with, makes
 * room by its age. Pushed out: it is taken for a new one, and told again. */
MAP(waiting, BPF_MAP_TYPE_LRU_HASH, struct hc_attempt, struct hc_waiting, 16384, 0);

/* Where the listeners in `targets` listen (own ones: all zero), kept with the socket itself.
 * The kernel copies it into each session that is accepted there: see diverted.h. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__type(key, int);
	__type(value, struct hc_target);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
} target_marks SEC(".maps");

/* Users who have nothing that could make room for them, and until when (CLOCK_MONOTONIC, ns).
 * The daemon alone writes it. Pushed out: it is asked again. */
MAP(barren, BPF_MAP_TYPE_LRU_HASH, struct hc_user_key, __u64, 8192, 0);

/* struct hc_plea. Full: counted (HC_LOSS_PLEAS_FULL). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} pleas SEC(".maps");

#endif
