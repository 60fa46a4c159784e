// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/daemon/daemon.h"
#include "user/daemon/evictor.h"
#include "user/daemon/fleet.h"
#include "user/daemon/fleet_reply.h"
#include "user/daemon/look.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/signals.h"
#include "user/daemon/sweep.h"
#include "user/kernel/feature.h"
#include "user/kernel/labels.h"
#include "user/kernel/pins.h"
#include "user/kernel/policy_apply.h"
#include "user/kernel/probe.h"
#include "user/kernel/quiesce.h"
#include "user/kernel/reload_record.h"
#include "user/kernel/snapshot.h"
#include "user/kernel/walk.h"
#include "user/sessions/closer.h"

#define WALKS_START (LOAD_WALK_SOCKETS | LOAD_WALK_REPAIRS | LOAD_WALK_FILES)
#define WALKS_LATER                                                                            \
	(LOAD_WALK_SOCKETS | LOAD_WALK_SESSIONS | LOAD_WALK_USERS | LOAD_KILL |                \
	 LOAD_WALK_TARGETS)
#define STATES       (LOAD_STATE | LOAD_WALK_PROGRAMS)
#define RUN_PROGRAMS (LOAD_TRACE | STATES | WALKS_START | WALKS_LATER)
/* The gates, and what they need. */
#define INBOUND_PROGRAMS (LOAD_ARRIVAL | LOAD_RESENT)
/* Nothing is refused: no gates, and nothing to tell of refusals. */
#define TRACE_PROGRAMS (LOAD_TRACE | STATES | WALKS_START | LOAD_WALK_SESSIONS)

/* What is counted is capped from here on, and others find it. What gives slots back, or keeps
 * them, is there before what takes them. */
static int enforce(struct daemon *daemon)
{
	int error = 0;

	if (config_wants(&daemon->config, HC_INBOUND))
		error = attach_resent(&daemon->links, daemon->object);
	if (config_ignores_orphans(&daemon->config))
		error = error ?: attach_release(&daemon->links, daemon->object);
	if (config_labels(&daemon->config))
		error = error ?: attach_labels(&daemon->links, daemon->object);
	if (config_wants(&daemon->config, HC_OUTBOUND))
		error = error ?: attach_connect(&daemon->links, daemon->object);
	for (size_t i = 0; i < daemon->netns.count && !error; i++)
		error = attach_arrival(&daemon->links, daemon->object, &daemon->netns.items[i]);
	error = error ?: load_gated(daemon->object);
	error = error ?: pins_finish();
	daemon->links.live = true;
	return error;
}

static unsigned int run_programs(const struct config *config)
{
	return RUN_PROGRAMS | (config_wants(config, HC_OUTBOUND) ? LOAD_CONNECT : 0) |
	       (config_wants(config, HC_INBOUND) ? INBOUND_PROGRAMS : 0) |
	       (config_labels(config) ? LOAD_LABEL : 0);
}

/*
 * on_state is for sockets that do not call back. Those that are older than headcount do not
 * before 6.12, nor there, or if connect() is not ours, those of which Fast Open puts the SYN
 * off. Or another program takes the callback away: that we look for, and until we have found it
 * on_destroyed tells of the end, when the socket goes.
 */
static bool needs_state(const struct daemon *daemon)
{
	return !features_have_callbacks() || !features_have_watch() ||
	       (!daemon->gates && config_wants(&daemon->config, HC_OUTBOUND));
}

/* Once it is there it stays: nobody knows of which sockets the flag is gone. */
int daemon_watch_programs(struct daemon *daemon)
{
	__u32 strangers = 1;
	int error = 0;

	if (attach_has_state(&daemon->links))
		return 0;
	if (daemon->programs & LOAD_WALK_PROGRAMS)
		error = walk_programs(daemon->walker, &strangers);
	if (!error && !strangers)
		return 0;
	error = attach_state(&daemon->links, daemon->walker);
	metrics_show(daemon->metrics, &daemon->links, &daemon->config);
	return error;
}

