/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host's side of one shard of the fleet: what it may admit, and what it says to the store. It
 * opens nothing and reads no clock: the machine around it brings events and `now`, in
 * nanoseconds of CLOCK_BOOTTIME, sends the messages, and reads and writes the kernel part's
 * words. README.md has the protocol.
 */
#ifndef HEADCOUNT_FLEET_HOST_H
#define HEADCOUNT_FLEET_HOST_H

#include "user/fleet/message.h"
#include "user/fleet/peers.h"
#include "user/fleet/table.h"

struct fleet_settings {
	__u64 lease;    /* ns, the same on all hosts */
	__u64 renew;    /* ns: at least one message in so long */
	__u64 patience; /* ns that a message waits for its answer, less than `lease` */
	__u64 keep;     /* ns that an idle unit stays */
	__u64 unused;   /* ns that one stays which no session has had */
	__u64 grace;    /* ns in which who was refused comes again, and is to find its unit */
	__u64 retry;    /* ns until the store is asked again for what it does not have */
	__u32 users_max;
	__u32 asks;  /* a second, for users that hold nothing here */
	__u32 spare; /* units to ask for beyond what is needed */
	__u32 acks;  /* other servers that must have a message: half of all, rounded down */
	__u64 secret[2];
};

/* The words of the kernel part. It admits a session of a user while it holds fewer than the
 * user's units, and the deadline has not passed. */
struct fleet_kernel {
	void *ctx;
	__u32 (*sessions)(void *ctx, __u32 index, const struct fleet_key *key);
	/* Returns the sessions that there are when no more can begin under the older number. */
	__u32 (*set_units)(void *ctx, __u32 index, const struct fleet_key *key, __u32 units);
	void (*set_deadline)(void *ctx, __u64 deadline); /* 0: it has passed */
	/* For how long no session of the user has begun or ended, in ns. Asked before its idle
	 * units go back: sessions that are short are seldom there when it is looked. NULL: it
	 * is not known. */
	__u64 (*unused)(void *ctx, __u32 index, const struct fleet_key *key);
};

enum fleet_stage {
	FLEET_OUT,    /* no member */
	FLEET_CLAIMS, /* a member that has not said yet all that it holds */
	FLEET_MEMBER,
};

struct fleet_counters {
	__u64 messages, answers;
	__u64 late;        /* answers to messages that were given up */
	__u64 unconfirmed; /* answers that too few servers had */
	__u64 malformed;   /* answers */
	__u64 given_up;    /* messages */
	__u64 joined, carried, expelled;
	__u64 asks, short_of, full;
};

struct fleet_item {
	__u32 index, have, need, want;
};

struct fleet_queue {
	__u32 first, last;
};

#define FLEET_AWAITED 256

/* A user whose units other hosts have asked for. */
struct fleet_awaited {
	__u32 index;
	__u64 until; /* they are asked for */
};

struct fleet_host {
	struct fleet_settings settings;
	struct fleet_kernel kernel;
	/* An epoch that grants has no unit for who asks, or it may have again; with the
	 * kernel's context. NULL: nobody wants to know. */
	void (*set_short)(void *ctx, __u32 index, const struct fleet_key *key, bool is_short);
	struct fleet_counters counters;
	struct fleet_table table;
	struct fleet_peers peers;
	struct fleet_queue urgent, asks;

	enum fleet_stage stage;
	__u64 id; /* random, of this process */
	__u64 n;  /* of the last message */
	char epoch[FLEET_EPOCH_MAX], tag[FLEET_TAG_MAX];
	__u64 epoch_since; /* an answer of this epoch came first */
	__u64 deadline;    /* of the lease; also in the kernel */
	__u64 answered; /* when the last message was sent, if its answer counts, and grants */
	bool ready;     /* the epoch grants, by the last answer */
	bool live;      /* units stay valid while claims are made: the lease was carried over */
	__u32 walked;   /* users below this index are claimed, or were said in a message */

