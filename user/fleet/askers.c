// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "user/fleet/askers.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char hosts[ASKERS_MAX][HOST_NAME_ROOM];
static unsigned int used; /* of them, and beyond: modulo ASKERS_MAX the next */
static atomic_ullong counts[HC_ASKED_RESULTS];

__u16 askers_number(const char *host)
{
	unsigned int i = 0;

	pthread_mutex_lock(&lock);
	while (i < ASKERS_MAX && strcmp(hosts[i], host))
		i++;
	if (i == ASKERS_MAX) {
		i = used++ % ASKERS_MAX;
		snprintf(hosts[i], sizeof(hosts[i]), "%s", host);
	}
	pthread_mutex_unlock(&lock);
	return i + 1;
}

char *askers_name(__u16 number, char host[HOST_NAME_ROOM])
{
	*host = '\0';
	if (!number || number > ASKERS_MAX)
		return host;
	pthread_mutex_lock(&lock);
	strcpy(host, hosts[number - 1]);
	pthread_mutex_unlock(&lock);
	return host;
}

void askers_count(enum hc_fleet_asked result)
{
	atomic_fetch_add(&counts[result], 1);
}

__u64 askers_counted(enum hc_fleet_asked result)
{
	return atomic_load(&counts[result]);
}
