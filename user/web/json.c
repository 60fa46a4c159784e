// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "user/base/clock.h"
#include "user/base/put.h"
#include "user/base/ticks.h"
#include "user/base/user_name.h"
#include "user/base/words.h"
#include "user/kernel/losses.h"
#include "user/kernel/totals_maps.h"
#include "user/sessions/list.h"
#include "user/web/json.h"
#include "user/web/json_fleet.h"
#include "user/web/json_put.h"
#include "user/why/facts.h"

/* What has happened in a service, by its word: page.js shows those that it knows. */
struct count {
	const char *key;
	__u64 (*of)(const struct hc_counters *counters);
};

static __u64 opened(const struct hc_counters *counters)
{
	return counters->opened;
}

static __u64 closed(const struct hc_counters *counters)
{
	__u64 sum = 0;

	for (int end = 0; end < HC_END_COUNT; end++)
		sum += counters->closed[end];
	return sum;
}

static __u64 refused(const struct hc_counters *counters)
{
	return history_count(counters, HISTORY_REFUSED);
}

static __u64 refused_by_total(const struct hc_counters *counters)
{
	return counters_refused(counters, HC_SCOPE_TOTAL);
}

static __u64 refused_by(const struct hc_counters *counters, enum hc_excess excess)
{
	__u64 sum = 0;

	for (int scope = 0; scope < HC_SCOPE_COUNT; scope++)
		sum += counters->refused[scope][excess];
	return sum;
}

/* Held, for a while at least. */
static __u64 waited(const struct hc_counters *counters)
{
	return refused_by(counters, HC_WAIT) + refused_by(counters, HC_EVICT);
}

static __u64 redirected(const struct hc_counters *counters)
{
	return refused_by(counters, HC_REDIRECT);
}

static __u64 evicted(const struct hc_counters *counters)
{
	return history_count(counters, HISTORY_EVICTED);
}

static __u64 ended(const struct hc_counters *counters)
{
	return history_count(counters, HISTORY_ENDED);
}

static __u64 timed_out(const struct hc_counters *counters)
{
	return counters->closed[HC_END_TIMEOUT];
}

static const struct count counts[] = {
	{"opened", opened},       {"closed", closed},
	{"refused", refused},     {"refused_by_total", refused_by_total},
	{"waited", waited},       {"redirected", redirected},
	{"ended", ended},         {"evicted", evicted},
	{"timed_out", timed_out},
};

static const char *const curve_keys[HISTORY_CURVES] = {
	[HISTORY_REFUSED] = "refused_lately",
	[HISTORY_ENDED] = "ended_lately",
	[HISTORY_EVICTED] = "evicted_lately",
};

static void put_curve(FILE *out, const struct history *history, const struct history_row *row,
		      enum history_curve curve)
{
	int age = HISTORY_PIECES - 1;

	fprintf(out, ",\"%s\":[", curve_keys[curve]);
	/* Mostly nothing has happened. */
	for (; row->total[curve] && age >= 0; age--)
		fprintf(out, "%u%s", history_piece(history, row, curve, age), age ? "," : "");
	fputc(']', out);
}

static void print_service(FILE *out, const struct web_facts *facts, int id)
{
	static const char *const kinds[] = {"client", "uid", "cgroup", "label", "client"};
	const struct hc_service *service = &facts->policy.services[id];
	const struct history_row *row = &facts->history.rows[id];

	fputc('{', out);
	json_put_text(out, "name", service->name);
	fprintf(out, ",\"direction\":\"%s\",\"users_by\":\"%s\",\"excess\":\"%s\"",
		id == HC_OUTBOUND_SERVICE ? "outbound" : "inbound", kinds[service->identify],
		word_of_excess(service->excess));
	fprintf(out, ",\"scope\":\"%s\"", service->fleet ? "fleet" : "host");
	json_put_or_null(out, "cap", service->cap, HC_UNLIMITED);
	json_put_or_null(out, "total", service->total, HC_UNLIMITED);
	json_put_count(out, "active", facts->users.active[id]);
	json_put_count(out, "users", facts->users.holders[id]);
	json_put_count(out, "at_cap", facts->users.full[id]);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_put_count(out, counts[i].key, counts[i].of(&facts->counters[id]));
	for (int curve = 0; curve < HISTORY_CURVES; curve++) {
		/* What came since it was noted would be in the wrong service. */
		if (!strcmp(row->name, service->name))
			put_curve(out, &facts->history, row, curve);
		else
			fprintf(out, ",\"%s\":[]", curve_keys[curve]);
	}
	fputc('}', out);
}

static void print_services(FILE *out, const struct web_facts *facts)
{
	const char *before = "";

	fputs(",\"services\":[", out);
	for (int id = 0; id < HC_SERVICES_MAX; id++) {
		if (!facts->policy.services[id].used)
			continue;
		fputs(before, out);
		print_service(out, facts, id);
		before = ",\n";
	}
	fputc(']', out);
}

static void print_whose(FILE *out, const struct web_facts *facts, const struct hc_user_key *key)
{
	char text[HC_USER_TEXT];

	json_put_text(out, "service",
		      facts->policy.services[key->service % HC_SERVICES_MAX].name);
	fputc(',', out);
	json_put_text(out, "user", user_key_format(key, false, text, sizeof(text)));
}

static void print_user(FILE *out, const struct web_facts *facts, const struct hc_user *user)
{
	fputc('{', out);
	print_whose(out, facts, &user->key);
	json_put_count(out, "active", hc_user_active(user));
	json_put_or_null(out, "cap", user->cap, HC_UNLIMITED);
	json_put_count(out, "peak", user->peak);
	json_put_count(out, "opened", user->opened);
	json_put_count(out, "refused", user->refused);
	json_put_or_null(out, "refused_ms", web_user_refused_ms(user, facts->now_ns),
			 WHY_UNKNOWN);
	fputc('}', out);
}

