/* SPDX-License-Identifier: GPL-2.0-only */
/* The record of how reloads went (struct hc_reload): the daemon's side, and that of who asks.
 */
#ifndef HEADCOUNT_RELOAD_RECORD_H
#define HEADCOUNT_RELOAD_RECORD_H

#include "user/kernel/load.h"

/* 0, or a negative errno after the printed error. */
int reload_record_read(const struct headcount_bpf *object, struct hc_reload *record);

/* Notes that a reload begins, and from now on what is said. */
void reload_record_begin(const struct headcount_bpf *object);

/* The next line is the last, for which there is always room. */
void reload_record_last(void);

/* Notes how it ended. */
void reload_record_end(const struct headcount_bpf *object, enum hc_reload_result result);

/* A daemon starts on maps of an earlier one: of its own it has reloaded nothing. */
void reload_record_forget(const struct headcount_bpf *object);

#endif
