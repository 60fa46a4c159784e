// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/daemon/fleet_claim.h"
#include "user/daemon/fleet_shard.h"
#include "user/kernel/state.h"

/* Until a client's next SYN: then it hears that it is over its cap, or asks again. */
#define SHORT_NS (1500 * NS_PER_MS)
/* A unit waits so long for the client that it was granted to: SYNs come again after up to 32 s.
 * It goes back at once where another host asks. */
#define UNUSED_NS (40 * NS_PER_SECOND)

/* An answer that takes longer is none to let anybody in for. */
#define SILENT_NS (300 * NS_PER_MS)

bool shard_serves(const struct shard_common *common, const struct hc_user_key *user)
{
	const struct hc_service *service;

	if (user->service >= HC_SERVICES_MAX || user->elsewhere || user->kind == HC_UNLABELLED)
		return false;
	service = &common->policy->services[user->service];
	return service->used && service->fleet;
}

/* Nothing is admitted by units any more. */
static void give_up_lease(struct shard *shard)
{
	if (!shard->faulty)
		hc_error("the fleet: the lease of shard %u is given up until the next start",
			 shard->number);
	shard->faulty = true;
	fleet_words_set_deadline(shard->common->words, shard->number, 0);
}

static __u32 get_sessions(void *ctx, __u32 index, const struct fleet_key *key)
{
	struct shard *shard = ctx;
	const struct shard_common *common = shard->common;
	const struct hc_user_key *user = &shard->users[index];
	const __u32 units = shard->host.table.users[index].units;
	__u32 taken;

	(void)key;
	/* Whose caps are of this host again hold nothing of the fleet. */
	if (!shard_serves(common, user))
		return 0;
	if (fleet_words_sessions(common->words, user, &taken)) {
		give_up_lease(shard);
		return units; /* all of them may be in use: what was claimed stays so */
	}
	if (taken <= units || common->policy->services[user->service].cold != HC_COLD_ADMIT)
		return taken;
	return fleet_claim(shard, index, taken);
}

static __u32 set_units(void *ctx, __u32 index, const struct fleet_key *key, __u32 units)
{
	struct shard *shard = ctx;
	__u32 taken = 0;
	int error = fleet_words_set_units(shard->common->words, &shard->users[index],
					  shard->number, units, &taken);

	(void)key;
	if (!error || error == -ENOSPC)
		return shard_serves(shard->common, &shard->users[index]) ? taken : 0;
	give_up_lease(shard);
	return HC_UNLIMITED; /* all that it had may be in use */
}

static __u64 get_unused(void *ctx, __u32 index, const struct fleet_key *key)
{
	struct shard *shard = ctx;
	const struct shard_common *common = shard->common;
	const __u64 now = clock_monotonic_ns();
	struct hc_user record;

	(void)key;
	return state_read_user(common->object, &common->policy->control, &shard->users[index],
			       &record) &&
			       record.last_ns < now
		       ? now - record.last_ns
		       : now;
}

static void set_deadline(void *ctx, __u64 deadline)
{
	struct shard *shard = ctx;

	fleet_words_set_deadline(shard->common->words, shard->number,
				 shard->faulty ? 0 : deadline);
}

static void forget_old(struct shard *shard, __u64 now)
{
	const struct fleet_settings *settings = &shard->host.settings;
	/* By then the store has answered, or this host is alone. */
	const __u64 most = settings->lease + settings->patience;

	while (shard->late_count && now - shard_late_at(shard, 0)->time_ns > most) {
		shard->late_first++;
		shard->late_count--;
	}
}

static void watch(struct shard *shard, const struct shard_late *late)
{
	forget_old(shard, late->time_ns);
	if (shard->late_count == SHARD_LATE_MAX) {
		shard->late_first++;
		shard->late_count--;
	}
	*shard_late_at(shard, shard->late_count++) = *late;
}

/* Sessions that are there: a handshake, which anybody can begin in the user's name, closes
 * none.
 */
