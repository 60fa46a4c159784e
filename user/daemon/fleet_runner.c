// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/unix_socket.h"
#include "user/daemon/beside.h"
#include "user/daemon/fleet_runner.h"

#define PATIENCE_S 2 /* for a place in its queue: it only forks */

struct fleet_runner {
	pid_t pid;
	int fd;
};

struct note {
	struct fleet_request request;
	__u16 asker;
};

static void set_signals(void)
{
	const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGPIPE, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child. Nobody prints a byte as low as an exit code: they are all escaped. */
static void run_command(fleet_command command, const struct note *note, const int fds[UNIX_FDS])
{
	char code;

	set_signals();
	alarm(ASK_WORK_SECONDS);
	log_set_detail(0);
	if (dup2(fds[0], STDOUT_FILENO) < 0 || dup2(fds[1], STDERR_FILENO) < 0)
		_exit(1);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	code = command(&note->request, note->asker);
	if (fflush(stdout))
		code = 1;
	if (write(STDOUT_FILENO, &code, 1) < 1)
		_exit(1);
	_exit(code);
}

/* Whatever `run` has become: it is a request that is good, or nothing. */
static bool is_good(struct note *note)
{
	const struct fleet_request *request = &note->request;

	note->request.host[sizeof(request->host) - 1] = '\0';
	return request->used <= sizeof(request->text) &&
	       (!request->used || !request->text[request->used - 1]) &&
	       request_is_good(request);
}

/* The process, to its end. */
static void serve_run(int way, fleet_command command)
{
	static struct note note;
	int fds[UNIX_FDS];

	way = beside_begin(way, FLEET_RUNNER_NAME);
	signal(SIGCHLD, SIG_IGN); /* nobody is waited for */
	if (way < 0 || privileges_drop_to_command())
		_exit(1);
	while (!unix_receive(way, &note, sizeof(note), fds)) {
		if (fds[1] >= 0 && is_good(&note) && !fork())
			run_command(command, &note, fds);
		for (int i = 0; i < UNIX_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	_exit(0);
}

int fleet_runner_start(struct fleet_runner **result, fleet_command command)
{
	struct fleet_runner *runner = calloc(1, sizeof(*runner));
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int ways[2];

	*result = runner;
	if (!runner)
		return hc_error_errno(ENOMEM, "cannot start a process");
	runner->pid = runner->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ways))
		return hc_error_errno(errno, "cannot make a socket");
	runner->fd = ways[0];
	fflush(NULL);
	runner->pid = fork();
	if (!runner->pid)
		serve_run(ways[1], command);
	close(ways[1]);
	setsockopt(runner->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (runner->pid < 0)
		return hc_error_errno(errno, "cannot start a process");
	hc_step("started the process %d, which runs what other hosts ask for", runner->pid);
	return 0;
}

int fleet_runner_ask(struct fleet_runner *runner, const struct fleet_request *request,
		     __u16 asker, const int fds[UNIX_FDS])
{
	struct note *note = calloc(1, sizeof(*note));
	int error = -ENOMEM;

	if (note) {
		note->request = *request;
		note->asker = asker;
		error = unix_send(runner->fd, note, sizeof(*note), fds);
	}
	free(note);
	return error;
}

void fleet_runner_end(struct fleet_runner *runner)
{
	if (!runner)
		return;
	if (runner->fd >= 0)
		close(runner->fd);
	if (runner->pid > 0) {
		kill(runner->pid, SIGKILL);
		waitpid(runner->pid, NULL, 0);
	}
	free(runner);
}
