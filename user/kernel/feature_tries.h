/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does the kernel have it? Each is found out by trying it, and leaves nothing. 0, or a negative
 * errno that says why not.
 */
#ifndef HEADCOUNT_FEATURE_TRIES_H
#define HEADCOUNT_FEATURE_TRIES_H

int try_btf(void);
int try_cgroup(void);
int try_bpffs(void);

/* Atomic operations that return what was there. */
int try_atomics(void);

/* Flags of sockops that a socket walk can set, as bpf/compat.h does. */
int try_callbacks(void);

/* The kernel function bpf_rdonly_cast(). */
int try_cast(void);

/* Its number among the kernel's types, once it has been tried; 0: it is not there. */
int tried_cast(void);

/* A program of a section, as libbpf names it; one that can be run by user space is run. */
int try_program(const char *section);

/* The helper of this number (enum bpf_func_id) in a program of a section. */
int try_helper(const char *section, int helper);

int try_map(int type);

/* Frees what the tries share. */
void tries_end(void);

#endif
