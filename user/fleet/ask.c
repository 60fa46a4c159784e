// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/random.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/fleet/ask.h"
#include "user/fleet/line.h"
#include "user/fleet/store.h"
#include "user/fleet/told.h"

#define FIND_NS   (12 * NS_PER_SECOND) /* twice what a resolver gives a dead nameserver */
#define ANSWER_NS (3 * NS_PER_SECOND)  /* of the store */
#define SILENT_NS (3 * NS_PER_SECOND)  /* of a host */
#define WORK_NS   ((ASK_WORK_SECONDS + 3) * NS_PER_SECOND)
#define REQUEST_S "10" /* should we die before we take it away */

struct asking {
	struct line *line;
	const struct config_fleet *fleet;
	const char *only;
	struct fleet_answers *answers;
	char id[ASK_ID + 1];
	char request[ASK_KEY], list[ASK_KEY];
	__u64 began;
};

char *fleet_ask_key(const struct config_fleet *fleet, const char *name, const char *id,
		    char key[ASK_KEY])
{
	snprintf(key, ASK_KEY, "%s:%s%s%s", fleet->prefix ?: STORE_PREFIX, name, id ? ":" : "",
		 id ?: "");
	return key;
}

static int broken(const struct asking *asking)
{
	return hc_error("the store of the fleet: %s", line_why(asking->line));
}

/* `reply` may be NULL: nothing but an error of the server is looked at. */
static int say(const struct asking *asking, const struct store_reply **reply,
	       const char *const *texts)
{
	const struct store_reply *own;
	int error = line_say(asking->line, clock_ns(CLOCK_BOOTTIME) + ANSWER_NS, &own, texts);

	if (error)
		return broken(asking);
	if (reply)
		*reply = own;
	if (own->parts[0].kind == STORE_ERROR)
		return hc_error("the store of the fleet refuses %s: %.*s", texts[0],
				(int)own->parts[0].word.length, own->parts[0].word.text);
	return 0;
}

/* When a host was there last, by its clock: it is missed for so long that clocks may differ. */
static bool is_fresh(const struct fleet_word *when)
{
	char text[24] = "";
	long long age;

	if (when->length >= sizeof(text))
		return false;
	memcpy(text, when->text, when->length);
	age = time(NULL) - strtoll(text, NULL, 10);
	return age < ASK_HOST_SECONDS && age > -ASK_HOST_SECONDS;
}

static int forget(const struct asking *asking, const char *key, const char *host)
{
	return say(asking, NULL, (const char *const[]){"HDEL", key, host, NULL});
}

/* Who is to answer. Those that have not been there for long are forgotten. */
static int read_hosts(const struct asking *asking)
{
	char key[ASK_KEY], stale[HOST_NAME_ROOM] = "";
	const struct store_reply *reply;
	int error;

	fleet_ask_key(asking->fleet, "hosts", NULL, key);
	error = say(asking, &reply, (const char *const[]){"HGETALL", key, NULL});
	if (error)
		return error;
	if (reply->parts[0].kind != STORE_LIST)
		return hc_error("the store of the fleet: %s is no hash of hosts", key);
	for (size_t i = 1; i + 1 < reply->count && !error; i += 2) {
		const struct fleet_word *name = &reply->parts[i].word;

		if (!request_is_name(name->text, name->length))
			continue;
		if (!is_fresh(&reply->parts[i + 1].word))
			snprintf(stale, sizeof(stale), "%.*s", (int)name->length, name->text);
		else if (!asking->only || (strlen(asking->only) == name->length &&
					   !memcmp(asking->only, name->text, name->length)))
			error = told_host(asking->answers, name) ? 0 : -ENOMEM;
	}
	if (error)
		return hc_error_errno(error, "cannot ask the fleet");
	return *stale ? forget(asking, key, stale) : 0;
}

/* 1: something came; 0: nothing. */
static int pop(const struct asking *asking, bool wait)
{
	const struct store_reply *reply;
	const struct store_part *part;
	int error = say(asking, &reply,
			wait ? (const char *const[]){"BLPOP", asking->list, "1", NULL}
			     : (const char *const[]){"LPOP", asking->list, NULL});

	if (error)
		return error;
	part = &reply->parts[0];
	if (part->kind == STORE_NIL || (part->kind == STORE_LIST && part->number <= 0))
		return 0;
	if (wait)
		part = reply->count == 3 ? &reply->parts[2] : part;
	if (part->kind != STORE_TEXT)
		return hc_error("the store of the fleet: %s is no list", asking->list);
	error = told_take(asking->answers, &part->word);
	return error ? hc_error_errno(error, "cannot keep the answers of the fleet") : 1;
}

