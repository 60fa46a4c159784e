/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world of hosts, clients, servers and the net between them, decided by one seed. The hosts
 * run user/fleet/, the servers exchange.lua; all else is simulated. Time is true time, in ns;
 * each host has a clock of its own rate.
 */
#ifndef HEADCOUNT_TESTS_FLEET_SIM_H
#define HEADCOUNT_TESTS_FLEET_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/clock.h"
#include "user/fleet/host.h"
#include "user/fleet/plant.h"

#define HOSTS   5
#define USERS   3
#define SERVERS 3
#define FIELDS  160
#define LOG     512

enum sim_plant {
	SIM_PLANT_LOST = 1 << 0,    /* a failover is no new epoch */
	SIM_PLANT_LEARNED = 1 << 1, /* a new epoch grants at once */
	SIM_PLANT_UNIQUE = 1 << 2,  /* an epoch's name comes again */
	SIM_PLANT_SYNCED = 1 << 3,  /* an epoch grants before all have claimed */
	SIM_PLANT_ORDER = 1 << 4,   /* messages count in any order */
	SIM_PLANT_OVER = 1 << 5,    /* one more than the cap */
	SIM_PLANT_SWAPPED = 1 << 6, /* a member is expelled whatever it has said since */
	SIM_PLANT_SILENT = 1 << 7,  /* nobody is called: found as starving */
	SIM_PLANT_SYNCS = 1 << 8,   /* that a replica comes is no new epoch */
};
extern unsigned int sim_plants, sim_faults;

struct field {
	char key[24], value[996]; /* of a user: all of FIELDS members have a place in it */
	uint16_t key_length, value_length;
};

struct hash {
	struct field fields[FIELDS];
	int count;
};

/* members, units, calls */
struct db {
	struct hash hashes[3];
};

/* One write, as it goes to replicas. */
struct effect {
	int8_t hash; /* -1: all three are emptied */
	bool gone;
	struct field field;
};

/* script.c: exchange.lua in a Lua 5.1, on the data of one server. */
struct script_run {
	struct db *db;
	const char *replid;
	uint32_t syncs; /* replicas that have come */
	void (*effect)(void *ctx, const struct effect *effect);
	void (*publish)(void *ctx, uint64_t id);
	void *ctx;
};
struct reply {
	struct fleet_word words[FLEET_FIXED + 2 * FIELDS];
	size_t count;
	char text[8192];
};
void script_open(void);
void script_close(void);
void script_run(const struct script_run *run, const struct fleet_message *message,
		struct reply *reply);
const struct field *db_find(const struct db *db, int hash, const char *key, size_t length);
void db_apply(struct db *db, const struct effect *effect);

enum event_kind {
	EVENT_TICK,     /* a: host */
	EVENT_CLIENT,   /* a: host, b: user: somebody comes */
	EVENT_RETRY,    /* p: client */
	EVENT_END,      /* a: host, b: user, c: boot */
	EVENT_ARRIVE,   /* a: server, p: parcel */
	EVENT_ANSWER,   /* a: host, p: parcel */
	EVENT_WAIT,     /* a: server, p: parcel: it has waited long enough */
	EVENT_PUBLISH,  /* a: host */
	EVENT_STREAM,   /* a: replica, b: session, c: offset */
	EVENT_ACK,      /* a: primary, b: replica, c: session, d: offset */
	EVENT_ATTACH,   /* a: replica, b: its config */
	EVENT_PROMOTE,  /* a: server, b: config */
	EVENT_FOLLOW,   /* a: server, b: primary, c: config */
	EVENT_REDIRECT, /* a: host, b: server, c: config */
	EVENT_FAULT,    /* something goes wrong */
	EVENT_HEAL,
};

struct event {
	uint64_t time, order;
	void *p;
	uint64_t d;
	uint32_t c;
	int16_t a, b;
	uint8_t kind;
};

struct parcel {
	struct fleet_message message;
	struct reply reply;
	int host, connection, acks;
	char confirm[64];
	bool broken; /* no answer: the connection is closed */
	uint64_t id; /* of the process that sent it */
	uint64_t offset, serial;
	struct parcel *next; /* of those that wait at a server */
};

struct client {
	int host, user;
	uint32_t boot;
	uint64_t began; /* to be refused while there was room, or 0 */
	int left;       /* tries */
};

