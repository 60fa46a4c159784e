// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"
#include "user/why/find.h"
#include "user/why/reconnects.h"

static const char *const kind_words[WHY_KINDS] = {
	[WHY_FULL] = "full",
	[WHY_REFUSED] = "refused",
	[WHY_KEPT] = "over-cap",
	[WHY_DEAD_PEERS] = "stale",
	[WHY_LEAK] = "close-wait-leak",
	[WHY_ORPHANS] = "orphans",
	[WHY_RECONNECTS] = "reconnects",
	[WHY_IDLERS] = "idle",
	[WHY_ONE_PROGRAM] = "one-program",
	[WHY_MANY_CLIENTS] = "many-clients",
	[WHY_SHARED] = "shared-address",
	[WHY_THIS_HOST] = "local-proxy",
	[WHY_OWN_KEEPALIVE] = "own-keepalive",
	[WHY_BUSY] = "in-use",
};

static const char *const class_words[WHY_CLASSES] = {
	[WHY_STALE] = "stale",
	[WHY_ORPHAN] = "orphan",
	[WHY_HALF_CLOSED] = "half_closed",
	[WHY_SUPERSEDED] = "left_behind",
	[WHY_IDLE] = "idle",
	[WHY_UNSEEN] = "unseen",
	[WHY_IN_USE] = "in_use",
};

const char *why_kind_word(enum why_kind kind)
{
	return kind_words[kind];
}

const char *why_class_word(enum why_class what)
{
	return class_words[what];
}

bool why_is_pressed(__u32 active, __u32 cap, __u64 refused_ms)
{
	bool near = cap != HC_UNLIMITED && active && active >= WHY_NEAR(cap);

	return near || refused_ms <= WHY_RECENT_MS;
}

static int add(struct why_report *report, const struct why_finding *finding)
{
	return array_append(&report->findings, &report->count, finding, sizeof(*finding));
}

static bool lasts(__u64 ms, __u64 limit)
{
	return ms != WHY_UNKNOWN && ms >= limit;
}

/* A FIN is heard, so that the peer sent it at least that long ago. What is still to be sent may
 * be an answer to a peer that has only said all that it had to say. */
static bool is_leaked(const struct why_session *session, const struct why_limits *limits)
{
	__u64 closed = session->half_closed_ms == WHY_UNKNOWN ? session->heard_ms
							      : session->half_closed_ms;

	return session->state == TCP_CLOSE_WAIT && !session->send_queue &&
	       lasts(closed, limits->quiet_ms) && lasts(session->idle_ms, limits->quiet_ms);
}

/* WHY_SUPERSEDED is found later, among those of the classes after it. */
static enum why_class class_of(const struct why_session *session,
			       const struct why_limits *limits)
{
	if (!session->state)
		return WHY_UNSEEN;
	if (session->stale)
		return WHY_STALE;
	if (session->orphan)
		return WHY_ORPHAN;
	if (is_leaked(session, limits))
		return WHY_HALF_CLOSED;
	return lasts(session->idle_ms, limits->idle_ms) ? WHY_IDLE : WHY_IN_USE;
}

static int find_reconnects(struct why_report *report, const struct why_groups *addresses,
			   const struct why_limits *limits)
{
	int error = 0;

	for (size_t i = 0; i < addresses->count && !error; i++) {
		const struct why_group *group = &addresses->rows[i];
		struct why_return found = why_returns(group, limits);
		struct why_finding finding = {
			.kind = WHY_RECONNECTS,
			.count = found.left,
			.of = group->count,
			.rounds = found.rounds,
			.burst = found.burst,
			.least_ms = found.ms,
			.most_ms = found.silent_ms,
		};

		/* Of an outbound one, it is not the remote side that comes back. */
		if (!found.rounds || !group->sessions[0]->inbound)
			continue;
		memcpy(finding.address, group->sessions[0]->remote, sizeof(finding.address));
		for (size_t j = 0; j < found.left; j++) {
			struct why_session *session = group->sessions[j];

			finding.stale += session->what == WHY_STALE;
			if (session->what > WHY_SUPERSEDED && session->what != WHY_UNSEEN)
				session->what = WHY_SUPERSEDED;
		}
		error = add(report, &finding);
	}
	return error;
}

/* Those of a class: how many, and for how long. */
static struct why_finding sum_of_class(const struct why_facts *facts, enum why_kind kind,
				       enum why_class what)
{
	struct why_finding finding = {
		.kind = kind, .of = facts->count, .least_ms = WHY_UNKNOWN};

