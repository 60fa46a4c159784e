// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/resource.h>

#include "user/answer/limits.h"
#include "user/base/log.h"
#include "user/daemon/open_files.h"
#include "user/fleet/store_name.h"

/* Maps, programs, links, rings, what the servers and sinks have themselves: some 225 were open
 * while a reload put 16 sinks in the place of 16 others and loaded a gate, 40 more are those of
 * the evictor, as many those of the page, and one the listener for those who wait. The rest is
 * for what we were started with. */
#define OWN 356
/* A namespace: itself, its link, its program, that once more for the metrics, itself once more
 * for their page, and the socket to close sessions by. */
#define NETNS 6
/* The fleet's own maps and rings, and those by which it closes sessions, what answers other
 * hosts, and what resolvers open for STORE_NAMES_MAX names; of a shard, two connections, two of
 * what answers, and a name's. */
#define FLEET (75 + 40 + 3 * STORE_NAMES_MAX)
#define SHARD 8

void open_files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static unsigned int netns_of(const struct config *config)
{
	return config->netns_count ?: 1;
}

static unsigned int connections_of(const struct config *config)
{
	return *config->metrics.text ? config->metrics.max : 0;
}

/* Of those who listen. */
static unsigned int subscribers_of(const struct config *config)
{
	for (size_t i = 0; i < config->events.count; i++)
		if (config->events.items[i].kind == SINK_UNIX)
			return config->events.subscribers_max;
	return 0;
}

/* At which clients over their cap are answered. */
static unsigned int answering_of(const struct config *config)
{
	unsigned int services = 0;

	for (size_t i = 0; i < config->service_count; i++)
		services += config->services[i].service.redirect.answer != HC_ANSWER_NONE;
	return services * netns_of(config);
}

static unsigned int fleet_of(const struct config *config)
{
	return config_has_fleet(config) ? FLEET + SHARD * config->fleet.store_count : 0;
}

static unsigned int most(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

__u64 open_files_needed(const struct config *now, const struct config *next,
			unsigned int subscribers)
{
	const unsigned int listeners = answering_of(now) + answering_of(next);

	subscribers = most(subscribers, most(subscribers_of(now), subscribers_of(next)));
	return OWN + subscribers + connections_of(now) + connections_of(next) + listeners +
	       (listeners ? ANSWERS_FILES : 0) + fleet_of(now) +
	       NETNS * (netns_of(now) + netns_of(next));
}

int open_files_check(const struct config *now, const struct config *next,
		     unsigned int subscribers)
{
	__u64 needed = open_files_needed(now, next, subscribers);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return hc_error_errno(errno, "cannot read the limit of open files");
	if (limit.rlim_cur >= needed)
		return 0;
	return hc_error("%llu open files may be needed (events_max, metrics_max, netns, "
			"redirect), but only %llu "
			"are allowed: raise the hard limit (ulimit -Hn, LimitNOFILE=)",
			needed, (unsigned long long)limit.rlim_cur);
}
