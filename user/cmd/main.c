// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/daemon/open_files.h"
#include "user/kernel/load.h"

static const struct command commands[] = {
	{"trace", "", "Show each TCP session of the host as it opens and closes; cap nothing.",
	 cmd_trace},
	{"run", "", "Enforce the configuration and send events as JSON lines.", cmd_run},
	{"users", "", "List users with their sessions and caps, most sessions first.",
	 cmd_users},
	{"sessions", "", "List sessions, with what the kernel knows of each now.",
	 cmd_sessions},
	{"why", "[SERVICE] [USER]",
	 "Tell what holds a user's slots, what is stale, and what would help.", cmd_why},
	{"top", "",
	 "Watch users and sessions on the whole screen; for scripts use users --json.",
	 cmd_top},
	{"cap", "SERVICE USER N|unlimited|default", "Change one user's cap now.", cmd_cap},
	{"reload", "", "Make the running headcount read its configuration again.", cmd_reload},
	{"policy", "", "Show what the kernel enforces now: services, overrides, caps.",
	 cmd_policy},
	{"events", "", "Show the events of a running headcount as they happen.", cmd_events},
	{"status", "", "Show what is attached, table sizes, losses and kernel features.",
	 cmd_status},
	{"audit", "", "Compare the counts with the kernel's socket table.", cmd_audit},
	{"metrics", "", "Print the metrics once, for Prometheus.", cmd_metrics},
	{"label", "NAME|-", "Say whose a session is; with - for each line of standard input.",
	 cmd_label},
	{"kill", "", "Close the sessions that meet all conditions.", cmd_kill},
	{"debug", "", "Write an archive for a bug report, without addresses and user names.",
	 cmd_debug},
	{"detach", "", "Remove everything that run --pin left in the kernel.", cmd_detach},
	{},
};

static void print_commands(FILE *out)
{
	fprintf(out, "usage: headcount [-v]... COMMAND [OPTIONS]\n"
		     "Counts and caps each user's TCP sessions in the kernel.\n\ncommands:\n");
	for (const struct command *command = commands; command->name; command++)
		fprintf(out, "  %-9s %s\n", command->name, command->summary);
	fprintf(out, "\nSee headcount COMMAND --help, and headcount(8) for all details.\n");
}

/* Opens standard files that our caller left closed, or a map would take the place of
 * stdout. With the wrong mode, so that using one is an error. */
static void fill_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

/* The -v, -vv ... before the command's name; how many arguments they are. */
static int take_verbose(int argc, char **argv)
{
	int taken = 0;

	for (; argc > 1 + taken; taken++) {
		const char *word = argv[1 + taken];
		size_t letters = *word == '-' ? strspn(word + 1, "v") : 0;

		if (!strcmp(word, "--verbose"))
			letters = 1;
		else if (!letters || word[1 + letters])
			break;
		while (letters--)
			log_more();
	}
	return taken;
}

static int run_named(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command->run(command, argc - 1, argv + 1);
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_commands(stdout);
		return EXIT_DONE;
	}
	if (!strcmp(name, "--version")) {
		puts("headcount " HC_VERSION);
		return EXIT_DONE;
	}
	if (*name)
		hc_error("unknown command %s (see headcount --help)", name);
	else
		print_commands(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int status, taken;

	fill_standard_files();
	open_files_raise();
	load_quiet();
	log_set_detail(getenv("HEADCOUNT_DEBUG") ? LOG_VERIFIER : 0);
	taken = take_verbose(argc, argv);
	status = run_named(argc - taken, argv + taken);
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (errno)
		hc_error_errno(errno, "cannot write to standard output");
	else /* in the midst of it: the reason is gone */
		hc_error("cannot write all to standard output");
	return status == EXIT_DONE ? EXIT_FAILED : status;
}
