/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every kernel feature that headcount uses, who needs it, and what its absence means:
 * *refused*, nothing is begun and one line says what is lacking; or *degraded*, what is lost is
 * said. The table is shown by `status` and printed in bpf/README.md; a program, a map or a
 * helper without a row fails tests/unit/test_feature.c.
 */
#ifndef HEADCOUNT_FEATURE_H
#define HEADCOUNT_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

enum feature_kind {
	FEATURE_OTHER,   /* `try` finds out */
	FEATURE_PROGRAM, /* a type of program that can be loaded; `name` is its section */
	FEATURE_HELPER,  /* the helper `number`, in a program of `section` */
	FEATURE_WEAK, /* the same, and the programs call it only where it is (bpf/compat.h) */
	FEATURE_MAP,  /* the map type `number` */
};

/* Who does not go without a feature. */
enum feature_refuses {
	REFUSES_TRACE = 1,
	REFUSES_RUN = 2,
	REFUSES_BOTH = 3,
};

struct feature {
	enum feature_kind kind;
	const char *name;
	const char *needed_for;
	enum feature_refuses refuses; /* and what of the other commands needs it fails */
	const char *without;          /* what the others lose; NULL: there are no others */
	unsigned int programs;        /* enum load_programs: those that use it */
	int number;
	const char *section;
	int (*try)(void); /* 0, or a negative errno */
	int error;        /* filled in: 0, it is there; or why not, a negative errno */
};

/* Tries each feature, once in the life of a process. A static table; `*count` its rows. */
const struct feature *features_list(size_t *count);

/*
 * What `who` needs is there: 0. Else what is lacking is printed and -ENOTSUP returned. What can
 * be done without is said, too, and programs that cannot be loaded are taken out of
 * `*programs`.
 */
int features_check(enum feature_refuses who, unsigned int *programs);

/* After `error` from loading `programs`: prints which feature is lacking, or else names
 * `section`, that of the program that the kernel refused (NULL: none). Returns `error`. */
int features_explain(unsigned int programs, const char *section, int error);

/* Is the helper there? One that has no row is not. */
bool features_have(int helper);

/* Can other programs than sockops make a socket call back (TCP_BPF_SOCK_OPS_CB_FLAGS)? */
bool features_have_callbacks(void);

/* The number of bpf_rdonly_cast() among the kernel's types, or 0: it cannot be called. */
int features_cast(void);

/* Can it be found out that another program has taken that away? */
bool features_have_watch(void);

/* What a program of this section is needed for. */
const char *features_need(const char *section);

/* "a refused connect() ...", or "refused", or both: what the absence of a feature means. */
const char *feature_absence(const struct feature *feature, char *text, size_t size);

#endif
