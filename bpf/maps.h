/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Each map: who inserts, who deletes, what happens when it is full. Sizes
 * marked (sized) are set by user space before the object is loaded.
 *
 * Nobody maps `users`, `sessions` and `cpu_states`, but the values of what could be mapped
 * begin at a page: so records of 64 bytes and their multiples do not straddle cache lines.
 */
#ifndef HEADCOUNT_MAPS_H
#define HEADCOUNT_MAPS_H

#include "counters.h"
#include "fleet_status.h"
#include "kernel.h"
#include "loss.h"
#include "record.h"
#include "event_ring.h"
#include "user_table.h"

#define MAP(name, map_type, map_key, map_value, entries, flags)                                \
	struct {                                                                               \
		__uint(type, map_type);                                                        \
		__type(key, map_key);                                                          \
		__type(value, map_value);                                                      \
		__uint(max_entries, entries);                                                  \
		__uint(map_flags, flags);                                                      \
	} name SEC(".maps")

/* Policy. User space alone writes these; the lowest bit of
 * control.generation is the half in force. */
MAP(control, BPF_MAP_TYPE_ARRAY, __u32, struct hc_control, 1, 0);
MAP(services, BPF_MAP_TYPE_ARRAY, __u32, struct hc_service, 2 * HC_SERVICES_MAX, 0);
MAP(ports, BPF_MAP_TYPE_ARRAY, __u32, __u16, 2 * HC_PORTS, 0);
MAP(addresses, BPF_MAP_TYPE_HASH, struct hc_address_key, __u16, 8192, BPF_F_NO_PREALLOC);
MAP(overrides, BPF_MAP_TYPE_LPM_TRIE, struct hc_override_key, struct hc_override, 131072,
    BPF_F_NO_PREALLOC);
/* Those of labels, in services by label. */
MAP(label_overrides, BPF_MAP_TYPE_LPM_TRIE, struct hc_label_override_key, struct hc_override,
    131072, BPF_F_NO_PREALLOC);
/* Whose servers may give labels, in services that list them. */
MAP(labellers, BPF_MAP_TYPE_HASH, struct hc_labeller_key, __u8, 8192, BPF_F_NO_PREALLOC);
/* Caps of the moment (`headcount cap`), above every override. */
MAP(caps, BPF_MAP_TYPE_HASH, struct hc_user_key, struct hc_cap, 65536, BPF_F_NO_PREALLOC);
/* Network namespaces (inode numbers) whose inbound services are enforced. */
MAP(namespaces, BPF_MAP_TYPE_HASH, __u32, struct hc_namespace, 1024, BPF_F_NO_PREALLOC);

/* How the last reload went: no program's business, but it is to outlive the daemon as the
 * others do. */
MAP(reloads, BPF_MAP_TYPE_ARRAY, __u32, struct hc_reload, 1, 0);

/* How the fleet goes: the daemon alone writes it, and no program reads it. */
MAP(fleet_statuses, BPF_MAP_TYPE_ARRAY, __u32, struct hc_fleet_status, 1, 0);

/* Users, set-associative (sized). A user's way is made by its first charge and
 * reclaimed by the next user of the set that needs room; nothing deletes. A set
 * full of users with sessions: the newcomer is admitted and counted
 * (HC_LOSS_USERS_FULL). */
MAP(users, BPF_MAP_TYPE_ARRAY, __u32, struct hc_user_set, 1, BPF_F_MMAPABLE);

/* One map each, which user space makes with the first service by label, and which stays: until
 * then they take no memory. names: the label of each user, by its position from 0 (names.h);
 * label_sockets: the sessions of services by label, by their ends (label_index.h), as many as
 * there is room for sessions; full: the session gets no label (HC_LOSS_LABELS_FULL). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_INNER_MAP);
			__uint(key_size, sizeof(__u32)); /* clang tells no types in here */
			__uint(value_size, sizeof(struct hc_label));
		});
} names SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_HASH);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_NO_PREALLOC);
			__uint(key_size, sizeof(struct hc_label_socket));
			__uint(value_size, sizeof(struct hc_labelling));
		});
} label_sockets SEC(".maps");

/* Labels that were not taken, by the service's id. Programs count here; user space zeroes what
 * a service that is gone leaves to the next of its id. */
