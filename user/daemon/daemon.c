// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/notify.h"
#include "user/base/privileges.h"
#include "user/daemon/daemon.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/reload_record.h"
#include "user/kernel/feature.h"
#include "user/kernel/pins.h"
#include "user/kernel/probe.h"
#include "user/kernel/snapshot.h"
#include "user/kernel/totals_maps.h"
#include "user/kernel/walk.h"
#include "user/sessions/closer.h"

#define NAP_MS      20 /* how old a record may get before it is printed */
#define UPKEEP_S    1  /* how often held-back refusals are looked for */
#define UPKEEP_LAST 3  /* rounds of that after the last refusal */
#define STATUS_S    30 /* how old what systemd is told may get */

#define WALKS_START  (LOAD_WALK_SOCKETS | LOAD_WALK_FILES)
#define WALKS_LATER  (LOAD_WALK_SESSIONS | LOAD_WALK_USERS)
#define RUN_PROGRAMS (LOAD_TRACE | LOAD_CONNECT | LOAD_ARRIVAL | WALKS_START | WALKS_LATER)
/* Nothing is refused: no gates, and nothing to tell of refusals. */
#define TRACE_PROGRAMS (LOAD_TRACE | WALKS_START | LOAD_WALK_SESSIONS)

static volatile sig_atomic_t stop_asked;

static void on_signal(int signal)
{
	/* Alone it is the watchdog's, and only interrupts. */
	if (signal != SIGALRM)
		stop_asked = 1;
	/* A signal that comes just before a write to a full pipe would not interrupt
	 * it; the alarm comes again until we have ended. */
	if (stop_asked)
		alarm(1);
}

static sigset_t hangup(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	return set;
}

