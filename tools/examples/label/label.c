/* SPDX-License-Identifier: GPL-2.0-only */
/* cc label.c -o label; whose session is standard input? ./label NAME */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* False: the user has as many sessions as he may, turn the client away. */
static int may_stay(int fd, const char *name)
{
	return !setsockopt(fd, 0x6863, 1, name, strlen(name)) || errno != EDQUOT;
}

int main(int argc, char **argv)
{
	int stays = argc == 2 && may_stay(0, argv[1]);

	puts(stays ? "welcome" : "too many sessions");
	return !stays;
}
