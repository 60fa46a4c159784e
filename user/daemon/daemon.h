/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `run` and `trace` are: load, attach, count what is there, give all of it back.
 * What goes on in between is loop.h.
 */
#ifndef HEADCOUNT_DAEMON_H
#define HEADCOUNT_DAEMON_H

#include "user/config/config.h"
#include "user/daemon/answering.h"
#include "user/daemon/targets.h"
#include "user/events/drain.h"
#include "user/kernel/attach.h"
#include "user/kernel/strangers.h"
#include "user/metrics/server.h"
#include "user/sessions/grace.h"
#include "user/sessions/idle.h"

struct daemon {
	struct config config;
	const char *config_path; /* NULL: none, the defaults */
	struct netns_list netns; /* where inbound services are enforced */
	struct headcount_bpf *object;
	struct headcount_bpf *walker; /* the walks, on the maps of `object` */
	struct attachments links;
	const char *events; /* --events, above the configuration's; NULL: none */
	struct sinks *sinks;
	struct drain *drain;
	struct metrics_server *metrics; /* NULL: not wanted */
	struct look *look;              /* for its page; NULL: not wanted yet */
	struct closer *closer;          /* of `run` */
	struct evictor *evictor;        /* NULL: nothing was ever to be evicted */
	struct fleet *fleet;            /* NULL: there is no store of a fleet */
	struct fleet_runner *runner;    /* the same */
	struct fleet_reply *reply;      /* the same */
	struct grace grace;
	__u64 grace_ns; /* when sessions without a label are looked for again */
	struct strangers strangers;
	__u64 strangers_ns; /* when labels that were not taken are looked for again */
	struct idle idle;
	__u64 idle_ns;               /* when idle sessions are looked for again */
	struct netns_helper *helper; /* of `run` */
	struct targets targets;      /* of `run` */
	struct answering answering;  /* there, who is redirected to us */
	__u64 losses_ns;             /* when what others count for us is looked at again */
	unsigned int programs;       /* enum load_programs: what this kernel lets us have */
	bool gates;                  /* run, not trace */
	bool pin;
	__u64 watch_ns;       /* when other sockops programs are looked for again */
	bool not_reloaded;    /* the last reload failed */
	__u64 status_told_ns; /* to systemd */
};

/* 0 if this machine can do what `gates` asks for; else the printed error. Touches nothing. */
int daemon_probe(struct daemon *daemon);

/* Fresh maps and programs: policy first, then trace, then the sessions that are
 * there, then the gates. With `pin` the links are pinned on the way. */
int daemon_start(struct daemon *daemon);

/* Takes over the pinned maps that are open in `object` and their links, and puts
 * the configuration in force. */
int daemon_adopt(struct daemon *daemon);

/* Puts a configuration in force for new sessions, and then for open ones. */
int daemon_switch_policy(struct daemon *daemon, struct config *config,
			 const struct netns_list *netns);

/* Events name services as the policy in force does. */
int daemon_refresh_names(struct daemon *daemon);

/* Without --config, the file at its usual place, once there is one. */
void daemon_find_config(struct daemon *daemon);

/* The namespaces in which inbound sessions are capped: none, if they are not counted. Prints
 * the error. */
int daemon_resolve_netns(const struct config *config, struct netns_list *netns);

/* Attaches on_state when another sockops program is found. Returns 0, or a negative errno after
 * the printed error. */
int daemon_watch_programs(struct daemon *daemon);

/* Puts --events above what the configuration says; if neither says anything, chooses.
 * Returns 0, or -EINVAL and why. */
int daemon_choose_events(const struct daemon *daemon, struct config *config, char *why,
			 size_t why_size);

/* Opens the sinks, before anything is attached: if one fails, nothing has begun. */
int daemon_open_sinks(struct daemon *daemon);

/* Opens the rings; prints text or JSON to the sinks. */
int daemon_open_drain(struct daemon *daemon, bool json);

/* What `config` needs to evict sessions, before it is in force; and once it is, that begins. */
int daemon_prepare_evictor(struct daemon *daemon, const struct config *config);
int daemon_start_evictor(struct daemon *daemon);
/* The same of the fleet, which a reload neither begins nor ends. */
int daemon_prepare_fleet(struct daemon *daemon);
int daemon_start_fleet(struct daemon *daemon);

/* Answers who is redirected to us. Once privileges are given up. */
int daemon_answer(struct daemon *daemon);

/* Answers who asks for metrics, at the address that is open already. */
int daemon_open_metrics(struct daemon *daemon);

/* The same at the address of `config`, where `server` listens. */
int daemon_serve_metrics(struct daemon *daemon, struct metrics_server *server,
			 const struct config *config);

/* What the metrics and their page tell is of the configuration, links and namespaces in force.
 */
int daemon_show_metrics(struct daemon *daemon);

/* Once nothing is to be attached but by a reload. `mounted`: bpffs, to be unmounted
 * at the end. */
int daemon_drop_privileges(struct daemon *daemon, bool mounted);

void daemon_free(struct daemon *daemon);

#endif
