// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as a configuration: it is refused with a reason and nothing left to free, or taken,
 * and then it keeps what the rest of the program relies on.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/cmd/explain.h"
#include "user/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "the configuration that was read breaks: %s\n", what);
	abort();
}

/* A file that holds the input; its path. */
static const char *as_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("config", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		/* What explain() says is of no interest, only that it says it. */
		if (!freopen("/dev/null", "w", stdout))
			abort();
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return path;
}

static bool overlap(const struct config_listen *a, const struct config_listen *b)
{
	return a->port <= b->last && b->port <= a->last && !memcmp(a->address, b->address, 16);
}

static bool listens_alone(const struct config *config, size_t service, size_t index)
{
	const struct config_listen *listen = &config->services[service].listen[index];

	for (size_t i = 0; i <= service; i++)
		for (size_t j = 0; j < (i == service ? index : config->services[i].listens);
		     j++)
			if (overlap(&config->services[i].listen[j], listen))
				return false;
	return true;
}

static void check_service(const struct config *config, size_t index)
{
	const struct config_service *from = &config->services[index];
	const struct hc_service *service = &from->service;

	need(*service->name && memchr(service->name, '\0', HC_NAME_MAX), "name");
	need(config_find(config, service->name) == (int)index, "one service of a name");
	need(service->identify <= HC_BY_LABEL && service->excess < HC_EXCESS_COUNT, "enums");
	need(service->prefix4 <= 32 && service->prefix6 <= 128, "prefixes");
	need(index < HC_FIRST_SERVICE ? !from->listens : from->listens, "listen");
	for (size_t i = 0; i < from->listens; i++)
		need(from->listen[i].port && from->listen[i].port <= from->listen[i].last &&
			     listens_alone(config, index, i),
		     "a port, once");
	for (size_t i = 0; i < from->override_count; i++)
		need(from->overrides[i].bits <= 128, "bits of an override");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config none;
	const char *path = as_file(data, size);
	struct config config;
	char why[1024] = "";

	if (config_read(&config, path, why, sizeof(why))) {
		need(!strncmp(why, path, strlen(path)), "an error names the file");
		need(strlen(why) > strlen(path) + 2 && !strchr(why, '\n'),
		     "a reason of one line");
		need(!memcmp(&config, &none, sizeof(none)), "nothing to free");
		return 0;
	}
	need(config.service_count >= HC_FIRST_SERVICE &&
		     config.service_count <= HC_SERVICES_MAX,
	     "number of services");
	need(config.sessions_max >= 1024 && config.users_max >= 64, "sizes");
	for (size_t i = 0; i < config.service_count; i++)
		check_service(&config, i);
	explain(&config, path);
	config_free(&config);
	return 0;
}
