// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "user/base/log.h"
#include "user/cmd/fleet.h"
#include "user/cmd/fleet_config.h"
#include "user/kernel/policy_caps.h"

#define NAMES_TEXT 1000 /* of hosts that have not answered */

int fleet_options_check(const struct fleet_options *fleet, const char *command)
{
	if (!fleet->on && (fleet->host || fleet->config))
		return hc_error("%s: --%s goes with --fleet", command,
				fleet->host ? "host" : "config");
	if (fleet->host && !request_is_name(fleet->host, strlen(fleet->host)))
		return hc_error("%s: --host %s: a host's name is 1 to %d of A-Z a-z 0-9 _ . -",
				command, fleet->host, HOST_NAME_ROOM - 1);
	return 0;
}

/* What is asked here, and not of hosts. */
static bool is_ours(const char *option)
{
	static const char *const ours[] = {"fleet", "host", "config", "yes", "json"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strcmp(ours[i], option))
			return true;
	return false;
}

static int add_value(struct fleet_request *request, const char *name, const char *value)
{
	char word[REQUEST_WORD_MAX];

	if (!value)
		return 0;
	if (snprintf(word, sizeof(word), "--%s=%s", name, value) >= (int)sizeof(word))
		return -E2BIG;
	return request_add(request, word);
}

static int add_option(struct fleet_request *request, const struct command_option *option)
{
	char word[64];
	int error = 0;

	switch (option->type) {
	case COMMAND_FLAG:
		snprintf(word, sizeof(word), "--%s", option->name);
		return *option->flag ? request_add(request, word) : 0;
	case COMMAND_TEXT:
		return add_value(request, option->name, *option->text);
	case COMMAND_LIST:
		for (size_t i = 0; i < option->list->count && !error; i++)
			error = add_value(request, option->name, option->list->items[i]);
	}
	return error;
}

int fleet_request_make(struct fleet_request *request, enum request_command command,
		       const struct command_option *options, char *const *words, int count,
		       bool json)
{
	int error = 0;

	*request = (struct fleet_request){.command = command, .uid = policy_asker()};
	for (; options->name && !error; options++)
		if (!is_ours(options->name))
			error = add_option(request, options);
	if (!error && json)
		error = request_add(request, "--json");
	if (!error && count)
		error = request_add(request, "--");
	for (int i = 0; i < count && !error; i++)
		error = request_add(request, words[i]);
	return error ? hc_error("%s: that is too much to ask of a fleet",
				request_command_name(command))
		     : 0;
}

/* Each line for itself, without the name of the program that said it there. */
static void repeat(const struct fleet_told *told)
{
	static const char name[] = "headcount: ";
	char *line, *rest = told->said, *more;

	while ((line = strtok_r(rest, "\n", &more))) {
		rest = NULL;
		if (!strncmp(line, name, strlen(name)))
			line += strlen(name);
		hc_error("%s: %s", told->host, line);
	}
}

static bool tell(const struct fleet_told *told)
{
	if (told->said)
		repeat(told);
	if (told->spoilt)
		hc_error("%s: its answer is too long, or none", told->host);
	else if (!told->ended)
		hc_error("%s: it has begun, and has not told what came of it", told->host);
	else if (told->code && !told->said && !told->output)
		hc_error("%s: it failed", told->host);
	return told->ended && !told->spoilt && !told->code;
}

static void tell_of_silent(const struct fleet_answers *answers, size_t silent)
{
	char names[NAMES_TEXT];
	size_t used = 0;

	for (size_t i = 0; i < answers->count && used < sizeof(names); i++)
		if (!answers->hosts[i].begun)
			used += snprintf(names + used, sizeof(names) - used, "%s%s",
					 used ? ", " : "", answers->hosts[i].host);
	hc_error("%zu of %zu hosts %s not answered: %s", silent, answers->count,
		 silent == 1 ? "has" : "have", names);
}

static int ask(const struct fleet_options *options, struct fleet_request *request,
	       struct fleet_answers *answers)
{
	struct config config;
	int error, status = fleet_config_read(&config, options->config);
	void (*before)(int);

	if (status != EXIT_DONE)
		return status;
	strcpy(request->host, config.fleet.name);
	if (!request_is_name(request->host, strlen(request->host))) {
		hc_error("this host's name, %s, is not of A-Z a-z 0-9 _ . -: give another in "
			 "[fleet]",
			 request->host);
		status = EXIT_USAGE;
	} else if (request_is_good(request)) {
		before = signal(SIGPIPE, SIG_IGN);
		error = fleet_ask(&config.fleet, options->host, request, answers);
		signal(SIGPIPE, before);
		status = error ? EXIT_FAILED : EXIT_DONE;
	} else {
		hc_error("%s: control characters cannot be asked of a fleet",
			 request_command_name(request->command));
		status = EXIT_USAGE;
	}
	config_free(&config);
	return status;
}

int fleet_gather(const struct fleet_options *options, struct fleet_request *request,
		 struct fleet_answers *answers, bool *whole)
{
	int status = ask(options, request, answers);
	size_t silent = 0;

	*whole = true;
	for (size_t i = 0; i < answers->count && status == EXIT_DONE; i++) {
		if (!answers->hosts[i].begun)
			silent++;
		else if (!tell(&answers->hosts[i]))
			*whole = false;
	}
	if (silent) {
		tell_of_silent(answers, silent);
		*whole = false;
	}
	return status;
}
