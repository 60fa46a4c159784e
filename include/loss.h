/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every reason for which something can go untracked, unreported or wrong, with
 * the words that `status`, the events and the metrics use. A reason is a row
 * here, a per-CPU counter in the map `losses`, and nothing else.
 *
 * kind: UNTRACKED, a session that is not charged; EVENTS, a record that did not
 * reach user space; NOTE, something that was handled but should be seen; SINK, lines that
 * one reader of the events did not get, which the daemon alone counts.
 */
#ifndef HEADCOUNT_LOSS_H
#define HEADCOUNT_LOSS_H

#define HC_LOSSES(X)                                                                           \
	X(SESSIONS_FULL, UNTRACKED, "sessions-full", "session table full")                     \
	X(USERS_FULL, UNTRACKED, "users-full", "no room for the user in the user table")       \
	X(LISTENERS_FULL, NOTE, "listeners-full", "listener table full: owner not known")      \
	X(LISTENERS_ELSEWHERE, NOTE, "listeners-elsewhere",                                    \
	  "listeners beyond half of the table, where nothing is enforced")                     \
	X(RING_FULL, EVENTS, "ring-full", "event ring full")                                   \
	X(REFUSALS_FULL, EVENTS, "refusal-ring-full", "refusal ring full, reported later")     \
	X(REFUSALS_FORGOTTEN, EVENTS, "refusals-forgotten",                                    \
	  "suppressed refusals of a user that made room for another")                          \
	X(LABELS_FULL, NOTE, "labels-full", "session that cannot be given a label: no memory") \
	X(LABELS_UNTRUSTED, NOTE, "labels-untrusted",                                          \
	  "label not taken: its server is none of the service's labellers")                    \
	X(LATE, NOTE, "late", "handshake finished after its reservation had expired")          \
	X(LATE_FULL, NOTE, "late-full", "late session over its cap, not closed")               \
	X(CORRECTED, NOTE, "corrected", "count corrected by audit --repair")                   \
	X(NOT_HELD, NOTE, "not-held",                                                          \
	  "rejected at once instead of held: run is not active (excess = wait, evict)")        \
	X(NOT_REDIRECTED, NOTE, "not-redirected",                                              \
	  "rejected: where excess = redirect leads nobody listens, or only with MPTCP")        \
	X(PLEAS_FULL, NOTE, "pleas-full",                                                      \
	  "attempt that waits and did not get run to make room")                               \
	X(EVICT_NONE, NOTE, "evict-none",                                                      \
	  "newcomer over its cap for whom no session was stale (excess = evict)")              \
	X(EVICT_RATE, NOTE, "evict-rate",                                                      \
	  "newcomer over its cap for whom evict_rate let none go")                             \
	X(ASKS_FULL, NOTE, "asks-full",                                                        \
	  "attempt without a unit that did not get run to ask the store (scope = fleet)")      \
	X(ANSWERS_LATE, NOTE, "answers-late",                                                  \
	  "client over its cap, cut off before its answer (redirect = answer:)")               \
	X(ANSWERS_CROWDED, NOTE, "answers-crowded",                                            \
	  "client over its cap, not answered: too many at once (redirect = answer:)")          \
	X(NETNS_UNREACHED, NOTE, "netns-unreached",                                            \
	  "network namespace not entered: headcount-netns has not answered")                   \
	X(SUBSCRIBERS_FULL, NOTE, "subscribers-full",                                          \
	  "subscribers turned away: events_max were connected")                                \
	X(STDOUT_SLOW, SINK, "stdout-slow",                                                    \
	  "lines that stdout, beside other sinks, did not take")                               \
	X(SUBSCRIBER_SLOW, SINK, "subscriber-slow", "lines that a subscriber did not take")    \
	X(FILE_WRITE, SINK, "file-write", "lines that could not be written to a file")         \
	X(JOURNAL, SINK, "journal", "entries that the journal did not take")

enum hc_loss {
#define X(name, kind, word, text) HC_LOSS_##name,
	HC_LOSSES(X)
#undef X
		HC_LOSS_COUNT,
};

#endif
