// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/thread.h"
#include "user/daemon/fleet_asked.h"
#include "user/daemon/fleet_reply.h"
#include "user/daemon/fleet_voice.h"
#include "user/fleet/askers.h"

#define LOOK_MS 200 /* how long the end of the thread may take */
#define PAUSES  5   /* of LOOK_MS, until the store is tried again */
#define TELL_NS (60 * NS_PER_SECOND)
#define HEARD   64  /* requests that are known again */
#define AT_MOST 256 /* requests that are heard, and then something else is looked at */

/* What is heard through one store, by a thread of its own. */
struct reply {
	struct fleet_reply *all;
	struct fleet_voice voice;
	pthread_t thread;
	bool started;
	struct fleet_asked asked[REPLY_AT_ONCE];
	struct fleet_request request; /* the last one */
};

struct fleet_reply {
	struct fleet_runner *runner;
	atomic_bool stop;
	pthread_mutex_t lock; /* of the next: what may be asked through all stores together */
	__u64 tokens, filled; /* thousandths of requests that may be run; reckoned then */
	__u64 told;           /* that there are too many */
	int running;
	char heard[HEARD][ASK_ID + 1];
	unsigned int next; /* of those, the one that is forgotten next */
	size_t count;
	struct reply each[];
};

static __u64 now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* One of all that run at once; NULL: there is none left. */
static struct fleet_asked *take_place(struct reply *reply)
{
	struct fleet_reply *all = reply->all;
	struct fleet_asked *place = NULL;

	pthread_mutex_lock(&all->lock);
	for (int i = 0; i < REPLY_AT_ONCE && all->running < REPLY_AT_ONCE && !place; i++)
		if (!reply->asked[i].there)
			place = &reply->asked[i];
	all->running += !!place;
	pthread_mutex_unlock(&all->lock);
	return place;
}

static void leave_place(struct reply *reply, struct fleet_asked *place)
{
	fleet_asked_free(place);
	pthread_mutex_lock(&reply->all->lock);
	reply->all->running--;
	pthread_mutex_unlock(&reply->all->lock);
}

/* What nobody is to miss in the log of this host: somebody elsewhere closes its sessions. */
static void tell_log(const struct fleet_request *request, bool allowed)
{
	char line[512];

	hc_notice("fleet: %s, uid %u, %s: %s", request->host, request->uid,
		  allowed ? "has this done" : "may not have this done, as kill = no",
		  request_line(request, line, sizeof(line)));
}

static int run(struct reply *reply, const char *id)
{
	const struct fleet_request *request = &reply->request;
	struct fleet_voice *voice = &reply->voice;
	struct fleet_asked *place;

	if (request->command == REQUEST_KILL && !voice->fleet.kill) {
		askers_count(HC_ASKED_REFUSED);
		tell_log(request, false);
		return fleet_voice_refuse(voice, id,
					  "no session of this host may be closed from "
					  "elsewhere: kill = no in its [fleet]\n");
	}
	place = take_place(reply);
	if (!place) {
		askers_count(HC_ASKED_BUSY);
		return fleet_voice_refuse(voice, id,
					  "it is busy with what others ask: try again\n");
	}
	if (request_closes(request))
		tell_log(request, true);
	askers_count(HC_ASKED_RUN);
	if (!fleet_asked_begin(place, reply->all->runner, request, id))
		return 0;
	leave_place(reply, place);
	return fleet_voice_refuse(voice, id, "it cannot start a process\n");
}

/* So many a second, and as many at once; who asks more often hears nothing at all. */
static bool may_take(struct fleet_reply *all)
{
	const __u64 now = now_ns(), most = REPLY_A_SECOND * 1000;
	bool may, tells;
	__u64 passed;

	pthread_mutex_lock(&all->lock);
	passed = now > all->filled ? (now - all->filled) / NS_PER_MS : 0;
	all->tokens += passed * REPLY_A_SECOND;
	all->filled += passed * NS_PER_MS;
	if (all->tokens > most)
		all->tokens = most;
	may = all->tokens >= 1000;
	all->tokens -= may ? 1000 : 0;
	tells = !may && (!all->told || now - all->told > TELL_NS);
	if (tells)
		all->told = now;
	pthread_mutex_unlock(&all->lock);
	if (!may)
		askers_count(HC_ASKED_BUSY);
	if (tells)
		hc_notice("fleet: others ask more often than %d times a second: what is "
			  "beyond is not answered",
			  REPLY_A_SECOND);
	return may;
}

/* Two stores may be one server under two names: both threads hear what is asked there. */
static bool is_new(struct fleet_reply *all, const char *id)
{
	bool there = false;

	pthread_mutex_lock(&all->lock);
	for (int i = 0; i < HEARD && !there; i++)
		there = !strcmp(all->heard[i], id);
	if (!there)
		strcpy(all->heard[all->next++ % HEARD], id);
	pthread_mutex_unlock(&all->lock);
	return !there;
}

