// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/address.h"
#include "user/base/array.h"
#include "user/base/clock.h"
#include "user/base/label.h"
#include "user/base/log.h"
#include "user/base/ticks.h"
#include "user/kernel/totals_maps.h"
#include "user/sessions/stale.h"
#include "user/sessions/view.h"
#include "user/why/gather.h"

struct why_labelled {
	__u8 remote[16];
	struct hc_user_key user;
};

/* A person is one user, in whatever namespace. */
static struct hc_user_key person(const struct hc_user_key *key)
{
	struct hc_user_key here = *key;

	here.elsewhere = 0;
	return here;
}

static int compare_persons(const struct hc_user_key *a, const struct hc_user_key *b)
{
	struct hc_user_key left = person(a), right = person(b);

	return memcmp(&left, &right, sizeof(left));
}

static int by_person(const void *left, const void *right)
{
	const struct session_row *a = left, *b = right;

	return compare_persons(&a->session->user, &b->session->user)
		       ?: (a->id < b->id ? -1 : a->id > b->id);
}

static int by_remote_and_user(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct why_labelled));
}

static int by_remote(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(((struct why_labelled *)0)->remote));
}

/* Each user by label once for each address, in order. */
static int read_labelled(struct why_host *host)
{
	size_t kept = 0;
	int error = 0;

	for (size_t i = 0; i < host->list.count && !error; i++) {
		const struct hc_session *session = host->list.rows[i].session;
		struct why_labelled row = {.user = person(&session->user)};

		if (session->user.kind != HC_BY_LABEL)
			continue;
		memcpy(row.remote, session->ends.remote, sizeof(row.remote));
		error = array_append(&host->labelled, &host->labelled_count, &row, sizeof(row));
	}
	if (error || !host->labelled_count)
		return error;
	qsort(host->labelled, host->labelled_count, sizeof(*host->labelled),
	      by_remote_and_user);
	for (size_t i = 0; i < host->labelled_count; i++)
		if (!i || by_remote_and_user(&host->labelled[i], &host->labelled[kept - 1]))
			host->labelled[kept++] = host->labelled[i];
	host->labelled_count = kept;
	return 0;
}

/* Users other than this one at the address. */
static __u32 count_others(const struct why_host *host, const __u8 remote[16],
			  const struct hc_user_key *user)
{
	const struct why_labelled *rows = host->labelled, *found, *end;
	__u32 others = 0;

	found = rows ? bsearch(remote, rows, host->labelled_count, sizeof(*rows), by_remote)
		     : NULL;
	if (!found)
		return 0;
	for (end = rows + host->labelled_count; found > rows && !by_remote(found - 1, remote);)
		found--;
	for (; found < end && !by_remote(found, remote); found++)
		others += compare_persons(&found->user, user) != 0;
	return others;
}

int why_host_read(const struct headcount_bpf *object, struct why_host *host)
{
	struct session_filter all = {.service = -1};
	int error;

	*host = (struct why_host){.object = object};
	host->view = policy_view_read(object);
	if (!host->view)
		return -EINVAL;
	host->totals = calloc(HC_SERVICES_MAX, sizeof(*host->totals));
	host->fleet = calloc(1, sizeof(*host->fleet));
	error = host->totals && host->fleet ? 0
					    : hc_error_errno(ENOMEM, "cannot read the users");
	error = error ?: session_list_read(object, &all, &host->list);
	error = error ?: session_list_hold(&host->list, object);
	/* Ages are of a moment after the last session began. */
	host->now_ns = clock_monotonic_ns();
	error = error
			?: users_view_read(object, &host->view->policy, -1, &host->users,
					   &host->user_count);
	error = error ?: totals_of_services(object, &host->view->policy, host->totals);
	error = error ?: fleet_record_read(object, host->fleet);
	if (error)
		return error;
	if (host->list.count)
		qsort(host->list.rows, host->list.count, sizeof(*host->list.rows), by_person);
	if (host->user_count)
		qsort(host->users, host->user_count, sizeof(*host->users), users_by_activity);
	error = read_labelled(host);
	return error ? hc_error_errno(error, "cannot read the sessions") : 0;
}

