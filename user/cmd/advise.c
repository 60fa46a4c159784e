// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/address.h"
#include "user/base/escape.h"
#include "user/base/netns.h"
#include "user/base/user_name.h"
#include "user/cmd/advise.h"

/* INBOUND, In-Bound: somebody meant the built-in one. */
static bool is_like(const char *name, const char *builtin)
{
	char bare[HC_NAME_MAX], *end = bare;

	for (; *name; name++)
		if (!strchr("_.-", *name))
			*end++ = *name;
	*end = '\0';
	return !strcasecmp(bare, builtin);
}

static void advise_name(const char *name)
{
	static const char *const builtins[] = {"inbound", "outbound"};

	for (int i = 0; i < 2; i++)
		if (is_like(name, builtins[i]))
			printf("warning: [service %s] is a service of its own; the built-in "
			       "one is "
			       "[service %s]\n",
			       name, builtins[i]);
}

static void advise_overrides(const struct config_service *service)
{
	char user[HC_USER_TEXT];
	bool exempt = false;

	for (size_t i = 0; i < service->override_count; i++) {
		const struct config_override *override = &service->overrides[i];

		exempt |= override->traits & HC_EXEMPT;
		if (override->part)
			printf("warning: [service %s] line %u: an address stands for its whole "
			       "user, %s\n",
			       service->service.name, override->line,
			       user_key_format(&override->key, true, user, sizeof(user)));
	}
	if (exempt && service->service.total == HC_UNLIMITED)
		printf("warning: [service %s] has no total that an override could exempt "
		       "from\n",
		       service->service.name);
}

static bool is_loopback(const __u8 address[16])
{
	static const __u8 one[16] = {[15] = 1};

	return address_is_ipv4(address) ? address[12] == 127 : !memcmp(address, one, 16);
}

/* Whoever connects there is on this host: most likely a proxy, for everybody. */
static void advise_proxy(const struct config_service *service)
{
	bool all = service->listens;

	for (size_t i = 0; i < service->listens; i++)
		all &= is_loopback(service->listen[i].address);
	if (all && service->service.identify == HC_BY_CLIENT)
		printf("hint: [service %s] listens on loopback only: behind a proxy all "
		       "clients are one user; count them at the proxy's own port\n",
		       service->service.name);
}

#define ORDINARY_UID 1000 /* from here on, mostly */

/* Most servers of system accounts listen as root, and are somebody else afterwards; or systemd
 * listens for them. */
static void advise_labellers(const struct config_service *service)
{
	bool root = false, system = false;

	for (size_t i = 0; i < service->labeller_count; i++) {
		root |= !service->labellers[i];
		system |= service->labellers[i] < ORDINARY_UID;
	}
	if (system && !root)
		printf("hint: [service %s] has no root among its labellers: a server that "
		       "listens as root, or is given its socket by systemd, cannot give "
		       "labels, whatever account it runs as\n",
		       service->service.name);
	if (service->labeller_any)
		printf("warning: [service %s] takes labels from everybody: whoever can listen "
		       "on its ports, at whatever address, can fill any account\n",
		       service->service.name);
}

static void advise_service(const struct config_service *service)
{
	const struct hc_service *limits = &service->service;

	if (limits->total < limits->cap && limits->cap != HC_UNLIMITED)
		printf("warning: [service %s] has a total of %u: no user can reach its cap, "
		       "%u\n",
		       limits->name, limits->total, limits->cap);
	advise_overrides(service);
	advise_proxy(service);
	advise_labellers(service);
}

static void advise_netns(const char *name)
{
	char path[NETNS_PATH], text[4 * NETNS_PATH];

	netns_path(name, path);
	if (access(path, F_OK)) {
		escape_text(text, sizeof(text), path, strlen(path));
		printf("warning: netns %s does not exist: run would not start, and a reload "
		       "would fail\n",
		       text);
	}
}

void advise(const struct config *config)
{
	for (size_t i = 0; i < config->netns_count; i++)
		advise_netns(config->netns[i]);
	for (size_t i = 0; i < config->service_count; i++) {
		if (i >= HC_FIRST_SERVICE)
			advise_name(config->services[i].service.name);
		advise_service(&config->services[i]);
	}
}
