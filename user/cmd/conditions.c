// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/base/number.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/cmd/conditions.h"

static int parse_duration(const char *command, const char *option, const char *text, __u64 *ms)
{
	if (!text || !number_parse_duration(text, ms))
		return 0;
	return hc_error("%s: --%s %s: a duration is like 90, 90s, 15m, 2h or 3d", command,
			option, text);
}

static int parse_remote(const char *command, const char *text, struct session_filter *filter)
{
	char why[256];

	filter->by_remote = text;
	if (!text ||
	    !prefix_parse(text, filter->remote, &filter->remote_bits, why, sizeof(why)))
		return 0;
	return hc_error("%s: --remote: %s", command, why);
}

/* The state of a session with this name, or -1. In ss(8) ESTAB is established, too. */
static int find_state(const char *text, size_t length)
{
	static const unsigned int possible[] = {
		TCP_ESTABLISHED, TCP_SYN_SENT,   TCP_SYN_RECV, TCP_FIN_WAIT1,
		TCP_FIN_WAIT2,   TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING,
	};

	for (size_t i = 0; i < sizeof(possible) / sizeof(possible[0]); i++) {
		const char *word = word_of_state(possible[i]);

		if (strlen(word) == length && !strncasecmp(word, text, length))
			return possible[i];
	}
	return length == strlen("established") && !strncasecmp(text, "established", length)
		       ? TCP_ESTABLISHED
		       : -1;
}

static int parse_states(const char *command, const char *text, __u32 *states)
{
	size_t length;
	int state;

	for (; text; text = text[length] ? text + length + 1 : NULL) {
		length = strcspn(text, ",");
		state = find_state(text, length);
		if (state < 0)
			return hc_error("%s: --state: no session is in state \"%.*s\": ESTAB, "
					"SYN-SENT, "
					"SYN-RECV, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, "
					"LAST-ACK, CLOSING",
					command, (int)length, text);
		*states |= 1u << state;
	}
	return 0;
}

static int parse_ids(const char *command, struct session_conditions *conditions)
{
	const struct command_values *values = &conditions->ids;
	__u64 *ids = conditions->numbers = calloc(values->count + 1, sizeof(*ids));

	if (!ids)
		return hc_error_errno(ENOMEM, "cannot read the options");
	for (size_t i = 0; i < values->count; i++)
		if (number_parse_id(values->items[i], &ids[i]))
			return hc_error("%s: --id %s: a session's id is a number", command,
					values->items[i]);
	session_filter_ids(&conditions->filter, ids, values->count);
	return 0;
}

int session_conditions_parse(struct session_conditions *conditions, const char *command)
{
	struct session_filter *filter = &conditions->filter;
	int error = parse_ids(command, conditions);

	error = error ?: parse_duration(command, "idle", conditions->idle, &filter->idle_ms);
	error = error
			?: parse_duration(command, "unheard", conditions->unheard,
					  &filter->unheard_ms);
	error = error ?: parse_duration(command, "age", conditions->age, &filter->age_ms);
	error = error ?: parse_remote(command, conditions->remote, filter);
	error = error ?: parse_states(command, conditions->states, &filter->states);
	filter->orphan = conditions->orphan;
	filter->stale = conditions->stale;
	filter->service = -1;
	return error;
}

int session_conditions_resolve(struct session_conditions *conditions,
			       const struct policy *policy, enum session_user means)
{
	int error = session_filter_service(&conditions->filter, policy, conditions->service);

	return error ?: session_filter_user(&conditions->filter, policy, means);
}

void session_conditions_free(struct session_conditions *conditions)
{
	free(conditions->ids.items);
	free(conditions->numbers);
}
