// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/evict/pleas.h"

struct evict_case *evict_case_of(struct evict_pleas *pleas, const struct hc_user_key *user)
{
	for (size_t i = 0; i < pleas->count; i++)
		if (!memcmp(&pleas->cases[i].user, user, sizeof(*user)))
			return &pleas->cases[i];
	return NULL;
}

bool evict_hear(struct evict_pleas *pleas, const struct hc_user_key *user,
		const struct hc_ends *ends, __u64 time_ns)
{
	struct evict_case *one = evict_case_of(pleas, user);

	if (!one && pleas->count == EVICT_CASES)
		return false;
	if (!one) {
		one = &pleas->cases[pleas->count++];
		*one = (struct evict_case){.user = *user};
	}
	for (size_t i = 0; i < one->count; i++)
		if (!memcmp(&one->newcomers[i].ends, ends, sizeof(*ends))) {
			one->newcomers[i].time_ns = time_ns;
			return true;
		}
	if (one->count < EVICT_NEWCOMERS)
		one->newcomers[one->count++] = (struct evict_newcomer){*ends, time_ns};
	return true;
}
