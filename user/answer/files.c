// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/answer/files.h"
#include "user/base/privileges.h"

/* What is wrong with it, for people, or NULL. */
static const char *read_open(struct config_service *service, int fd)
{
	struct stat file;
	ssize_t got;

	if (fstat(fd, &file))
		return strerror(errno);
	if (!S_ISREG(file.st_mode))
		return "not a regular file";
	service->answer = malloc(ANSWER_FILE_MAX + 1);
	if (!service->answer)
		return strerror(ENOMEM);
	while (service->answer_size <= ANSWER_FILE_MAX) {
		got = read(fd, service->answer + service->answer_size,
			   ANSWER_FILE_MAX + 1 - service->answer_size);
		if (got < 0)
			return strerror(errno);
		if (!got)
			return service->answer_size ? NULL : "empty";
		service->answer_size += got;
	}
	return "larger than 64 KiB";
}

int answer_files_read(struct config *config, const char *path, char *why, size_t why_size)
{
	for (size_t i = 0; i < config->service_count; i++) {
		struct config_service *service = &config->services[i];
		const char *wrong, *hint = "";
		int fd;

		if (!service->answer_path)
			continue;
		/* Not to wait for a FIFO's writer. */
		fd = open(service->answer_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			hint = privileges_hint(errno);
		wrong = fd < 0 ? strerror(errno) : read_open(service, fd);
		if (fd >= 0)
			close(fd);
		if (!wrong)
			continue;
		snprintf(why, why_size, "%s:%u: cannot answer with %s: %s%s", path,
			 service->answer_line, service->answer_path, wrong, hint);
		return -EINVAL;
	}
	return 0;
}
