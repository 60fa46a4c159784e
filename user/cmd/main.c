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
	{"trace", "",
	 "Show every TCP session of the host as it opens and closes; caps nothing.", cmd_trace},
	{"run", "", "Enforce the configuration and stream events as JSON lines.", cmd_run},
	{"users", "", "List users with their sessions and caps, most sessions first.",
	 cmd_users},
	{"sessions", "", "List sessions as the kernel has them now.", cmd_sessions},
	{"top", "",
	 "Watch users and sessions on the whole screen. For scripts there is users --json.",
	 cmd_top},
	{"cap", "SERVICE USER N|unlimited|default", "Change one user's cap now.", cmd_cap},
	{"reload", "", "Have the running headcount read its configuration again.", cmd_reload},
	{"policy", "", "Show what the kernel enforces now: services, overrides, caps.",
	 cmd_policy},
	{"events", "", "Show what a running headcount tells, as it happens.", cmd_events},
	{"status", "", "Show what is attached, how full it is, what was lost, what is missing.",
	 cmd_status},
	{"audit", "", "Compare the counts with the kernel's socket table.", cmd_audit},
	{"metrics", "", "Print the metrics once, as Prometheus reads them.", cmd_metrics},
	{"kill", "", "Close the sessions that meet the conditions.", cmd_kill},
	{"debug", "",
	 "Write an archive with what a bug report needs, without addresses and names.",
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
	fprintf(out, "\nheadcount COMMAND --help tells more; headcount(8) tells all.\n");
}

/* Standard files that whoever started us left closed: else a map would be opened in the
 * place of stdout. The wrong way round, so that to use one is an error. */
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
