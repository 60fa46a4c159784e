// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/base/clock.h"
#include "user/fleet/host.h"
#include "user/fleet/plant.h"

#define WALK_AT_ONCE 65536         /* users looked at for one message of claims */
#define TOKEN        NS_PER_SECOND /* an ask: so many ns at one a second */

static __u32 larger(__u32 a, __u32 b)
{
	return a > b ? a : b;
}

static __u32 smaller(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __u32 sessions_of(struct fleet_host *host, __u32 index)
{
	return host->kernel.sessions(host->kernel.ctx, index, &host->table.users[index].key);
}

static __u32 set_units(struct fleet_host *host, __u32 index, __u32 units)
{
	return host->kernel.set_units(host->kernel.ctx, index, &host->table.users[index].key,
				      units);
}

/* First the kernel uses fewer, then the store hears of it. A session that begins in between
 * keeps its unit. */
static void give_back(struct fleet_host *host, __u32 index, __u32 busy)
{
	struct fleet_user *user = &host->table.users[index];
	__u32 before = user->units;

	user->flags &= ~FLEET_USER_RETURN;
	if (user->units <= busy)
		return;
	user->units = busy;
	if (!FLEET_PLANTED(LOWER))
		user->units = smaller(before, larger(busy, set_units(host, index, busy)));
	if (user->units > busy)
		set_units(host, index, user->units);
}

static void tell(struct fleet_host *host, __u32 index, __u64 now)
{
	struct fleet_user *user = &host->table.users[index];
	struct fleet_item *item = &host->items[host->item_count++];
	__u32 sessions = sessions_of(host, index), spare = host->settings.spare;
	__u32 busy = fleet_busy(host, user, sessions, now);
	bool asks = fleet_asks(host, user, now);

	if (user->flags & FLEET_USER_RETURN)
		give_back(host, index, busy);
	if (!asks && busy == sessions)
		user->need = 0;
	if (user->flags & FLEET_USER_CALLED)
		spare = 0;
	/* More sessions than units: the store did not ask when it was away. */
	item->index = index;
	item->have = larger(user->units, sessions);
	item->need = asks ? larger(user->need, item->have) : item->have;
	item->want =
		asks ? larger(item->need, smaller(user->cap, item->need + spare)) : item->have;
	user->flags |= FLEET_USER_TOLD;
	host->counters.asks += asks;
}

/* What this host holds, one after the other: all units if they are valid still, or else only
 * what is really there. */
static void walk(struct fleet_host *host, __u64 now)
{
	struct fleet_table *table = &host->table;

	for (__u32 seen = 0; host->walked < table->high && seen < WALK_AT_ONCE &&
			     host->item_count < FLEET_ITEMS;
	     seen++) {
		__u32 index = host->walked++;
		struct fleet_user *user = &table->users[index];

		if (!(user->flags & FLEET_USER_THERE))
			continue;
		if (!host->live) {
			user->units = sessions_of(host, index);
			set_units(host, index, user->units);
		}
		user->flags &= FLEET_USER_THERE | FLEET_USER_USED | FLEET_USER_AWAITED;
		if (user->units || fleet_asks(host, user, now))
			tell(host, index, now);
	}
}

/* Does the store know of the user, or is it to? */
static bool is_to_be_said(const struct fleet_host *host, const struct fleet_user *user,
			  __u64 now)
{
	return user->units || user->flags & FLEET_USER_WAITING || fleet_asks(host, user, now);
}

static void choose(struct fleet_host *host, __u64 now)
{
	__u32 index;

	host->item_count = 0;
	host->whole = false;
	if (host->stage == FLEET_OUT || host->leaving)
		return;
	while (host->item_count < FLEET_ITEMS &&
	       (index = fleet_queue_take(host, &host->urgent)) != FLEET_NONE)
		tell(host, index, now);
	if (host->stage == FLEET_CLAIMS) {
		walk(host, now);
		host->whole =
			host->walked == host->table.high && host->urgent.first == FLEET_NONE;
	}
	while (host->item_count < FLEET_ITEMS && host->tokens >= TOKEN &&
	       (index = fleet_queue_take(host, &host->asks)) != FLEET_NONE) {
		/* Who has given up meanwhile, as forged SYNs do, is in nobody's way. */
		if (!is_to_be_said(host, &host->table.users[index], now))
			continue;
		host->tokens -= TOKEN;
		tell(host, index, now);
	}
}

static size_t flags(struct fleet_host *host, __u64 now, char text[8])
{
	char *p = text;

	if (host->stage == FLEET_MEMBER || host->whole)
		*p++ = 's';
	if (host->stage != FLEET_OUT && now - host->epoch_since >= fleet_outlasts(host))
		*p++ = 'r';
	if (host->looking)
		*p++ = 'l';
	if (host->leaving)
		*p++ = 'q';
	return p - text;
}

static void build(struct fleet_host *host, __u64 now)
{
	struct fleet_message *message = &host->message;
	size_t expels = 0, gone[FLEET_EXPELS];
	char text[8];

	for (size_t i = 0; i < host->peers.count && expels < FLEET_EXPELS; i++) {
		if (host->peers.seen[i].gone && host->peers.seen[i].peer.id != host->id)
			gone[expels++] = i;
	}
	fleet_message_begin(message);
	fleet_message_id(message, host->id);
	fleet_message_number(message, host->n);
	fleet_message_text(message, host->epoch, strlen(host->epoch));
	fleet_message_text(message, host->tag, strlen(host->tag));
	fleet_message_text(message, text, flags(host, now, text));
	fleet_message_number(message, host->settings.lease / NS_PER_MS);
	fleet_message_number(message, expels);
	for (size_t i = 0; i < expels; i++) {
		fleet_message_id(message, host->peers.seen[gone[i]].peer.id);
		fleet_message_number(message, host->peers.seen[gone[i]].peer.n);
	}
	for (__u32 i = 0; i < host->item_count; i++) {
		const struct fleet_item *item = &host->items[i];
		const struct fleet_user *user = &host->table.users[item->index];

		fleet_message_item(message, &user->key, user->cap, item->have, item->need,
				   item->want);
	}
	host->counters.expelled += expels;
}

/* As many asks as are allowed in a tenth of a second may come at once. */
static void refill(struct fleet_host *host, __u64 now)
{
	__u64 most = host->settings.asks * (TOKEN / 10) + TOKEN;
	__u64 passed = now - host->filled;

	if (passed > NS_PER_SECOND)
		passed = NS_PER_SECOND;
	host->tokens +=
		passed * host->settings.asks; /* nothing is rounded away, however short */
	if (host->tokens > most)
		host->tokens = most;
	host->filled = now;
}

static bool is_due(const struct fleet_host *host, __u64 now)
{
	if (!host->n || now - host->sent >= host->settings.renew)
		return true;
	return host->called || host->leaving || host->stage == FLEET_CLAIMS ||
	       host->urgent.first != FLEET_NONE ||
	       (host->asks.first != FLEET_NONE && host->tokens >= TOKEN);
}

const struct fleet_message *fleet_send(struct fleet_host *host, __u64 now)
{
	if (host->flying && now - host->sent < host->settings.patience)
		return NULL;
	fleet_give_up(host, now);
	if (now < host->hold)
		return NULL;
	refill(host, now);
	if (!is_due(host, now))
		return NULL;
	choose(host, now);
	host->n++;
	host->called = false;
	host->looking = now - host->looked >= host->settings.renew;
	build(host, now);
	host->sent = now;
	host->flying = true;
	host->counters.messages++;
	return &host->message;
}
