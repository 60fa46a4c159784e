// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "user/base/log.h"
#include "user/kernel/diag.h"
#include "user/kernel/feature.h"
#include "user/kernel/feature_tries.h"
#include "user/kernel/programs.h"

#define EVERY   (~0u)
#define CONNECT LOAD_CONNECT
#define RELEASE LOAD_RELEASE
#define RESENT  LOAD_RESENT
/* One of these is in every run. */
#define GATES   (CONNECT | LOAD_ARRIVAL)
#define SOCKETS LOAD_WALK_SOCKETS
#define TABLES                                                                                 \
	(LOAD_WALK_SESSIONS | LOAD_WALK_USERS | LOAD_WALK_REPAIRS | LOAD_KILL | LOAD_LABEL_SET)
#define STATE "tp_btf/inet_sock_set_state"

/* Columns: what it is, in which section if it is a helper; who refuses to go on without it;
 * which programs use it; what for; what those lose who go on. */
#define ROW(what, called, stops, users, purpose, lost)                                         \
	.kind = FEATURE_##what, .name = (called), .needed_for = (purpose), .refuses = (stops), \
	.programs = (users), .without = (lost)
#define OTHER(called, function, stops, users, purpose, lost)                                   \
	{                                                                                      \
		ROW(OTHER, called, stops, users, purpose, lost), .try = (function)             \
	}
#define PROGRAM(called, stops, users, purpose, lost)                                           \
	{                                                                                      \
		ROW(PROGRAM, called, stops, users, purpose, lost)                              \
	}