int daemon_probe(struct daemon *daemon)
{
	unsigned int release = LOAD_RELEASE;
	int error = probe_privileges();

	daemon->programs = daemon->gates ? run_programs(&daemon->config) : TRACE_PROGRAMS;
	error = error
			?: features_check(daemon->gates ? REFUSES_RUN : REFUSES_TRACE,
					  &daemon->programs);
	if (!error && daemon->gates && config_ignores_orphans(&daemon->config))
		error = features_check(REFUSES_RUN, &release);
	if (needs_state(daemon))
		daemon->programs &= ~LOAD_WALK_PROGRAMS;
	if (!error)
		probe_cgroup_is_root();
	return error;
}

/* Loaded once, and before anything is attached: after that nothing can be refused any more. */
static int load_walker(struct daemon *daemon, unsigned int walks)
{
	struct load_request request = {
		.programs = daemon->programs & walks,
		.shared = daemon->object,
		.adopt = true,
	};

	return load_object(&daemon->walker, &request);
}

static int prepare_targets(struct daemon *daemon, struct config *config,
			   const struct netns_list *netns)
{
	daemon->targets.object = daemon->object;
	daemon->targets.walker = daemon->walker;
	daemon->targets.helper = daemon->helper;
	daemon->targets.server = answering_server(&daemon->answering);
	return targets_prepare(&daemon->targets, config, netns);
}

static int start_fresh(struct daemon *daemon)
{
	struct load_request request = {
		.programs = daemon->programs & (LOAD_TRACE | LOAD_CONNECT | LOAD_RESENT),
		.config = &daemon->config,
	};
	int error = load_object(&daemon->object, &request);

	error = error
			?: load_walker(daemon, WALKS_START | WALKS_LATER | LOAD_STATE |
						       LOAD_WALK_PROGRAMS);
	error = error ?: load_control(daemon->object, daemon->config.directions);
	if (!error)
		labels_use(daemon->object);
	if (daemon->gates)
		error = error ?: prepare_targets(daemon, &daemon->config, &daemon->netns);
	error = error ?: policy_apply(daemon->object, &daemon->config, &daemon->netns);
	if (!error && daemon->gates)
		error = pins_begin(daemon->object);
	daemon->links.pinned = daemon->pin;
	/* Ends before beginnings. */
	if (!(daemon->programs & LOAD_WALK_PROGRAMS))
		error = error ?: attach_state(&daemon->links, daemon->walker);
	error = error ?: attach_trace(&daemon->links, daemon->object);
	if (!error && daemon->gates)
		targets_commit(&daemon->targets, &daemon->config);
	error = error ?: daemon_watch_programs(daemon);
	error = error ?: snapshot_take(daemon->walker);
	if (daemon->gates)
		error = error ?: enforce(daemon);
	return error;
}

int daemon_start(struct daemon *daemon)
{
	int error = start_fresh(daemon);

	/* Unfinished pins would silently enforce. */
	if (error && daemon->gates)
		pins_abandon();
	return error;
}

int daemon_resolve_netns(const struct config *config, struct netns_list *netns)
{
	return config_wants(config, HC_INBOUND)
		       ? netns_resolve(netns, config->netns, config->netns_count)
		       : 0;
}

int daemon_switch_policy(struct daemon *daemon, struct config *config,
			 const struct netns_list *netns)
{
	/* After an error the policy of before is in force, and what that one asks. */
	const bool released = attach_has_release(&daemon->links);
	const bool labelled = attach_has_labels(&daemon->links);
	/* Before any session is told to ask it; and until none is. */
	int error = config_ignores_orphans(config)
			    ? attach_release(&daemon->links, daemon->object)
			    : 0;

	if (!error && config_labels(config))
		error = attach_labels(&daemon->links, daemon->object);
	error = error ?: prepare_targets(daemon, config, netns);
	if (!error) {
		error = policy_apply(daemon->object, config, netns);
		if (error)
			targets_abandon(&daemon->targets);
		else
			targets_commit(&daemon->targets, config);
	}
	/* Sessions that began by the old one have their charges by then, but for those whose
	 * connect() is on its way: they look themselves. */
	if (!error && quiesce_programs())
		hc_notice("sessions that begin now may keep their old service");
	if (!error && walk_sessions(daemon->walker))
		hc_error("cannot re-assign open sessions; they keep their old service");
	if (!error)
		sweep_keepalive(&(struct sweep){daemon->walker, daemon->helper, netns}, config);
	if (error ? !released : !config_ignores_orphans(config))
		attach_drop_release(&daemon->links);
	if (error ? !labelled : !config_labels(config))
		attach_drop_labels(&daemon->links);
	return error;
}

