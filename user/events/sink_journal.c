// SPDX-License-Identifier: GPL-2.0-only
/*
 * systemd's journal. libsystemd waits as long as journald does not read, so that it has a
 * thread of its own, which takes what has gathered while it wrote what was there before.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/thread.h"
#include "user/events/journal_entry.h"
#include "user/events/sink.h"

#define LOST_HERE    "journal"  /* the reason that events-lost gives */
#define GATHERED_MAX (16 << 20) /* bytes that wait for the thread */

/* What both threads touch; it outlives the sink where the thread hangs in a write. */
struct journal {
	pthread_mutex_t lock;
	pthread_cond_t more, done;
	struct print_buffer gathered;
	__u64 held, sending;    /* entries in it, and in the thread's hands */
	__u64 lost;             /* events that did not get there */
	__u64 dropped;          /* those there was no room for and no entry tells of yet, */
	__u64 dropped_sequence; /* and the last of them */
	/* The thread's alone: the same of those that the journal did not take. */
	__u64 refused, refused_sequence;
	bool ending, busy, ended;
};

struct journal_sink {
	struct sink sink;
	struct journal *journal;
	pthread_t thread;
	__u64 counted; /* losses that take_losses() gave */
};

/* An entry as it lies in the text. */
struct entry {
	struct iovec fields[JOURNAL_FIELDS_MAX];
	int count;
	__u64 sequence;
	__u64 lost; /* of ours that it tells of; 0: it tells of something else */
};

/* Returns where the next one begins. */
static const char *read_entry(struct entry *entry, const char *text)
{
	static const char sequence[] = "HEADCOUNT_SEQUENCE=", lost[] = "HEADCOUNT_EVENTS_LOST=";
	bool ours = false;

	*entry = (struct entry){};
	for (; *text; text += strlen(text) + 1) {
		if (entry->count < JOURNAL_FIELDS_MAX)
			entry->fields[entry->count++] =
				(struct iovec){(void *)text, strlen(text)};
		if (!strncmp(text, sequence, sizeof(sequence) - 1))
			entry->sequence = strtoull(text + sizeof(sequence) - 1, NULL, 10);
		if (!strncmp(text, lost, sizeof(lost) - 1))
			entry->lost = strtoull(text + sizeof(lost) - 1, NULL, 10);
		ours |= !strcmp(text, "HEADCOUNT_REASON=" LOST_HERE);
	}
	if (!ours)
		entry->lost = 0;
	return text + 1;
}

/* libsystemd says that all is well where there is no journal. */
static bool send_entry(const struct entry *entry)
{
	return !access(SINK_JOURNAL_SOCKET, F_OK) &&
	       sd_journal_sendv(entry->fields, entry->count) >= 0;
}

/* Tells of what was refused, before the next entry is sent. */
static bool tell_refused(struct journal *journal)
{
	struct print_context context = {.sequence = journal->refused_sequence};
	struct print_buffer text = {};
	struct entry entry;
	bool told = false;

	if (journal_entry_lost(&text, &context, LOST_HERE, journal->refused)) {
		read_entry(&entry, text.data);
		told = send_entry(&entry);
	}
	print_buffer_free(&text);
	if (told)
		journal->refused = 0;
	return told;
}

/* Returns how many events the journal did not take. One that tells of losses hands
 * them on to the next that does. */
static __u64 send_all(struct journal *journal, const struct print_buffer *entries)
{
	const char *at = entries->data, *end = at + entries->length;
	struct entry entry;
	__u64 lost = 0;

	while (at < end) {
		at = read_entry(&entry, at);
		if ((!journal->refused || tell_refused(journal)) && send_entry(&entry))
			continue;
		journal->refused += entry.lost ?: 1;
		journal->refused_sequence = entry.sequence;
		lost += !entry.lost;
	}
	return lost;
}

/* Tells of what there was no room for, before the next entry. */
static void tell_dropped(struct journal *journal)
{
	struct print_context context = {.sequence = journal->dropped_sequence};

	if (journal->dropped && journal->gathered.length < GATHERED_MAX &&
	    journal_entry_lost(&journal->gathered, &context, LOST_HERE, journal->dropped))
		journal->dropped = 0;
}

static void journal_free(struct journal *journal)
{
	print_buffer_free(&journal->gathered);
	pthread_cond_destroy(&journal->more);
	pthread_cond_destroy(&journal->done);
	pthread_mutex_destroy(&journal->lock);
	free(journal);
}

static void *write_entries(void *argument)
{
	struct journal *journal = argument;
	struct print_buffer entries = {}, empty;
	__u64 lost;

	privileges_drop_all(); /* we are older than what the main thread keeps */
	pthread_mutex_lock(&journal->lock);
	while (!journal->ending || journal->gathered.length) {
		if (!journal->gathered.length) {
			pthread_cond_wait(&journal->more, &journal->lock);
			continue;
		}
		empty = entries;
		entries = journal->gathered;
		journal->gathered = empty;
		journal->sending = journal->held;
		journal->held = 0;
		journal->busy = true;
		pthread_mutex_unlock(&journal->lock);
		lost = send_all(journal, &entries);
		entries.length = 0;
		pthread_mutex_lock(&journal->lock);
		journal->busy = false;
		journal->sending = 0;
		journal->lost += lost;
		pthread_cond_signal(&journal->done);
	}
	journal->ended = true;
	pthread_cond_signal(&journal->done);
	pthread_mutex_unlock(&journal->lock);
	print_buffer_free(&entries);
	return NULL;
}

