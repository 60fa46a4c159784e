// SPDX-License-Identifier: GPL-2.0-only
/* floor CGROUP [no-states] [PROGRAM...]: attaches floor.bpf.c, but for the programs that are
 * named, as headcount attaches its own, says "ready", and takes everything away when its
 * stdin ends. */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "floor.skel.h"

static bool named(char **words, const char *word)
{
	while (*words && strcmp(*words, word))
		words++;
	return *words;
}

static struct bpf_link *attach(const struct floor_bpf *floor, const struct bpf_program *program,
			       int root, int netns)
{
	if (program == floor->progs.floor_destroyed)
		return bpf_program__attach_trace(program);
	if (program == floor->progs.floor_arrival)
		return bpf_program__attach_netns(program, netns);
	return bpf_program__attach_cgroup(program, root);
}

int main(int argc, char **argv)
{
	struct floor_bpf *floor = floor_bpf__open();
	struct bpf_program *program;
	char byte;
	int root, netns = open("/proc/self/ns/net", O_RDONLY);

	if (argc < 2)
		errx(2, "usage: floor CGROUP [no-states] [PROGRAM...]");
	if (!floor)
		err(1, "cannot open the programs");
	floor->rodata->follow_states = !named(argv + 2, "no-states");
	root = open(argv[1], O_RDONLY);
	if (floor_bpf__load(floor))
		err(1, "cannot load the programs");
	bpf_object__for_each_program(program, floor->obj) {
		if (!named(argv + 2, bpf_program__name(program)) &&
		    !attach(floor, program, root, netns))
			err(1, "cannot attach %s", bpf_program__name(program));
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0; /* the links end with us */
}
