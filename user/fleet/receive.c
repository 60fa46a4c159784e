// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "user/fleet/host.h"
#include "user/fleet/plant.h"

static void set_deadline(struct fleet_host *host, __u64 deadline)
{
	host->deadline = deadline;
	host->kernel.set_deadline(host->kernel.ctx, deadline);
}

/* Counted from when it was asked: the store cannot have heard of it before, so whoever waits
 * for its end waits longer. */
static void renew(struct fleet_host *host, __u64 now)
{
	__u64 from = FLEET_PLANTED(FROM_ANSWER) ? now : host->sent;

	if (!host->leaving)
		set_deadline(host, from + host->settings.lease);
}

static void use(struct fleet_host *host, const struct fleet_item *item, __u32 units)
{
	struct fleet_user *user = &host->table.users[item->index];
	__u32 sessions;

	if (units <= user->units)
		return;
	/* It was only told of sessions beyond the units: those that are there still. */
	if (units == item->have && item->have > user->units) {
		sessions = host->kernel.sessions(host->kernel.ctx, item->index, &user->key);
		if (sessions < units) {
			units = sessions > user->units ? sessions : user->units;
			fleet_queue_put(host, &host->urgent, item->index);
		}
	}
	user->units = units;
	user->flags &= ~FLEET_USER_USED;
	host->kernel.set_units(host->kernel.ctx, item->index, &user->key, units);
}

static void tell_short(struct fleet_host *host, __u32 index, bool is_short)
{
	if (host->set_short)
		host->set_short(host->kernel.ctx, index, &host->table.users[index].key,
				is_short);
}

static void take_item(struct fleet_host *host, const struct fleet_item *item, __u32 units,
		      __u64 now)
{
	struct fleet_user *user = &host->table.users[item->index];
	bool more = user->need > item->need && fleet_asks(host, user, now);
	bool waited = user->flags & FLEET_USER_WAITING;

	user->flags &= ~(FLEET_USER_TOLD | FLEET_USER_WAITING);
	use(host, item, units);
	if (item->need > units) {
		user->flags |= FLEET_USER_WAITING;
		user->asked = fleet_tenths(now);
		host->counters.short_of++;
	}
	if (host->ready && item->need > units)
		tell_short(host, item->index, true);
	else if (waited)
		tell_short(host, item->index, false);
	/* What came up while the message was under way. */
	if (more || user->flags & FLEET_USER_RETURN)
		fleet_queue_put(host, &host->urgent, item->index);
}

/* Nothing is used of an answer that is not to the message. */
static bool fits(const struct fleet_host *host, const struct fleet_answer *answer)
{
	if (strcmp(answer->epoch, host->epoch) || strcmp(answer->tag, host->tag) ||
	    answer->unit_count != host->item_count)
		return false;
	for (__u32 i = 0; i < host->item_count; i++) {
		const struct fleet_item *item = &host->items[i];

		if (answer->units[i] < item->have || answer->units[i] > item->want)
			return false;
	}
	return true;
}

static void hear(struct fleet_host *host, const struct fleet_call *call, __u64 now)
{
	__u32 index = fleet_table_find(&host->table, &call->key);
	struct fleet_user *user;
	__u32 sessions;

	if (index == FLEET_NONE || (host->stage != FLEET_MEMBER && index >= host->walked))
		return;
	user = &host->table.users[index];
	if (call->more && user->flags & FLEET_USER_WAITING)
		tell_short(host, index, false);
	if (call->more || FLEET_PLANTED(STORM)) {
		if (fleet_asks(host, user, now))
			fleet_queue_put(host, &host->urgent, index);
		if (call->more)
			return;
	}
	fleet_await(host, index, now);
	sessions = host->kernel.sessions(host->kernel.ctx, index, &user->key);
	if (user->units <= fleet_busy(host, user, sessions, now))
		return;
	user->flags |= FLEET_USER_RETURN;
	fleet_queue_put(host, &host->urgent, index);
}

static int take_ok(struct fleet_host *host, const struct fleet_answer *answer, __u64 now)
{
	__u64 sent = host->sent;

	if (!fits(host, answer)) {
		host->counters.malformed++;
		fleet_give_up(host, now);
		return -EPROTO;
	}
	host->flying = false;
	host->ready = answer->ready;
	for (__u32 i = 0; i < host->item_count; i++)
		take_item(host, &host->items[i], answer->units[i], now);
	host->item_count = 0;
	if (host->whole)
		host->stage = FLEET_MEMBER;
	host->whole = false;
	host->answered = host->stage == FLEET_MEMBER && host->ready ? sent : 0;
	if (host->stage == FLEET_MEMBER || host->live)
		renew(host, now);
	if (host->looking) {
		host->looked = sent;
		fleet_peers_look(&host->peers, answer->peers, answer->peer_count, sent, now,
				 fleet_outlasts(host));
	}
	for (size_t i = 0; i < answer->call_count; i++)
		hear(host, &answer->calls[i], now);
	return 0;
}

