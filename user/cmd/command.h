/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands and their options: tables, and what every command starts with. */
#ifndef HEADCOUNT_COMMAND_H
#define HEADCOUNT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* bad usage or configuration; nothing was touched */
};

struct command {
	const char *name;
	const char *arguments; /* after the options, for the usage line */
	const char *summary;
	int (*run)(const struct command *command, int argc, char **argv);
};

int cmd_trace(const struct command *command, int argc, char **argv);
int cmd_run(const struct command *command, int argc, char **argv);
int cmd_users(const struct command *command, int argc, char **argv);
int cmd_sessions(const struct command *command, int argc, char **argv);
int cmd_why(const struct command *command, int argc, char **argv);
int cmd_top(const struct command *command, int argc, char **argv);
int cmd_cap(const struct command *command, int argc, char **argv);
int cmd_reload(const struct command *command, int argc, char **argv);
int cmd_policy(const struct command *command, int argc, char **argv);
int cmd_status(const struct command *command, int argc, char **argv);
int cmd_audit(const struct command *command, int argc, char **argv);
int cmd_metrics(const struct command *command, int argc, char **argv);
int cmd_label(const struct command *command, int argc, char **argv);
int cmd_kill(const struct command *command, int argc, char **argv);
int cmd_events(const struct command *command, int argc, char **argv);
int cmd_debug(const struct command *command, int argc, char **argv);
int cmd_detach(const struct command *command, int argc, char **argv);

/* What `status` prints, and its exit code; `redact`: for the eyes of strangers, as JSON. */
int status_print(bool json, bool redact);

/* The values of an option that may be repeated; `items` is to be freed. */
struct command_values {
	const char **items;
	size_t count;
};

/* A row of a command's table, made by one of the macros below, which check the type of what
 * the option sets. */
struct command_option {
	const char *name;
	char letter;          /* 0: none */
	const char *argument; /* name of its argument; of a flag NULL */
	const char *help;
	enum { COMMAND_FLAG, COMMAND_TEXT, COMMAND_LIST } type;
	union {
		bool *flag;                  /* set to true */
		const char **text;           /* the last one given */
		struct command_values *list; /* all that were given */
	};
};
#define OPTION_FLAG(name, letter, help, place)                                                 \
	{                                                                                      \
		name, letter, NULL, help, COMMAND_FLAG,                                        \
		{                                                                              \
			.flag = (place)                                                        \
		}                                                                              \
	}
#define OPTION_TEXT(name, letter, argument, help, place)                                       \
	{                                                                                      \
		name, letter, argument, help, COMMAND_TEXT,                                    \
		{                                                                              \
			.text = (place)                                                        \
		}                                                                              \
	}
#define OPTION_LIST(name, letter, argument, help, place)                                       \
	{                                                                                      \
		name, letter, argument, help, COMMAND_LIST,                                    \
		{                                                                              \
			.list = (place)                                                        \
		}                                                                              \
	}

/*
 * Parses argv (argv[0] is the command's name). On success 0, and argv[*first]
 * is the first of exactly `arguments` operands. On bad usage an error is printed
 * and EXIT_USAGE stored in *status; on --help the help and EXIT_DONE; both
 * return -1. `options` ends with a NULL name.
 */
int command_options(const struct command *command, const struct command_option *options,
		    int argc, char **argv, int arguments, int *first, int *status);

/* The same with at most `arguments` operands: argc - *first of them. */
int command_options_upto(const struct command *command, const struct command_option *options,
			 int argc, char **argv, int arguments, int *first, int *status);

#endif
