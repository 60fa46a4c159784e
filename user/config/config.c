// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/config/config.h"

#define SESSIONS_DEFAULT  262144
#define USERS_DEFAULT     65536
#define LISTENERS_DEFAULT 65536

#define WAIT_DEFAULT       30 /* seconds */
#define EVICT_IDLE_DEFAULT 60
#define EVICT_RATE_DEFAULT 10 /* a minute */

#define LEASE_DEFAULT 10 /* seconds */
#define KEEP_DEFAULT  60
#define ASKS_DEFAULT  2000 /* a second */

void config_service_defaults(struct hc_service *service, const char *name)
{
	*service = (struct hc_service){
		.cap = HC_UNLIMITED,
		.total = HC_UNLIMITED,
		.unlabelled = HC_UNLIMITED,
		.used = 1,
		.identify = HC_BY_CLIENT,
		.excess = HC_REJECT,
		.prefix4 = 32,
		.prefix6 = 64,
		.error = ECONNREFUSED,
		.wait_max = WAIT_DEFAULT,
		.evict_idle = EVICT_IDLE_DEFAULT,
		.evict_rate = EVICT_RATE_DEFAULT,
	};
	snprintf(service->name, sizeof(service->name), "%s", name);
}

static void set_fleet_defaults(struct config_fleet *fleet)
{
	*fleet = (struct config_fleet){
		.lease = LEASE_DEFAULT,
		.keep = KEEP_DEFAULT,
		.asks = ASKS_DEFAULT,
		.alone = HC_ALONE_LOCAL,
	};
	host_name(NULL, fleet->name);
}

static void free_fleet(struct config_fleet *fleet)
{
	if (fleet->stores)
		explicit_bzero(fleet->stores, fleet->store_count * sizeof(*fleet->stores));
	free(fleet->stores);
	free(fleet->prefix);
	free(fleet->tls_ca);
	free(fleet->tls_cert);
	free(fleet->tls_key);
	free(fleet->sentinel_user);
	free(fleet->sentinel_password);
}

int config_defaults(struct config *config)
{
	*config = (struct config){
		.directions = HC_BOTH_DIRECTIONS,
		.sessions_max = SESSIONS_DEFAULT,
		.users_max = USERS_DEFAULT,
		.metrics.max = CONFIG_METRICS_MAX_DEFAULT,
		.listeners_max = LISTENERS_DEFAULT,
	};
	sink_list_default(&config->events);
	set_fleet_defaults(&config->fleet);
	config->services = calloc(HC_FIRST_SERVICE, sizeof(*config->services));
	if (!config->services)
		return -ENOMEM;
	config->service_count = HC_FIRST_SERVICE;
	config_service_defaults(&config->services[HC_OUTBOUND_SERVICE].service, "outbound");
	config->services[HC_OUTBOUND_SERVICE].service.identify = HC_BY_UID;
	config_service_defaults(&config->services[HC_INBOUND_SERVICE].service, "inbound");
	return 0;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->netns_count; i++)
		free(config->netns[i]);
	free(config->netns);
	sink_list_free(&config->events);
	for (size_t i = 0; i < config->service_count; i++) {
		free(config->services[i].listen);
		free(config->services[i].overrides);
		free(config->services[i].answer_path);
		free(config->services[i].answer);
		free(config->services[i].labellers);
	}
	free(config->services);
	free_fleet(&config->fleet);
	memset(config, 0, sizeof(*config));
}

int config_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (!strcmp(config->services[i].service.name, name))
			return i;
	return -1;
}

void config_set_directions(struct config *config, __u32 directions)
{
	config->directions = directions;
	config->services[HC_OUTBOUND_SERVICE].service.used = config_wants(config, HC_OUTBOUND);
	config->services[HC_INBOUND_SERVICE].service.used = config_wants(config, HC_INBOUND);
}

bool config_ignores_orphans(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.orphans == HC_ORPHANS_IGNORE)
			return true;
	return false;
}

bool config_service_has_excess(const struct config_service *service, enum hc_excess excess)
{
	if (service->service.excess == excess)
		return true;
	for (size_t i = 0; i < service->override_count; i++)
		if (hc_excess_of(&service->service, service->overrides[i].traits) == excess)
			return true;
	return false;
}

bool config_has_excess(const struct config *config, enum hc_excess excess)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config_service_has_excess(&config->services[i], excess))
			return true;
	return false;
}

bool config_labels(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.identify == HC_BY_LABEL)
			return true;
	return false;
}

bool config_has_fleet(const struct config *config)
{
	return config->fleet.store_count;
}