static void forget_queues(struct fleet_host *host)
{
	host->answered = 0;
	while (fleet_queue_take(host, &host->urgent) != FLEET_NONE)
		continue;
	while (fleet_queue_take(host, &host->asks) != FLEET_NONE)
		continue;
	for (__u32 i = 0; i < host->item_count; i++)
		host->table.users[host->items[i].index].flags &= ~FLEET_USER_TOLD;
	host->item_count = 0;
	host->whole = host->flying = false;
}

/* A new epoch that grants nothing yet, and the lease of the old one holds: then nobody has got
 * what is held here, and nobody will until it is claimed. Else only what is there is claimed.
 */
static void take_joined(struct fleet_host *host, const struct fleet_answer *answer, __u64 now)
{
	bool other = strcmp(answer->epoch, host->epoch);
	bool holds = now < host->deadline || FLEET_PLANTED(CARRY);

	forget_queues(host);
	host->live = host->stage != FLEET_OUT && other && holds && !answer->ready;
	if (FLEET_PLANTED(CARRY))
		host->live = host->stage != FLEET_OUT;
	host->stage = FLEET_CLAIMS;
	host->walked = 0;
	host->ready = answer->ready;
	host->peers.count = 0;
	host->counters.joined++;
	host->counters.carried += host->live;
	if (other)
		host->epoch_since = now;
	strcpy(host->epoch, answer->epoch);
	strcpy(host->tag, answer->tag);
	if (host->live)
		renew(host, now);
	else
		set_deadline(host, 0);
}

/* Out, and not to be heard of for a while. */
static void take_out(struct fleet_host *host, const struct fleet_answer *answer, __u64 now)
{
	forget_queues(host);
	host->stage = FLEET_OUT;
	set_deadline(host, 0);
	strcpy(host->tag, "0");
	if (answer->status == FLEET_STALE) /* some other process has this id */
		host->id += 0x9e3779b97f4a7c15ull;
	else
		host->hold = now + host->settings.lease;
}

#ifdef FLEET_PLANTS
static void use_late(struct fleet_host *host, const struct fleet_answer *answer)
{
	if (answer->status != FLEET_OK || answer->n != host->given_up_n ||
	    answer->unit_count != host->given_up_count)
		return;
	for (__u32 i = 0; i < host->given_up_count; i++) {
		if (host->table.users[host->given_up[i].index].flags & FLEET_USER_THERE)
			use(host, &host->given_up[i], answer->units[i]);
	}
}
#else
static void use_late(struct fleet_host *host, const struct fleet_answer *answer)
{
	(void)host;
	(void)answer;
}
#endif

/* What confirm.lua says if nothing has changed: the second to the fourth part of the epoch's
 * name. */
static struct fleet_word server_of(const char *epoch)
{
	const char *begin = strchr(epoch, '.'), *end = begin;

	for (int i = 0; end && i < 3; i++)
		end = strchr(end + 1, '.');
	return end ? (struct fleet_word){begin + 1, end - begin - 1} : (struct fleet_word){};
}

static bool is_confirmed(const struct fleet_host *host, const struct fleet_answer *answer,
			 __u32 acks, const struct fleet_word *confirm)
{
	struct fleet_word server = server_of(answer->epoch);

	if (!host->settings.acks || FLEET_PLANTED(UNCONFIRMED))
		return true;
	if (acks < host->settings.acks)
		return false;
	return FLEET_PLANTED(CHANGED) ||
	       (confirm && server.length && server.length == confirm->length &&
		!memcmp(server.text, confirm->text, server.length));
}

int fleet_receive(struct fleet_host *host, const struct fleet_word *words, size_t count,
		  __u32 acks, const struct fleet_word *confirm, __u64 now)
{
	struct fleet_answer *answer = &host->answer;

	if (fleet_answer_parse(words, count, answer)) {
		host->counters.malformed++;
		fleet_give_up(host, now);
		return -EPROTO;
	}
	if (!host->flying || answer->n != host->n || now - host->sent >= host->settings.lease) {
		host->counters.late++;
		if (FLEET_PLANTED(LATE))
			use_late(host, answer);
		return 0;
	}
	if (!is_confirmed(host, answer, acks, confirm)) {
		host->counters.unconfirmed++;
		fleet_give_up(host, now);
		return 0;
	}
	host->counters.answers++;
	switch (answer->status) {
	case FLEET_OK:
		return take_ok(host, answer, now);
	case FLEET_JOINED:
		take_joined(host, answer, now);
		return 0;
	default:
		take_out(host, answer, now);
		return 0;
	}
}
