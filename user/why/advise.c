// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/sessions/stale.h"
#include "user/why/advise.h"

static struct why_offer *offer(struct why_advice *advice, enum why_kind kind)
{
	struct why_offer *place;

	if (advice->count == WHY_OFFERS)
		return NULL;
	place = &advice->offers[advice->count++];
	*place = (struct why_offer){.kind = kind};
	return place;
}

static void add_word(struct why_offer *offer, const char *word)
{
	if (offer->argc < WHY_WORDS)
		offer->argv[offer->argc++] = word;
}

static struct why_offer *offer_kill(struct why_advice *advice, enum why_kind kind,
				    const struct why_facts *facts)
{
	struct why_offer *place = offer(advice, kind);

	if (!place)
		return NULL;
	add_word(place, "kill");
	add_word(place, "--service");
	add_word(place, facts->service.name);
	add_word(place, "--user");
	add_word(place, facts->user);
	return place;
}

static const char *seconds(struct why_offer *offer, __u64 ms)
{
	snprintf(offer->duration, sizeof(offer->duration), "%llus", ms < 1000 ? 1 : ms / 1000);
	return offer->duration;
}

static void offer_stale(struct why_advice *advice, const struct why_facts *facts)
{
	struct why_offer *place = offer_kill(advice, WHY_DEAD_PEERS, facts);

	if (place)
		add_word(place, "--stale");
}

static void offer_leak(struct why_advice *advice, const struct why_facts *facts,
		       const struct why_limits *limits)
{
	struct why_offer *place = offer_kill(advice, WHY_LEAK, facts);

	if (!place)
		return;
	add_word(place, "--state");
	add_word(place, "CLOSE-WAIT");
	add_word(place, "--idle");
	add_word(place, seconds(place, limits->quiet_ms));
	place->note = "they will come again: the program is to be repaired, or restarted";
}

/* Peers that are gone, or that nobody asks whether they are: next time the kernel finds out. */
static void offer_keepalive(struct why_advice *advice, enum why_kind kind,
			    const struct why_facts *facts)
{
	struct why_offer *place;

	if (facts->service.keepalive)
		return;
	place = offer(advice, kind);
	if (place)
		snprintf(place->line, sizeof(place->line), "keepalive = 60s");
}

/* Who was not heard lately may be gone, for all that anybody knows, or will know for long: the
 * kernel's own keepalive takes two hours. */
static bool is_unasked(const struct why_session *session, const struct why_limits *limits)
{
	return session->what == WHY_IN_USE && session->heard_ms != WHY_UNKNOWN &&
	       session->heard_ms >= STALE_MS &&
	       (!session->keepalive_ms || session->keepalive_ms > limits->idle_ms);
}

static void offer_to_ask(struct why_advice *advice, const struct why_facts *facts,
			 const struct why_limits *limits)
{
	size_t before = advice->count;
	bool unasked = false;

	for (size_t i = 0; i < facts->count; i++)
		unasked |= is_unasked(&facts->sessions[i], limits);
	if (unasked)
		offer_keepalive(advice, WHY_BUSY, facts);
	if (advice->count > before)
		advice->offers[before].note =
			"nobody asks peers that are silent whether they are there";
}

static void offer_orphans(struct why_advice *advice, const struct why_facts *facts)
{
	struct why_offer *place;

	if (facts->service.orphans == HC_ORPHANS_IGNORE)
		return;
	place = offer(advice, WHY_ORPHANS);
	if (place)
		snprintf(place->line, sizeof(place->line), "orphans = ignore");
}

/* Whoever was heard since the client came back is not meant. */
static void offer_returns(struct why_advice *advice, const struct why_facts *facts,
			  const struct why_finding *finding)
{
	struct why_offer *place;

	if (finding->stale == finding->count)
		return;
	place = offer_kill(advice, WHY_RECONNECTS, facts);
	if (!place)
		return;
	add_word(place, "--remote");
	add_word(place, address_format(finding->address, place->address));
	add_word(place, "--unheard");
	add_word(place, seconds(place, finding->most_ms));
	place->note = "nobody has asked these peers whether they are there";
}

static void offer_idle(struct why_advice *advice, const struct why_facts *facts,
		       const struct why_limits *limits)
{
	struct why_offer *place = offer_kill(advice, WHY_IDLERS, facts);

	if (!place)
		return;
	add_word(place, "--idle");
	add_word(place, seconds(place, limits->idle_ms));
	place->note = "some may be alive: a client that waits for news is idle";
}

