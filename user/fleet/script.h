/* SPDX-License-Identifier: GPL-2.0-only */
/* The texts of exchange.lua and confirm.lua. */
#ifndef HEADCOUNT_FLEET_SCRIPT_H
#define HEADCOUNT_FLEET_SCRIPT_H

extern const char fleet_script_exchange[];
extern const char fleet_script_confirm[];

#endif
