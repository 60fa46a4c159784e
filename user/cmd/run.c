// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "user/answer/files.h"
#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/cmd/events_text.h"
#include "user/cmd/explain.h"
#include "user/cmd/fleet_asked.h"
#include "user/daemon/daemon.h"
#include "user/daemon/fleet.h"
#include "user/daemon/fleet_runner.h"
#include "user/daemon/loop.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/open_files.h"
#include "user/daemon/signals.h"
#include "user/kernel/pins.h"
#include "user/kernel/probe.h"
#include "user/sessions/closer.h"

struct run {
	struct daemon daemon;
	bool mounted;   /* bpffs, by us */
	bool published; /* the pins are this run's */
	int lock;
};

/* Does the pinned state fit this program and these sizes? */
static bool fits(const struct headcount_bpf *pinned, const struct config *config)
{
	struct policy *policy;
	bool fit = !policy_read_new(pinned, &policy) &&
		   policy->control.version == HC_STATE_VERSION &&
		   policy->control.build == load_build() &&
		   policy->control.directions == config->directions &&
		   policy->control.user_sets == load_user_sets(config->users_max) &&
		   bpf_map__max_entries(pinned->maps.listeners) == config->listeners_max &&
		   bpf_map__max_entries(pinned->maps.sessions) ==
			   load_session_sets(config->sessions_max);

	free(policy);
	return fit;
}

/* Counts again beside the pinned enforcement, which ends when ours holds. */
static int rebuild(struct daemon *daemon)
{
	int error;

	hc_notice("the pinned state is of another version or size, or damaged, or counts other "
		  "directions: counting anew");
	error = daemon_start(daemon);
	if (!error)
		hc_notice("rebuilt from the socket table; caps held throughout, but peak, "
			  "opened, refused and caps set with headcount cap are reset");
	return error;
}

static int start_or_adopt(struct daemon *daemon)
{
	struct load_request request = {.pins = pins_folder(), .quiet = true};
	int links = pins_look(), error;

	if (links < 0)
		return hc_error_errno(links, "cannot read the pins");
	if (links && !daemon->pin)
		return hc_error("enforcement is pinned in %s: use run --pin to adopt it, or "
				"headcount detach",
				request.pins);
	error = pins_recover(daemon->pin);
	if (error)
		return error;
	if (!pins_have_links()) {
		/* Maps without links are what a killed run leaves: nothing uses them. */
		if (pins_have_maps())
			pins_remove();
		return daemon_start(daemon);
	}
	if (load_object(&daemon->object, &request) || !attach_is_whole(daemon->object) ||
	    !fits(daemon->object, &daemon->config)) {
		headcount_bpf__destroy(daemon->object);
		daemon->object = NULL;
		return rebuild(daemon);
	}
	error = daemon_adopt(daemon);
	if (!error)
		hc_notice("adopted the pinned state in %s", request.pins);
	return error;
}

/* Says if enforcement does not go on, or if that is not known. */
static void tell_of_pins(void)
{
	int links = pins_look();

	if (!links)
		hc_notice("the pins are gone: enforcement ends now");
	else if (links < 0)
		hc_error_errno(links, "cannot tell whether enforcement is still pinned");
}

/* What run leaves behind: nothing, or with --pin what is pinned. Pins that were
 * there before, and that it could not adopt, are not its to remove. */
static void clean_up(struct run *run)
{
	bool ours = run->published && pins_are_of(run->daemon.object);

	if (run->published && run->daemon.pin)
		tell_of_pins();
	daemon_free(&run->daemon);
	if (run->lock < 0)
		return;
	if (ours && !run->daemon.pin)
		pins_remove();
	if (run->mounted && !pins_have_maps() && umount(probe_bpffs()))
		hc_notice("bpffs stays mounted: %s", strerror(errno));
	pins_unlock(run->lock);
}

static int run_daemon(struct run *run)
{
	struct daemon *daemon = &run->daemon;
	char what[900];
	int holder, error;

	signals_catch(true);
	error = daemon_probe(daemon);
	error = error ?: open_files_check(&daemon->config, &daemon->config, 0);
	error = error ?: fleet_check(&daemon->config);
	error = error ?: daemon_resolve_netns(&daemon->config, &daemon->netns);
	/* Whatever the start names: a reload may add a namespace, even from a file that comes
	 * later. Before there is anything that it could inherit. */
	error = error ?: netns_helper_start(&daemon->helper);
	if (!error && config_has_fleet(&daemon->config))
		error = fleet_runner_start(&daemon->runner, fleet_run_asked);
	if (error)
		return error;
	run->lock = pins_lock(&holder);
	if (run->lock == -EBUSY)
		return hc_error("headcount run is already active (pid %d)", holder);
	if (run->lock < 0)
		return hc_error_errno(run->lock, "cannot lock " PINS_LOCK_FILE);
	error = daemon_open_sinks(daemon);
	error = error ?: metrics_listen(&daemon->metrics, &daemon->config.metrics);
	error = error ?: probe_mount_bpffs(&run->mounted);
	error = error ?: start_or_adopt(daemon);
	run->published = !error;
	error = error ?: daemon_open_drain(daemon, true);
	error = error ?: closer_new(&daemon->closer, daemon->object, &daemon->netns);
	error = error ?: daemon_prepare_evictor(daemon, &daemon->config);
	error = error ?: daemon_prepare_fleet(daemon);
	error = error ?: daemon_drop_privileges(daemon, run->mounted);
	error = error ?: closer_start(daemon->closer);
	error = error ?: daemon_start_evictor(daemon);
	error = error ?: daemon_start_fleet(daemon);
	error = error ?: daemon_answer(daemon);
	error = error ?: daemon_open_metrics(daemon);
	if (error)
		return error;
	malloc_trim(0); /* what libbpf has read to load the programs: some 12 MiB */
	hc_notice("ready; %s", events_text(&daemon->config, what, sizeof(what)));
	return daemon_loop(daemon);
}

int cmd_run(const struct command *command, int argc, char **argv)
{
	struct run run = {.daemon.gates = true, .lock = -1};
	struct daemon *daemon = &run.daemon;
	bool check = false;
	const struct command_option options[] = {
		OPTION_TEXT("config", 'c', "FILE",
			    "configuration (" CONFIG_PATH_DEFAULT " if it exists)",
			    &daemon->config_path),
		OPTION_TEXT("events", 'e', "LIST",
			    "where events go; replaces the configuration's list",
			    &daemon->events),
		OPTION_FLAG("pin", 'p', "keep enforcing after this process ends", &daemon->pin),
		OPTION_FLAG("check", 0,
			    "print how the configuration is understood; change nothing",
			    &check),
		{},
	};
	int first, status, error;
	char why[1024];

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	daemon_find_config(daemon);
	why[0] = '\0';
	error = daemon->config_path
			? config_read(&daemon->config, daemon->config_path, why, sizeof(why))
			: config_defaults(&daemon->config);
	error = error
			?: answer_files_read(&daemon->config, daemon->config_path, why,
					     sizeof(why));
	error = error ?: daemon_choose_events(daemon, &daemon->config, why, sizeof(why));
	if (error) {
		hc_error("%s", *why ? why : strerror(-error));
		config_free(&daemon->config);
		return EXIT_USAGE;
	}
	if (check)
		explain(&daemon->config, daemon->config_path);
	else
		error = run_daemon(&run);
	clean_up(&run);
	return error ? EXIT_FAILED : EXIT_DONE;
}
