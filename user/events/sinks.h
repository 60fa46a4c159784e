/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where lines go: every sink of the configuration. stdout alone may be slow: it is waited for,
 * and what the kernel cannot hold meanwhile is counted there. Everybody else has as much time
 * as the log of lines gives (line_log.h), and nobody waits.
 */
#ifndef HEADCOUNT_SINKS_H
#define HEADCOUNT_SINKS_H

#include <signal.h>
#include "loss.h"
#include "user/config/sink_list.h"
#include "user/events/print.h"

struct sinks;

/* None yet. stdout is `out`. Once `*hurry` is set, what is slow has some seconds left. Lines
 * call this host `host`; NULL: by its node name. */
struct sinks *sinks_new(int out, const volatile sig_atomic_t *hurry, const char *host);
void sinks_free(struct sinks *sinks);

/* Opens what the list names and is not there yet, and the files anew. Prints the error; then
 * nothing has changed. What was prepared is for sinks_commit() or sinks_abandon(). */
int sinks_prepare(struct sinks *sinks, const struct sink_list *list);
void sinks_commit(struct sinks *sinks);
void sinks_abandon(struct sinks *sinks);

/* What all lines for them have to say of where they are from. */
const struct origin *sinks_origin(const struct sinks *sinks);

/* Does anybody want lines? Events, as they are? */
bool sinks_want_lines(const struct sinks *sinks);
bool sinks_want_events(const struct sinks *sinks);

/* Takes whole lines, the last of which is number `last`; the buffer is empty afterwards.
 * Returns 0, -EPIPE if nobody reads any more, or an errno that ends us. */
int sinks_write(struct sinks *sinks, struct print_buffer *lines, __u64 last);

void sinks_event(struct sinks *sinks, const struct print_context *context,
		 const struct hc_event *event);
void sinks_lost(struct sinks *sinks, const struct print_context *context, const char *word,
		__u64 lost);
void sinks_fleet(struct sinks *sinks, const struct print_context *context,
		 const struct print_fleet *fleet);

/* Sleeps, but serves those who come, go or have room again. */
void sinks_nap(struct sinks *sinks, int nap_ms);

/* The end: what is left is written as far as it is taken in some seconds; what is not, is
 * counted and told. */
void sinks_finish(struct sinks *sinks);

/* How many there are on all sockets. */
unsigned int sinks_subscribers(const struct sinks *sinks);

/* Lines that stdout, being alone, did not take before we had to end. */
__u64 sinks_unread(const struct sinks *sinks);

/* Adds what was lost since the last call. */
void sinks_take_losses(struct sinks *sinks, __u64 losses[]);

#endif