static void block_hangup(void)
{
	sigset_t set = hangup();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Whether a SIGHUP has come since the last look. */
static bool reload_asked(void)
{
	sigset_t set = hangup();

	return sigtimedwait(&set, NULL, &(struct timespec){}) == SIGHUP;
}

void daemon_signals(bool reloads)
{
	struct sigaction action = {.sa_handler = on_signal}, before = {};

	/* No SA_RESTART: a poll or a write to a full pipe is to be interrupted. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* `trace` ends with the terminal, but not under nohup. */
	sigaction(SIGHUP, NULL, &before);
	if (reloads || before.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
	/* It waits for the loop: whoever repeats it must not interrupt the walks of a reload.
	 */
	if (reloads)
		block_hangup();
}

/* What is counted is capped from here on, and others find it. */
static int enforce(struct daemon *daemon)
{
	int error = attach_connect(&daemon->links, daemon->object);

	for (size_t i = 0; i < daemon->netns.count && !error; i++)
		error = attach_arrival(&daemon->links, daemon->object, &daemon->netns.items[i]);
	error = error ?: load_gated(daemon->object);
	error = error ?: pins_finish();
	daemon->links.live = true;
	return error;
}

int daemon_probe(struct daemon *daemon)
{
	int error = probe_privileges();

	daemon->programs = daemon->gates ? RUN_PROGRAMS : TRACE_PROGRAMS;
	error = error
			?: features_check(daemon->gates ? REFUSES_RUN : REFUSES_TRACE,
					  &daemon->programs);
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

static int start(struct daemon *daemon)
{
	struct load_request request = {
		.programs = daemon->programs & (LOAD_TRACE | LOAD_CONNECT),
		.config = &daemon->config,
	};
	int error = load_object(&daemon->object, &request);

	error = error ?: load_walker(daemon, WALKS_START | WALKS_LATER);
	error = error ?: load_control(daemon->object);
	error = error ?: policy_apply(daemon->object, &daemon->config, &daemon->netns);
	if (!error && daemon->gates)
		error = pins_begin(daemon->object);
	daemon->links.pinned = daemon->pin;
	error = error ?: attach_trace(&daemon->links, daemon->object);
	error = error ?: snapshot_take(daemon->walker);
	if (daemon->gates)
		error = error ?: enforce(daemon);
	return error;
}

int daemon_start(struct daemon *daemon)
{
	int error = start(daemon);

	/* Unfinished pins would silently enforce. */
	if (error && daemon->gates)
		pins_abandon();
	return error;
}

int daemon_switch_policy(struct daemon *daemon, const struct config *config,
			 const struct netns_list *netns)
{
	int error = policy_apply(daemon->object, config, netns);

	if (!error && walk_sessions(daemon->walker))
		hc_error("cannot re-assign open sessions; they keep their old service");
	return error;
}

int daemon_adopt(struct daemon *daemon)
{
	int error = load_walker(daemon, WALKS_LATER);

	reload_record_forget(daemon->object);
	error = error ?: attach_adopt(&daemon->links, daemon->object);
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

int daemon_refresh_names(struct daemon *daemon)
{
	struct policy *policy = malloc(sizeof(*policy));
	int error = policy ? policy_read(daemon->object, policy)
			   : hc_error_errno(ENOMEM, "cannot read the policy");

	if (!error)
		drain_set_policy(daemon->drain, policy);
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

	daemon->sinks = sinks_new(STDOUT_FILENO, &stop_asked);
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

int daemon_open_metrics(struct daemon *daemon)
{
	metrics_show(daemon->metrics, &daemon->links, &daemon->config);
	return metrics_serve(daemon->metrics, daemon->object, &daemon->config);
}

/* Refusals that were held back by the rate limit are told once it lets them, or
 * with `flush` at once. */
static int report_refusals(struct daemon *daemon, bool flush)
{
	return daemon->gates ? walk_users(daemon->walker, flush) : 0;
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* What we do, in a line for systemd; after `state`, lines of sd_notify(3). */
static void tell_status(struct daemon *daemon, const char *state)
{
	struct hc_counters *counters;
	__u64 count = 0;

	if (!notify_wanted())
		return;
	counters = calloc(HC_SERVICES_MAX, sizeof(*counters));
	if (counters && !counters_read(daemon->object, counters))
		count = counters_sessions(counters);
	free(counters);
	notify("%sSTATUS=%s%zu services, %llu sessions", state,
	       daemon->not_reloaded ? "The configuration was not reloaded. " : "",
	       daemon->config.service_count, count);
	daemon->status_told = now_s();
}

static void reload(struct daemon *daemon)
{
	notify_reloading();
	daemon->not_reloaded = daemon_reload(daemon);
	tell_status(daemon, "READY=1\n");
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

int daemon_loop(struct daemon *daemon)
{
	time_t upkeep = 0;
	int rounds = 0, error = 0;

	tell_status(daemon, "READY=1\n");
	notify_watch();
	while (!stop_asked && !error) {
		notify_alive();
		error = drain_poll(daemon->drain, NAP_MS);
		if (reload_asked())
			reload(daemon);
		if (now_s() >= daemon->status_told + STATUS_S)
			tell_status(daemon, "");
		if (drain_saw_refusals(daemon->drain))
			rounds = UPKEEP_LAST;
		if (!error && rounds && now_s() >= upkeep + UPKEEP_S) {
			upkeep = now_s();
			rounds--;
			report_refusals(daemon, false); /* else later: no reason to end */
		}
	}
	notify("STOPPING=1");
	if (!error) {
		/* What we leave must add up: the refusals, and what is in the rings. */
		int told = report_refusals(daemon, true);

		error = drain_poll(daemon->drain, 0);
		if (!error)
			drain_finish(daemon->drain);
		error = error ?: told;
	}
	/* Pinned rings are for the next run to read. */
	if (error == -EPIPE && !daemon->pin)
		drain_count_rest(daemon->drain);
	return error == -EPIPE ? 0 : error;
}

void daemon_free(struct daemon *daemon)
{
	metrics_close(daemon->metrics);
	drain_free(daemon->drain);
	closer_free(daemon->closer);
	netns_helper_end(daemon->helper);
	sinks_free(daemon->sinks);
	attach_close(&daemon->links);
	headcount_bpf__destroy(daemon->walker);
	headcount_bpf__destroy(daemon->object);
	netns_free(&daemon->netns);
	config_free(&daemon->config);
}
