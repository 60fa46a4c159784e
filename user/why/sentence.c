// SPDX-License-Identifier: GPL-2.0-only
/* Findings in words, with the numbers that they rest on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/human.h"
#include "user/why/print.h"

#define COMM_TEXT (4 * HC_COMM_MAX + 1)

struct words {
	FILE *file;
	const struct why_finding *finding;
	const struct why_facts *facts;
	const struct why_limits *limits;
	char least[HUMAN_TEXT], most[HUMAN_TEXT], span[2 * HUMAN_TEXT + 8],
		address[ADDRESS_TEXT], comm[COMM_TEXT];
};

/* "4s to 9s", or one of them where both read the same. */
static void put_span(struct words *words)
{
	bool same = !strcmp(words->least, words->most);

	snprintf(words->span, sizeof(words->span), "%s%s%s", words->least, same ? "" : " to ",
		 same ? "" : words->most);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void say_pressure(struct words *words)
{
	const struct why_finding *finding = words->finding;
	static const char *const next[HC_EXCESS_COUNT] = {
		[HC_REJECT] = "is refused",
		[HC_OBSERVE] = "is let in and reported (excess = observe)",
		[HC_WAIT] =
			"waits for a free one, or is refused after wait_max (excess = wait)",
		[HC_REDIRECT] = "is sent to another listener (excess = redirect)",
		[HC_EVICT] = "waits for a stale session to make room (excess = evict)",
	};
	const enum hc_excess excess = words->facts->service.excess;
	bool observed = excess == HC_OBSERVE;

	if (finding->kind == WHY_FULL)
		fprintf(words->file, "%zu of %zu slots are taken: the next attempt %s",
			finding->count, finding->of, next[excess % HC_EXCESS_COUNT]);
	else
		fprintf(words->file, "%zu attempt%s %s refused, the last %s ago%s",
			finding->count, plural(finding->count),
			observed              ? "would have been"
			: finding->count == 1 ? "was"
					      : "were",
			words->least,
			words->facts->refused_by_total ? " by the service's total" : "");
}

static void say_kept(struct words *words)
{
	static const char *const why[] = {
		[WHY_BY_OVERRIDE] = "an override lets them in",
		[WHY_BY_MOMENT] = "a cap of the moment lets them in (headcount cap)",
		[WHY_BY_OBSERVE] = "excess = observe lets them in",
		[WHY_BY_AGE] = "some are older than the cap, or than headcount",
	};
	const struct why_finding *finding = words->finding;

	fprintf(words->file, "%zu sessions where %s cap is %zu: %s", finding->count,
		finding->kept == WHY_BY_OVERRIDE || finding->kept == WHY_BY_MOMENT
			? "the service's"
			: "the",
		finding->of, why[finding->kept]);
}

static void say_leak(struct words *words)
{
	const struct why_finding *finding = words->finding;

	fprintf(words->file, "%s", words->comm);
	if (finding->pid)
		fprintf(words->file, " (pid %u)", finding->pid);
	else if (finding->others > 1)
		fprintf(words->file, " (%zu processes)", finding->others);
	fprintf(words->file,
		" does not close %zu of %zu sessions that their peers have closed %s ago "
		"(CLOSE-WAIT, nothing left to send): it leaks them",
		finding->count, finding->of, words->span);
}

static void say_sessions(struct words *words)
{
	const struct why_finding *finding = words->finding;
	char limit[HUMAN_TEXT];
	size_t count = finding->count;

	human_duration(words->limits->idle_ms / 1000, limit);
	if (finding->kind == WHY_DEAD_PEERS)
		fprintf(words->file,
			"%zu of %zu sessions are stale: up to %u retransmissions or probes in "
			"a "
			"row are unanswered, and the peer was heard last %s ago",
			count, finding->of, finding->unanswered, words->span);
	else if (finding->kind == WHY_ORPHANS)
		fprintf(words->file,
			"%zu of %zu sessions have no process any more (idle %s): they "
			"wait "
			"for the peer, and hold slots",
			count, finding->of, words->span);
	else if (finding->kind == WHY_IDLERS)
		fprintf(words->file,
			"%zu of %zu sessions had no data for %s or more (%s); nothing "
			"says that their peers are gone",
			count, finding->of, limit, words->span);
	else
		fprintf(words->file,
			"%zu of %zu sessions had data in the last %s (idle %s): "
			"they are in use",
			count, finding->of, limit, words->span);
}

static void say_keepalive(struct words *words)
{
	const struct why_finding *finding = words->finding;
	char wanted[HUMAN_TEXT];

	human_duration(words->facts->service.keepalive, wanted);
	fprintf(words->file,
		"%zu of %zu sessions have not the keepalive of the service (%s), but what "
		"their program has set: ",
		finding->count, finding->of, wanted);
	if (finding->count > finding->others)
		fprintf(words->file, "whose peer is gone is noticed after %s of silence",
			words->most);
	if (finding->others)
		fprintf(words->file, "%s%zu never",
			finding->count > finding->others ? ", " : "", finding->others);
	if (finding->count == finding->others)
		fputs(" ask their peers whether they are there", words->file);
}

static void say_return(struct words *words)
{
	const struct why_finding *finding = words->finding;

	fprintf(words->file,
		"%s came back %zu time%s, the last %s ago with %zu session%s within seconds; "
		"nothing was heard of its %zu older one%s since before that, for %s or more",
		words->address, finding->rounds, plural(finding->rounds), words->least,
		finding->burst, plural(finding->burst), finding->count, plural(finding->count),
		words->most);
	if (finding->stale)
		fprintf(words->file, " (%zu stale)", finding->stale);
	fputs(": as after a lost connection", words->file);
}

static void say_clients(struct words *words)
{
	const struct why_finding *finding = words->finding;

	if (finding->kind == WHY_ONE_PROGRAM)
		fprintf(words->file, "one process, %s (pid %u), opened %zu of %zu sessions",
			words->comm, finding->pid, finding->count, finding->of);
	else if (finding->kind == WHY_MANY_CLIENTS)
		fprintf(words->file,
			"%zu clients share this user: the one with most, %s, has %zu of %zu "
			"sessions",
			finding->others, words->address, finding->count, finding->of);
	else if (finding->kind == WHY_SHARED)
		fprintf(words->file,
			"%s, with %zu of %zu sessions, also has sessions of %zu other users: a "
			"proxy, or NAT for many",
			words->address, finding->count, finding->of, finding->others);
	else
		fprintf(words->file,
			"%zu of %zu sessions come from this host itself (%s): a proxy before "
			"the service would hide who its clients are",
			finding->count, finding->of, words->address);
}

char *why_sentence(const struct why_finding *finding, const struct why_facts *facts,
		   const struct why_limits *limits)
{
	static void (*const say[WHY_KINDS])(struct words * words) = {
		[WHY_FULL] = say_pressure,
		[WHY_REFUSED] = say_pressure,
		[WHY_KEPT] = say_kept,
		[WHY_DEAD_PEERS] = say_sessions,
		[WHY_LEAK] = say_leak,
		[WHY_ORPHANS] = say_sessions,
		[WHY_RECONNECTS] = say_return,
		[WHY_IDLERS] = say_sessions,
		[WHY_ONE_PROGRAM] = say_clients,
		[WHY_MANY_CLIENTS] = say_clients,
		[WHY_SHARED] = say_clients,
		[WHY_THIS_HOST] = say_clients,
		[WHY_OWN_KEEPALIVE] = say_keepalive,
		[WHY_BUSY] = say_sessions,
	};
	struct words words = {.finding = finding, .facts = facts, .limits = limits};
	char *text = NULL;
	size_t size;

	words.file = open_memstream(&text, &size);
	if (!words.file)
		return NULL;
	human_duration(finding->least_ms == WHY_UNKNOWN ? 0 : finding->least_ms / 1000,
		       words.least);
	human_duration(finding->most_ms / 1000, words.most);
	put_span(&words);
	address_format(finding->address, words.address);
	escape_text(words.comm, sizeof(words.comm), finding->comm,
		    strnlen(finding->comm, sizeof(finding->comm)));
	say[finding->kind](&words);
	return fclose(words.file) ? NULL : text;
}
