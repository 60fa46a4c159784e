// SPDX-License-Identifier: GPL-2.0-only
/* The order of a list of sessions. */
#include <stdlib.h>
#include <string.h>

#include "user/sessions/list.h"

enum order { ID, SERVICE, USER, OPENED, AGE, IDLE, HEARD, RX, TX, RTT };

static const char *const words[] = {
	[ID] = "id",   [SERVICE] = "service", [USER] = "user",   [OPENED] = "opened",
	[AGE] = "age", [IDLE] = "idle",       [HEARD] = "heard", [RX] = "rx",
	[TX] = "tx",   [RTT] = "rtt",
};

int session_order_find(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], name))
			return i;
	return -1;
}

/* What is large comes first, and the oldest: its time is the smaller number. */
static __u64 rank_row(const struct session_row *row, int order)
{
	const struct hc_socket *socket = row->socket;
	__u64 ms;

	if (order == OPENED || order == AGE)
		return ~row->session->opened_ns;
	if (!socket)
		return 0;
	switch (order) {
	case IDLE:
		return session_idle_ms(socket);
	case HEARD:
		return session_heard_ms(socket, &ms) ? ms : 0;
	case RX:
		return socket->rx_bytes;
	case TX:
		return socket->tx_bytes;
	default:
		return socket->srtt_us;
	}
}

static int compare_user_keys(const struct hc_user_key *a, const struct hc_user_key *b)
{
	if (a->kind != b->kind)
		return a->kind - b->kind;
	if (a->kind == HC_BY_UID)
		return a->uid < b->uid ? -1 : a->uid > b->uid;
	return memcmp(a->id, b->id, sizeof(a->id));
}

struct wanted {
	int order;
	const struct policy *policy;
};

static const char *service_of(const struct wanted *wanted, const struct session_row *row)
{
	return wanted->policy->services[row->session->user.service % HC_SERVICES_MAX].name;
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const struct session_row *a = left, *b = right;
	const struct wanted *wanted = context;
	int order = wanted->order, by = 0;

	if (order == SERVICE)
		by = strcmp(service_of(wanted, a), service_of(wanted, b));
	if (order == SERVICE || order == USER)
		by = by ?: compare_user_keys(&a->session->user, &b->session->user);
	else if (order != ID)
		by = rank_row(a, order) < rank_row(b, order)   ? 1
		     : rank_row(a, order) > rank_row(b, order) ? -1
							       : 0;
	return by ?: (a->id < b->id ? -1 : a->id > b->id);
}

void session_list_sort(struct session_list *list, const struct policy *policy, int order)
{
	struct wanted wanted = {order, policy};

	if (list->count)
		qsort_r(list->rows, list->count, sizeof(*list->rows), compare_rows, &wanted);
}