	bool flying;  /* a message is under way: */
	bool whole;   /* with it all is claimed */
	bool looking; /* it asks for the members */
	bool leaving, called;
	__u64 sent, looked; /* times of the last message, and of the last answer that looked */
	__u64 hold;         /* no message before this time */
	__u32 item_count;
	struct fleet_item items[FLEET_ITEMS];

	__u64 tokens, filled; /* asks allowed now, in 1/10^9; when that was reckoned */
	__u64 scanned;
	__u32 hand; /* the next index to be looked at for idle units */
	struct fleet_awaited awaited[FLEET_AWAITED]; /* who is looked at more often */
	__u32 awaited_count;
	__u64 awaited_looked; /* when they were looked at */
	struct fleet_message message;
	struct fleet_answer answer;
#ifdef FLEET_PLANTS
	struct fleet_item given_up[FLEET_ITEMS];
	__u32 given_up_count;
	__u64 given_up_n;
#endif
};

/* `id` is random and of this process alone. Returns 0 or -ENOMEM. */
int fleet_host_init(struct fleet_host *host, const struct fleet_settings *settings,
		    const struct fleet_kernel *kernel, __u64 id);
void fleet_host_free(struct fleet_host *host);

/* A user that had sessions before: only before the first message. 0, or -ENOSPC: the table is
 * full. */
int fleet_add(struct fleet_host *host, const struct fleet_key *key, __u32 cap);

/* A session wants to begin and finds no unit: there shall be `need`. 0, or -ENOSPC. */
int fleet_want(struct fleet_host *host, const struct fleet_key *key, __u32 cap, __u32 need,
	       __u64 now);

/* A session has ended. May be left out: idle units are found by looking. */
void fleet_ended(struct fleet_host *host, const struct fleet_key *key);

/* Nobody asks for the user any more: what is idle goes back now. */
void fleet_return(struct fleet_host *host, const struct fleet_key *key);

/* The store has published that it has something to say. */
void fleet_called(struct fleet_host *host);

/* Looks for idle units: some ten times a second. */
void fleet_tick(struct fleet_host *host, __u64 now);

/* The message to be sent now, or NULL. It stays until the next call. Whoever sends it sends
 * nothing of an older one any more. */
const struct fleet_message *fleet_send(struct fleet_host *host, __u64 now);

/* An answer of exchange.lua; how many other servers had the message (WAIT, after it); and what
 * confirm.lua answered then: both on the same connection. Without `acks` in the settings there
 * need be neither. Returns 0, or -EPROTO: the store is not one. */
int fleet_receive(struct fleet_host *host, const struct fleet_word *words, size_t count,
		  __u32 acks, const struct fleet_word *confirm, __u64 now);

/* The connection broke: no answer will come. */
void fleet_broken(struct fleet_host *host, __u64 now);

/* From now on: no unit is used any more, and the next message says so. */
void fleet_leave(struct fleet_host *host);

void fleet_counters_add(struct fleet_counters *sum, const struct fleet_counters *more);

/* For the files of this folder. */
__u32 fleet_tenths(__u64 now);
__u64 fleet_outlasts(const struct fleet_host *host); /* ns: every lease is over then */
void fleet_queue_put(struct fleet_host *host, struct fleet_queue *queue, __u32 index);
__u32 fleet_queue_take(struct fleet_host *host, struct fleet_queue *queue);
void fleet_give_up(struct fleet_host *host, __u64 now);
/* Another host asks for the user's units: what gets idle goes to it at once, for a while. */
void fleet_await(struct fleet_host *host, __u32 index, __u64 now);
bool fleet_asks(const struct fleet_host *host, const struct fleet_user *user, __u64 now);
/* The units that are not idle: of sessions, and of one that will come again. */
__u32 fleet_busy(const struct fleet_host *host, const struct fleet_user *user, __u32 sessions,
		 __u64 now);

#endif