static __u32 active_of(const struct shard *shard, const struct hc_user_key *user)
{
	struct hc_user record;

	return state_read_user(shard->common->object, &shard->common->policy->control, user,
			       &record)
		       ? hc_user_active(&record)
		       : 0;
}

/* One that cannot be closed is tried again as the store says once more that it is short, at
 * the latest a second later: shard_insist(). */
static bool close_one(struct shard *shard, struct shard_late *late)
{
	const struct hc_socket socket = {.id = late->id, .session.ends = late->ends};
	int error = closer_close(shard->common->closer, &socket);

	if (error && error != -ENOENT) {
		if (!shard->common->complained)
			hc_error_errno(error, "cannot close sessions without a unit%s",
				       privileges_hint(error));
		shard->common->complained = true;
		return false;
	}
	late->id = 0;
	shard->common->closed += !error;
	return !error; /* else it has ended by itself */
}

/* The last to come are the first to go. */
static void close_late(struct shard *shard, __u32 index)
{
	const struct hc_user_key *user = &shard->users[index];
	__u32 units = shard->host.table.users[index].units;
	__u32 active = active_of(shard, user);

	forget_old(shard, clock_ns(CLOCK_BOOTTIME));
	for (__u32 i = shard->late_count; i-- > 0 && active > units;) {
		struct shard_late *late = shard_late_at(shard, i);

		if (late->id && !memcmp(&late->user, user, sizeof(*user)))
			active -= close_one(shard, late);
	}
}

void shard_watch(struct shard *shard, const struct shard_late *late)
{
	const __u32 index = fleet_table_find(&shard->host.table, &late->key);
	const struct fleet_user *user = &shard->host.table.users[index];

	if (index == FLEET_NONE) { /* no place to ask for it */
		struct shard_late over = *late;

		close_one(shard, &over);
		return;
	}
	watch(shard, late);
	/* The store has said so already, of the attempt, and is not asked again so soon. */
	if (user->flags & FLEET_USER_WAITING &&
	    !(user->flags & (FLEET_USER_QUEUED | FLEET_USER_TOLD)))
		close_late(shard, index);
}

__u64 shard_answers(const struct shard *shard, __u64 now)
{
	const struct fleet_host *host = &shard->host;

	if (!host->answered || host->leaving || (host->flying && now - host->sent > SILENT_NS))
		return 0;
	return host->answered + host->settings.renew + SILENT_NS;
}

void shard_insist(struct shard *shard, __u64 now)
{
	forget_old(shard, now);
	for (__u32 i = 0; i < shard->late_count; i++) {
		struct shard_late *late = shard_late_at(shard, i);
		const __u32 index = fleet_table_find(&shard->host.table, &late->key);
		const struct fleet_user *user = &shard->host.table.users[index];
		const __u32 active = late->id ? active_of(shard, &late->user) : 0;

		if (index == FLEET_NONE || active <= user->units)
			late->id = 0; /* it has its unit, or has ended */
		else if (now - late->time_ns >= NS_PER_SECOND)
			shard_want(shard, &late->key, &late->user, user->cap, active, now);
	}
}

static void set_short(void *ctx, __u32 index, const struct fleet_key *key, bool is_short)
{
	struct shard *shard = ctx;

	(void)key;
	fleet_words_set_short(shard->common->words, &shard->users[index],
			      is_short ? clock_monotonic_ns() + SHORT_NS : 0);
	if (is_short && shard->late_count)
		close_late(shard, index);
}

void shard_add(struct shard *shard, const struct fleet_key *key, const struct hc_user_key *user,
	       __u32 cap)
{
	__u32 taken, index;

	if (fleet_add(&shard->host, key, cap)) {
		fleet_words_set_units(shard->common->words, user, shard->number, 0, &taken);
		return;
	}
	index = fleet_table_find(&shard->host.table, key);
	shard->users[index] = *user;
}

void shard_ask_of_crowd(struct shard *shard, const struct fleet_key *key,
			const struct hc_ask *ask, __u64 now)
{
	const __u32 index = fleet_table_find(&shard->host.table, key);
	__u32 need;

	if (index == FLEET_NONE)
		return;
	need = fleet_crowd_need(&shard->crowds[index], ask, now);
	if (need > ask->need)
		shard_want(shard, key, &ask->user, ask->cap, need, now);
}

