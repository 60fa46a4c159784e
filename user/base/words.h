/* SPDX-License-Identifier: GPL-2.0-only */
/* The words for what the kernel part tells in numbers; never NULL. */
#ifndef HEADCOUNT_WORDS_H
#define HEADCOUNT_WORDS_H

const char *word_of_end(unsigned int end);           /* "finished", "reset", "timed-out", ... */
const char *word_of_evidence(unsigned int evidence); /* "unanswered", "idle" */
const char *word_of_state(unsigned int state); /* "ESTAB", "FIN-WAIT-1" .. as ss(8) writes */

const char *word_of_excess(unsigned int excess); /* "reject", "observe", "wait", .. */
int excess_of_word(const char *word);            /* enum hc_excess, or -1 */
const char *word_of_answer(unsigned int answer); /* "imap", .., "file"; "": none */
int answer_of_word(const char *word);            /* enum hc_answer, or -1 */

const char *word_of_alone(unsigned int alone); /* "local", "refuse", ... */
int alone_of_word(const char *word);           /* enum hc_alone, or -1 */
const char *word_of_cold(unsigned int cold);   /* "wait", "admit" */
int cold_of_word(const char *word);            /* enum hc_cold, or -1 */

/* By an event's type; events that are lost have none. */
#define ACTION_LOST  0
#define ACTION_COUNT 6
const char *word_of_action(unsigned int type); /* "opened", "closed", ..; "lost" */
const char *name_of_action(unsigned int type); /* "session-opened", ..; "events-lost" */
const char *name_of_fleet(_Bool alone);        /* "fleet-alone", "fleet-back" */

/* The enum hc_mute of HC_OPENED, HC_CLOSED and HC_REFUSED. */
#define MUTE_OF_ACTION(type) (HC_MUTE_OPENED << ((type)-HC_OPENED))

#endif
