// SPDX-License-Identifier: GPL-2.0-only
/* What works beside the main loop: made before privileges are given up, or started after. */
#include "user/daemon/daemon.h"
#include "user/daemon/evictor.h"
#include "user/daemon/fleet.h"
#include "user/daemon/fleet_reply.h"
#include "user/daemon/look.h"
#include "user/kernel/fleet_record.h"

int daemon_answer(struct daemon *daemon)
{
	return answering_start(&daemon->answering);
}

int daemon_prepare_evictor(struct daemon *daemon, const struct config *config)
{
	int error;

	if (daemon->evictor || !config_has_excess(config, HC_EVICT))
		return 0;
	error = evictor_new(&daemon->evictor, daemon->object);
	if (error) {
		evictor_free(daemon->evictor);
		daemon->evictor = NULL;
	}
	return error;
}

int daemon_start_evictor(struct daemon *daemon)
{
	const struct evictor_tools tools = {daemon->object, daemon->closer, daemon->helper,
					    &daemon->netns};

	return daemon->evictor ? evictor_start(daemon->evictor, &tools) : 0;
}

int daemon_prepare_fleet(struct daemon *daemon)
{
	/* One before may have been in a fleet. */
	fleet_record_clear(daemon->object);
	if (!config_has_fleet(&daemon->config))
		return 0;
	return fleet_new(&daemon->fleet, daemon->object, &daemon->config);
}

int daemon_start_fleet(struct daemon *daemon)
{
	int error = daemon->fleet ? fleet_start(daemon->fleet, daemon->closer) : 0;

	if (!error && daemon->runner)
		error = fleet_reply_start(&daemon->reply, &daemon->config.fleet,
					  daemon->runner);
	return error;
}

int daemon_serve_metrics(struct daemon *daemon, struct metrics_server *server,
			 const struct config *config)
{
	int error = 0;

	if (!server)
		return 0;
	if (!daemon->look)
		error = look_new(&daemon->look, daemon->object, daemon->helper);
	return error
		       ?: metrics_serve(server, daemon->object, config,
					&(struct web_walk){look_walk, daemon->look});
}

int daemon_show_metrics(struct daemon *daemon)
{
	int error = daemon->look ? look_in(daemon->look, &daemon->netns) : 0;

	metrics_show(daemon->metrics, &daemon->links, &daemon->config);
	return error;
}

int daemon_open_metrics(struct daemon *daemon)
{
	int error = daemon_serve_metrics(daemon, daemon->metrics, &daemon->config);

	return error ?: daemon_show_metrics(daemon);
}
