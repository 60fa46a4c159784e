// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/array.h"
#include "user/base/cgroup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/sessions/list.h"
#include "user/sessions/stale.h"

int session_filter_service(struct session_filter *filter, const struct policy *policy,
			   const char *name)
{
	filter->service = name ? policy_find(policy, name) : -1;
	return name && filter->service < 0 ? hc_error("no service %s is in force", name) : 0;
}

enum knowledge { NOBODY, PART, KNOWN };

/* Whom the text means in this service; of NOBODY and PART, why it is not one. */
static enum knowledge know_user(struct session_filter *filter, const struct policy *policy,
				int id, enum session_user means, char *why, size_t size)
{
	struct hc_user_key *key = &filter->users[id];
	char text[HC_USER_TEXT];
	unsigned int bits;

	if (user_key_parse(filter->user, &policy->services[id], id, key, &bits, why, size))
		return NOBODY;
	if (bits < 128) {
		snprintf(why, size, "%s is more than one user", filter->user);
		return NOBODY;
	}
	if (means == SESSION_USER_HAS || !user_is_more(key, filter->user))
		return KNOWN;
	snprintf(why, size, "%s is only part of the user %s", filter->user,
		 user_key_format(key, true, text, sizeof(text)));
	return PART;
}

static void add_name(char *names, size_t size, const char *name)
{
	size_t length = strlen(names);

	snprintf(names + length, size - length, "%s%s", length ? ", " : "", name);
}

int session_filter_user(struct session_filter *filter, const struct policy *policy,
			enum session_user means)
{
	int first = filter->service < 0 ? 0 : filter->service;
	int end = filter->service < 0 ? HC_SERVICES_MAX : first + 1;
	char why[512] = "", whole[256] = "", parts[256] = "";

	if (!filter->user)
		return 0;
	for (int id = first; id < end; id++) {
		enum knowledge known = NOBODY;

		if (policy->services[id].used)
			known = know_user(filter, policy, id, means, why, sizeof(why));
		filter->known[id] = known == KNOWN;
		if (known == KNOWN)
			add_name(whole, sizeof(whole), policy->services[id].name);
		else if (known == PART)
			add_name(parts, sizeof(parts), policy->services[id].name);
	}
	if (means == SESSION_USER_AGREED && *whole && *parts)
		return hc_error("%s is a user of %s, but only part of one of %s: name the "
				"service, or use --remote",
				filter->user, whole, parts);
	if (*whole || !strncmp(filter->user, CGROUP_GONE, strlen(CGROUP_GONE)))
		return 0;
	if (end == first + 1)
		return hc_error("%s: %s", policy->services[first].name, why);
	return hc_error("%s is not a user of any service%s%s%s", filter->user,
			*parts ? ", only part of one of " : "", parts,
			means == SESSION_USER_AGREED ? "; use --remote for an address" : "");
}

static int compare_ids(const void *left, const void *right)
{
	__u64 a = *(const __u64 *)left, b = *(const __u64 *)right;

	return a < b ? -1 : a > b;
}

void session_filter_ids(struct session_filter *filter, __u64 *ids, size_t count)
{
	if (count)
		qsort(ids, count, sizeof(*ids), compare_ids);
	filter->ids = ids;
	filter->id_count = count;
}

bool session_filter_chooses(const struct session_filter *filter)
{
	return filter->service >= 0 || filter->user || filter->idle_ms || filter->unheard_ms ||
	       filter->age_ms || filter->by_remote || filter->states || filter->orphan ||
	       filter->stale || filter->id_count;
}

static bool user_matches(const struct session_filter *filter, const struct hc_user_key *key)
{
	__u16 service = key->service % HC_SERVICES_MAX;
	struct hc_user_key wanted = filter->users[service];
	char text[HC_USER_TEXT];

	if (filter->known[service] && wanted.kind == key->kind) {
		wanted.elsewhere = key->elsewhere;
		return !memcmp(&wanted, key, sizeof(wanted));
	}
	return !strcmp(user_key_format(key, false, text, sizeof(text)), filter->user) ||
	       !strcmp(user_key_format(key, true, text, sizeof(text)), filter->user);
}

/* ::/0 is every IPv6 address, and no IPv4 one in its mapped form. */
static bool remote_matches(const struct session_filter *filter, const __u8 remote[16])
{
	__u8 masked[16];

	memcpy(masked, remote, sizeof(masked));
	prefix_mask(masked, filter->remote_bits);
	return address_is_ipv4(remote) == address_is_ipv4(filter->remote) &&
	       !memcmp(masked, filter->remote, sizeof(masked));
}

__u64 session_idle_ms(const struct hc_socket *socket)
{
	return ticks_idle_ms(&socket->idle);
}

bool session_heard_ms(const struct hc_socket *socket, __u64 *ms)
{
	*ms = ticks_to_ms(socket->peer.heard_ticks);
	return socket->peer.heard_ticks != HC_NEVER;
}

__u64 session_keepalive_ms(const struct hc_socket *socket)
{
	const struct hc_alive *alive = &socket->alive;
	__u64 silence = ticks_to_ms(alive->silence_ticks);
	__u64 interval = ticks_to_ms(alive->interval_ticks), intervals = alive->probes;

	if (!alive->probes)
		return 0;
	/* It stands in for the number of probes; one at least goes unanswered. */
	if (alive->user_timeout_ms) {
		intervals = 1;
		if (interval && alive->user_timeout_ms > silence + interval)
			intervals =
				(alive->user_timeout_ms - silence + interval - 1) / interval;
	}
	return silence + interval * intervals;
}