int daemon_adopt(struct daemon *daemon)
{
	int error = load_walker(daemon, WALKS_LATER | LOAD_STATE | LOAD_WALK_PROGRAMS);

	labels_use(daemon->object);
	reload_record_forget(daemon->object);
	error = error ?: attach_adopt(&daemon->links, daemon->object);
	error = error ?: daemon_watch_programs(daemon);
	for (size_t i = 0; i < daemon->netns.count && !error; i++)
		if (!attach_has_arrival(&daemon->links, daemon->netns.items[i].inode))
			error = attach_arrival(&daemon->links, daemon->object,
					       &daemon->netns.items[i]);
	error = error ?: daemon_switch_policy(daemon, &daemon->config, &daemon->netns);
	/* Gates that the configuration no longer names; after an error, new ones. */
	for (size_t i = daemon->links.count; i-- > 0;) {
		const struct attach_link *item = &daemon->links.items[i];

		if (item->netns &&
		    (error ? !item->adopted : !netns_listed(&daemon->netns, item->netns)))
			attach_drop_arrival(&daemon->links, item->netns);
	}
	return error;
}

void daemon_find_config(struct daemon *daemon)
{
	if (!daemon->config_path && !access(CONFIG_PATH_DEFAULT, F_OK))
		daemon->config_path = CONFIG_PATH_DEFAULT;
}

int daemon_refresh_names(struct daemon *daemon)
{
	struct policy *policy;
	int error = policy_read_new(daemon->object, &policy);

	if (!error) {
		drain_set_policy(daemon->drain, policy);
		grace_set(&daemon->grace, policy);
		strangers_set(&daemon->strangers, daemon->object);
		idle_set(&daemon->idle, policy, &daemon->config);
		daemon->idle_ns = 0; /* at once: the time may be shorter */
	}
	free(policy);
	return error;
}

int daemon_choose_events(const struct daemon *daemon, struct config *config, char *why,
			 size_t why_size)
{
	struct sink_list list;
	int error;

	if (!daemon->events) {
		sink_list_upgrade(&config->events);
		return 0;
	}
	sink_list_default(&list);
	error = sink_list_parse(&list, daemon->events, why, why_size);
	if (!error)
		sink_list_take(&config->events, &list);
	sink_list_free(&list);
	return error;
}

int daemon_open_sinks(struct daemon *daemon)
{
	int error;

	daemon->sinks =
		sinks_new(STDOUT_FILENO, &signals_stop_asked, daemon->config.fleet.name);
	error = daemon->sinks ? sinks_prepare(daemon->sinks, &daemon->config.events) : -ENOMEM;
	if (!error)
		sinks_commit(daemon->sinks);
	return error;
}

int daemon_open_drain(struct daemon *daemon, bool json)
{
	daemon->drain = drain_new(daemon->object, daemon->sinks, json);
	return daemon->drain ? daemon_refresh_names(daemon) : -ENOMEM;
}

int daemon_drop_privileges(struct daemon *daemon, bool mounted)
{
	unsigned int purposes =
		(mounted ? PRIVILEGES_UNMOUNT : 0) | (daemon->gates ? PRIVILEGES_GATES : 0);

	for (size_t i = 0; i < daemon->config.netns_count; i++)
		if (!strncmp(daemon->config.netns[i], "/proc/", 6))
			purposes |= PRIVILEGES_PROC;
	return privileges_drop(purposes);
}

void daemon_free(struct daemon *daemon)
{
	metrics_close(daemon->metrics);
	look_free(daemon->look);
	drain_free(daemon->drain);
	evictor_free(daemon->evictor);
	fleet_reply_end(daemon->reply);
	fleet_runner_end(daemon->runner);
	fleet_free(daemon->fleet, !daemon->pin);
	closer_free(daemon->closer);
	targets_free(&daemon->targets);
	answering_end(&daemon->answering, daemon->object);
	netns_helper_end(daemon->helper);
	sinks_free(daemon->sinks);
	attach_close(&daemon->links);
	labels_use(NULL);
	headcount_bpf__destroy(daemon->walker);
	headcount_bpf__destroy(daemon->object);
	netns_free(&daemon->netns);
	config_free(&daemon->config);
}
