/* SPDX-License-Identifier: GPL-2.0-only */
/* --fleet: a command is asked of all hosts of the fleet, and their answers become one. */
#ifndef HEADCOUNT_CMD_FLEET_H
#define HEADCOUNT_CMD_FLEET_H

#include <json-c/json.h>

#include "user/cmd/command.h"
#include "user/fleet/ask.h"

struct fleet_options {
	bool on;
	const char *host, *config;
};

#define FLEET_OPTIONS(fleet)                                                                   \
	OPTION_FLAG("fleet", 'F', "ask all hosts of the fleet", &(fleet)->on),                 \
		OPTION_TEXT("host", 0, "NAME", "with --fleet: only this host of it",           \
			    &(fleet)->host),                                                   \
		OPTION_TEXT("config", 'c', "FILE",                                             \
			    "with --fleet: the configuration that names its store",            \
			    &(fleet)->config)

/* Prints the error if --host or --config has no --fleet. */
int fleet_options_check(const struct fleet_options *fleet, const char *command);

/* What is to be asked: the command with those of its options that were given and that hosts
 * understand, and `words` that are none; `json` as hosts are to print. Prints the error. */
int fleet_request_make(struct fleet_request *request, enum request_command command,
		       const struct command_option *options, char *const *words, int count,
		       bool json);

/*
 * Asks, and says on stderr what hosts have said there, and which have not answered. `*whole`:
 * each has answered, and its command has done all. Returns EXIT_DONE, however few have
 * answered, or another exit code after the printed error. Free the answers in any case.
 */
int fleet_gather(const struct fleet_options *fleet, struct fleet_request *request,
		 struct fleet_answers *answers, bool *whole);

/* What a host printed, of this type; NULL: it is none, which is said, and `*whole` is not any
 * more (without `whole` nothing is said); or it has not answered. json_object_put() it. */
struct json_object *fleet_parse(const struct fleet_told *told, enum json_type type,
				bool *whole);

/* Prints it, each text escaped; with `host` an object begins with "host.name". */
void fleet_print_json(struct json_object *value, const char *host);

/* An array of all rows of all hosts, or of what each host printed, with "host.name". */
void fleet_print_rows_json(const struct fleet_answers *answers, enum json_type type,
			   bool *whole);

/* Of an object. NULL: it has no such text; false: no such number. */
const char *fleet_text(struct json_object *object, const char *key);
bool fleet_number(struct json_object *object, const char *key, __u64 *number);

/* Exit codes of whole commands. `json`: as hosts print it, with "host.name". */
int fleet_users(const struct fleet_options *fleet, const struct command_option *options,
		bool json);
int fleet_sessions(const struct fleet_options *fleet, const struct command_option *options,
		   bool json);
int fleet_why(const struct fleet_options *fleet, const struct command_option *options,
	      char *const *words, int count, bool json);

/* Until the person leaves: the users, on the whole screen. */
int fleet_top(const struct fleet_options *fleet, const char *service, unsigned int seconds);

struct fleet_kill {
	bool dry_run, json, quiet;
	bool ask; /* the person there, before anything is closed */
};
int fleet_kill(const struct fleet_options *fleet, const struct command_option *options,
	       const struct fleet_kill *kill);

#endif
