// SPDX-License-Identifier: GPL-2.0-only
/* An archive for a bug report: each part written by a child into a folder of its own, which tar
 * then packs. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/cmd/debug_parts.h"

#define SAID "said.txt" /* what the parts said, and how they ended */

struct debug {
	char name[128];   /* of the folder in the archive */
	char home[32];    /* the temporary folder that it is in */
	char folder[192]; /* both */
	const char *path; /* of the archive */
	char default_path[160];
	bool with_users;
};

static void make_name(struct debug *debug)
{
	char host[65] = "", when[32];
	time_t now = time(NULL);

	gethostname(host, sizeof(host) - 1);
	for (char *p = host; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			*p = '_';
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime(&now));
	snprintf(debug->name, sizeof(debug->name), "headcount-debug-%s-%s", host, when);
	snprintf(debug->default_path, sizeof(debug->default_path), "%s.tar.gz", debug->name);
	debug->path = debug->path ?: debug->default_path;
}

static int open_in(const struct debug *debug, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", debug->folder, file);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Waits for a child. Negative: it was interrupted, and so are we. */
static int wait_child(pid_t pid, int *status)
{
	if (pid < 0 || waitpid(pid, status, 0) != pid)
		return hc_error_errno(errno, "cannot start a process");
	return WIFSIGNALED(*status) && WTERMSIG(*status) == SIGINT ? -EINTR : 0;
}

static int run_part(const struct debug *debug, const struct debug_part *part, int out, int said)
{
	int status = 0, error;
	pid_t pid;

	dprintf(said, "%s:\n", part->file);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		signal(SIGINT, SIG_DFL);
		dup2(out, STDOUT_FILENO);
		dup2(said, STDERR_FILENO);
		if (!log_tells(LOG_STEPS))
			log_set_detail(LOG_STEPS);
		status = part->write(debug->with_users);
		_exit(fflush(stdout) ? EXIT_FAILED : status);
	}
	error = wait_child(pid, &status);
	if (!error && WIFSIGNALED(status))
		dprintf(said, "killed by signal %d\n", WTERMSIG(status));
	else if (!error)
		dprintf(said, "exit code %d\n", WEXITSTATUS(status));
	return error;
}

static int write_part(const struct debug *debug, const struct debug_part *part)
{
	int out = open_in(debug, part->file), said = open_in(debug, SAID), error = 0;

	if (out < 0 || said < 0)
		error = hc_error_errno(errno, "cannot write to %s", debug->folder);
	error = error ?: run_part(debug, part, out, said);
	if (out >= 0)
		close(out);
	if (said >= 0)
		close(said);
	return error;
}

/* Whoever asks is in no header of the archive, either. */
static int pack(const struct debug *debug, int archive)
{
	int status = 0, error;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGINT, SIG_DFL);
		dup2(archive, STDOUT_FILENO);
		execlp("tar", "tar", "-C", debug->home, "--owner=0", "--group=0",
		       "--numeric-owner", "-czf", "-", debug->name, NULL);
		hc_error_errno(errno, "cannot run tar");
		_exit(EXIT_FAILED);
	}
	error = wait_child(pid, &status);
	if (!error && status)
		error = hc_error("tar could not write %s", debug->path);
	return error;
}

static void remove_file(const struct debug *debug, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", debug->folder, file);
	unlink(path);
}

static void remove_home(const struct debug *debug)
{
	for (const struct debug_part *part = debug_parts; part->file; part++)
		remove_file(debug, part->file);
	remove_file(debug, SAID);
	rmdir(debug->folder);
	rmdir(debug->home);
}

static int write_archive(struct debug *debug, int archive)
{
	int error;

	strcpy(debug->home, "/tmp/headcount-debug-XXXXXX");
	if (!mkdtemp(debug->home))
		return hc_error_errno(errno, "cannot make a folder in /tmp");
	snprintf(debug->folder, sizeof(debug->folder), "%s/%s", debug->home, debug->name);
	error = mkdir(debug->folder, 0700)
			? hc_error_errno(errno, "cannot make %s", debug->folder)
			: 0;
	for (const struct debug_part *part = debug_parts; part->file && !error; part++)
		if (debug->with_users || !part->users)
			error = write_part(debug, part);
	error = error ?: pack(debug, archive);
	remove_home(debug);
	return error;
}

int cmd_debug(const struct command *command, int argc, char **argv)
{
	struct debug debug = {};
	const struct command_option options[] = {
		OPTION_TEXT("output", 'o', "FILE",
			    "the archive (headcount-debug-HOST-TIME.tar.gz)", &debug.path),
		OPTION_FLAG("with-users", 0, "include addresses and user names",
			    &debug.with_users),
		{},
	};
	int first, status, archive, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	make_name(&debug);
	archive = open(debug.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (archive < 0) {
		hc_error_errno(errno, "cannot make %s", debug.path);
		return EXIT_FAILED;
	}
	/* A child that it ends ends us, and nothing stays behind. */
	signal(SIGINT, SIG_IGN);
	error = write_archive(&debug, archive);
	if (close(archive) && !error)
		error = hc_error_errno(errno, "cannot write %s", debug.path);
	if (error) {
		unlink(debug.path);
		return EXIT_FAILED;
	}
	printf("wrote %s\n", debug.path);
	return EXIT_DONE;
}
