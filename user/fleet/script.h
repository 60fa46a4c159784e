/* SPDX-License-Identifier: GPL-2.0-only */
/* The texts of exchange.lua, confirm.lua and take.lua. */
#ifndef HEADCOUNT_FLEET_SCRIPT_H
#define HEADCOUNT_FLEET_SCRIPT_H

extern const char fleet_script_exchange[];
extern const char fleet_script_confirm[];
extern const char fleet_script_take[];

#endif
