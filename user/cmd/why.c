// SPDX-License-Identifier: GPL-2.0-only
/* Why a user cannot get in, or soon will not: what holds the slots, and what would help. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/number.h"
#include "user/cmd/command.h"
#include "user/cmd/fleet.h"
#include "user/kernel/open.h"
#include "user/why/gather.h"
#include "user/why/print.h"

#define ANSWERS 20 /* for a person */

struct answer {
	struct why_facts *facts;
	struct why_report report;
	struct why_advice *advice;
};

struct question {
	struct session_filter filter; /* its service and its user */
	struct why_limits limits;
	bool json;
	bool offers;   /* somebody is there who can be asked */
	size_t told;   /* users */
	size_t untold; /* and as many more */
	/* Of those that were told of, what is to be offered. */
	struct answer kept[ANSWERS];
	size_t kept_count;
};

static void free_answer(struct answer *answer)
{
	why_facts_free(answer->facts);
	why_report_free(&answer->report);
	free(answer->advice);
}

/* One word alone is a service if there is one of that name, else a user of any. */
static int understand(struct question *question, const struct policy *policy, char **words,
		      int count)
{
	const char *service = count ? words[0] : NULL;

	if (count == 1 && policy_find(policy, words[0]) < 0) {
		service = NULL;
		question->filter.user = words[0];
	} else if (count == 2) {
		question->filter.user = words[1];
	}
	return session_filter_service(&question->filter, policy, service)
		       ?: session_filter_user(&question->filter, policy, SESSION_USER_HAS);
}

static bool is_asked(const struct question *question, const struct hc_user *user)
{
	const struct session_filter *filter = &question->filter;
	struct hc_user_key key = user->key;
	char text[HC_USER_TEXT];

	if (filter->service >= 0 && key.service != filter->service)
		return false;
	if (!filter->user)
		return true;
	key.elsewhere = 0;
	if (filter->known[key.service])
		return !memcmp(&filter->users[key.service], &key, sizeof(key));
	return !strcmp(user_key_format(&key, false, text, sizeof(text)), filter->user);
}

static int find_answer(const struct question *question, const struct why_host *host,
		       const struct hc_user *user, struct answer *answer)
{
	int error;

	answer->facts = why_facts_read(host, user);
	if (!answer->facts)
		return -EINVAL;
	error = why_find(answer->facts, &question->limits, &answer->report);
	answer->advice = malloc(sizeof(*answer->advice));
	if (error || !answer->advice)
		return hc_error_errno(ENOMEM, "cannot look at the user");
	why_advise(answer->facts, &question->limits, &answer->report, answer->advice);
	return 0;
}

static int print_answer(const struct question *question, const struct answer *answer)
{
	int error;

	if (question->told)
		fputs(question->json ? "," : "\n\n", stdout);
	error = (question->json ? why_print_json : why_print_text)(
		answer->facts, &question->limits, &answer->report, answer->advice);
	return error ? hc_error_errno(error, "cannot print what was found") : 0;
}

/* There may be many: nothing is kept of them but what is to be offered. */
static int answer_about(struct question *question, const struct why_host *host,
			const struct hc_user *user)
{
	struct answer answer = {};
	int error;

	if (!question->json && question->told == ANSWERS) {
		question->untold++;
		return 0;
	}
	error = find_answer(question, host, user, &answer);
	error = error ?: print_answer(question, &answer);
	question->told++;
	if (!error && question->offers)
		question->kept[question->kept_count++] = answer;
	else
		free_answer(&answer);
	return error;
}

static void end_answers(const struct question *question)
{
	if (question->json)
		printf("]\n");
	else if (!question->told && question->filter.user)
		printf("Nothing is known of this user: no session, and none lately.\n");
	else if (!question->told)
		printf("Nobody is at or near a cap, or was refused in the last hour.\n");
	else if (question->untold)
		printf("\nAnd %zu more users: see headcount users, or why SERVICE USER.\n",
		       question->untold);
}

