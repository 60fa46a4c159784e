/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_QUIESCE_H
#define HEADCOUNT_QUIESCE_H

/*
 * Returns when every run of a BPF program that was under way at the call is over: whoever runs
 * after that sees what was written to maps before it. Takes some tens of milliseconds. 0, or a
 * negative errno, without a word.
 */
int quiesce_programs(void);

#endif
