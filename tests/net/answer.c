// SPDX-License-Identifier: GPL-2.0-only
/*
 * answer PROTOCOL[:PATH] PORT ...: answers whoever connects to 127.0.0.1 at that port as `run`
 * answers who is over a cap, with real clients in answers.t; no BPF. Says "ready". Each line of
 * stdin is answered with the counts; before that "drop" takes the listeners away, "say WORD"
 * has all of them say that as a file, and "vast" a file that no memory holds. Ends with stdin.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/answer/server.h"
#include "user/base/words.h"

static int listen_at(unsigned int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096)) {
		perror("listen");
		exit(1);
	}
	return fd;
}

static size_t read_file(const char *path, char *bytes, size_t size)
{
	FILE *file = fopen(path, "r");

	if (!file) {
		perror(path);
		exit(1);
	}
	size = fread(bytes, 1, size, file);
	fclose(file);
	return size;
}

static void say_instead(struct answers *answers, const int *fds, int count,
			const struct talk_piece file)
{
	const struct answers_what what = {HC_ANSWER_FILE, file, "another"};

	for (int i = 0; i < count; i++)
		answers_add(answers, fds[i], &what);
}

int main(int argc, char **argv)
{
	static char bytes[65536], line[64];
	struct answers *answers;
	int fds[64] = {}, count = 0;

	if (answers_new(&answers) || answers_start(answers))
		return 1;
	for (; count < 64 && argc > 2 + 2 * count; count++) {
		char *name = argv[1 + 2 * count], *path = strchr(name, ':');
		struct answers_what what = {.service = name, .file.bytes = bytes};

		if (path) {
			*path++ = '\0';
			what.file.size = read_file(path, bytes, sizeof(bytes));
		}
		what.protocol = answer_of_word(name);
		fds[count] = listen_at(atoi(argv[2 + 2 * count]));
		if (answers_add(answers, fds[count], &what))
			return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct answers_counts counts;

		for (int i = 0; i < count && !strcmp(line, "drop\n"); i++) {
			answers_remove(answers, fds[i]);
			close(fds[i]);
		}
		if (!strncmp(line, "say ", 4))
			say_instead(answers, fds, count,
				    (struct talk_piece){line + 4, strlen(line + 4)});
		if (!strcmp(line, "vast\n"))
			say_instead(answers, fds, count,
				    (struct talk_piece){bytes, PTRDIFF_MAX});
		counts = answers_count(answers);
		printf("{\"answered\": %llu, \"late\": %llu, \"crowded\": %llu, \"left\": "
		       "%llu, "
		       "\"open\": %u}\n",
		       counts.answered, counts.late, counts.crowded, counts.left, counts.open);
		fflush(stdout);
	}
	answers_free(answers);
	return 0;
}