static int tell_answers(struct question *question, const struct why_host *host)
{
	int error = 0;

	if (question->json)
		printf("[");
	for (size_t i = 0; i < host->user_count && !error; i++) {
		const struct hc_user *user = &host->users[i].user;

		if (is_asked(question, user) &&
		    (question->filter.user || why_user_is_pressed(host, user)))
			error = answer_about(question, host, user);
	}
	end_answers(question);
	return error;
}

static bool agreed(const struct why_offer *offer)
{
	char *command = why_offer_command(offer), answer[16] = "";

	if (command)
		fprintf(stderr, "Run %s now? [y/N] ", command);
	free(command);
	return command && fgets(answer, sizeof(answer), stdin) &&
	       (*answer == 'y' || *answer == 'Y');
}

/* By the commands themselves: what they refuse to do is not done here, either. */
static int apply(const struct why_offer *offer)
{
	static const struct command kill = {"kill", "", "", cmd_kill};
	static const struct command cap = {"cap", "SERVICE USER N|unlimited|default", "",
					   cmd_cap};
	const struct command *command = strcmp(offer->argv[0], "kill") ? &cap : &kill;
	char *argv[WHY_WORDS + 1];

	for (int i = 0; i <= offer->argc; i++)
		argv[i] = (char *)offer->argv[i];
	return command->run(command, offer->argc, argv);
}

static int offer_all(const struct question *question)
{
	int status = EXIT_DONE;

	fflush(stdout);
	for (size_t i = 0; i < question->kept_count; i++) {
		const struct why_advice *advice = question->kept[i].advice;

		for (size_t j = 0; j < advice->count; j++)
			if (advice->offers[j].argc && agreed(&advice->offers[j]) &&
			    apply(&advice->offers[j]) != EXIT_DONE)
				status = EXIT_FAILED;
	}
	return status;
}

static int answer_question(struct question *question, char **words, int count)
{
	struct headcount_bpf *object = NULL;
	struct why_host host = {};
	int error = open_maps(&object, LOAD_WALK_SOCKETS | LOAD_WALK_FILES);

	error = error ?: why_host_read(object, &host);
	error = error ?: understand(question, &host.view->policy, words, count);
	error = error ?: tell_answers(question, &host);
	why_host_free(&host);
	headcount_bpf__destroy(object);
	return error;
}

static int set_limits(struct question *question, const char *idle)
{
	struct why_limits *limits = &question->limits;

	*limits = (struct why_limits){WHY_IDLE_MS, WHY_QUIET_MS};
	if (!idle)
		return 0;
	if (number_parse_duration(idle, &limits->idle_ms))
		return hc_error("why: --idle %s: a duration is like 90, 90s, 15m, 2h or 3d",
				idle);
	if (limits->quiet_ms > limits->idle_ms)
		limits->quiet_ms = limits->idle_ms;
	return 0;
}

int cmd_why(const struct command *command, int argc, char **argv)
{
	struct question question = {.filter.service = -1};
	struct fleet_options fleet = {};
	const char *idle = NULL;
	const struct command_option options[] = {
		FLEET_OPTIONS(&fleet),
		OPTION_TEXT("idle", 'i', "DURATION", "no data for this long is idle: 10m",
			    &idle),
		OPTION_FLAG("json", 'j', "print a JSON array", &question.json),
		{},
	};
	int first, status;

	if (command_options_upto(command, options, argc, argv, 2, &first, &status))
		return status;
	if (set_limits(&question, idle) || fleet_options_check(&fleet, command->name))
		return EXIT_USAGE;
	if (fleet.on)
		return fleet_why(&fleet, options, argv + first, argc - first, question.json);
	question.offers = !question.json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	status = EXIT_FAILED;
	if (!answer_question(&question, argv + first, argc - first))
		status = offer_all(&question);
	for (size_t i = 0; i < question.kept_count; i++)
		free_answer(&question.kept[i]);
	return status;
}