struct machine {
	struct fleet_host fleet;
	uint32_t sessions[USERS], units[USERS];
	bool honest[USERS];      /* units are sessions that were there */
	uint32_t granted[USERS]; /* by the answer to message granted_by, wherever that is */
	uint64_t granted_by;
	uint64_t deadline;
	uint64_t offset;
	int64_t rate;    /* parts in a million that its clock is too fast */
	uint64_t frozen; /* the process does nothing until */
	uint64_t booted; /* the process */
	uint32_t boot;
	int target, connection; /* server */
	uint32_t config;
	bool lapsed;
};

struct server {
	struct db db, saved;
	char replid[41];
	uint64_t frozen; /* until */
	bool primary;
	int upstream;
	uint32_t config;
	bool attached;
	uint32_t syncs;
	uint32_t session; /* of the stream from its primary */
	uint32_t stream;  /* that it sends itself */
	uint64_t applied, arrives;
	uint64_t offset, acked[SERVERS];
	struct effect log[LOG];
	struct parcel *waiting;
};

struct link {
	uint64_t cut;   /* until */
	uint32_t loss;  /* in a thousand */
	uint64_t delay; /* at most */
};

struct world {
	uint64_t seed, random, now, order, steps, until, heal, settled;
	struct event *heap;
	size_t events, room;
	int hosts, users, servers;
	uint32_t cap[USERS], allow[USERS];
	uint64_t full[USERS]; /* when there was no room last */
	uint32_t alone;
	uint32_t pace; /* ms between clients of a user at a host, at most */
	bool trace, healthy;
	uint32_t faults; /* the kinds that there are, by bits */
	uint32_t often;  /* ms from one to the next, at most */
	bool orderly;    /* nobody hears of an older primary after a newer one */
	uint32_t healed; /* orders before this one are forgotten */
	struct machine machine[HOSTS];
	struct server server[SERVERS];
	int primary; /* the last that was chosen */
	uint32_t config;
	struct link to[HOSTS][SERVERS], from[HOSTS][SERVERS], between[SERVERS][SERVERS];
	const char *wrong;
	uint64_t serial;
	uint64_t admitted, refused, scripts, longest;
	struct fleet_counters counters;
};

/* world.c */
uint64_t sim_random(struct world *world);
uint64_t sim_below(struct world *world, uint64_t limit);
bool sim_chance(struct world *world, uint32_t in_thousand);
struct event *sim_at(struct world *world, uint64_t time, enum event_kind kind, int a, int b);
void sim_trace(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool sim_tracing(const struct world *world);
/* The same event once more, later. */
void sim_again(struct world *world, const struct event *event, uint64_t time);
void sim_wrong(struct world *world, const char *what);
/* When something sent now arrives, or 0 if it does not. */
uint64_t sim_arrival(struct world *world, const struct link *link);
/* Returns false if something went wrong. */
bool sim_run(struct world *world, uint64_t seed, bool trace);

/* parcel.c: messages and their answers under way. */
struct parcel *parcel_new(struct world *world, const struct fleet_message *message);
void parcel_free(struct parcel *parcel);
const char *parcel_text(const struct parcel *parcel);

/* machine.c */
void machine_start(struct world *world, int host);
void machine_stop(struct world *world);
void machine_event(struct world *world, struct event *event);
void machine_boot(struct world *world, int host, bool reboot);
uint64_t machine_clock(const struct world *world, const struct machine *machine);
bool machine_is_live(const struct world *world, const struct machine *machine);

/* judge.c */
void judge_look(struct world *world);
/* A host has come with sessions that are really there. */
void judge_debt(struct world *world, int user);
/* A server has answered a host's message. */
void judge_granted(struct world *world, const struct server *server,
		   const struct parcel *parcel);
/* Sessions of all hosts. */
uint32_t judge_held(const struct world *world, int user);

/* cluster.c */
void cluster_start(struct world *world);
void cluster_stop(struct world *world);
void cluster_event(struct world *world, struct event *event);
void cluster_wipe(struct world *world, int server, int hash);
void cluster_told_late(struct world *world);
void cluster_heal(struct world *world);
void cluster_failover(struct world *world);
void cluster_restart(struct world *world, int server, int memory);

#endif