static void put_read(FILE *out, const char *key, const struct web_facts *facts,
		     const struct web_read *read)
{
	__u64 age = facts->now_ns > read->at_ns ? facts->now_ns - read->at_ns : 0;

	json_put_or_null(out, key, read->at_ns ? age / NS_PER_MS : WHY_UNKNOWN, WHY_UNKNOWN);
}

static void print_users(FILE *out, const struct web_facts *facts)
{
	const struct web_users *users = &facts->users;

	put_read(out, "users_ms", facts, &facts->users_read);
	json_put_count(out, "users_count", users->count);
	json_put_count(out, "users_pressed", users->pressed);
	fputs(",\"users\":[", out);
	for (size_t i = 0; i < users->shown; i++) {
		fputs(i ? ",\n" : "", out);
		print_user(out, facts, &users->items[i]);
	}
	fputc(']', out);
}

static void print_session(FILE *out, const struct web_facts *facts,
			  const struct hc_socket *socket)
{
	const struct hc_session *session = &socket->session;
	char text[END_TEXT];
	__u64 ms;

	fputc('{', out);
	print_whose(out, facts, &session->user);
	json_put_count(out, "id", socket->id);
	fputc(',', out);
	json_put_text(out, "local",
		      end_format(session->ends.local, session->ends.local_port, text));
	fputc(',', out);
	json_put_text(out, "remote",
		      end_format(session->ends.remote, session->ends.remote_port, text));
	fprintf(out, ",\"state\":\"%s\"", word_of_state(socket->state));
	json_put_count(out, "unanswered", socket->peer.unanswered);
	json_put_count(out, "send_queue", socket->peer.send_queue);
	json_put_or_null(out, "heard_ms", session_heard_ms(socket, &ms) ? ms : WHY_UNKNOWN,
			 WHY_UNKNOWN);
	json_put_count(out, "idle_ms", session_idle_ms(socket));
	json_put_or_null(out, "half_closed_ms",
			 ticks_half_closed_ms(socket->half_closed, &ms) ? ms : WHY_UNKNOWN,
			 WHY_UNKNOWN);
	json_put_or_null(out, "pid", session->pid, 0);
	fputc(',', out);
	json_put_bytes(out, "process", session->comm, strnlen(session->comm, HC_COMM_MAX));
	fputc('}', out);
}

static void print_stale(FILE *out, const struct web_facts *facts)
{
	fprintf(out, ",\"stale_known\":%s",
		facts->stale_known && !facts->stale_read.failed ? "true" : "false");
	put_read(out, "stale_ms", facts, &facts->stale_read);
	json_put_count(out, "stale_count", facts->stale.count);
	fputs(",\"stale\":[", out);
	for (size_t i = 0; i < facts->stale.shown; i++) {
		fputs(i ? ",\n" : "", out);
		print_session(out, facts, &facts->stale.items[i]);
	}
	fputc(']', out);
}

static void print_losses(FILE *out, const struct web_facts *facts)
{
	static const char *const kinds[] = {
		[LOSS_UNTRACKED] = "not charged",
		[LOSS_EVENTS] = "not told",
		[LOSS_NOTE] = "seen to",
		[LOSS_SINK] = "not read",
	};

	fputs(",\"losses\":[", out);
	for (int reason = 0; reason < HC_LOSS_COUNT; reason++) {
		fprintf(out, "%s{\"reason\":\"%s\",\"text\":\"%s\",\"kind\":\"%s\"",
			reason ? ",\n" : "", loss_rows[reason].word, loss_rows[reason].text,
			kinds[loss_rows[reason].kind]);
		json_put_count(out, "count", facts->losses[reason]);
		fputc('}', out);
	}
	fputc(']', out);
}

static void print_state(FILE *out, const struct web_facts *facts)
{
	static const char *const results[] = {"done", "failed", "bad file"};
	const struct hc_reload *reload = &facts->reload;

	json_put_count(out, "now_ms", facts->now_ns / NS_PER_MS);
	json_put_count(out, "counting_ms",
		       (facts->now_ns - facts->policy.control.started_ns) / NS_PER_MS);
	json_put_count(out, "programs", facts->programs);
	fputs(",\"tables\":[", out);
	for (int i = 0; i < FILL_COUNT && facts->fill[i].map; i++) {
		fprintf(out, "%s{\"table\":\"%s\"", i ? "," : "", facts->fill[i].map);
		json_put_count(out, "entries", facts->fill[i].entries);
		json_put_count(out, "capacity", facts->fill[i].capacity);
		fputc('}', out);
	}
	fprintf(out, "],\"reload\":\"%s\"",
		reload->time_ns ? results[reload->result % 3] : "none");
	json_put_or_null(out, "reload_unix_ms", reload->time_ns / NS_PER_MS, 0);
	json_put_count(out, "lately_ms", (facts->now_ns - facts->history.began_ns) / NS_PER_MS);
	json_put_count(out, "piece_ms", HISTORY_PIECE_NS / NS_PER_MS);
}

void web_json_print(FILE *out, const struct web_facts *facts)
{
	fputs("{\"version\":\"" HC_VERSION "\",", out);
	json_put_text(out, "kernel", facts->system.release);
	fputc(',', out);
	json_put_text(out, "host", facts->system.nodename);
	print_state(out, facts);
	json_fleet_print(out, &facts->fleet);
	print_services(out, facts);
	print_users(out, facts);
	print_stale(out, facts);
	print_losses(out, facts);
	fputs("}\n", out);
}
