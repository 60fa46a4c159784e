// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "user/base/log.h"
#include "user/kernel/labels.h"
#include "user/kernel/open.h"
#include "user/kernel/pins.h"
#include "user/kernel/probe.h"

/* Is the pinned state one that this program knows? */
static int check_version(const char *folder)
{
	struct hc_control control;
	int error = pins_read_control(folder, &control);

	if (error == -ESTALE)
		return hc_error("the state in %s is of another version of headcount", folder);
	return error ? hc_error_errno(error, "cannot open the state in %s", folder) : 0;
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
			 request.pins ?: PINS_FOLDER_NORMAL);
		return -ENOENT;
	}
	error = check_version(request.pins);
	if (error)
		return error;
	if (programs & LOAD_WALK_FILES) {
		request.holders = request.optional = true;
		if (!load_object(object, &request)) {
			labels_use(*object);
			return 0;
		}
		request.programs &= ~LOAD_WALK_FILES;
		request.optional = false;
	}
	error = load_object(object, &request);
	if (!error)
		labels_use(*object);
	return error;
}

struct headcount_bpf *open_quietly(void)
{
	struct load_request request = {
		.programs = LOAD_NOTHING,
		.pins = pins_folder(),
		.optional = true,
	};
	struct headcount_bpf *object = NULL;
	struct hc_control control;

	if (runs(request.pins) && !pins_read_control(request.pins, &control))
		load_object(&object, &request);
	labels_use(object);
	return object;
}
