// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/cmd/command.h"
#include "user/cmd/fleet_config.h"
#include "user/daemon/daemon.h"
#include "user/kernel/pins.h"

#define LINE_MAX_BYTES 16384 /* of a command line */

/* What follows the option's name in the word itself, or is the next one. */
static const char *value_of(const char *word, const char *name, const char *next)
{
	size_t length = strlen(name);

	if (strncmp(word, name, length))
		return NULL;
	if (!word[length])
		return next;
	if (name[1] != '-')
		return word + length;
	return word[length] == '=' ? word + length + 1 : NULL;
}

/* The value of -c among the words of a command line, each ended by a zero; NULL: none. */
static const char *find_config(const char *words, size_t length)
{
	const char *end = words + length, *found = NULL;

	for (const char *word = words; word < end; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1, *value;

		next = next < end ? next : NULL;
		value = value_of(word, "--config", next) ?: value_of(word, "-c", next);
		if (value)
			found = value;
	}
	return found;
}

/* The file that `run` was started with: a path of its own folder. False: it was none. */
static bool path_of_running(char *path, size_t size)
{
	char line[LINE_MAX_BYTES + 1], from[64], folder[PATH_MAX] = "";
	const char *found;
	int pid = pins_holder(), file;
	ssize_t length;

	snprintf(from, sizeof(from), "/proc/%d/cmdline", pid);
	file = pid ? open(from, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0)
		return false;
	length = read(file, line, LINE_MAX_BYTES);
	close(file);
	line[length < 0 ? 0 : length] = '\0';
	found = length > 0 ? find_config(line, length) : NULL;
	if (!found)
		return false;
	snprintf(from, sizeof(from), "/proc/%d/cwd", pid);
	if (*found != '/' && readlink(from, folder, sizeof(folder) - 1) < 0)
		return false;
	return snprintf(path, size, "%s%s%s", folder, *folder ? "/" : "", found) < (int)size;
}

int fleet_config_read(struct config *config, const char *path)
{
	char running[2 * PATH_MAX], why[1024];

	if (!path)
		path = path_of_running(running, sizeof(running)) ? running
								 : CONFIG_PATH_DEFAULT;
	if (config_read(config, path, why, sizeof(why))) {
		hc_error("%s", why);
		return EXIT_USAGE;
	}
	if (config_has_fleet(config))
		return EXIT_DONE;
	hc_error("%s has no section [fleet]: there are no other hosts to ask", path);
	config_free(config);
	return EXIT_USAGE;
}
