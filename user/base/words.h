/* SPDX-License-Identifier: GPL-2.0-only */
/* The words for what the kernel part tells in numbers; never NULL. */
#ifndef HEADCOUNT_WORDS_H
#define HEADCOUNT_WORDS_H

const char *word_of_end(unsigned int end);     /* "finished", "reset", "timed-out", ... */
const char *word_of_state(unsigned int state); /* "ESTAB", "FIN-WAIT-1" .. as ss(8) writes */

#endif
