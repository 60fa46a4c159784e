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
#define AT_MOST 256 /* requests that are heard, and then something else is looked at */

struct fleet_reply {
	struct fleet_voice voice;
	struct fleet_runner *runner;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	__u64 tokens, filled; /* thousandths of requests that may be run; reckoned then */
	__u64 told;           /* that there are too many */
	struct fleet_asked asked[REPLY_AT_ONCE];
	struct fleet_request request; /* the last one */
};

static __u64 now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

static struct fleet_asked *free_place(struct fleet_reply *reply)
{
	for (int i = 0; i < REPLY_AT_ONCE; i++)
		if (!reply->asked[i].there)
			return &reply->asked[i];
	return NULL;
}

/* What nobody is to miss in the log of this host: somebody elsewhere closes its sessions. */
static void tell_log(const struct fleet_request *request, bool allowed)
{
	char line[512];

	hc_notice("fleet: %s, uid %u, %s: %s", request->host, request->uid,
		  allowed ? "has this done" : "may not have this done, as kill = no",
		  request_line(request, line, sizeof(line)));
}

static int run(struct fleet_reply *reply, const char *id)
{
	const struct fleet_request *request = &reply->request;
	struct fleet_asked *place = free_place(reply);
	struct fleet_voice *voice = &reply->voice;

	if (request->command == REQUEST_KILL && !voice->fleet.kill) {
		askers_count(HC_ASKED_REFUSED);
		tell_log(request, false);
		return fleet_voice_refuse(voice, id,
					  "no session of this host may be closed from "
					  "elsewhere: kill = no in its [fleet]\n");
	}
	if (!place) {
		askers_count(HC_ASKED_BUSY);
		return fleet_voice_refuse(voice, id,
					  "it is busy with what others ask: try again\n");
	}
	if (request_closes(request))
		tell_log(request, true);
	askers_count(HC_ASKED_RUN);
	return fleet_asked_begin(place, reply->runner, request, id)
		       ? fleet_voice_refuse(voice, id, "it cannot start a process\n")
		       : 0;
}

/* So many a second, and as many at once; who asks more often hears nothing at all. */
static bool may_take(struct fleet_reply *reply)
{
	const __u64 now = now_ns(), most = REPLY_A_SECOND * 1000;
	__u64 passed = (now - reply->filled) / NS_PER_MS;

	reply->tokens += passed * REPLY_A_SECOND;
	reply->filled += passed * NS_PER_MS;
	if (reply->tokens > most)
		reply->tokens = most;
	if (reply->tokens >= 1000) {
		reply->tokens -= 1000;
		return true;
	}
	askers_count(HC_ASKED_BUSY);
	if (!reply->told || now - reply->told > TELL_NS) {
		hc_notice("fleet: others ask more often than %d times a second: what is "
			  "beyond is not answered",
			  REPLY_A_SECOND);
		reply->told = now;
	}
	return false;
}

static int hear(struct fleet_reply *reply)
{
	char id[ASK_ID + 1];
	int there = 0;

	for (int heard = 0; heard < AT_MOST; heard++) {
		there = fleet_voice_hear(&reply->voice, id);
		if (there <= 0)
			return there;
		if (may_take(reply))
			there = fleet_voice_take(&reply->voice, id, &reply->request);
		else
			there = 0;
		if (there > 0)
			there = run(reply, id);
		if (there || atomic_load(&reply->stop))
			return there;
	}
	return there;
}

static int answer(struct fleet_reply *reply, struct fleet_asked *asked)
{
	int code = fleet_asked_code(asked);

	return fleet_voice_answer(&reply->voice, asked->id, asked->output, asked->output_size,
				  asked->said, asked->said_size, code);
}

static int go_round(struct fleet_reply *reply)
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
		fleet_asked_free(asked);
	}
	return error ?: fleet_voice_stay(&reply->voice);
}

static void pause_a_second(struct fleet_reply *reply)
{
	for (int i = 0; i < PAUSES && !atomic_load(&reply->stop); i++)
		clock_sleep_ms(LOOK_MS);
}

static void *work(void *context)
{
	struct fleet_reply *reply = context;
	struct fleet_voice *voice = &reply->voice;

	privileges_drop_all();
	while (!atomic_load(&reply->stop)) {
		int error = voice->talk ? go_round(reply) : fleet_voice_open(voice);

		if (!error)
			continue;
		fleet_voice_close(voice, false);
		pause_a_second(reply);
	}
	fleet_voice_close(voice, true);
	return NULL;
}

int fleet_reply_start(struct fleet_reply **result, const struct config_fleet *fleet,
		      struct fleet_runner *runner)
{
	struct fleet_reply *reply = calloc(1, sizeof(*reply));
	int error = reply ? fleet_voice_init(&reply->voice, fleet, &reply->stop) : -ENOMEM;

	*result = reply;
	if (error)
		return hc_error_errno(error, "cannot answer the fleet");
	if (!request_is_name(fleet->name, strlen(fleet->name))) {
		hc_error("fleet: no other host can ask this one: its name, %s, is not of A-Z "
			 "a-z 0-9 _ . -: give another in [fleet]",
			 fleet->name);
		return 0;
	}
	reply->runner = runner;
	reply->filled = now_ns();
	reply->tokens = REPLY_A_SECOND * 1000;
	error = thread_start(&reply->thread, work, reply);
	reply->started = !error;
	return error ? hc_error_errno(error, "cannot start a thread") : 0;
}

void fleet_reply_end(struct fleet_reply *reply)
{
	if (!reply)
		return;
	atomic_store(&reply->stop, true);
	if (reply->started)
		pthread_join(reply->thread, NULL);
	for (int i = 0; i < REPLY_AT_ONCE; i++)
		fleet_asked_free(&reply->asked[i]);
	fleet_voice_free(&reply->voice);
	free(reply);
}