MAP(strangers, BPF_MAP_TYPE_ARRAY, __u32, struct hc_stranger, HC_SERVICES_MAX, 0);

/* Slots of each service as a whole, kept only while it has a `total`. */
MAP(service_states, BPF_MAP_TYPE_ARRAY, __u32, struct hc_service_state, HC_SERVICES_MAX, 0);

/* Counters of each service, by its id. User space reads them, and zeroes what a
 * service that is gone leaves to the next of its id. (No `total` is in it: what is
 * pinned keeps its name.) */
MAP(totals, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct hc_counters, HC_SERVICES_MAX, 0);

/* Sessions by socket cookie, set-associative (sized); bpf/sessions.h. Made when a
 * session starts (or by the socket walk), freed when its socket reaches CLOSE,
 * always under the socket's lock. Full: the session is admitted, not charged, and
 * counted (HC_LOSS_SESSIONS_FULL). */
MAP(sessions, BPF_MAP_TYPE_ARRAY, __u32, struct hc_session_set, 1, BPF_F_MMAPABLE);
const volatile __u32 session_sets = 1; /* its entries, a power of two */

/* Who listens where (sized). Inserted at listen(), deleted when the last socket there
 * closes. Full: the process of what comes in there is unknown, and so is its owner:
 * caps by uid or cgroup do not hold there (HC_LOSS_LISTENERS_FULL). */
MAP(listeners, BPF_MAP_TYPE_HASH, struct hc_listener_key, struct hc_listener, 1,
    BPF_F_NO_PREALLOC);
/* enum hc_listen_kinds of each port, in whatever namespace; bits are only set, and a change is
 * counted once it has been made. */
MAP(listened, BPF_MAP_TYPE_ARRAY, __u32, __u32, HC_PORTS, 0);
/* Listening sockets that `listeners` counts, by cookie, so that each is counted
 * once: the walk at the start and listen() may both meet it. (sized) */
MAP(listening, BPF_MAP_TYPE_HASH, __u64, struct hc_listening, 1, BPF_F_NO_PREALLOC);
/* How many of them are `elsewhere`: anybody can make a namespace of his own and listen
 * there. At most listening_elsewhere, which is half of the table; full: who comes in
 * there is not known (HC_LOSS_LISTENERS_ELSEWHERE). */
MAP(elsewhere, BPF_MAP_TYPE_ARRAY, __u32, __u32, 1, 0);
const volatile __u32 listening_elsewhere = 1;

/*
 * What one CPU has to remember between two hooks of the same packet. By its number and not
 * per-CPU: others look.
 *
 * arrival: the slot that sk_lookup reserved for a packet that may be a SYN.
 * If it is one, TIMEOUT_INIT (a request was queued) or PASSIVE_ESTABLISHED (SYN
 * cookie, Fast Open) takes it over before this CPU sees another packet; if not,
 * the next packet's sk_lookup gives it back, or after 25 ms another CPU that misses it.
 */
enum arrival_state {
	ARRIVAL_NONE,
	ARRIVAL_PENDING,
	ARRIVAL_GONE, /* another CPU has given its slot back */
	/* These bits; above them arrivals are counted: none is taken for another. */
	ARRIVAL_STATE = 3,
	ARRIVAL_NEXT = ARRIVAL_STATE + 1 + ARRIVAL_PENDING, /* from none */
};

struct arrival {
	struct hc_user_key user;
	__u64 state;
	__u64 when;       /* of the reservation */
	__u32 remote_low; /* last 4 bytes of the peer's address */
	__u16 local_port;
	__u16 remote_port;
	__u32 position; /* where the user's record was found: a guess for whoever comes next */
	__u8 total;     /* a slot of the service's total is taken too */
	__u8 spare[3];
};

/* Who listens where this CPU looked last: session_know_listener(). */
struct heard {
	struct hc_listener_key key; /* the session's end, where the listener may be at any */
	__u32 word;                 /* of the port in `listened`; 0: nobody was found */
	__u32 busy;                 /* somebody is here */
	__u64 cgroup;
	__u32 uid;
	__u32 pid;
	char comm[HC_COMM_MAX];
};

#define CLOSED_KEPT 4 /* a power of two */