static bool is_over(const struct asking *asking, __u64 patience)
{
	return clock_ns(CLOCK_BOOTTIME) >= asking->began + patience;
}

/* First for all to take the request; nobody does any more once it is gone. */
static int gather(const struct asking *asking)
{
	int more = 1;

	while (more >= 0 && !told_all_begun(asking->answers) && !is_over(asking, SILENT_NS))
		more = pop(asking, true);
	if (more < 0)
		return more;
	more = say(asking, NULL, (const char *const[]){"UNLINK", asking->request, NULL}) ?: 1;
	while (more > 0)
		more = pop(asking, false);
	while (more >= 0 && !told_all_ended(asking->answers) && !is_over(asking, WORK_NS))
		more = pop(asking, true);
	return more < 0
		       ? more
		       : say(asking, NULL, (const char *const[]){"UNLINK", asking->list, NULL});
}

static int publish(struct asking *asking, const char *json)
{
	char channel[ASK_KEY], text[ASK_ID + HOST_NAME_ROOM + 1];
	const char *only = asking->only;

	fleet_ask_key(asking->fleet, "ask", NULL, channel);
	snprintf(text, sizeof(text), "%s%s%s", asking->id, only ? " " : "", only ?: "");
	asking->began = clock_ns(CLOCK_BOOTTIME);
	return say(asking, NULL,
		   (const char *const[]){"SET", asking->request, json, "EX", REQUEST_S, NULL})
		       ?: say(asking, NULL,
			      (const char *const[]){"PUBLISH", channel, text, NULL});
}

/* `why`: nothing if it is there. */
static int open_store(struct asking *asking, size_t number, char why[LINE_WHY])
{
	struct config_fleet one = *asking->fleet;
	struct line_names names = {};
	int error;

	one.stores = &asking->fleet->stores[number];
	one.store_count = 1;
	line_close(asking->line);
	error = line_open(&asking->line, &one, clock_ns(CLOCK_BOOTTIME) + FIND_NS, &names, NULL,
			  why);
	line_names_drop(&names);
	if (!error)
		*why = '\0';
	return error;
}

static int no_host(const char *only)
{
	return only ? hc_error("no host %s of the fleet has been there in the last hour", only)
		    : hc_error("no host of the fleet has been there in the last hour");
}

/* All hosts answer through each of the stores: the first that knows of any will do. */
static int find_hosts(struct asking *asking)
{
	const size_t stores = asking->fleet->store_count;
	char why[HC_SHARDS_MAX][LINE_WHY];
	int error = 0, bad = 0, away = 0;
	bool reached = false;

	for (size_t i = 0; i < stores && !asking->answers->count; i++) {
		error = open_store(asking, i, why[i]) ? 0 : read_hosts(asking);
		bad = error ?: bad;
	}
	if (asking->answers->count)
		return error;
	for (size_t i = 0; i < stores; i++) {
		if (*why[i])
			away = hc_error("cannot reach the store of the fleet: %s", why[i]);
		reached |= !*why[i];
	}
	return bad ?: reached ? no_host(asking->only) : away;
}

static int begin(struct asking *asking)
{
	unsigned char random[ASK_ID / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return hc_error_errno(errno, "cannot ask the fleet");
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(asking->id + 2 * i, "%02x", random[i]);
	fleet_ask_key(asking->fleet, "request", asking->id, asking->request);
	fleet_ask_key(asking->fleet, "answers", asking->id, asking->list);
	return find_hosts(asking);
}

int fleet_ask(const struct config_fleet *fleet, const char *only,
	      const struct fleet_request *request, struct fleet_answers *answers)
{
	struct asking asking = {.fleet = fleet, .only = only, .answers = answers};
	char *json = request_to_json(request);
	int error;

	*answers = (struct fleet_answers){};
	error = json ? begin(&asking) : hc_error_errno(ENOMEM, "cannot ask the fleet");
	error = error ?: publish(&asking, json);
	error = error ?: gather(&asking);
	told_sort(answers);
	line_close(asking.line);
	free(json);
	return error;
}
