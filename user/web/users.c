// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/base/clock.h"
#include "user/web/users.h"
#include "user/why/facts.h"

__u64 web_user_refused_ms(const struct hc_user *user, __u64 now_ns)
{
	__u64 window_ns = (__u64)user->refusals.window << HC_WINDOW_SHIFT;

	if (!user->refused)
		return WHY_UNKNOWN;
	return now_ns > window_ns ? (now_ns - window_ns) / NS_PER_MS : 0;
}

static bool is_pressed(const struct hc_user *user, __u64 now_ns)
{
	return why_is_pressed(hc_user_active(user), user->cap,
			      web_user_refused_ms(user, now_ns));
}

/* How near to its cap, of 1000. */
static __u32 nearness(const struct hc_user *user)
{
	__u64 active = hc_user_active(user);

	if (user->cap == HC_UNLIMITED)
		return 0;
	return active >= user->cap ? 1000 : active * 1000 / user->cap;
}

/* Is `a` to be shown rather than `b`? */
static bool is_before(const struct hc_user *a, const struct hc_user *b, __u64 now_ns)
{
	bool pressed = is_pressed(a, now_ns);

	if (pressed != is_pressed(b, now_ns))
		return pressed;
	if (pressed && nearness(a) != nearness(b))
		return nearness(a) > nearness(b);
	if (pressed && a->refused != b->refused)
		return a->refused > b->refused;
	if (hc_user_active(a) != hc_user_active(b))
		return hc_user_active(a) > hc_user_active(b);
	return memcmp(&a->key, &b->key, sizeof(a->key)) < 0;
}

void web_users_add(struct web_users *users, const struct hc_user *user, __u64 now_ns)
{
	__u32 active = hc_user_active(user);
	bool pressed = is_pressed(user, now_ns);
	size_t place = users->shown;

	users->count++;
	users->active[user->key.service] += active;
	users->holders[user->key.service] += !!active;
	users->full[user->key.service] += active && active >= user->cap;
	users->pressed += pressed;
	if (!active && !pressed)
		return;
	while (place && is_before(user, &users->items[place - 1], now_ns))
		place--;
	if (place == WEB_USERS)
		return;
	if (users->shown < WEB_USERS)
		users->shown++;
	memmove(&users->items[place + 1], &users->items[place],
		(users->shown - 1 - place) * sizeof(*user));
	users->items[place] = *user;
}
