// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "user/base/ticks.h"
#include "user/evict/serve.h"

static bool same_ends(const struct hc_ends *a, const struct hc_ends *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* What is remembered, the latest first; NULL: that is all. */
static struct evict_past *past_at(struct evict *evict, __u64 age)
{
	return age < EVICT_PAST && age < evict->count
		       ? &evict->past[(evict->count - 1 - age) % EVICT_PAST]
		       : NULL;
}

/* Is it a packet of a session that is none any more? It is believed to be one once. */
static bool was_stray(struct evict *evict, const struct evict_newcomer *newcomer)
{
	struct evict_past *past;

	for (__u64 age = 0; (past = past_at(evict, age)); age++)
		if (past->time_ns + EVICT_PAST_NS > newcomer->time_ns &&
		    same_ends(&past->evicted, &newcomer->ends)) {
			memset(&past->evicted, 0, sizeof(past->evicted));
			return true;
		}
	return false;
}

/* Slots that evictions have made since the newcomer asked: one of others, or its own. */
static __u32 made_since(struct evict *evict, const struct evict_case *one,
			const struct evict_newcomer *newcomer, bool *own)
{
	struct evict_past *past;
	__u32 made = 0;

	*own = false;
	for (__u64 age = 0; (past = past_at(evict, age)); age++) {
		if (past->time_ns <= newcomer->time_ns)
			break;
		if (memcmp(&past->user, &one->user, sizeof(one->user)))
			continue;
		made++;
		*own |= same_ends(&past->newcomer, &newcomer->ends);
	}
	return made;
}

/* Keeps the newcomers that need room: those that asked just now, while all slots are sessions',
 * but for those that were made for others. Slots of handshakes are not worth a session: who has
 * forged their SYNs would have as many closed as there are; they come back by themselves, or
 * are sessions when the newcomer asks again. */
static void sift_newcomers(struct evict *evict, struct evict_case *one,
			   const struct evict_world *world, __u32 spare_slots)
{
	__u64 now_ns = world->now_ns(world->context);
	__u32 made;
	size_t kept = 0;
	bool own;

	for (size_t i = 0; i < one->count; i++) {
		struct evict_newcomer *newcomer = &one->newcomers[i];

		if (newcomer->time_ns + EVICT_CURRENT_NS < now_ns)
			continue;
		if (was_stray(evict, newcomer)) {
			world->send_off(world->context, &one->user, &newcomer->ends);
			continue;
		}
		made = made_since(evict, one, newcomer, &own);
		if (!own && spare_slots <= made)
			one->newcomers[kept++] = *newcomer;
	}
	one->count = kept;
}

/* The `count` newcomers that are left have none, and are counted. */
static void refuse(const struct evict_world *world, const struct evict_case *one,
		   __u64 until_ns, __u64 *counter, size_t count)
{
	*counter += count;
	world->refuse(world->context, &one->user, until_ns);
}

/* Which of the cases are worth a look; the others are refused, or need none. */
static void sift_cases(struct evict *evict, struct evict_pleas *pleas,
		       const struct evict_world *world, struct evict_terms *terms)
{
	__u64 now_ns = world->now_ns(world->context);
	size_t kept = 0;

	for (size_t i = 0; i < pleas->count; i++) {
		struct evict_case *one = &pleas->cases[i];
		struct evict_user known = {};

		if (!world->know(world->context, &one->user, &known))
			continue;
		sift_newcomers(evict, one, world, known.spare_slots);
		if (!one->count)
			continue;
		if (known.beyond) {
			refuse(world, one, now_ns + EVICT_BARREN_NS, &evict->in_vain,
			       one->count);
			continue;
		}
		one->left = evict_rate_left(&evict->rates, &one->user, known.rate, now_ns,
					    &one->until_ns);
		if (!one->left) {
			refuse(world, one, one->until_ns, &evict->held_off, one->count);
			continue;
		}
		terms[kept] = known.terms;
		if (kept != i)
			pleas->cases[kept] = *one;
		kept++;
	}
	pleas->count = kept;
}

/* All sessions that may go, of all cases. False: that could not be found out. */
static bool find_choices(struct evict *evict, struct evict_pleas *pleas,
			 const struct evict_world *world, const struct evict_terms *terms,
			 struct evict_choice **choices, size_t *count)
{
	const struct hc_socket *sockets;
	size_t total;

	*count = 0;
	evict->looks++;
	if (world->look(world->context, pleas, &sockets, &total))
		return false;
	*choices = calloc(total + 1, sizeof(**choices));
	for (size_t i = 0; *choices && i < total; i++) {
		const struct evict_case *one = evict_case_of(pleas, &sockets[i].session.user);
		size_t of = one - pleas->cases;
		struct evict_choice choice = {.socket = &sockets[i], .of = of};

		if (!one)
			continue;
		choice.evidence = evict_judge(&sockets[i], &terms[of]);
		choice.ms = choice.evidence == HC_EVIDENCE_DEAD
				    ? ticks_to_ms(sockets[i].peer.heard_ticks)
				    : ticks_idle_ms(&sockets[i].idle);
		if (choice.evidence != HC_EVIDENCE_NONE)
			(*choices)[(*count)++] = choice;
	}
	if (*choices)
		evict_sort(*choices, *count);
	return *choices;
}

static void remember(struct evict *evict, const struct evict_case *one,
		     const struct evict_choice *choice, const struct evict_newcomer *newcomer,
		     __u64 now_ns)
{
	evict->past[evict->count++ % EVICT_PAST] = (struct evict_past){
		.user = one->user,
		.evicted = choice->socket->session.ends,
		.newcomer = newcomer->ends,
		.time_ns = now_ns,
	};
	evict_rate_count(&evict->rates, &one->user, now_ns);
}

/* Closes the first of them that can be; or it has ended by itself, which is as good. False:
 * none is left. */
static bool make_room(struct evict *evict, struct evict_case *one,
		      const struct evict_newcomer *newcomer, const struct evict_world *world,
		      const struct evict_choice **next, const struct evict_choice *end)
{
	while (*next < end) {
		const struct evict_choice *choice = (*next)++;
		int closed = world->close(world->context, choice, newcomer);

		if (closed < 0)
			continue;
		if (closed) {
			remember(evict, one, choice, newcomer, world->now_ns(world->context));
			one->left--;
		}
		return true;
	}
	return false;
}

static void serve_case(struct evict *evict, struct evict_case *one,
		       const struct evict_world *world, const struct evict_choice *next,
		       const struct evict_choice *end)
{
	size_t i;

	for (i = 0; i < one->count && one->left; i++)
		if (!make_room(evict, one, &one->newcomers[i], world, &next, end))
			break;
	if (i < one->count)
		refuse(world, one, world->now_ns(world->context) + EVICT_BARREN_NS,
		       one->left ? &evict->in_vain : &evict->held_off, one->count - i);
}

void evict_serve(struct evict *evict, struct evict_pleas *pleas,
		 const struct evict_world *world)
{
	struct evict_terms terms[EVICT_CASES];
	struct evict_choice *choices = NULL;
	size_t count, from = 0, to;

	sift_cases(evict, pleas, world, terms);
	if (pleas->count && !find_choices(evict, pleas, world, terms, &choices, &count))
		count = 0;
	for (size_t i = 0; i < pleas->count; i++, from = to) {
		for (to = from; to < count && choices[to].of == i;)
			to++;
		serve_case(evict, &pleas->cases[i], world, choices + from, choices + to);
	}
	free(choices);
	pleas->count = 0;
}
