/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The capabilities that `run` and `trace` keep once everything is attached: the table in
 * privileges.c, and no others.
 */
#ifndef HEADCOUNT_PRIVILEGES_H
#define HEADCOUNT_PRIVILEGES_H

enum privileges_for {
	PRIVILEGES_ALWAYS = 1,
	PRIVILEGES_UNMOUNT = 2,  /* bpffs, which we mounted */
	PRIVILEGES_PROC = 4,     /* a namespace of `netns` is named by its process */
	PRIVILEGES_FOREIGN = 8,  /* not uid 0: root's folders are not ours */
	PRIVILEGES_GATES = 16,   /* of `run`: what caps take after the start */
	PRIVILEGES_ENTER = 32,   /* of the process that enters namespaces for `run` */
	PRIVILEGES_COMMAND = 64, /* of the one that runs commands for other hosts */
};

/* Gives up for good all capabilities but those for `purposes` (bits of privileges_for;
 * ALWAYS and FOREIGN are found out here), and what an exec could add. Of the calling
 * thread, and of those that it starts afterwards. */
int privileges_drop(unsigned int purposes);

/* For a message, if the error (its sign does not matter) may come of what was given up. */
const char *privileges_hint(int error);

/* The same, of a thread that needs none. */
int privileges_drop_all(void);

/* The same, of a process that is there to enter namespaces. */
int privileges_drop_to_enter(void);

/* The same, of a process that is there to run commands that list and close sessions. */
int privileges_drop_to_command(void);

#endif
