// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cgroup.h"
#include "user/base/log.h"

const char *cgroup_mount(void)
{
	static char mount[PATH_MAX];
	struct mntent *entry;
	FILE *mounts;

	if (*mount)
		return mount;
	mounts = setmntent("/proc/self/mounts", "re");
	if (!mounts)
		return NULL;
	while (!*mount && (entry = getmntent(mounts)))
		if (!strcmp(entry->mnt_type, "cgroup2"))
			snprintf(mount, sizeof(mount), "%s", entry->mnt_dir);
	endmntent(mounts);
	hc_step("looked for cgroup v2: %s", *mount ? mount : "not mounted");
	return *mount ? mount : NULL;
}

/* The path of an open directory below the cgroup mount, or NULL. */
static char *path_below_mount(int fd, const char *mount, char *path, size_t size)
{
	size_t skip = strlen(mount);
	char link[64], full[PATH_MAX + 1];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, full, sizeof(full) - 1);
	if (length < 0)
		return NULL;
	full[length] = '\0';
	if (strncmp(full, mount, skip) || (full[skip] && full[skip] != '/'))
		return NULL;
	snprintf(path, size, "%s", full[skip] ? full + skip : "/");
	return path;
}

/*
 * Looks for the cgroup below `path`, whose first `length` bytes are the folder to look in:
 * for whoever may not open it by its id (CAP_DAC_READ_SEARCH). In kernfs a folder's inode
 * number is the cgroup's id. On success `path` names it.
 */
static bool search_cgroup(__u64 id, char *path, size_t length)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		size_t more = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, "..") || length + more + 2 > PATH_MAX)
			continue;
		path[length] = '/';
		memcpy(path + length + 1, entry->d_name, more + 1);
		found = entry->d_ino == id || search_cgroup(id, path, length + 1 + more);
	}
	if (folder)
		closedir(folder);
	if (!found)
		path[length] = '\0';
	return found;
}

static bool find_cgroup(__u64 id, const char *mount, char *text, size_t size)
{
	char path[PATH_MAX];
	size_t skip = snprintf(path, sizeof(path), "%s", mount);
	struct stat root;
	bool found;

	if (!stat(mount, &root) && root.st_ino == id)
		found = true;
	else
		found = search_cgroup(id, path, skip);
	if (found)
		snprintf(text, size, "%s", path[skip] ? path + skip : "/");
	return found;
}

char *cgroup_path(__u64 id, char *text, size_t size)
{
	union cgroup_handle handle = {
		.kernfs = {.bytes = sizeof(id), .type = FILEID_KERNFS, .id = id},
	};
	const char *mount = cgroup_mount();
	int mount_fd = mount ? open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, fd = -1;
	bool found = false;

	if (mount_fd >= 0)
		fd = open_by_handle_at(mount_fd, &handle.handle,
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		found = path_below_mount(fd, mount, text, size);
	else if (mount_fd >= 0 && errno == EPERM)
		found = find_cgroup(id, mount, text, size);
	if (!found)
		snprintf(text, size, CGROUP_GONE "%llu", id);
	if (fd >= 0)
		close(fd);
	if (mount_fd >= 0)
		close(mount_fd);
	return text;
}