void why_host_free(struct why_host *host)
{
	session_list_free(&host->list);
	policy_view_free(host->view);
	free(host->users);
	free(host->totals);
	free(host->fleet);
	free(host->labelled);
	*host = (struct why_host){};
}

static void fill_peer(struct why_session *session, const struct hc_socket *socket)
{
	session->state = socket->state;
	session->idle_ms = session_idle_ms(socket);
	session->unanswered = socket->peer.unanswered;
	session->send_queue = socket->peer.send_queue;
	session->stale = session_stale(socket);
	session->orphan = socket->orphan;
	session->keepalive_ms = session_keepalive_ms(socket);
	if (!session_heard_ms(socket, &session->heard_ms))
		session->heard_ms = WHY_UNKNOWN;
	if (!ticks_half_closed_ms(socket->half_closed, &session->half_closed_ms))
		session->half_closed_ms = WHY_UNKNOWN;
}

static bool peer_is_here(const struct hc_ends *ends)
{
	static const __u8 loopback[16] = {[15] = 1};

	return !memcmp(ends->remote, ends->local, sizeof(ends->remote)) ||
	       !memcmp(ends->remote, loopback, sizeof(loopback)) ||
	       (address_is_ipv4(ends->remote) && ends->remote[12] == 127);
}

static struct why_session session_facts(const struct why_host *host,
					const struct session_row *row)
{
	const struct hc_session *session = row->session;
	struct why_session facts = {
		.id = row->id,
		.idle_ms = WHY_UNKNOWN,
		.heard_ms = WHY_UNKNOWN,
		.half_closed_ms = WHY_UNKNOWN,
		.pid = session->pid,
		.inbound = session->direction == HC_INBOUND,
		.here = peer_is_here(&session->ends),
	};
	const struct hc_holder *holder;
	size_t count;

	if (host->now_ns > session->opened_ns)
		facts.age_ms = (host->now_ns - session->opened_ns) / NS_PER_MS;
	memcpy(facts.remote, session->ends.remote, sizeof(facts.remote));
	memcpy(facts.comm, session->comm, sizeof(facts.comm));
	holder = holders_of(&host->list.holders, row->id, &count);
	if (holder) {
		facts.pid = holder->pid;
		memcpy(facts.comm, holder->comm, sizeof(facts.comm));
	}
	if (row->socket)
		fill_peer(&facts, row->socket);
	facts.others = count_others(host, session->ends.remote, &session->user);
	return facts;
}

