// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/links.h"
#include "user/kernel/pins.h"
#include "user/kernel/probe.h"

/* Is there a file in the folder (NULL: there is no bpffs, or errno says why that is not known)
 * whose name begins with the links' mark (or does not)? 1, 0, or -errno if nobody can tell. */
static int look(const char *folder, bool links)
{
	DIR *files = folder ? opendir(folder) : NULL;
	struct dirent *entry = NULL;
	bool found = false;
	int error;

	if (!files)
		return folder && errno == ENOENT ? 0 : -errno;
	while (!found && (errno = 0, entry = readdir(files)))
		found = entry->d_name[0] != '.' && links == !!pin_link_name(entry->d_name);
	error = entry ? 0 : -errno;
	closedir(files);
	return found ? 1 : error;
}

bool pins_have_maps(void)
{
	return look(pins_folder(), false) > 0;
}

bool pins_have_links(void)
{
	return pins_look() > 0;
}

int pins_look(void)
{
	return look(pins_folder(), true);
}

const char *pins_unfinished(void)
{
	return pins_folder() && look(pins_new_folder(), true) > 0 && !pins_holder()
		       ? pins_new_folder()
		       : NULL;
}

int pins_read_control(const char *folder, struct hc_control *control)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), zero = 0;
	char path[PIN_PATH];
	int fd = bpf_obj_get(pin_path_map(folder, "control", path)), error = 0;

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size != sizeof(*control) ||
	    bpf_map_lookup_elem(fd, &zero, control) || control->version != HC_STATE_VERSION)
		error = -ESTALE;
	close(fd);
	return error;
}

bool pins_are_of(const struct headcount_bpf *object)
{
	const char *folder = pins_folder();
	char path[PIN_PATH];
	bool same;
	int fd;

	fd = folder ? bpf_obj_get(pin_path_map(folder, "control", path)) : -1;
	if (fd < 0)
		return false;
	same = links_map_id(fd) == links_map_id(bpf_map__fd(object->maps.control));
	close(fd);
	return same;
}

/* Removes the files of a folder, or only its links; how many there were, or -errno of the first
 * that stays. */
static int remove_files(const char *folder, bool only_links)
{
	struct dirent *entry;
	DIR *files = opendir(folder);
	int count = 0;

	while (files && count >= 0 && (entry = readdir(files))) {
		if (entry->d_name[0] == '.' || (only_links && !pin_link_name(entry->d_name)))
			continue;
		count++;
		if (unlinkat(dirfd(files), entry->d_name, 0) &&
		    (errno != EISDIR || unlinkat(dirfd(files), entry->d_name, AT_REMOVEDIR)))
			count = hc_error_errno(errno, "cannot remove %s/%s", folder,
					       entry->d_name);
	}
	if (files)
		closedir(files);
	return count;
}

static int remove_pins(const char *folder)
{
	int links, maps;

	if (!folder || (access(folder, F_OK) && errno == ENOENT))
		return 0;
	links = remove_files(folder, true);
	maps = links < 0 ? links : remove_files(folder, false);
	if (maps >= 0 && rmdir(folder))
		maps = hc_error_errno(errno, "cannot remove %s", folder);
	else if (maps >= 0)
		hc_step("removed the pins in %s", folder);
	return maps < 0 ? maps : links;
}

int pins_remove(void)
{
	int links, spare;

	if (!pins_folder())
		return 0;
	spare = remove_pins(pins_new_folder());
	links = spare < 0 ? spare : remove_pins(pins_folder());
	return links < 0 ? links : links + spare;
}

int pins_begin(const struct headcount_bpf *object)
{
	const char *folder = pins_new_folder();
	struct bpf_map *map;
	char path[PIN_PATH];

	remove_pins(folder);
	if (mkdir(folder, 0700))
		return hc_error_errno(errno, "cannot make %s", folder);
	bpf_object__for_each_map(map, object->obj) {
		if (!load_is_shared(map))
			continue;
		pin_path_map(folder, bpf_map__name(map), path);
		if (bpf_obj_pin(bpf_map__fd(map), path)) {
			int error = hc_error_errno(errno, "cannot pin %s", path);

			remove_pins(folder);
			return error;
		}
		hc_step("pinned the map %s", path);
	}
	return 0;
}

int pins_link(struct bpf_link *link, const char *name, bool live)
{
	char path[PIN_PATH];

	pin_path_link(live ? pins_folder() : pins_new_folder(), name, path);
	if (bpf_obj_pin(bpf_link__fd(link), path))
		return hc_error_errno(errno, "cannot pin %s", path);
	hc_step("pinned the link %s", path);
	return 0;
}

int pins_finish(void)
{
	const char *folder = pins_folder();
	int links = remove_pins(folder);

	if (links < 0)
		return links;
	if (rename(pins_new_folder(), folder))
		return hc_error_errno(errno, "cannot rename %s", pins_new_folder());
	hc_step("published the pins as %s", folder);
	return 0;
}

int pins_recover(bool finish)
{
	const char *folder = pins_new_folder();
	struct hc_control control = {};
	int links = look(folder, true);

	if (links > 0 && finish && !pins_read_control(folder, &control) && control.gated) {
		hc_notice("finishing a killed start that had attached everything");
		return pins_finish();
	}
	if (links < 0)
		return hc_error_errno(links, "cannot look at %s", folder);
	links = remove_pins(folder);
	if (links > 0)
		hc_notice("removed %s: %d programs that a killed start had attached", folder,
			  links);
	return links < 0 ? links : 0;
}

void pins_abandon(void)
{
	remove_pins(pins_new_folder());
}

void pins_drop_link(const char *name)
{
	char path[PIN_PATH];

	pin_path_link(pins_folder(), name, path);
	if (!unlink(path))
		hc_step("removed the pin %s", path);
}

static int read_pid(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;
}

/* Is the open file still the one of that name? Its last owner may have removed it. */
static bool is_lock_file(int fd)
{
	struct stat open_file, named;

	return !fstat(fd, &open_file) && !stat(PINS_LOCK_FILE, &named) &&
	       open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

/* Whoever asks for the holder (pins_holder()) has the lock for a moment. */
static bool take_lock(int fd)
{
	for (int tries = 0; tries < 10; tries++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return true;
		clock_sleep_ms(10);
	}
	return false;
}

int pins_lock(int *holder)
{
	char text[16];
	int fd;

	*holder = 0;
	for (;;) {
		/* Nobody else may lock it, or any user could keep run from starting. */
		fd = open(PINS_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		if (!take_lock(fd)) {
			*holder = read_pid(fd);
			close(fd);
			return -EBUSY;
		}
		if (is_lock_file(fd))
			break;
		close(fd);
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0)
		hc_notice("cannot write our pid to " PINS_LOCK_FILE);
	hc_step("locked " PINS_LOCK_FILE);
	return fd;
}

void pins_unlock(int fd)
{
	unlink(PINS_LOCK_FILE);
	close(fd);
}

int pins_holder(void)
{
	int fd = open(PINS_LOCK_FILE, O_RDONLY | O_CLOEXEC), pid = 0;

	if (fd < 0)
		return 0;
	/* A shared lock is refused exactly while the holder lives. */
	if (flock(fd, LOCK_SH | LOCK_NB))
		pid = read_pid(fd);
	close(fd);
	return pid;
}