	for (size_t i = 0; i < facts->count; i++) {
		const struct why_session *session = &facts->sessions[i];
		__u64 ms = what == WHY_STALE ? session->heard_ms : session->idle_ms;

		if (session->what != what)
			continue;
		finding.count++;
		if (finding.unanswered < session->unanswered)
			finding.unanswered = session->unanswered;
		if (ms == WHY_UNKNOWN)
			continue;
		if (finding.least_ms > ms)
			finding.least_ms = ms;
		if (finding.most_ms < ms)
			finding.most_ms = ms;
	}
	return finding;
}

static int find_class(struct why_report *report, const struct why_facts *facts,
		      enum why_kind kind, enum why_class what)
{
	struct why_finding finding = sum_of_class(facts, kind, what);

	return finding.count ? add(report, &finding) : 0;
}

/* One may have been about to close it. */
static int find_leaks(struct why_report *report, const struct why_groups *programs, size_t of)
{
	int error = 0;

	for (size_t i = 0; i < programs->count && !error; i++) {
		const struct why_group *group = &programs->rows[i];
		struct why_finding finding = {
			.kind = WHY_LEAK,
			.count = group->classes[WHY_HALF_CLOSED],
			.of = of,
			.least_ms = WHY_UNKNOWN,
			.others = group->processes,
		};

		if (finding.count < 2)
			continue;
		memcpy(finding.comm, group->sessions[0]->comm, sizeof(finding.comm));
		if (group->processes == 1)
			finding.pid = group->sessions[0]->pid;
		for (size_t j = 0; j < group->count; j++) {
			const struct why_session *session = group->sessions[j];
			__u64 ms = session->half_closed_ms == WHY_UNKNOWN
					   ? session->heard_ms
					   : session->half_closed_ms;

			if (session->what != WHY_HALF_CLOSED)
				continue;
			finding.least_ms = finding.least_ms < ms ? finding.least_ms : ms;
			finding.most_ms = finding.most_ms > ms ? finding.most_ms : ms;
		}
		error = add(report, &finding);
	}
	return error;
}

/* Outbound alone: of an inbound one the process is the server's, which has them all. */
static int find_one_program(struct why_report *report, const struct why_groups *processes,
			    size_t of)
{
	const struct why_group *group = processes->rows;
	const struct why_session *first = group ? group->sessions[0] : NULL;
	struct why_finding finding = {.kind = WHY_ONE_PROGRAM, .of = of};

	if (!first || first->inbound || first->orphan || !first->pid ||
	    group->count < WHY_MANY || 4 * group->count < 3 * of)
		return 0;
	finding.count = group->count;
	finding.pid = first->pid;
	memcpy(finding.comm, first->comm, sizeof(finding.comm));
	return add(report, &finding);
}

/* As many as WHY_MANY, and none of them has more than half. */
static int find_many_clients(struct why_report *report, const struct why_groups *addresses,
			     size_t of)
{
	const struct why_group *group = addresses->rows;
	struct why_finding finding = {
		.kind = WHY_MANY_CLIENTS, .of = of, .others = addresses->count};

	if (addresses->count < WHY_MANY || !group->sessions[0]->inbound ||
	    2 * group->count > of)
		return 0;
	finding.count = group->count;
	memcpy(finding.address, group->sessions[0]->remote, sizeof(finding.address));
	return add(report, &finding);
}

static int find_proxies(struct why_report *report, const struct why_groups *addresses,
			size_t of)
{
	int error = 0;

	for (size_t i = 0; i < addresses->count && !error; i++) {
		const struct why_group *group = &addresses->rows[i];
		const struct why_session *first = group->sessions[0];
		struct why_finding finding = {
			.count = group->count, .of = of, .others = first->others};

		memcpy(finding.address, first->remote, sizeof(finding.address));
		if (!first->inbound || (first->here && group->count < WHY_MANY) ||
		    (!first->here && first->others < WHY_MANY))
			continue;
		finding.kind = first->here ? WHY_THIS_HOST : WHY_SHARED;
		error = add(report, &finding);
	}
	return error;
}

static int find_kept(struct why_report *report, const struct why_facts *facts)
{
	struct why_finding finding = {
		.kind = WHY_KEPT, .count = facts->active, .of = facts->service_cap};

	if (facts->service_cap == HC_UNLIMITED && facts->cap == HC_UNLIMITED)
		return 0;
	if (facts->active > facts->cap) {
		finding.of = facts->cap;
		finding.kept =
			facts->service.excess == HC_OBSERVE ? WHY_BY_OBSERVE : WHY_BY_AGE;
	} else if (facts->active > facts->service_cap && facts->from != WHY_CAP_SERVICE) {
		finding.kept = facts->from == WHY_CAP_MOMENT ? WHY_BY_MOMENT : WHY_BY_OVERRIDE;
	} else {
		return 0;
	}
	return add(report, &finding);
}

