// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/array.h"
#include "user/base/log.h"
#include "user/cmd/command.h"

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
	       "report each step; -vv: also libbpf's messages, -vvv: the verifier's");
	printf("  %-26s %s\n", "-h, --help", "show this help");
}

static int add_value(struct command_values *values, const char *text)
{
	int error = array_append(&values->items, &values->count, &text, sizeof(text));

	return error ? hc_error_errno(error, "cannot read the options") : 0;
}

static int take_option(const struct command_option *option, const char *text)
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
		if (take_option(&options[found - 256], optarg))
			return -ENOMEM;
	}
	return 0;
}

static int read_line(const struct command *command, const struct command_option *options,
		     int argc, char **argv, int least, int most, int *first, int *status)
{
	struct getopt_table table = {};
	int count, error = make_table(&table, options, &count);

	error = error ?: take_all(command, options, argc, argv, &table, count);
	free(table.longs);
	free(table.shorts);
	if (!error && (argc - optind < least || argc - optind > most))
		error = hc_error(
			"%s: %s (usage: headcount %s [OPTIONS]%s%s)", command->name,
			argc - optind > most ? "too many arguments" : "arguments missing",
			command->name, *command->arguments ? " " : "", command->arguments);
	*first = optind;
	*status = error == -ENOMEM ? EXIT_FAILED : error < 0 ? EXIT_USAGE : EXIT_DONE;
	return error ? -1 : 0;
}

int command_options(const struct command *command, const struct command_option *options,
		    int argc, char **argv, int arguments, int *first, int *status)
{
	return read_line(command, options, argc, argv, arguments, arguments, first, status);
}

int command_options_upto(const struct command *command, const struct command_option *options,
			 int argc, char **argv, int arguments, int *first, int *status)
{
	return read_line(command, options, argc, argv, 0, arguments, first, status);
}
