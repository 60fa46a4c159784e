// SPDX-License-Identifier: GPL-2.0-only
/* SIGHUP: another configuration, all of it or nothing. */
#include <errno.h>
#include <string.h>

#include "user/answer/files.h"
#include "user/base/log.h"
#include "user/daemon/evictor.h"
#include "user/daemon/fleet.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/open_files.h"
#include "user/daemon/reload.h"
#include "user/kernel/reload_record.h"
#include "user/sessions/closer.h"

/* The server of another configuration: the same, or one at another address. */
static int next_metrics(struct daemon *daemon, const struct config *config,
			struct metrics_server **next)
{
	int error;

	*next = daemon->metrics;
	if (!strcmp(daemon->config.metrics.text, config->metrics.text))
		return 0;
	error = metrics_listen(next, &config->metrics);
	return error ?: daemon_serve_metrics(daemon, *next, config);
}

static void switch_metrics(struct daemon *daemon, struct metrics_server *next)
{
	if (next != daemon->metrics)
		metrics_close(daemon->metrics);
	daemon->metrics = next;
	daemon_show_metrics(daemon);
}

/* What takes entering the namespace: its cookie, and closing who comes late. */
static int reach(struct daemon *daemon, struct netns *netns)
{
	int fd = netns_helper_ask(daemon->helper, netns), error;
	struct diag *diag;

	if (fd < 0)
		return fd;
	diag = diag_open_by(fd);
	error = diag ? closer_add(daemon->closer, netns->inode, diag) : -errno;
	return error ? hc_error_errno(error, "cannot close sessions") : 0;
}

/* Gates for namespaces that are new in `next`, before the policy names them. */
static int gate_new(struct daemon *daemon, const struct netns_list *next)
{
	int error = 0;

	for (size_t i = 0; i < next->count && !error; i++) {
		if (netns_listed(&daemon->netns, next->items[i].inode))
			continue;
		error = reach(daemon, &next->items[i]);
		error = error
				?: attach_arrival(&daemon->links, daemon->object,
						  &next->items[i]);
	}
	return error;
}

/* Gates of namespaces in `from` that are not in `keep`, and what closes sessions there. */
static void drop_gates(struct daemon *daemon, const struct netns_list *from,
		       const struct netns_list *keep)
{
	for (size_t i = 0; i < from->count; i++)
		if (!netns_listed(keep, from->items[i].inode)) {
			attach_drop_arrival(&daemon->links, from->items[i].inode);
			closer_drop(daemon->closer, from->items[i].inode);
		}
}

static bool same_text(const char *old, const char *fresh)
{
	return !strcmp(old ?: "", fresh ?: "");
}

/* What the thread began with, and the other hosts go by. */
static bool same_fleet(const struct config_fleet *old, const struct config_fleet *fresh)
{
	if (!old->store_count && !fresh->store_count)
		return true;
	/* A name that was not written is the node's, which may have changed. */
	return old->store_count == fresh->store_count &&
	       (!old->store_count ||
		!memcmp(old->stores, fresh->stores, old->store_count * sizeof(*old->stores))) &&
	       old->named == fresh->named && (!old->named || !strcmp(old->name, fresh->name)) &&
	       old->lease == fresh->lease && old->keep == fresh->keep &&
	       old->asks == fresh->asks && old->servers == fresh->servers &&
	       old->kill == fresh->kill && same_text(old->prefix, fresh->prefix) &&
	       same_text(old->tls_ca, fresh->tls_ca) &&
	       same_text(old->tls_cert, fresh->tls_cert) &&
	       same_text(old->tls_key, fresh->tls_key) &&
	       same_text(old->sentinel_user, fresh->sentinel_user) &&
	       same_text(old->sentinel_password, fresh->sentinel_password);
}

/* What cannot change while running: the sizes of the maps, and what the programs count. */
static int same_shape(const struct config *old, const struct config *fresh)
{
	if (old->directions != fresh->directions)
		return hc_error("directions cannot change while running: restart headcount");
	if (!same_fleet(&old->fleet, &fresh->fleet))
		return hc_error("[fleet] cannot change while running, but for alone: restart "
				"headcount");
	if (old->sessions_max == fresh->sessions_max && old->users_max == fresh->users_max &&
	    old->listeners_max == fresh->listeners_max)
		return 0;
	return hc_error(
		"sessions_max, users_max and listeners_max cannot change while running");
}

