// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "record.h"
#include "user/base/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *word_of_end(unsigned int end)
{
	static const char *const words[] = {
		[HC_END_UNKNOWN] = "unknown",
		[HC_END_FINISHED] = "finished",
		[HC_END_RESET] = "reset",
		[HC_END_TIMEOUT] = "timed-out",
		[HC_END_REFUSED] = "refused",
		[HC_END_ABANDONED] = "abandoned",
		[HC_END_UNREACHABLE] = "unreachable",
		[HC_END_ABORTED] = "aborted",
		[HC_END_KILLED] = "killed",
		[HC_END_IDLE] = "idle",
		[HC_END_EVICTED] = "evict",
		[HC_END_ALONE] = "fleet-alone",
	};

	return words[end < COUNT(words) ? end : HC_END_UNKNOWN];
}

const char *word_of_evidence(unsigned int evidence)
{
	static const char *const words[] = {
		[HC_EVIDENCE_NONE] = "none",
		[HC_EVIDENCE_DEAD] = "unanswered",
		[HC_EVIDENCE_IDLE] = "idle",
	};

	return words[evidence < COUNT(words) ? evidence : HC_EVIDENCE_NONE];
}

/* Indexed by the kernel's number. 12 is a handshake that has no socket yet,
 * which ss shows as SYN-RECV too; CLOSE is UNCONN there. */
const char *word_of_state(unsigned int state)
{
	static const char *const words[] = {
		"UNKNOWN",    "ESTAB",     "SYN-SENT", "SYN-RECV",   "FIN-WAIT-1",
		"FIN-WAIT-2", "TIME-WAIT", "UNCONN",   "CLOSE-WAIT", "LAST-ACK",
		"LISTEN",     "CLOSING",   "SYN-RECV",
	};

	return words[state < COUNT(words) ? state : 0];
}

static const struct {
	const char *word, *name;
} actions[] = {
	[ACTION_LOST] = {"lost", "events-lost"},
	[HC_OPENED] = {"opened", "session-opened"},
	[HC_CLOSED] = {"closed", "session-closed"},
	[HC_REFUSED] = {"refused", "session-refused"},
	[HC_KILLED] = {"killed", "session-killed"},
	[HC_LABELLED] = {"labelled", "session-labelled"},
};
_Static_assert(COUNT(actions) == ACTION_COUNT, "each has its words");

static const char *const excesses[] = {
	[HC_REJECT] = "reject",     [HC_OBSERVE] = "observe", [HC_WAIT] = "wait",
	[HC_REDIRECT] = "redirect", [HC_EVICT] = "evict",
};
_Static_assert(COUNT(excesses) == HC_EXCESS_COUNT, "each has its word");

const char *word_of_excess(unsigned int excess)
{
	return excesses[excess < COUNT(excesses) ? excess : HC_REJECT];
}

int excess_of_word(const char *word)
{
	for (size_t i = 0; i < COUNT(excesses); i++)
		if (!strcmp(word, excesses[i]))
			return i;
	return -1;
}

static const char *const alones[] = {
	[HC_ALONE_LOCAL] = "local",
	[HC_ALONE_REFUSE] = "refuse",
	[HC_ALONE_ADMIT] = "admit",
	[HC_ALONE_CLOSE] = "close",
};

const char *word_of_alone(unsigned int alone)
{
	return alones[alone < COUNT(alones) ? alone : HC_ALONE_LOCAL];
}

int alone_of_word(const char *word)
{
	for (size_t i = 0; i < COUNT(alones); i++)
		if (!strcmp(word, alones[i]))
			return i;
	return -1;
}

static const char *const colds[] = {[HC_COLD_WAIT] = "wait", [HC_COLD_ADMIT] = "admit"};

const char *word_of_cold(unsigned int cold)
{
	return colds[cold < COUNT(colds) ? cold : HC_COLD_WAIT];
}

int cold_of_word(const char *word)
{
	for (size_t i = 0; i < COUNT(colds); i++)
		if (!strcmp(word, colds[i]))
			return i;
	return -1;
}

static const char *const answers[] = {[HC_ANSWER_NONE] = "",
#define X(name, word) word,
				      HC_ANSWERS(X)
#undef X
};

const char *word_of_answer(unsigned int answer)
{
	return answers[answer < COUNT(answers) ? answer : HC_ANSWER_NONE];
}

int answer_of_word(const char *word)
{
	for (size_t i = HC_ANSWER_NONE + 1; i < COUNT(answers); i++)
		if (!strcmp(word, answers[i]))
			return i;
	return -1;
}

const char *word_of_action(unsigned int type)
{
	return actions[type < ACTION_COUNT ? type : ACTION_LOST].word;
}

const char *name_of_fleet(_Bool alone)
{
	return alone ? "fleet-alone" : "fleet-back";
}

const char *name_of_action(unsigned int type)
{
	return actions[type < ACTION_COUNT ? type : ACTION_LOST].name;
}
