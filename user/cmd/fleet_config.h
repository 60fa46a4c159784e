/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_CMD_FLEET_CONFIG_H
#define HEADCOUNT_CMD_FLEET_CONFIG_H

#include "user/config/config.h"

/* Reads the configuration of that path; with NULL the one that the running headcount was given,
 * or the usual one. It has a store of a fleet. Returns EXIT_DONE, or another exit code after
 * the printed error, and then nothing is to be freed. */
int fleet_config_read(struct config *config, const char *path);

#endif
