/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one way to say something to a person: one line on stderr, prefixed with
 * the program's name. Functions that can fail print their error once, where it
 * is understood best, and return a negative errno; callers unwind and stay
 * silent. Control bytes in the text are escaped.
 */
#ifndef HEADCOUNT_LOG_H
#define HEADCOUNT_LOG_H

/* An error; returns -EINVAL so that a parser can `return hc_error(...)`. */
int hc_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a failed system call: appends ": strerror(err)", returns -err.
 * `err` may be positive or negative. */
int hc_error_errno(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something the administrator should know, without failing. */
void hc_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on each line, without the program's name, goes to `take` instead (NULL: to
 * stderr again): a program that has the whole screen shows them on it. */
void log_divert(void (*take)(const char *line));

/* Each line of this thread goes to `hear` besides (NULL: to nobody any more), as it is printed:
 * escaped. */
void log_overhear(void (*hear)(const char *line));

/* Prints a line that was overheard, perhaps by another process. */
void log_repeat(const char *line);

#endif
