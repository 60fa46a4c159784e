/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one way to say something to a person: one line on stderr, prefixed with
 * the program's name. Functions that can fail print their error once, where it
 * is understood best, and return a negative errno; callers unwind and stay
 * silent. Control bytes in the text are escaped. Where stderr is the journal's,
 * each line begins with its priority, as sd-daemon(3) has it.
 */
#ifndef HEADCOUNT_LOG_H
#define HEADCOUNT_LOG_H

#include <stdbool.h>

/* What each -v adds. */
enum log_detail {
	LOG_STEPS = 1, /* what we look up, open, load, attach, pin, reload and give up */
	LOG_LIBBPF,    /* libbpf's own words */
	LOG_VERIFIER,  /* and the kernel's verifier's */
};

/* Sets how much is told; before there are threads. */
void log_set_detail(unsigned int detail);
/* The same for one -v more. */
void log_more(void);
bool log_tells(enum log_detail detail);

/* An error; returns -EINVAL so that a parser can `return hc_error(...)`. */
int hc_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a failed system call: appends ": strerror(err)", returns -err.
 * `err` may be positive or negative. */
int hc_error_errno(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__ /* which is not to think that they return 0 */
#define hc_error(...)            (hc_error(__VA_ARGS__), -1)
#define hc_error_errno(err, ...) (hc_error_errno(err, __VA_ARGS__), -1)
#endif

/* Something the administrator should know, without failing. */
void hc_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A step on the way, told from LOG_STEPS on. */
void hc_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a library says, of any number of lines, told from `detail` on. */
void log_words(enum log_detail detail, const char *text);

/* From now on each line, without the program's name, goes to `take` instead (NULL: to
 * stderr again): a program that has the whole screen shows them on it. */
void log_divert(void (*take)(const char *line));

/* Each line of this thread goes to `hear` besides (NULL: to nobody any more), as it is printed:
 * escaped. */
void log_overhear(void (*hear)(const char *line));

/* This thread says nothing any more. */
void log_hush(void);

/* Prints a line that was overheard, perhaps by another process. */
void log_repeat(const char *line);

#endif