void shard_want(struct shard *shard, const struct fleet_key *key,
		const struct hc_user_key *user, __u32 cap, __u32 need, __u64 now)
{
	struct fleet_host *host = &shard->host;
	__u32 index;

	if (fleet_want(host, key, cap, need, now))
		return;
	index = fleet_table_find(&host->table, key);
	shard->users[index] = *user;
	/* Its record made room for another user's, and its units went with it. */
	if (host->table.users[index].units >= need && need)
		set_units(shard, index, key, host->table.users[index].units);
}

void shard_drop(struct shard *shard)
{
	const struct fleet_table *table = &shard->host.table;

	for (__u32 i = 0; i < table->high; i++)
		if (table->users[i].flags & FLEET_USER_THERE &&
		    !shard_serves(shard->common, &shard->users[i]))
			fleet_return(&shard->host, &table->users[i].key);
}

void shard_return(struct shard *shard)
{
	const struct fleet_table *table = &shard->host.table;

	for (__u32 i = 0; i < table->high; i++)
		if (table->users[i].flags & FLEET_USER_THERE)
			fleet_return(&shard->host, &table->users[i].key);
}

static struct fleet_settings settings_of(const struct config_fleet *fleet, __u32 users_max)
{
	const __u64 lease = fleet->lease * NS_PER_SECOND, fifth = lease / 5;
	const __u64 keep = fleet->keep * NS_PER_SECOND;
	struct fleet_settings settings = {
		.lease = lease,
		.renew = fifth < NS_PER_SECOND ? fifth : NS_PER_SECOND,
		.patience = fifth < 2 * NS_PER_SECOND ? fifth : 2 * NS_PER_SECOND,
		.keep = keep,
		.unused = keep < UNUSED_NS ? keep : UNUSED_NS,
		.grace = 2200 * NS_PER_MS,
		.retry = 300 * NS_PER_MS,
		.users_max = users_max,
		.asks = fleet->asks,
	};

	if (getrandom(settings.secret, sizeof(settings.secret), 0) < 0)
		settings.secret[0] = clock_monotonic_ns();
	return settings;
}

static int open_store(struct shard *shard, const struct config_fleet *fleet)
{
	const struct store_settings settings = {
		.prefix = fleet->prefix,
		.servers = fleet->servers,
		.tls_ca = fleet->tls_ca,
		.tls_cert = fleet->tls_cert,
		.tls_key = fleet->tls_key,
		.sentinel_user = fleet->sentinel_user,
		.sentinel_password = fleet->sentinel_password,
	};

	return store_new(&shard->store, &fleet->stores[shard->number], &settings, &shard->host);
}

int shard_open(struct shard *shard, struct shard_common *common, __u32 number,
	       const struct config *config)
{
	const struct fleet_settings settings = settings_of(&config->fleet, config->users_max);
	const struct fleet_kernel kernel = {shard, get_sessions, set_units, set_deadline,
					    get_unused};
	__u64 id;
	int error;

	shard->common = common;
	shard->number = number;
	shard->last_deadline = clock_ns(CLOCK_BOOTTIME);
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return hc_error_errno(errno, "cannot join the fleet");
	shard->users = calloc(config->users_max, sizeof(*shard->users));
	shard->crowds = calloc(config->users_max, sizeof(*shard->crowds));
	shard->late = calloc(SHARD_LATE_MAX, sizeof(*shard->late));
	error = shard->users && shard->crowds && shard->late ? 0 : -ENOMEM;
	error = error ?: fleet_host_init(&shard->host, &settings, &kernel, id);
	if (error)
		return hc_error_errno(error, "cannot join the fleet");
	shard->host.set_short = set_short;
	return open_store(shard, &config->fleet);
}

void shard_close(struct shard *shard)
{
	store_free(shard->store);
	fleet_host_free(&shard->host);
	free(shard->users);
	free(shard->crowds);
	free(shard->late);
}
