// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "command.h"
#include "log.h"
#include "pins.h"
#include "probe.h"

#define OPTIONS_MAX 8

static void print_help(const struct command *command, const struct command_option *options)
{
	printf("usage: headcount %s [OPTIONS]%s%s\n%s\n\noptions:\n", command->name,
	       *command->arguments ? " " : "", command->arguments, command->summary);
	for (; options->name; options++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", options->letter ? "-" : " ",
			 options->letter ?: ' ', options->letter ? ", " : "  ", options->name,
			 options->argument ? " " : "", options->argument ?: "");
		printf("  %-26s %s\n", left, options->help);
	}
	printf("  %-26s %s\n", "-h, --help", "show this help");
}

static int add_value(struct command_values *values, const char *text)
{
	const char **grown =
		reallocarray(values->items, values->count + 1, sizeof(*values->items));

	if (!grown)
		return hc_error_errno(ENOMEM, "cannot read the options");
	values->items = grown;
	grown[values->count++] = text;
	return 0;
}

static int take(const struct command_option *option, const char *text)
{
	if (!option->argument)
		*(bool *)option->value = true;
	else if (strstr(option->argument, "..."))
		return add_value(option->value, text);
	else
		*(const char **)option->value = text;
	return 0;
}

int command_options(const struct command *command, const struct command_option *options,
		    int argc, char **argv, int arguments, int *first, int *status)
{
	struct option longs[OPTIONS_MAX + 2] = {};
	char shorts[2 * OPTIONS_MAX + 4] = "+:h", *letter = shorts + 3;
	int count = 0, found;

	*status = EXIT_USAGE;
	for (; options[count].name; count++) {
		longs[count].name = options[count].name;
		longs[count].has_arg = !!options[count].argument;
		longs[count].val = 256 + count;
		if (!options[count].letter)
			continue;
		*letter++ = options[count].letter;
		if (options[count].argument)
			*letter++ = ':';
	}
	longs[count] = (struct option){"help", 0, NULL, 'h'};
	optind = 0;
	while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (found == 'h') {
			print_help(command, options);
			*status = EXIT_DONE;
			return -1;
		}
		for (int i = 0; i < count && found < 256; i++)
			if (options[i].letter == found)
				found = 256 + i;
		if (found < 256) {
			const char letter_of[] = {'-', optopt, '\0'};
			bool is_letter = optopt && optopt < 256;

			hc_error("%s: %s %s (see headcount %s --help)", command->name,
				 found == ':' ? "no value for" : "unknown option",
				 is_letter ? letter_of : argv[optind - 1], command->name);
			return -1;
		}
		if (take(&options[found - 256], optarg)) {
			*status = EXIT_FAILED;
			return -1;
		}
	}
	if (argc - optind != arguments) {
		hc_error("%s: %s (usage: headcount %s [OPTIONS]%s%s)", command->name,
			 argc - optind > arguments ? "too many arguments" : "arguments missing",
			 command->name, *command->arguments ? " " : "", command->arguments);
		return -1;
	}
	*first = optind;
	*status = EXIT_DONE;
	return 0;
}

/* Is the pinned state one that this program knows? */
static int check_version(const char *folder)
{
	struct bpf_map_info info = {};
	struct hc_control control;
	__u32 size = sizeof(info), zero = 0;
	char path[4300];
	int fd, error = 0;

	snprintf(path, sizeof(path), "%s/control", folder);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return hc_error_errno(errno, "cannot open %s", path);
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size != sizeof(control) ||
	    bpf_map_lookup_elem(fd, &zero, &control) || control.version != HC_STATE_VERSION)
		error = hc_error("the state in %s is of another version of headcount", folder);
	close(fd);
	return error;
}

int command_open(struct headcount_bpf **object, unsigned int programs)
{
	struct load_request request = {.programs = programs, .pins = pins_folder()};
	int error = probe_privileges();

	if (error)
		return error;
	if (pins_holder() && (!request.pins || !pins_have_maps())) {
		hc_error("headcount run (pid %d) is still starting, or its pins were removed",
			 pins_holder());
		return -ENOENT;
	}
	/* Maps that neither a process nor links keep true are what a killed run left. */
	if (!request.pins || !pins_have_maps() || (!pins_holder() && !pins_have_links())) {
		hc_error("not running: no state in %s (start it with headcount run)",
			 request.pins ?: "/sys/fs/bpf/headcount");
		return -ENOENT;
	}
	error = check_version(request.pins);
	return error ?: load_object(object, &request);
}