#define CALL(kind, function, where, stops, users, purpose, lost)                               \
	{                                                                                      \
		ROW(kind, "bpf_" #function, stops, users, purpose, lost),                      \
			.number = BPF_FUNC_##function, .section = (where)                      \
	}
#define HELPER(...) CALL(HELPER, __VA_ARGS__)
#define WEAK(...)   CALL(WEAK, __VA_ARGS__)
#define MAP(type, purpose)                                                                     \
	{                                                                                      \
		ROW(MAP, "map " #type, REFUSES_BOTH, EVERY, purpose, NULL),                    \
			.number = BPF_MAP_TYPE_##type                                          \
	}

/* clang-format off */
static struct feature rows[] = {
	OTHER("BTF", try_btf, REFUSES_BOTH, EVERY,
	      "reading kernel structures (CONFIG_DEBUG_INFO_BTF)", NULL),
	OTHER("cgroup v2", try_cgroup, REFUSES_BOTH, LOAD_TRACE,
	      "attaching to the whole host (a cgroup v2 mount)", NULL),
	OTHER("bpffs", try_bpffs, REFUSES_RUN, GATES,
	      "the other commands to find what run counts", NULL),
	PROGRAM("socket", REFUSES_BOTH, EVERY, "libbpf to probe the kernel", NULL),
	{ROW(OTHER, "atomic exchange", REFUSES_BOTH, EVERY,
	     "exact counts (Linux 5.12)", NULL),
	 .try = try_atomics, .section = "socket"},

	MAP(ARRAY, "sessions, users and the policy"),
	MAP(PERCPU_ARRAY, "counters and losses"),
	MAP(HASH, "listeners and caps"),
	MAP(LPM_TRIE, "overrides of prefixes"),
	MAP(LRU_HASH, "slow handshakes"),
	MAP(SOCKHASH, "excess = wait, redirect or evict (CONFIG_BPF_STREAM_PARSER)"),
	MAP(SK_STORAGE, "excess = redirect"),
	MAP(ARRAY_OF_MAPS, "labels"),
	MAP(RINGBUF, "refusals (Linux 5.8)"),

	PROGRAM(STATE, REFUSES_BOTH, LOAD_TRACE, "seeing sessions end", NULL),
	HELPER(get_socket_cookie, STATE, REFUSES_BOTH, EVERY,
	       "telling sessions apart (Linux 5.12)", NULL),
	HELPER(get_smp_processor_id, STATE, REFUSES_BOTH, EVERY,
	       "keeping a slot for the packet in hand", NULL),
	HELPER(spin_lock, STATE, REFUSES_BOTH, EVERY,
	       "exact counts (Linux 5.12)", NULL),
	HELPER(spin_unlock, STATE, REFUSES_BOTH, EVERY,
	       "exact counts (Linux 5.12)", NULL),
	HELPER(skc_to_tcp_sock, STATE, REFUSES_BOTH, LOAD_TRACE,
	       "reading sockets (Linux 5.9)", NULL),
	HELPER(get_current_task_btf, STATE, REFUSES_BOTH, LOAD_TRACE,
	       "the owner of a session (Linux 5.11)", NULL),
	HELPER(ktime_get_ns, STATE, REFUSES_BOTH, EVERY, "durations", NULL),
	HELPER(ktime_get_boot_ns, STATE, REFUSES_BOTH, EVERY,
	       "leases of a fleet (Linux 5.8)", NULL),
	HELPER(jiffies64, STATE, REFUSES_BOTH, LOAD_TRACE | LOAD_ARRIVAL | SOCKETS,
	       "how long ago a peer was heard, and when a packet came", NULL),
	HELPER(map_lookup_elem, STATE, REFUSES_BOTH, EVERY, "the tables", NULL),
	HELPER(map_update_elem, STATE, REFUSES_BOTH, EVERY, "the tables", NULL),
	HELPER(map_delete_elem, STATE, REFUSES_BOTH, EVERY, "the tables", NULL),
	HELPER(ringbuf_reserve, STATE, REFUSES_BOTH, EVERY, "refusals (Linux 5.8)", NULL),
	HELPER(ringbuf_submit, STATE, REFUSES_BOTH, EVERY, "refusals (Linux 5.8)", NULL),
	PROGRAM("sockops", REFUSES_BOTH, LOAD_TRACE, "seeing sessions begin", NULL),
	HELPER(sock_ops_cb_flags_set, "sockops", REFUSES_BOTH, LOAD_TRACE,
	       "seeing sessions end", NULL),
	HELPER(sk_storage_get, "sockops", REFUSES_BOTH, LOAD_TRACE,
	       "excess = redirect", NULL),
	HELPER(sock_hash_update, "sockops", REFUSES_BOTH, LOAD_TRACE,
	       "excess = redirect (CONFIG_BPF_STREAM_PARSER)", NULL),
	WEAK(skc_to_mptcp_sock, "sockops", 0, LOAD_TRACE | CONNECT,
	     "the owner of an MPTCP subflow (Linux 5.19)",
	     "a subflow that joins an MPTCP connection is charged to whoever added it, and gets no label"),
	{ROW(OTHER, "bpf_rdonly_cast", 0, LOAD_TRACE | CONNECT,
	     "reading sockets without a call (Linux 6.2)",
	     "each look at a socket takes a call"),
	 .try = try_cast, .section = "sockops"},

	PROGRAM("tp_btf/tcp_destroy_sock", REFUSES_BOTH, LOAD_TRACE,
		"connects without a route; ends of sockets whose callbacks another program has taken",
		NULL),
	PROGRAM("iter/bpf_prog", 0, LOAD_WALK_PROGRAMS,
		"finding other sockops programs",
		"every state change of every socket is looked at by " STATE),

	PROGRAM("cgroup/connect4", REFUSES_RUN, CONNECT, "outbound caps", NULL),
	PROGRAM("cgroup/connect6", REFUSES_RUN, CONNECT, "outbound caps", NULL),
	PROGRAM("cgroup/sock_release", REFUSES_RUN, RELEASE,
		"orphans = ignore", NULL),
	WEAK(set_retval, "cgroup/connect4", 0, CONNECT,
	     "errno of a refused connect() (Linux 5.18)",
	     "a refused connect() gives EPERM, whatever errno says"),
	WEAK(get_retval, "cgroup/connect4", 0, CONNECT,
	     "refusals of other programs (Linux 5.18)",
	     "a connect() that another program refuses holds a slot until its socket is closed"),
	PROGRAM("tp_btf/tcp_retransmit_synack", REFUSES_RUN, RESENT,
		"inbound caps: slow handshakes", NULL),
	HELPER(skc_to_tcp_request_sock, "tp_btf/tcp_retransmit_synack", REFUSES_RUN, RESENT,
	       "inbound caps: slow handshakes (Linux 5.9)", NULL),
	PROGRAM("sk_lookup", REFUSES_RUN, LOAD_ARRIVAL, "inbound caps", NULL),
	HELPER(sk_assign, "sk_lookup", REFUSES_RUN, LOAD_ARRIVAL,
	       "excess = wait, redirect or evict", NULL),
	HELPER(sk_release, "sk_lookup", REFUSES_RUN, LOAD_ARRIVAL,
	       "excess = wait, redirect or evict", NULL),

	PROGRAM("cgroup/setsockopt", REFUSES_RUN, LOAD_LABEL, "user = label", NULL),
	PROGRAM("cgroup/getsockopt", REFUSES_RUN, LOAD_LABEL, "user = label", NULL),
	HELPER(get_netns_cookie, "cgroup/setsockopt", REFUSES_RUN, LOAD_LABEL,
	       "user = label (Linux 5.15)", NULL),

	PROGRAM("iter/tcp", REFUSES_RUN, SOCKETS,
		"sessions older than headcount; sessions, audit, kill and top",
		"sessions older than headcount are not seen"),
	HELPER(setsockopt, "iter/tcp", REFUSES_BOTH, LOAD_TRACE | SOCKETS,
	       "ends of sessions older than headcount, and inbound caps (Linux 5.15)", NULL),
	HELPER(seq_write, "iter/tcp", REFUSES_RUN, SOCKETS | LOAD_WALK_FILES,
	       "sessions older than headcount; sessions, audit, kill and top",
	       "sessions older than headcount are not seen"),
	OTHER("TCP_BPF_SOCK_OPS_CB_FLAGS", try_callbacks, 0, SOCKETS,
	      "ends of sessions older than headcount (Linux 6.12)",
	      "ends of sessions older than headcount are seen only by " STATE),
	PROGRAM("iter/task_file", 0, LOAD_WALK_FILES | LOAD_WALK_TARGETS,
		"which process holds a session; processes of older sessions",
		"holders of sessions, and processes of older ones, are not known"),
	HELPER(sock_from_file, "iter/task_file", 0, LOAD_WALK_FILES | LOAD_WALK_TARGETS,
	       "which process holds a session; processes of older sessions (Linux 5.11)",
	       "holders of sessions, and processes of older ones, are not known"),
	PROGRAM("cgroup_skb/ingress", REFUSES_RUN, TABLES,
		"reloads, held-back refusals, audit --repair, kill, label and top",
		"sessions older than headcount are shown when they end"),
	OTHER("SOCK_DESTROY", diag_try_destroy, 0, 0, "kill and top to close sessions",
	      "kill and top close no sessions (CONFIG_INET_DIAG_DESTROY)"),
};
/* clang-format on */
#define COUNT (sizeof(rows) / sizeof(rows[0]))

static int try_row(const struct feature *row)
{
	switch (row->kind) {
	case FEATURE_PROGRAM:
		return try_program(row->name);
	case FEATURE_HELPER:
	case FEATURE_WEAK:
		return try_helper(row->section, row->number);
	case FEATURE_MAP:
		return try_map(row->number);
	default:
		return row->try();
	}
}

const struct feature *features_list(size_t *count)
{
	static bool done;

	for (size_t i = 0; i < COUNT && !done; i++) {
		rows[i].error = try_row(&rows[i]);
		hc_step("looked for the kernel feature %s: %s", rows[i].name,
			rows[i].error ? strerror(-rows[i].error) : "found");
	}
	done = true;
	tries_end();
	*count = COUNT;
	return rows;
}

/* The programs that use it are not loaded without it. */
static bool drops(const struct feature *row)
{
	return row->kind == FEATURE_PROGRAM || row->kind == FEATURE_HELPER;
}

/* Its program cannot be had, or nothing is known without BTF: it is not what is lacking. */
static bool is_consequence(const struct feature *row)
{
	if (rows[0].error && row != rows)
		return true;
	for (size_t i = 0; i < COUNT && row->section; i++)
		if (rows[i].kind == FEATURE_PROGRAM && rows[i].error &&
		    !strcmp(rows[i].name, row->section))
			return true;
	return false;
}

/* Whoever loads `programs` lacks it. */
static bool is_lacking(const struct feature *row, unsigned int programs)
{
	return row->error && row->programs & programs && !is_consequence(row);
}

static void name_lacking(char *text, size_t size, const struct feature *row)
{
	size_t length = strlen(text);
	bool said = row->error != -EINVAL && row->error != -ENOENT && row->error != -EOPNOTSUPP;

	snprintf(text + length, size - length, "%s%s%s%s%s, needed for %s", length ? "; " : "",
		 row->name, said ? " (" : "", said ? strerror(-row->error) : "",
		 said ? ")" : "", row->needed_for);
}

static int say_lacking(const char *lacking)
{
	hc_error("this machine lacks %s", lacking);
	return -ENOTSUP;
}

int features_check(enum feature_refuses who, unsigned int *programs)
{
	unsigned int wanted = *programs;
	char lacking[2048] = "";
	size_t count;

	features_list(&count);
	for (size_t i = 0; i < count; i++)
		if (is_lacking(&rows[i], wanted) && rows[i].refuses & who)
			name_lacking(lacking, sizeof(lacking), &rows[i]);
	if (*lacking)
		return say_lacking(lacking);
	for (size_t i = 0; i < count; i++) {
		if (!is_lacking(&rows[i], wanted))
			continue;
		if (drops(&rows[i]))
			*programs &= ~rows[i].programs;
		hc_notice("without %s: %s", rows[i].name, rows[i].without);
	}
	return 0;
}

int features_explain(unsigned int programs, const char *section, int error)
{
	char lacking[2048] = "";
	size_t count;

	features_list(&count);
	for (size_t i = 0; i < count; i++)
		if (is_lacking(&rows[i], programs | LOAD_NOTHING) &&
		    (rows[i].refuses || drops(&rows[i])))
			name_lacking(lacking, sizeof(lacking), &rows[i]);
	if (*lacking)
		return say_lacking(lacking);
	if (!section)
		return hc_error_errno(error, "the kernel refuses the BPF object");
	return hc_error_errno(error,
			      "the kernel refuses %s, needed for %s (-vvv shows what it "
			      "says)",
			      section, features_need(section));
}

bool features_have(int helper)
{
	size_t count;

	features_list(&count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].section && rows[i].number == helper)
			return !rows[i].error;
	return false;
}

bool features_have_callbacks(void)
{
	size_t count;

	features_list(&count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].try == try_callbacks)
			return !rows[i].error;
	return false;
}

int features_cast(void)
{
	size_t count;

	features_list(&count);
	return tried_cast();
}

bool features_have_watch(void)
{
	size_t count;

	features_list(&count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].programs & LOAD_WALK_PROGRAMS && rows[i].kind == FEATURE_PROGRAM &&
		    rows[i].error)
			return false;
	return true;
}

const char *features_need(const char *section)
{
	for (size_t i = 0; i < COUNT; i++)
		if (rows[i].kind == FEATURE_PROGRAM && !strcmp(rows[i].name, section))
			return rows[i].needed_for;
	return "it to work";
}

const char *feature_absence(const struct feature *feature, char *text, size_t size)
{
	snprintf(text, size, "%s%s%s",
		 feature->refuses == REFUSES_BOTH  ? "refused"
		 : feature->refuses == REFUSES_RUN ? "run is refused"
						   : "",
		 feature->refuses && feature->without ? "; trace: " : "",
		 feature->without ?: "");
	return text;
}
