// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "user/kernel/pin_paths.h"

#define LINK_MARK "link_"

const char *pins_folder(void)
{
	static char path[4200];
	const char *mount = probe_bpffs();

	if (!mount)
		return NULL;
	snprintf(path, sizeof(path), "%s/headcount", mount);
	return path;
}

const char *pins_new_folder(void)
{
	static char path[4300];
	const char *folder = pins_folder();

	if (!folder)
		return NULL;
	snprintf(path, sizeof(path), "%s_new", folder);
	return path;
}

char *pin_path_map(const char *folder, const char *name, char path[PIN_PATH])
{
	snprintf(path, PIN_PATH, "%s/%s", folder, name);
	return path;
}

char *pin_path_link(const char *folder, const char *name, char path[PIN_PATH])
{
	snprintf(path, PIN_PATH, "%s/" LINK_MARK "%s", folder, name);
	return path;
}

const char *pin_link_name(const char *file)
{
	const size_t mark = strlen(LINK_MARK);

	return strncmp(file, LINK_MARK, mark) ? NULL : file + mark;
}
