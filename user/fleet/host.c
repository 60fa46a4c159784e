// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/fleet/host.h"
#include "user/fleet/plant.h"

int fleet_host_init(struct fleet_host *host, const struct fleet_settings *settings,
		    const struct fleet_kernel *kernel, __u64 id)
{
	int error;

	memset(host, 0, sizeof(*host));
	host->settings = *settings;
	host->kernel = *kernel;
	host->id = id;
	host->urgent = host->asks = (struct fleet_queue){FLEET_NONE, FLEET_NONE};
	strcpy(host->tag, "0");
	error = fleet_table_init(&host->table, settings->users_max, settings->secret);
	return error ?: fleet_peers_init(&host->peers);
}

void fleet_host_free(struct fleet_host *host)
{
	fleet_table_free(&host->table);
	fleet_peers_free(&host->peers);
}

/* Never 0, which says "not". */
__u32 fleet_tenths(__u64 now)
{
	return now / (NS_PER_SECOND / 10) + 1;
}

/* Clocks whose rates are 2 % apart agree that a lease is over when one has waited for this
 * long. */
__u64 fleet_outlasts(const struct fleet_host *host)
{
	if (FLEET_PLANTED(EXPEL))
		return host->settings.lease / 2;
	return host->settings.lease + host->settings.lease / 40;
}

void fleet_queue_put(struct fleet_host *host, struct fleet_queue *queue, __u32 index)
{
	struct fleet_user *user = &host->table.users[index];

	if (user->flags & FLEET_USER_QUEUED)
		return;
	user->flags |= FLEET_USER_QUEUED;
	user->next = FLEET_NONE;
	if (queue->first == FLEET_NONE)
		queue->first = index;
	else
		host->table.users[queue->last].next = index;
	queue->last = index;
}

__u32 fleet_queue_take(struct fleet_host *host, struct fleet_queue *queue)
{
	__u32 index = queue->first;

	if (index == FLEET_NONE)
		return index;
	queue->first = host->table.users[index].next;
	host->table.users[index].flags &= ~FLEET_USER_QUEUED;
	return index;
}

static bool comes_again(const struct fleet_host *host, const struct fleet_user *user, __u64 now)
{
	return fleet_tenths(now) - user->since < fleet_tenths(host->settings.grace);
}

bool fleet_asks(const struct fleet_host *host, const struct fleet_user *user, __u64 now)
{
	return user->need > user->units && comes_again(host, user, now);
}

__u32 fleet_busy(const struct fleet_host *host, const struct fleet_user *user, __u32 sessions,
		 __u64 now)
{
	if (user->need <= sessions || !comes_again(host, user, now) || FLEET_PLANTED(THIEF))
		return sessions;
	return user->need;
}

int fleet_add(struct fleet_host *host, const struct fleet_key *key, __u32 cap)
{
	__u32 index = fleet_table_add(&host->table, key);

	if (index == FLEET_NONE)
		return -ENOSPC;
	host->table.users[index].cap = cap;
	return 0;
}

/* What is not claimed yet is not put into a queue: the walk comes to it. */
static bool walk_comes(const struct fleet_host *host, __u32 index)
{
	return host->stage != FLEET_MEMBER && index >= host->walked;
}

int fleet_want(struct fleet_host *host, const struct fleet_key *key, __u32 cap, __u32 need,
	       __u64 now)
{
	__u32 index = fleet_table_add(&host->table, key);
	struct fleet_user *user;

	if (index == FLEET_NONE) {
		host->counters.full++;
		return -ENOSPC;
	}
	user = &host->table.users[index];
	user->cap = cap;
	user->need = need < cap ? need : cap;
	user->since = fleet_tenths(now);
	if (user->need <= user->units || user->flags & FLEET_USER_TOLD ||
	    walk_comes(host, index))
		return 0;
	if (user->flags & FLEET_USER_WAITING &&
	    user->since - user->asked < fleet_tenths(host->settings.retry))
		return 0;
	fleet_queue_put(host, user->units ? &host->urgent : &host->asks, index);
	return 0;
}

void fleet_ended(struct fleet_host *host, const struct fleet_key *key)
{
	__u32 index = fleet_table_find(&host->table, key);
	struct fleet_user *user;

	if (index == FLEET_NONE)
		return;
	user = &host->table.users[index];
	if (!(user->flags & FLEET_USER_CALLED) || walk_comes(host, index))
		return;
	user->flags |= FLEET_USER_RETURN;
	if (!(user->flags & FLEET_USER_TOLD))
		fleet_queue_put(host, &host->urgent, index);
}

void fleet_return(struct fleet_host *host, const struct fleet_key *key)
{
	__u32 index = fleet_table_find(&host->table, key);

	if (index == FLEET_NONE)
		return;
	host->table.users[index].flags |= FLEET_USER_CALLED;
	host->table.users[index].need = 0;
	fleet_ended(host, key);
}

void fleet_called(struct fleet_host *host)
{
	host->called = true;
}

/* Nobody knows what became of it: all that it said is said again. */
void fleet_give_up(struct fleet_host *host, __u64 now)
{
	if (!host->flying)
		return;
	host->flying = host->whole = false;
	host->answered = 0;
	host->counters.given_up++;
	host->hold = now + host->settings.renew / 10;
#ifdef FLEET_PLANTS
	memcpy(host->given_up, host->items, sizeof(host->items));
	host->given_up_count = host->item_count;
	host->given_up_n = host->n;
#endif
	for (__u32 i = 0; i < host->item_count; i++) {
		host->table.users[host->items[i].index].flags &= ~FLEET_USER_TOLD;
		fleet_queue_put(host, &host->urgent, host->items[i].index);
	}
	host->item_count = 0;
}

void fleet_broken(struct fleet_host *host, __u64 now)
{
	host->answered = 0;
	fleet_give_up(host, now);
}

void fleet_leave(struct fleet_host *host)
{
	host->leaving = true;
	host->deadline = host->answered = 0;
	host->kernel.set_deadline(host->kernel.ctx, 0);
}

void fleet_counters_add(struct fleet_counters *sum, const struct fleet_counters *more)
{
	__u64 *to = (__u64 *)sum;
	const __u64 *from = (const __u64 *)more;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}
