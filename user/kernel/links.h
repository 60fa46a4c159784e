/* SPDX-License-Identifier: GPL-2.0-only */
/* What is attached: asked of the kernel, not remembered. */
#ifndef HEADCOUNT_LINKS_H
#define HEADCOUNT_LINKS_H

#include "user/kernel/load.h"

struct links_row {
	char program[64];
	char where[64]; /* "cgroup 1", "netns 4026531840", "tracepoint" */
	__u64 missed;   /* runs that the kernel skipped, as it was inside the program already */
	__u64 runs, ns; /* while the kernel's BPF statistics are on */
};

/* Fills all but `where` for an open program. Prints nothing; -errno. */
int links_read_program(int fd, struct links_row *row);

/* The kernel's number of an open map; 0: it is none. */
__u32 links_map_id(int fd);

/* Are the maps of `object` all those that a program shares with others? */
bool links_program_shares(__u32 program, const struct headcount_bpf *object);

/* Links whose programs use the maps of `object`. `*rows` is the caller's to free. */
int links_read(const struct headcount_bpf *object, struct links_row **rows, size_t *count);

/* Adds those that are pinned in a folder, whatever maps their programs use. */
int links_read_folder(const char *folder, struct links_row **rows, size_t *count);

#endif