static __u32 half_more(__u32 cap)
{
	__u64 more = (__u64)cap + (cap < 2 ? 1 : cap / 2);

	return more < HC_UNLIMITED ? more : HC_UNLIMITED - 1;
}

/* A cap for a client without a label is the service's, of all of them. */
static void offer_cap_line(struct why_advice *advice, enum why_kind kind,
			   const struct why_facts *facts)
{
	struct why_offer *place = offer(advice, kind);
	__u32 cap = half_more(facts->cap);

	if (!place)
		return;
	if (facts->key.kind == HC_UNLABELLED)
		snprintf(place->line, sizeof(place->line), "unlabelled = %u", cap);
	else
		snprintf(place->line, sizeof(place->line), "override = %s %u", facts->user,
			 cap);
}

static void offer_cap(struct why_advice *advice, const struct why_facts *facts)
{
	struct why_offer *place;

	if (facts->refused_by_total && facts->active < facts->cap) {
		place = offer(advice, WHY_BUSY);
		if (place)
			snprintf(place->line, sizeof(place->line), "total = %u",
				 half_more(facts->service.total));
		return;
	}
	if (facts->cap == HC_UNLIMITED)
		return;
	place = offer(advice, WHY_BUSY);
	if (place) {
		snprintf(place->number, sizeof(place->number), "%u", half_more(facts->cap));
		add_word(place, "cap");
		add_word(place, facts->service.name);
		add_word(place, facts->user);
		add_word(place, place->number);
		place->note = "holds until headcount cap takes it back";
	}
	offer_cap_line(advice, WHY_BUSY, facts);
}

static bool has(const struct why_report *report, enum why_kind kind)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->findings[i].kind == kind)
			return true;
	return false;
}

void why_advise(const struct why_facts *facts, const struct why_limits *limits,
		const struct why_report *report, struct why_advice *advice)
{
	advice->count = 0;
	if (has(report, WHY_DEAD_PEERS))
		offer_stale(advice, facts);
	for (size_t i = 0; i < report->count; i++)
		if (report->findings[i].kind == WHY_RECONNECTS && advice->count < 3)
			offer_returns(advice, facts, &report->findings[i]);
	if (has(report, WHY_DEAD_PEERS))
		offer_keepalive(advice, WHY_DEAD_PEERS, facts);
	else if (has(report, WHY_RECONNECTS))
		offer_keepalive(advice, WHY_RECONNECTS, facts);
	if (has(report, WHY_LEAK))
		offer_leak(advice, facts, limits);
	if (has(report, WHY_ORPHANS))
		offer_orphans(advice, facts);
	if (has(report, WHY_IDLERS))
		offer_idle(advice, facts, limits);
	if (has(report, WHY_BUSY) && !has(report, WHY_DEAD_PEERS) &&
	    !has(report, WHY_RECONNECTS))
		offer_to_ask(advice, facts, limits);
	if (has(report, WHY_BUSY))
		offer_cap(advice, facts);
	else if (facts->cap != HC_UNLIMITED &&
		 why_is_pressed(facts->active, facts->cap, facts->refused_ms) &&
		 (has(report, WHY_SHARED) || has(report, WHY_THIS_HOST) ||
		  has(report, WHY_MANY_CLIENTS)))
		offer_cap_line(advice, WHY_SHARED, facts);
}

/* Every shell takes these as they are. */
static bool is_safe_word(const char *word)
{
	return *word &&
	       !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.:/@%+,-")];
}

/* What a terminal would not show, or show as something else, is told as \xNN, in bash's way. */
static void print_word(FILE *file, const char *word)
{
	bool shown = !word[escape_plain(word)];

	if (is_safe_word(word)) {
		fputs(word, file);
		return;
	}
	fputs(shown ? "'" : "$'", file);
	for (; *word; word++) {
		unsigned char byte = *word;

		if (shown && byte == '\'')
			fputs("'\\''", file);
		else if (!shown && (byte < ' ' || byte > '~' || byte == '\'' || byte == '\\'))
			fprintf(file, "\\x%02x", byte);
		else
			fputc(byte, file);
	}
	fputc('\'', file);
}

char *why_offer_command(const struct why_offer *offer)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	fputs("headcount", file);
	for (int i = 0; i < offer->argc; i++) {
		fputc(' ', file);
		print_word(file, offer->argv[i]);
	}
	return fclose(file) ? NULL : text;
}