/* The first of the user's rows, which are together; or where it would be. */
static size_t first_row(const struct why_host *host, const struct hc_user_key *key)
{
	size_t low = 0, high = host->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_persons(&host->list.rows[middle].session->user, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int read_slots(const struct why_host *host, struct why_facts *facts)
{
	int error = 0;

	for (size_t i = first_row(host, &facts->key); i < host->list.count && !error; i++) {
		const struct session_row *row = &host->list.rows[i];
		struct why_session session;

		if (compare_persons(&row->session->user, &facts->key))
			break;
		if (!row->session->charge) /* an orphan that is not counted */
			continue;
		session = session_facts(host, row);
		error = array_append(&facts->sessions, &facts->count, &session,
				     sizeof(session));
	}
	return error;
}

/* Of those that fit, the longest, as the kernel's maps choose. */
static const struct policy_override *find_override(const struct policy_view *view,
						   const struct hc_user_key *key)
{
	const struct policy_override *best = NULL;
	struct hc_label label = {};
	bool known = key->kind == HC_BY_LABEL && label_find(key, &label);

	for (size_t i = 0; i < view->override_count; i++) {
		const struct policy_override *override = &view->overrides[i];
		struct hc_user_key masked = *key;

		if (override->key.service != key->service)
			continue;
		if ((override->key.kind == HC_BY_LABEL) != (key->kind == HC_BY_LABEL))
			continue;
		if (key->kind == HC_BY_LABEL) {
			if (!known || memcmp(&override->label, &label, override->bits))
				continue;
			if (!best || best->bits < override->bits)
				best = override;
			continue;
		}
		if (key->kind == HC_BY_CLIENT || key->kind == HC_UNLABELLED)
			prefix_mask(masked.id, override->key.prefix);
		if (memcmp(masked.id, override->key.id, sizeof(masked.id)))
			continue;
		if (!best || best->key.prefix < override->key.prefix)
			best = override;
	}
	return best;
}

/* As the kernel does: the cap of the moment, the longest override, the service's. */
static void read_cap(const struct why_host *host, struct why_facts *facts)
{
	const struct policy_view *view = host->view;
	const struct policy_override *override = NULL;

	facts->service_cap = facts->key.elsewhere               ? HC_UNLIMITED
			     : facts->key.kind == HC_UNLABELLED ? facts->service.unlabelled
								: facts->service.cap;
	if (facts->key.elsewhere)
		return;
	override = find_override(view, &facts->key);
	if (override)
		facts->service.excess = hc_excess_of(&facts->service, override->value.traits);
	for (size_t i = 0; i < view->moment_count; i++) {
		const struct policy_moment *moment = &view->moments[i];

		if (memcmp(&moment->key, &facts->key, sizeof(facts->key)))
			continue;
		facts->from = WHY_CAP_MOMENT;
		facts->set_ns = moment->cap.set_ns;
		facts->asker = moment->cap.asker;
		return;
	}
	if (!override)
		return;
	facts->from = WHY_CAP_OVERRIDE;
	user_override_format(&override->key, &override->label, override->bits, true,
			     facts->override, sizeof(facts->override));
}

static __u64 since_refused(const struct why_host *host, const struct hc_user *user)
{
	__u64 window_ns = (__u64)user->refusals.window << HC_WINDOW_SHIFT;

	if (!user->refused)
		return WHY_UNKNOWN;
	return host->now_ns > window_ns ? (host->now_ns - window_ns) / NS_PER_MS : 0;
}

bool why_user_is_pressed(const struct why_host *host, const struct hc_user *user)
{
	return why_is_pressed(hc_user_active(user), user->cap, since_refused(host, user));
}

/* A user without units is of the first shard as well as of any. */
static void read_fleet(const struct why_host *host, struct why_facts *facts,
		       const struct hc_user *user)
{
	const __u32 shard = user->shard ? user->shard - 1u : 0;
	__u64 until = 0;

	facts->of_fleet = user->traits & HC_OF_FLEET;
	if (!facts->of_fleet)
		return;
	facts->units = user->units;
	bpf_map_lookup_elem(bpf_map__fd(host->object->maps.short_of), &user->key, &until);
	facts->is_short = host->now_ns < until;
	facts->alone =
		shard >= host->fleet->shards || !fleet_shard_live(&host->fleet->shard[shard]);
	if (facts->alone && shard < host->fleet->shards)
		facts->alone_since_ns = host->fleet->shard[shard].alone_since_ns;
}

static void read_record(const struct why_host *host, struct why_facts *facts,
			const struct hc_user *user)
{
	facts->key = user->key;
	facts->service = host->view->policy.services[user->key.service];
	facts->active = hc_user_active(user);
	facts->cap = user->cap;
	facts->peak = user->peak;
	facts->opened = user->opened;
	facts->refused = user->refused;
	facts->refused_by_total = user->refusals.flags & HC_F_TOTAL;
	facts->refused_ms = since_refused(host, user);
	read_fleet(host, facts, user);
	facts->service_total = host->totals[user->key.service].active;
	user_key_format(&user->key, false, facts->user, sizeof(facts->user));
	user_key_format(&user->key, true, facts->name, sizeof(facts->name));
}

struct why_facts *why_facts_read(const struct why_host *host, const struct hc_user *user)
{
	struct why_facts *facts = calloc(1, sizeof(*facts));
	int error = facts ? 0 : -ENOMEM;

	if (!error) {
		read_record(host, facts, user);
		read_cap(host, facts);
		error = read_slots(host, facts);
	}
	if (!error)
		return facts;
	why_facts_free(facts);
	hc_error_errno(error, "cannot look at the user");
	return NULL;
}

void why_facts_free(struct why_facts *facts)
{
	if (facts)
		free(facts->sessions);
	free(facts);
}
