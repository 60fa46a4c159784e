/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The folder below bpffs in which a running headcount publishes its maps, and
 * with --pin its links, so that both outlive it:
 *
 *   headcount/MAP          every shared map, by name
 *   headcount/link_NAME    with --pin; link_netns_INODE for each namespace
 *
 * (bpffs allows no dot in a name.) A folder is made as headcount_new and renamed when it is
 * whole.
 */
#ifndef HEADCOUNT_PINS_H
#define HEADCOUNT_PINS_H

#include <stdbool.h>
#include "user/kernel/load.h"
#include "user/kernel/pin_paths.h"

/* Are there pinned maps? Pinned links, that is enforcement that needs no process? */
bool pins_have_maps(void);
bool pins_have_links(void);

/* Links, as above: 1 or 0, or -errno if that cannot be found out. */
int pins_look(void);

/* headcount_new, if a killed start left links there, still enforcing; or NULL. */
const char *pins_unfinished(void);

/* Handles what a killed start left, before another: with `finish` and if all was attached,
 * it is put in the place of headcount; else removed. Prints what it did. */
int pins_recover(bool finish);

/* The control record of the maps pinned in a folder. 0; -ESTALE: it is of another version of
 * headcount; or another negative errno. */
int pins_read_control(const char *folder, struct hc_control *control);

/* Are the pinned maps those of `object`? Another bpffs may lie where ours was. */
bool pins_are_of(const struct headcount_bpf *object);

/* Starts headcount_new with the object's maps. */
int pins_begin(const struct headcount_bpf *object);

/* Pins a link into headcount_new (or with `live` into headcount). */
int pins_link(struct bpf_link *link, const char *name, bool live);

/* Puts headcount_new in the place of headcount, which is removed. */
int pins_finish(void);

/* Removes headcount_new, if there is one. */
void pins_abandon(void);

/* Removes one pinned link of the live folder. */
void pins_drop_link(const char *name);

/* Removes headcount and headcount_new and all in them. Links first: enforcement
 * ends before its maps go. Returns how many links there were, or -errno. */
int pins_remove(void);

#define PINS_LOCK_FILE "/run/headcount.lock"

/* The lock that the one `run` of a machine holds. Returns an open file, or -EBUSY
 * (`*holder` is its pid) or another negative errno. Prints nothing. */
int pins_lock(int *holder);

/* Gives the lock back and leaves no file. */
void pins_unlock(int fd);

/* Pid of the `run` that is active, or 0. */
int pins_holder(void);

#endif
