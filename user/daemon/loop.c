// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/notify.h"
#include "user/daemon/fleet.h"
#include "user/daemon/loop.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/reload.h"
#include "user/daemon/signals.h"
#include "user/daemon/sweep.h"
#include "user/kernel/losses.h"
#include "user/kernel/totals_maps.h"
#include "user/kernel/walk.h"

#define NAP_MS      20                   /* how old a record may get before it is printed */
#define UPKEEP_NS   NS_PER_SECOND        /* how often held-back refusals are looked for */
#define UPKEEP_LAST 3                    /* rounds of that after the last refusal */
#define WATCH_NS    NS_PER_SECOND        /* how often other sockops programs are looked for */
#define PATIENCE_NS (60 * NS_PER_SECOND) /* what failed is not tried again sooner */
#define LOSSES_NS   NS_PER_SECOND /* how old the losses may get that others count for us */
#define STATUS_NS   (30 * NS_PER_SECOND) /* how old what systemd is told may get */

/* Refusals that were held back by the rate limit are told once it lets them, or
 * with `flush` at once. */
static int report_refusals(struct daemon *daemon, bool flush)
{
	return daemon->gates ? walk_users(daemon->walker, flush) : 0;
}

/* What we do, in a line for systemd; after `state`, lines of sd_notify(3). */
static void tell_status(struct daemon *daemon, const char *state)
{
	struct hc_counters *counters;
	__u64 count = 0;

	if (!notify_wanted())
		return;
	if (!counters_read_new(daemon->object, &counters))
		count = counters_sessions(counters);
	free(counters);
	notify("%sSTATUS=%s%zu services, %llu sessions", state,
	       daemon->not_reloaded ? "The configuration was not reloaded. " : "",
	       daemon->config.service_count, count);
	daemon->status_told_ns = clock_monotonic_ns();
}

/* Servers whose labels are not taken: told of soon, and not often. */
static void tell_strangers(struct daemon *daemon, bool at_once)
{
	__u64 now = clock_monotonic_ns();

	if (!config_labels(&daemon->config) || (now < daemon->strangers_ns && !at_once))
		return;
	daemon->strangers_ns = now + UPKEEP_NS;
	strangers_tell(&daemon->strangers, daemon->object);
}

static void reload_and_tell(struct daemon *daemon)
{
	notify_reloading();
	tell_strangers(daemon, true); /* by the names of the policy that ends */
	daemon->not_reloaded = daemon_reload(daemon);
	tell_status(daemon, "READY=1\n");
}

/* Those without a label, whose time for that is over. */
static void close_unlabelled(struct daemon *daemon)
{
	__u64 now = clock_monotonic_ns();

	if (!daemon->closer || !daemon->grace.any || now < daemon->grace_ns)
		return;
	daemon->grace_ns = now + UPKEEP_NS;
	grace_close(&daemon->grace, daemon->walker, daemon->closer);
}

/* Those that have been idle for too long: looked for in every tenth of the shortest time. */
static void close_idle(struct daemon *daemon)
{
	struct sweep sweep = {daemon->walker, daemon->helper, &daemon->netns};
	struct walk_wish wish = {.idle_ticks = idle_ticks(&daemon->idle)};
	__u64 now = clock_monotonic_ns();
	struct walk_sockets found = {};
	int error;

	if (!daemon->closer || !daemon->idle.least || now < daemon->idle_ns)
		return;
	daemon->idle_ns = now + daemon->idle.least * NS_PER_SECOND / 10;
	error = sweep_sockets(&sweep, &wish, &found);
	if (error && error != NETNS_HELPER_SILENT)
		daemon->idle_ns = now + PATIENCE_NS;
	idle_close(&daemon->idle, daemon->walker, daemon->closer, &found);
	walk_free(&found);
}

static void tell_fleet(struct daemon *daemon)
{
	struct print_fleet news;

	while (fleet_take_news(daemon->fleet, &news))
		drain_tell_fleet(daemon->drain, &news);
}

static void watch_programs(struct daemon *daemon)
{
	__u64 now = clock_monotonic_ns();

	if (now < daemon->watch_ns)
		return;
	daemon->watch_ns = now + (daemon_watch_programs(daemon) ? PATIENCE_NS : WATCH_NS);
}

static void count_unreached(struct daemon *daemon)
{
	__u64 news = daemon->helper ? netns_helper_watch(daemon->helper) : 0;
	__u64 *each_cpu = news ? calloc(libbpf_num_possible_cpus(), sizeof(*each_cpu)) : NULL;

	if (each_cpu)
		losses_add(daemon->object, HC_LOSS_NETNS_UNREACHED, news, each_cpu);
	free(each_cpu);
}

/* What others count for us goes into the losses. */
static void count_losses(struct daemon *daemon)
{
	__u64 now = clock_monotonic_ns();

	if (now < daemon->losses_ns)
		return;
	daemon->losses_ns = now + LOSSES_NS;
	answering_count(&daemon->answering, daemon->object);
	count_unreached(daemon);
}

int daemon_loop(struct daemon *daemon)
{
	__u64 upkeep_ns = 0;
	int rounds = 0, error = 0;

	tell_status(daemon, "READY=1\n");
	notify_watch();
	while (!signals_stop_asked && !error) {
		notify_alive();
		tell_fleet(daemon);
		error = drain_poll(daemon->drain, NAP_MS);
		if (signals_reload_asked())
			reload_and_tell(daemon);
		if (clock_monotonic_ns() >= daemon->status_told_ns + STATUS_NS)
			tell_status(daemon, "");
		watch_programs(daemon);
		close_unlabelled(daemon);
		tell_strangers(daemon, false);
		close_idle(daemon);
		count_losses(daemon);
		if (drain_saw_refusals(daemon->drain))
			rounds = UPKEEP_LAST;
		if (!error && rounds && clock_monotonic_ns() >= upkeep_ns + UPKEEP_NS) {
			upkeep_ns = clock_monotonic_ns();
			rounds--;
			report_refusals(daemon, false); /* else later: no reason to end */
			if (daemon->gates)
				targets_look_again(&daemon->targets);
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