static int hear(struct reply *reply)
{
	char id[ASK_ID + 1];
	int there = 0;

	for (int heard = 0; heard < AT_MOST; heard++) {
		there = fleet_voice_hear(&reply->voice, id);
		if (there <= 0)
			return there;
		if (is_new(reply->all, id) && may_take(reply->all))
			there = fleet_voice_take(&reply->voice, id, &reply->request);
		else
			there = 0;
		if (there > 0)
			there = run(reply, id);
		if (there || atomic_load(&reply->all->stop))
			return there;
	}
	return there;
}

static int answer(struct reply *reply, struct fleet_asked *asked)
{
	int code = fleet_asked_code(asked);

	return fleet_voice_answer(&reply->voice, asked->id, asked->output, asked->output_size,
				  asked->said, asked->said_size, code);
}

static int go_round(struct reply *reply)
{
	struct pollfd polls[1 + 2 * REPLY_AT_ONCE] = {{line_fd(reply->voice.hear), POLLIN, 0}};
	int count = 1, error;

	for (int i = 0; i < 2 * REPLY_AT_ONCE; i++) {
		const struct fleet_asked *asked = &reply->asked[i / 2];

		if (asked->there && asked->fds[i % 2] >= 0)
			polls[count++] = (struct pollfd){asked->fds[i % 2], POLLIN, 0};
	}
	poll(polls, count, LOOK_MS);
	error = hear(reply);
	for (int i = 0; i < REPLY_AT_ONCE && !error; i++) {
		struct fleet_asked *asked = &reply->asked[i];

		if (!asked->there || !fleet_asked_read(asked, now_ns()))
			continue;
		error = answer(reply, asked);
		leave_place(reply, asked);
	}
	return error ?: fleet_voice_stay(&reply->voice);
}

/* Nobody can be answered any more; and other stores' requests need the places. */
static void close_voice(struct reply *reply)
{
	fleet_voice_close(&reply->voice, false);
	for (int i = 0; i < REPLY_AT_ONCE; i++)
		if (reply->asked[i].there)
			leave_place(reply, &reply->asked[i]);
}

static void pause_a_second(struct reply *reply)
{
	for (int i = 0; i < PAUSES && !atomic_load(&reply->all->stop); i++)
		clock_sleep_ms(LOOK_MS);
}

static void *work(void *context)
{
	struct reply *reply = context;
	struct fleet_voice *voice = &reply->voice;

	privileges_drop_all();
	while (!atomic_load(&reply->all->stop)) {
		int error = voice->talk ? go_round(reply) : fleet_voice_open(voice);

		if (!error)
			continue;
		close_voice(reply);
		pause_a_second(reply);
	}
	fleet_voice_close(voice, true);
	return NULL;
}

static int start_one(struct fleet_reply *all, const struct config_fleet *fleet, size_t number)
{
	struct reply *reply = &all->each[number];
	int error;

	reply->all = all;
	all->count++;
	error = fleet_voice_init(&reply->voice, fleet, number, &all->stop);
	if (error)
		return hc_error_errno(error, "cannot answer the fleet");
	error = thread_start(&reply->thread, work, reply);
	reply->started = !error;
	return error ? hc_error_errno(error, "cannot start a thread") : 0;
}

int fleet_reply_start(struct fleet_reply **result, const struct config_fleet *fleet,
		      struct fleet_runner *runner)
{
	struct fleet_reply *all =
		calloc(1, sizeof(*all) + fleet->store_count * sizeof(all->each[0]));
	int error = 0;

	*result = all;
	if (!all)
		return hc_error_errno(ENOMEM, "cannot answer the fleet");
	pthread_mutex_init(&all->lock, NULL);
	if (!request_is_name(fleet->name, strlen(fleet->name))) {
		hc_error("fleet: no other host can ask this one: its name, %s, is not of A-Z "
			 "a-z 0-9 _ . -: give another in [fleet]",
			 fleet->name);
		return 0;
	}
	all->runner = runner;
	all->filled = now_ns();
	all->tokens = REPLY_A_SECOND * 1000;
	for (size_t i = 0; i < fleet->store_count && !error; i++)
		error = start_one(all, fleet, i);
	return error;
}

void fleet_reply_end(struct fleet_reply *all)
{
	if (!all)
		return;
	atomic_store(&all->stop, true);
	for (size_t i = 0; i < all->count; i++) {
		struct reply *reply = &all->each[i];

		if (reply->started)
			pthread_join(reply->thread, NULL);
		for (int j = 0; j < REPLY_AT_ONCE; j++)
			fleet_asked_free(&reply->asked[j]);
		fleet_voice_free(&reply->voice);
	}
	pthread_mutex_destroy(&all->lock);
	free(all);
}
