// SPDX-License-Identifier: GPL-2.0-only
#include "user/fleet/script.h"

const char fleet_script_exchange[] =
#include "fleet_exchange.h"
	;

const char fleet_script_confirm[] =
#include "fleet_confirm.h"
	;

const char fleet_script_take[] =
#include "fleet_take.h"
	;
