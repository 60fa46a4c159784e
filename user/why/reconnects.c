// SPDX-License-Identifier: GPL-2.0-only
#include "user/why/reconnects.h"

/* How long nothing has come from the peer, as far as anybody knows. */
static __u64 silent_ms(const struct why_session *session)
{
	if (session->heard_ms != WHY_UNKNOWN)
		return session->heard_ms;
	return session->idle_ms == WHY_UNKNOWN ? 0 : session->idle_ms;
}

/* Where the burst that begins at `first` ends. */
static size_t end_of_burst(const struct why_group *group, size_t first)
{
	size_t end = first + 1;

	while (end < group->count &&
	       group->sessions[end - 1]->age_ms - group->sessions[end]->age_ms <= WHY_BURST_MS)
		end++;
	return end;
}

/*
 * One that came back once with one session may as well have opened it beside those that it does
 * not use now; the same twice, or several at once, is another matter.
 */
struct why_return why_returns(const struct why_group *group, const struct why_limits *limits)
{
	struct why_return found = {};
	__u64 least = WHY_UNKNOWN;

	for (size_t first = 0, end; first < group->count; first = end) {
		__u64 age = group->sessions[first]->age_ms;

		end = end_of_burst(group, first);
		if (first && least >= age && least >= limits->quiet_ms) {
			found.rounds++;
			found.left = first;
			found.burst = end - first;
			found.ms = age;
			found.silent_ms = least;
		}
		for (size_t i = first; i < end; i++)
			if (least > silent_ms(group->sessions[i]))
				least = silent_ms(group->sessions[i]);
	}
	if (found.left < 2 || (found.rounds < 2 && found.burst < 2))
		return (struct why_return){};
	return found;
}
