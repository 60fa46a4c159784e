// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "user/base/log.h"
#include "user/kernel/open.h"
#include "user/kernel/pins.h"
#include "user/kernel/probe.h"

/* Is the pinned state one that this program knows? */
static int check_version(const char *folder, bool quiet)
{
	struct bpf_map_info info = {};
	struct hc_control control;
	__u32 size = sizeof(info), zero = 0;
	char path[4300];
	int fd, error = 0;

	snprintf(path, sizeof(path), "%s/control", folder);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return quiet ? -errno : hc_error_errno(errno, "cannot open %s", path);
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size != sizeof(control) ||
	    bpf_map_lookup_elem(fd, &zero, &control) || control.version != HC_STATE_VERSION)
		error = quiet ? -EINVAL
			      : hc_error("the state in %s is of another version of headcount",
					 folder);
	close(fd);
	return error;
}

/* Maps without a process or links are what a killed run left. */
static bool runs(const char *folder)
{
	return folder && pins_have_maps() && (pins_holder() || pins_have_links());
}

int open_maps(struct headcount_bpf **object, unsigned int programs)
{
	struct load_request request = {.programs = programs, .pins = pins_folder()};
	const char *unfinished;
	int error = probe_privileges();

	if (error)
		return error;
	if (pins_holder() && (!request.pins || !pins_have_maps())) {
		hc_error("headcount run (pid %d) is still starting, or its pins were removed",
			 pins_holder());
		return -ENOENT;
	}
	unfinished = pins_unfinished();
	if (unfinished && !pins_have_links()) {
		hc_error("not running, but a killed start is pinned in %s, still enforcing: "
			 "headcount detach removes it, as does the next headcount run",
			 unfinished);
		return -ENOENT;
	}
	if (!runs(request.pins)) {
		hc_error("not running: no state in %s (start it with headcount run)",
			 request.pins ?: "/sys/fs/bpf/headcount");
		return -ENOENT;
	}
	error = check_version(request.pins, false);
	if (error)
		return error;
	if (programs & LOAD_WALK_FILES) {
		request.holders = request.optional = true;
		if (!load_object(object, &request))
			return 0;
		request.programs &= ~LOAD_WALK_FILES;
		request.optional = false;
	}
	return load_object(object, &request);
}

struct headcount_bpf *open_quietly(void)
{
	struct load_request request = {
		.programs = LOAD_NOTHING,
		.pins = pins_folder(),
		.optional = true,
	};
	struct headcount_bpf *object = NULL;

	if (runs(request.pins) && !check_version(request.pins, true))
		load_object(&object, &request);
	return object;
}