/* A handshake is not unheard: nobody was there yet. */
static bool socket_matches(const struct session_filter *filter, const struct hc_socket *socket)
{
	__u64 ms;

	if (filter->states && !(filter->states & 1u << socket->state))
		return false;
	if (filter->orphan && !socket->orphan)
		return false;
	if (filter->stale && !session_stale(socket))
		return false;
	if (filter->idle_ms && session_idle_ms(socket) < filter->idle_ms)
		return false;
	return !filter->unheard_ms ||
	       (session_heard_ms(socket, &ms) && ms >= filter->unheard_ms);
}

bool session_matches(const struct session_filter *filter, const struct session_row *row,
		     __u64 now_ns)
{
	const struct hc_session *session = row->session;
	const struct hc_socket *socket = row->socket;

	if (filter->id_count && !bsearch(&row->id, filter->ids, filter->id_count,
					 sizeof(*filter->ids), compare_ids))
		return false;
	if (filter->service >= 0 && session->user.service != filter->service)
		return false;
	if (filter->by_remote && !remote_matches(filter, session->ends.remote))
		return false;
	if (filter->age_ms && (now_ns < session->opened_ns ||
			       (now_ns - session->opened_ns) / NS_PER_MS < filter->age_ms))
		return false;
	if (socket ? !socket_matches(filter, socket)
		   : filter->idle_ms || filter->unheard_ms || filter->states ||
			     filter->orphan || filter->stale)
		return false;
	return !filter->user || user_matches(filter, &session->user);
}

static void add_matching(struct session_list *list, const struct session_filter *filter,
			 const struct session_row *row, __u64 now_ns)
{
	if (session_matches(filter, row, now_ns))
		list->rows[list->count++] = *row;
}

/* Sessions with their sockets; then those whose namespace nobody can enter, of
 * which only headcount's own record tells. What was redirected is nobody's session: the rows of
 * a user are as many as it is charged for. */
static void choose(struct session_list *list, const struct session_filter *filter)
{
	const struct walk_sockets *found = &list->found;
	struct session_row row;
	__u64 now_ns = clock_monotonic_ns();

	for (size_t i = 0; i < found->count; i++) {
		const struct hc_socket *socket = &found->rows[i];

		row = (struct session_row){socket->id, &socket->session, socket};
		if (socket->tracked && !(socket->session.flags & HC_S_DIVERTED))
			add_matching(list, filter, &row, now_ns);
	}
	array_sort_by_id(list->rows, list->count, sizeof(*list->rows));
	for (size_t i = 0; i < list->record_count; i++) {
		row = (struct session_row){list->records[i].id, &list->records[i].session,
					   NULL};
		add_matching(list, filter, &row, now_ns);
	}
}

/* A session in a namespace that the walk could not enter. */
static bool out_of_reach(void *context, const struct hc_session *session)
{
	const struct walk_sockets *found = context;

	/* 0: the record is being made, or its connect() has sent no SYN yet. */
	return session->ends.netns && !netns_listed(&found->netns, session->ends.netns) &&
	       !(session->flags & (HC_S_CONNECTING | HC_S_DIVERTED));
}

/* Sockets and records into rows. */
static int make_rows(struct session_list *list, const struct session_filter *filter)
{
	list->rows = calloc(list->found.count + list->record_count + 1, sizeof(*list->rows));
	if (!list->rows)
		return hc_error_errno(ENOMEM, "cannot list the sessions");
	choose(list, filter);
	return 0;
}

static int read_records(const struct headcount_bpf *object, struct session_list *list)
{
	return state_read_sessions(object, out_of_reach, &list->found, &list->records,
				   &list->record_count);
}

int session_list_read(const struct headcount_bpf *object, const struct session_filter *filter,
		      struct session_list *list)
{
	int error;

	memset(list, 0, sizeof(*list));
	error = walk_all_sockets(object, &list->found);
	error = error ?: read_records(object, list);
	return error ?: make_rows(list, filter);
}

int session_list_hold(struct session_list *list, const struct headcount_bpf *object)
{
	return list->count ? holders_read(object, &list->holders) : 0;
}

/* What the other thread does meanwhile: all that is not the sockets. */
struct beside {
	const struct headcount_bpf *object;
	struct session_list *list;
	int error;
};

static void *read_beside(void *context)
{
	struct beside *beside = context;

	beside->error = holders_read(beside->object, &beside->list->holders);
	if (!beside->error)
		beside->error = read_records(beside->object, beside->list);
	return NULL;
}

int session_list_read_held(const struct headcount_bpf *object,
			   const struct session_filter *filter, struct session_list *list)
{
	struct beside beside = {.object = object, .list = list};
	pthread_t thread;
	int error, none;

	memset(list, 0, sizeof(*list));
	error = netns_find_all(&list->found.netns);
	if (error)
		return error;
	none = thread_start(&thread, read_beside, &beside);
	error = walk_all_sockets(object, &list->found);
	if (none)
		read_beside(&beside);
	else
		pthread_join(thread, NULL);
	error = error ?: beside.error;
	return error ?: make_rows(list, filter);
}

void session_list_free(struct session_list *list)
{
	holders_free(&list->holders);
	walk_free(&list->found);
	free(list->records);
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
