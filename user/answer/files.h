/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_ANSWER_FILES_H
#define HEADCOUNT_ANSWER_FILES_H

#include "user/config/config.h"

#define ANSWER_FILE_MAX 65536

/*
 * Reads the files that `redirect = answer:file:PATH` names into `config`, which was read from
 * `path`: once, so that what is sent does not change before the next reload. On an error `why`
 * has one line "PATH:LINE: what is wrong", nothing of `config` is freed, and a negative errno
 * is returned.
 */
int answer_files_read(struct config *config, const char *path, char *why, size_t why_size);

#endif