/* `tick`, `now`: see gate_time(). `closed`: sockets whose records on_milestone has just ended,
 * and that have none; `turn`: the place of the next. No two CPUs are in one cache line. */
struct cpu_state {
	struct arrival arrival;
	__u64 tick;
	__u64 now;
	__u64 closed[CLOSED_KEPT];
	__u64 turn;
	__u64 spare[2];
	struct heard heard;
};
_Static_assert(sizeof(struct cpu_state) == 128 + 64 && sizeof(struct heard) == 64,
	       "as said there");
/* (sized: possible CPUs) */
MAP(cpu_states, BPF_MAP_TYPE_ARRAY, __u32, struct cpu_state, 1, BPF_F_MMAPABLE);
#define HC_CPUS_MAX 512 /* of more, the others' arrivals wait for their CPU's next packet */

/* Handshakes whose SYN-ACK went out more than once, by the cookie that the session will have;
 * made and renewed by request.h, deleted when the session is accepted. Those that came to
 * nothing make room by their age. Pushed out: the handshake's reservation is as old as the
 * first SYN-ACK. */
struct request {
	struct hc_user_key user;
	__u64 when; /* of the reservation */
};
MAP(requests, BPF_MAP_TYPE_LRU_HASH, __u64, struct request, 16384, 0);

/* What user space asks of the programs that it runs itself, and what they answer. It is the
 * loaded object's own, not shared: one errand at a time. */
struct hc_errand errand;

/* Until when the daemon makes room for who asks (CLOCK_MONOTONIC, ns); it alone writes it, over
 * and over. Past: there is none. */
MAP(evicting, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1, 0);

MAP(losses, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, HC_LOSS_COUNT, 0);
/* How many of them the events have told of. User space alone reads and writes it:
 * the next daemon goes on where the last one ended. */
MAP(losses_told, BPF_MAP_TYPE_ARRAY, __u32, __u64, HC_LOSS_COUNT, 0);

/* What happens to sessions, in a ring of our own (event_ring.h), which user space maps. Full:
 * the record is counted in `losses`. */
MAP(event_ring, BPF_MAP_TYPE_ARRAY, __u32, struct hc_event_ring, 1, BPF_F_MMAPABLE);
MAP(events, BPF_MAP_TYPE_ARRAY, __u32, struct hc_event_slot, HC_EVENT_SLOTS, BPF_F_MMAPABLE);
/* Refusals, apart from it, so that neither can crowd out the other: few, and let through by
 * rate, in one of the kernel's. Full: the same. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HC_REFUSALS_SIZE);
} refusals SEC(".maps");

/* Sessions that came late and are over their cap, for `run` to close: in a ring of its own,
 * so that no slow reader of events keeps them open. Full: the session stays until `run` starts
 * anew. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} late SEC(".maps");

static __always_inline void count_losses(__u32 reason, __u64 number)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		*count += number;
}

static __always_inline void count_loss(__u32 reason)
{
	count_losses(reason, 1);
}

static __always_inline const struct hc_control *policy_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline bool policy_gated(void)
{
	const struct hc_control *policy = policy_control();

	return policy && policy->gated;
}

/* Which of the two copies of the policy holds. */
static __always_inline __u32 policy_half(__u32 generation)
{
	return generation & 1;
}

/* Has any service HC_ORPHANS_IGNORE? */
static __always_inline bool policy_ignoring(void)
{
	const struct hc_control *policy = policy_control();

	return policy && policy->ignoring & 1u << policy_half(policy->generation);
}

/* Read once for one decision, which is to be of one policy. */
static __always_inline __u32 policy_generation(const struct hc_control *policy)
{
	return *(const volatile __u32 *)&policy->generation;
}

static __always_inline struct hc_service *policy_service(__u32 generation, __u32 id)
{
	__u32 index = policy_half(generation) * HC_SERVICES_MAX + (id & (HC_SERVICES_MAX - 1));

	return bpf_map_lookup_elem(&services, &index);
}

static __always_inline struct cpu_state *cpu_state_of(__u32 cpu)
{
	return bpf_map_lookup_elem(&cpu_states, &cpu);
}

static __always_inline struct cpu_state *this_cpu(void)
{
	return cpu_state_of(bpf_get_smp_processor_id());
}

#endif
