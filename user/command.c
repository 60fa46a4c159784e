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
	printf("  %-26s %s\n", "-v, --verbose",
	       "tell each step; -vv: also what libbpf says, -vvv: and the verifier");
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
	switch (option->type) {
	case COMMAND_FLAG:
		*option->flag = true;
		break;
	case COMMAND_TEXT:
		*option->text = text;
		break;
	case COMMAND_LIST:
		return add_value(option->list, text);
	}
	return 0;
}

/* The table as getopt_long() wants it; `*count` its rows. */
struct getopt_table {
	struct option *longs;
	char *shorts;
};

static int make_table(struct getopt_table *table, const struct command_option *options,
		      int *count)
{
	char *letter;

	for (*count = 0; options[*count].name;)
		++*count;
	table->longs = calloc(*count + 3, sizeof(*table->longs));
	table->shorts = calloc(2 * *count + sizeof("+:hv"), 1);
	if (!table->longs || !table->shorts)
		return hc_error_errno(ENOMEM, "cannot read the options");
	letter = stpcpy(table->shorts, "+:hv");
	for (int i = 0; i < *count; i++) {
		table->longs[i].name = options[i].name;
		table->longs[i].has_arg = options[i].type != COMMAND_FLAG;
		table->longs[i].val = 256 + i;
		if (!options[i].letter)
			continue;
		*letter++ = options[i].letter;
		if (options[i].type != COMMAND_FLAG)
			*letter++ = ':';
	}
	table->longs[*count] = (struct option){"help", 0, NULL, 'h'};
	table->longs[*count + 1] = (struct option){"verbose", 0, NULL, 'v'};
	return 0;
}

/* Takes the options one by one. 1: --help was printed; or a negative errno after the error. */
static int take_all(const struct command *command, const struct command_option *options,
		    int argc, char **argv, const struct getopt_table *table, int count)
{
	int found;

	optind = 0;
	while ((found = getopt_long(argc, argv, table->shorts, table->longs, NULL)) != -1) {
		if (found == 'h') {
			print_help(command, options);
			return 1;
		}
		if (found == 'v') {
			log_more();
			continue;
		}
		for (int i = 0; i < count && found < 256; i++)
			if (options[i].letter == found)
				found = 256 + i;
		if (found < 256) {
			const char letter_of[] = {'-', optopt, '\0'};
			bool is_letter = optopt && optopt < 256;

			return hc_error("%s: %s %s (see headcount %s --help)", command->name,
					found == ':' ? "no value for" : "unknown option",
					is_letter ? letter_of : argv[optind - 1],
					command->name);
		}
		if (take(&options[found - 256], optarg))
			return -ENOMEM;
	}
	return 0;
}

int command_options(const struct command *command, const struct command_option *options,
		    int argc, char **argv, int arguments, int *first, int *status)
{
	struct getopt_table table = {};
	int count, error = make_table(&table, options, &count);

	error = error ?: take_all(command, options, argc, argv, &table, count);
	free(table.longs);
	free(table.shorts);
	if (!error && argc - optind != arguments)
		error = hc_error(
			"%s: %s (usage: headcount %s [OPTIONS]%s%s)", command->name,
			argc - optind > arguments ? "too many arguments" : "arguments missing",
			command->name, *command->arguments ? " " : "", command->arguments);
	*first = optind;
	*status = error == -ENOMEM ? EXIT_FAILED : error < 0 ? EXIT_USAGE : EXIT_DONE;
	return error ? -1 : 0;
}

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

/* Maps that neither a process nor links keep true are what a killed run left. */
static bool runs(const char *folder)
{
	return folder && pins_have_maps() && (pins_holder() || pins_have_links());
}

int command_open(struct headcount_bpf **object, unsigned int programs)
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
		hc_error(
			"not running, but a start that was killed is pinned in %s, and what it "
			"attached goes on: headcount detach ends it, or the next headcount run",
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

struct headcount_bpf *command_peep(void)
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