/* Whoever rotates logs has the files opened again. */
static int reopen_sinks(struct daemon *daemon)
{
	int error = sinks_prepare(daemon->sinks, &daemon->config.events);

	if (!error)
		sinks_commit(daemon->sinks);
	reload_record_last();
	hc_notice("no configuration file, nothing to reload");
	return error;
}

/* The configuration that comes, and what it takes. */
struct next {
	struct config config;
	struct netns_list netns;
	struct metrics_server *metrics; /* the same, or another */
};

/* `*result` is what it is called if it fails. */
static int read_next(struct daemon *daemon, struct config *config,
		     enum hc_reload_result *result)
{
	char why[1024];
	int error = config_read(config, daemon->config_path, why, sizeof(why));

	error = error ?: answer_files_read(config, daemon->config_path, why, sizeof(why));
	error = error ?: daemon_choose_events(daemon, config, why, sizeof(why));
	if (!error)
		return 0;
	*result = HC_RELOAD_BAD_FILE;
	hc_error("%s", why);
	return error;
}

/* All that can fail; then nothing has changed. */
static int prepare_next(struct daemon *daemon, struct next *next)
{
	int error = same_shape(&daemon->config, &next->config);

	error = error
			?: open_files_check(&daemon->config, &next->config,
					    sinks_subscribers(daemon->sinks));
	error = error ?: daemon_resolve_netns(&next->config, &next->netns);
	netns_take_cookies(&next->netns, &daemon->netns);
	error = error ?: sinks_prepare(daemon->sinks, &next->config.events);
	error = error ?: next_metrics(daemon, &next->config, &next->metrics);
	error = error ?: gate_new(daemon, &next->netns);
	error = error ?: daemon_prepare_evictor(daemon, &next->config);
	error = error ?: daemon_switch_policy(daemon, &next->config, &next->netns);
	if (error) {
		sinks_abandon(daemon->sinks);
		drop_gates(daemon, &next->netns, &daemon->netns);
	}
	return error;
}

static void commit_next(struct daemon *daemon, struct next *next)
{
	sinks_commit(daemon->sinks);
	drop_gates(daemon, &daemon->netns, &next->netns);
	config_free(&daemon->config);
	daemon->config = next->config;
	fleet_set(daemon->fleet, &daemon->config);
	evictor_pause(daemon->evictor);
	netns_free(&daemon->netns);
	daemon->netns = next->netns;
	evictor_resume(daemon->evictor);
	daemon_start_evictor(daemon);
	switch_metrics(daemon, next->metrics);
	daemon_refresh_names(daemon);
	reload_record_last();
	hc_notice("reloaded %s", daemon->config_path);
}

static void give_up_next(struct daemon *daemon, struct next *next)
{
	reload_record_last();
	hc_notice("not reloaded; the old configuration stays in force");
	if (next->metrics != daemon->metrics)
		metrics_close(next->metrics);
	config_free(&next->config);
	netns_free(&next->netns);
}

static int reload_config(struct daemon *daemon, enum hc_reload_result *result)
{
	struct next next = {.metrics = daemon->metrics};
	const char *path = daemon->config_path;
	int error;

	daemon_find_config(daemon);
	if (!daemon->config_path)
		return reopen_sinks(daemon);
	error = read_next(daemon, &next.config, result);
	error = error ?: prepare_next(daemon, &next);
	if (error) {
		give_up_next(daemon, &next);
		daemon->config_path = path; /* nothing was taken from one that was found */
		return error;
	}
	commit_next(daemon, &next);
	return 0;
}

int daemon_reload(struct daemon *daemon)
{
	enum hc_reload_result result = HC_RELOAD_FAILED;
	int error;

	reload_record_begin(daemon->object);
	error = reload_config(daemon, &result);
	reload_record_end(daemon->object, error ? result : HC_RELOAD_DONE);
	return error;
}
