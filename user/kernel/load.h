/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BPF object: opened with the programs that a command needs, on maps of its
 * own or on the maps of a running headcount.
 */
#ifndef HEADCOUNT_LOAD_H
#define HEADCOUNT_LOAD_H

#include <stdbool.h>
#include "user/config/config.h"
#include "user/kernel/programs.h"
#include "record.h" /* whose types the skeleton uses */
#include "user_table.h"

#include "headcount.skel.h"

struct load_request {
	unsigned int programs;              /* enum load_programs */
	const struct config *config;        /* sizes of fresh maps, and what is counted */
	const struct headcount_bpf *shared; /* share this object's maps, or */
	const char *pins;                   /* open the maps pinned in this folder */
	bool quiet;                         /* say nothing of pins that cannot be used */
	unsigned int netns;                 /* LOAD_ARRIVAL: inode number of its namespace */
	bool adopt;                         /* walk_sockets charges what it finds */
	bool correct;                       /* and counts each as a correction */
	bool holders;                       /* walk_files tells who has the sessions */
	bool optional;                      /* say nothing if it cannot be loaded */
};

/* Keeps libbpf quiet: what matters of it becomes our one error. First thing. */
void load_quiet(void);

/*
 * Opens and loads. On success `*object` is the caller's (headcount_bpf__destroy
 * takes NULL too). Prints the one error and returns a negative errno otherwise.
 */
int load_object(struct headcount_bpf **object, const struct load_request *request);

/* "cgroup/connect4": the section of a program, which names its row of feature.h. NULL of NULL.
 */
const char *load_section(const struct bpf_program *program);

/* A number that is the same for the same BPF object and differs between builds. */
__u64 load_build(void);

/* Not of the object's own constants: each copy of a program has its own. */
bool load_is_shared(const struct bpf_map *map);

/* Writes the first control record of fresh maps. */
int load_control(const struct headcount_bpf *object, __u32 directions);

/* Notes in it that the gates are attached. */
int load_gated(const struct headcount_bpf *object);

/* How many sets the session table has for so many sessions. */
__u32 load_session_sets(__u32 sessions_max);

/* How many sets the user table has for so many users. */
__u32 load_user_sets(__u32 users_max);

#endif