static struct sink *open_journal(struct sinks *sinks, const struct sink_spec *spec,
				 const struct sink_list *list)
{
	struct journal_sink *sink = calloc(1, sizeof(*sink));
	struct journal *journal = calloc(1, sizeof(*journal));
	pthread_condattr_t monotonic;
	int error = sink && journal ? 0 : -ENOMEM;

	(void)sinks, (void)spec, (void)list;
	if (!error && access(SINK_JOURNAL_SOCKET, F_OK))
		error = -errno;
	if (!error) {
		pthread_condattr_init(&monotonic);
		pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
		pthread_mutex_init(&journal->lock, NULL);
		pthread_cond_init(&journal->more, NULL);
		pthread_cond_init(&journal->done, &monotonic);
		error = thread_start(&sink->thread, write_entries, journal);
	}
	if (!error) {
		sink->journal = journal;
		return &sink->sink;
	}
	hc_error_errno(error, "cannot write events to the journal at " SINK_JOURNAL_SOCKET);
	free(sink);
	free(journal);
	return NULL;
}

/* One of these. */
struct news {
	const struct hc_event *event;
	const struct print_fleet *fleet;
	const char *word; /* of what is lost */
	__u64 lost;
};

static bool append(struct print_buffer *out, const struct print_context *context,
		   const struct news *news)
{
	if (news->event)
		return journal_entry_event(out, context, news->event);
	if (news->fleet)
		return journal_entry_fleet(out, context, news->fleet);
	return journal_entry_lost(out, context, news->word, news->lost);
}

/* Adds an entry, if there is room; what there is no room for is counted. */
static void gather_entry(struct sink *sink, const struct print_context *context,
			 const struct news *news)
{
	struct journal *journal = ((struct journal_sink *)sink)->journal;
	bool added = false;

	pthread_mutex_lock(&journal->lock);
	tell_dropped(journal);
	if (journal->gathered.length < GATHERED_MAX)
		added = append(&journal->gathered, context, news);
	if (!added) {
		journal->lost++;
		journal->dropped++;
		journal->dropped_sequence = context->sequence;
	} else {
		journal->held++;
	}
	pthread_cond_signal(&journal->more);
	pthread_mutex_unlock(&journal->lock);
}

static void on_event(struct sink *sink, const struct print_context *context,
		     const struct hc_event *event)
{
	gather_entry(sink, context, &(struct news){.event = event});
}

static void on_lost(struct sink *sink, const struct print_context *context, const char *word,
		    __u64 lost)
{
	gather_entry(sink, context, &(struct news){.word = word, .lost = lost});
}

static void on_fleet(struct sink *sink, const struct print_context *context,
		     const struct print_fleet *fleet)
{
	gather_entry(sink, context, &(struct news){.fleet = fleet});
}

static void finish(struct sink *sink, __u64 deadline_ns)
{
	struct journal *journal = ((struct journal_sink *)sink)->journal;
	struct timespec deadline = clock_timespec(deadline_ns);
	int error = 0;
	__u64 lost;

	pthread_mutex_lock(&journal->lock);
	while ((journal->busy || journal->gathered.length) && !error)
		error = pthread_cond_timedwait(&journal->done, &journal->lock, &deadline);
	/* At most: of what the thread has in its hands it may have sent some. */
	lost = error ? journal->held + journal->sending : 0;
	journal->lost += lost;
	pthread_mutex_unlock(&journal->lock);
	if (lost)
		hc_notice("the journal does not read: up to %llu entries lost", lost);
}

static void take_losses(struct sink *base, __u64 losses[])
{
	struct journal_sink *sink = (struct journal_sink *)base;

	pthread_mutex_lock(&sink->journal->lock);
	losses[HC_LOSS_JOURNAL] += sink->journal->lost - sink->counted;
	sink->counted = sink->journal->lost;
	pthread_mutex_unlock(&sink->journal->lock);
}

static void free_journal(struct sink *base)
{
	struct journal_sink *sink = (struct journal_sink *)base;
	struct journal *journal = sink->journal;
	struct timespec soon = clock_timespec(clock_monotonic_ns() + 100 * NS_PER_MS);
	int error = 0;
	bool ended;

	pthread_mutex_lock(&journal->lock);
	journal->ending = true;
	pthread_cond_signal(&journal->more);
	while (!journal->ended && !error)
		error = pthread_cond_timedwait(&journal->done, &journal->lock, &soon);
	ended = journal->ended;
	pthread_mutex_unlock(&journal->lock);
	/* A thread that hangs in a write keeps it. */
	if (ended) {
		pthread_join(sink->thread, NULL);
		journal_free(journal);
	} else {
		pthread_detach(sink->thread);
	}
	free(sink);
}

const struct sink_kind_row sink_journal = {
	.open = open_journal,
	.event = on_event,
	.lost = on_lost,
	.fleet = on_fleet,
	.finish = finish,
	.take_losses = take_losses,
	.free = free_journal,
};
