// SPDX-License-Identifier: GPL-2.0-only
/*
 * follow PATH: a subscriber. Says "ready" when it is connected, reads the events until
 * the daemon ends, and prints how many lines came, how many did not have the number after
 * the one before, and how many lines those gaps lack.
 */
#include <sys/un.h>

#include "load.h"

#define NUMBER "\"event.sequence\":"

static char data[1 << 20];

static uint64_t number_of(const char *line, size_t length)
{
	const char *at = memmem(line, length, NUMBER, strlen(NUMBER));

	return at ? strtoull(at + strlen(NUMBER), NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t lines = 0, gaps = 0, lacking = 0, last = 0, number;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t used = 0;
	ssize_t got;

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		errx(2, "usage: follow PATH");
	strcpy(address.sun_path, argv[1]);
	if (connect(s, (const void *)&address, sizeof(address)))
		err(1, "cannot connect to %s", argv[1]);
	puts("ready");
	fflush(stdout);
	while ((got = read(s, data + used, sizeof(data) - used)) > 0) {
		char *line = data, *end = data + used + got, *next;

		for (; (next = memchr(line, '\n', end - line)); line = next + 1) {
			number = number_of(line, next - line);
			lines++;
			if (last && number != last + 1) {
				gaps++;
				lacking += number - last - 1;
			}
			last = number;
		}
		used = end - line;
		memmove(data, line, used);
	}
	if (got < 0 || used == sizeof(data))
		errx(1, "the events broke off");
	printf("%llu %llu %llu\n", (unsigned long long)lines, (unsigned long long)gaps,
	       (unsigned long long)lacking);
	return 0;
}
