/* SPDX-License-Identifier: GPL-2.0-only */
/* What is pinned where: the folders below bpffs, and the files in them (pins.h). */
#ifndef HEADCOUNT_PIN_PATHS_H
#define HEADCOUNT_PIN_PATHS_H

#include "user/kernel/probe.h"

#define PIN_PATH           4500
#define PINS_FOLDER_NORMAL PROBE_BPFFS "/headcount"

/* Paths of headcount and of headcount_new; NULL where no bpffs is mounted. Static storage. */
const char *pins_folder(void);
const char *pins_new_folder(void);

/* Of a map and of a link, in one of those. Return `path`. */
char *pin_path_map(const char *folder, const char *name, char path[PIN_PATH]);
char *pin_path_link(const char *folder, const char *name, char path[PIN_PATH]);

/* The name of the link that a file in the folder is, or NULL. */
const char *pin_link_name(const char *file);

#endif
