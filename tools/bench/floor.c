// SPDX-License-Identifier: GPL-2.0-only
/* floor CGROUP [no-states]: attaches floor.bpf.c as headcount attaches its programs,
 * says "ready", and takes everything away when its stdin ends. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "floor.skel.h"

int main(int argc, char **argv)
{
	struct floor_bpf *floor = floor_bpf__open();
	struct bpf_program *program;
	char byte;
	int root, netns = open("/proc/self/ns/net", O_RDONLY);

	if (argc < 2)
		errx(2, "usage: floor CGROUP [no-states]");
	if (!floor)
		err(1, "cannot open the programs");
	floor->rodata->follow_states = argc < 3;
	root = open(argv[1], O_RDONLY);
	if (floor_bpf__load(floor))
		err(1, "cannot load the programs");
	bpf_object__for_each_program(program, floor->obj) {
		struct bpf_link *link = program == floor->progs.floor_state
						? bpf_program__attach_trace(program)
					: program == floor->progs.floor_arrival
						? bpf_program__attach_netns(program, netns)
						: bpf_program__attach_cgroup(program, root);

		if (!link)
			err(1, "cannot attach %s", bpf_program__name(program));
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0; /* the links end with us */
}