static int find_pressure(struct why_report *report, const struct why_facts *facts)
{
	struct why_finding full = {.kind = WHY_FULL, .count = facts->active, .of = facts->cap};
	struct why_finding refused = {
		.kind = WHY_REFUSED,
		.count = facts->refused,
		.of = facts->cap,
		.least_ms = facts->refused_ms,
	};
	int error = 0;

	if (facts->cap != HC_UNLIMITED && facts->active >= facts->cap)
		error = add(report, &full);
	if (!error && facts->refused && facts->refused_ms <= WHY_RECENT_MS)
		error = add(report, &refused);
	return error ?: find_kept(report, facts);
}

/* What a program sets itself holds, and may be much longer: whoever has set keepalive waits for
 * dead peers to go. Of outbound sessions some are never given it. */
static int find_own_keepalive(struct why_report *report, const struct why_facts *facts)
{
	struct why_finding finding = {.kind = WHY_OWN_KEEPALIVE, .of = facts->count};

	for (size_t i = 0; i < facts->count && facts->service.keepalive; i++) {
		const struct why_session *session = &facts->sessions[i];
		__u64 ms = session->keepalive_ms;

		if (!session->inbound || session->state != TCP_ESTABLISHED || session->orphan ||
		    (ms && ms <= 1000ull * facts->service.keepalive))
			continue;
		finding.count++;
		finding.others += !ms;
		finding.most_ms = ms > finding.most_ms ? ms : finding.most_ms;
	}
	return finding.count ? add(report, &finding) : 0;
}

/* Three fourths in use leave little to clear up. Whoever has room again, though it was refused
 * a while ago, needs no more slots, unless they are the total's. */
static int find_busy(struct why_report *report, const struct why_facts *facts)
{
	struct why_finding finding = sum_of_class(facts, WHY_BUSY, WHY_IN_USE);
	__u64 refused_ms = facts->refused_by_total ? facts->refused_ms : WHY_UNKNOWN;

	if (!why_is_pressed(facts->active, facts->cap, refused_ms) || !finding.count ||
	    4 * finding.count < 3 * finding.of)
		return 0;
	return add(report, &finding);
}

static int by_kind(const void *left, const void *right)
{
	const struct why_finding *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return memcmp(a->address, b->address, sizeof(a->address))
		       ?: memcmp(a->comm, b->comm, sizeof(a->comm));
}

static int find_in(struct why_report *report, const struct why_facts *facts,
		   const struct why_groups *addresses)
{
	struct why_groups processes, programs;
	int error = why_groups_make(&processes, facts, WHY_BY_PROCESS);
	int second = why_groups_make(&programs, facts, WHY_BY_PROGRAM);

	error = error ?: second;
	error = error ?: find_class(report, facts, WHY_DEAD_PEERS, WHY_STALE);
	error = error ?: find_leaks(report, &programs, facts->count);
	error = error ?: find_class(report, facts, WHY_ORPHANS, WHY_ORPHAN);
	error = error ?: find_class(report, facts, WHY_IDLERS, WHY_IDLE);
	error = error ?: find_one_program(report, &processes, facts->count);
	error = error ?: find_many_clients(report, addresses, facts->count);
	error = error ?: find_proxies(report, addresses, facts->count);
	why_groups_free(&processes);
	why_groups_free(&programs);
	error = error ?: find_own_keepalive(report, facts);
	return error ?: find_busy(report, facts);
}

int why_find(struct why_facts *facts, const struct why_limits *limits,
	     struct why_report *report)
{
	struct why_groups addresses;
	int error;

	*report = (struct why_report){};
	for (size_t i = 0; i < facts->count; i++)
		facts->sessions[i].what = class_of(&facts->sessions[i], limits);
	error = why_groups_make(&addresses, facts, WHY_BY_ADDRESS);
	error = error ?: find_pressure(report, facts);
	error = error ?: find_reconnects(report, &addresses, limits);
	error = error ?: find_in(report, facts, &addresses);
	why_groups_free(&addresses);
	for (size_t i = 0; i < facts->count; i++)
		report->classes[facts->sessions[i].what]++;
	if (report->count)
		qsort(report->findings, report->count, sizeof(*report->findings), by_kind);
	return error;
}

void why_report_free(struct why_report *report)
{
	free(report->findings);
	*report = (struct why_report){};
}
