// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/host_name.h"

const char *host_name(const char *configured, char name[HOST_NAME_ROOM])
{
	if (configured && *configured)
		snprintf(name, HOST_NAME_ROOM, "%s", configured);
	else if (gethostname(name, HOST_NAME_ROOM) || !*name)
		strcpy(name, "localhost");
	name[HOST_NAME_ROOM - 1] = '\0';
	return name;
}
