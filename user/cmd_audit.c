// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "command.h"

static const char *const kinds[] = {
	[AUDIT_MISSING] = "missing",
	[AUDIT_STALE] = "stale",
	[AUDIT_WRONG] = "wrong",
};

static void print_json(const struct audit *audit)
{
	printf("{\"checked\":%zu,\"missing\":%zu,\"stale\":%zu,\"wrong\":%zu,"
	       "\"repaired\":%zu,\"unreachable\":%zu,\"differences\":[",
	       audit->checked, audit->missing, audit->stale, audit->wrong, audit->repaired,
	       audit->unreachable);
	for (size_t i = 0; i < audit->count; i++)
		printf("%s{\"kind\":\"%s\",\"id\":%llu,\"change\":%d}", i ? "," : "",
		       kinds[audit->differences[i].kind], audit->differences[i].id,
		       audit->differences[i].change);
	printf("]}\n");
}

static void print_text(const struct audit *audit)
{
	printf("%zu sessions checked against the kernel's sockets\n", audit->checked);
	printf("%8zu missing: a socket that is not counted\n", audit->missing);
	printf("%8zu stale: counted, but its socket is gone\n", audit->stale);
	printf("%8zu wrong: users whose count differs from their sessions\n", audit->wrong);
	printf("%8zu unreachable: in a network namespace that cannot be entered\n",
	       audit->unreachable);
	printf("%8zu repaired\n", audit->repaired);
	for (size_t i = 0; i < audit->count; i++) {
		const struct audit_difference *difference = &audit->differences[i];

		if (difference->kind == AUDIT_WRONG)
			printf("wrong: user in slot %llu, by %d\n", difference->id,
			       -difference->change);
		else
			printf("%s: session %llu\n", kinds[difference->kind], difference->id);
	}
}

int cmd_audit(const struct command *command, int argc, char **argv)
{
	bool json = false, repair = false;
	const struct command_option options[] = {
		{"repair", 'r', NULL, "correct what differs", &repair},
		{"json", 'j', NULL, "print a JSON object", &json},
		{},
	};
	struct headcount_bpf *object = NULL;
	struct audit audit = {};
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	error = command_open(&object, LOAD_WALK_SOCKETS);
	error = error ?: audit_run(object, repair, &audit);
	if (!error && json)
		print_json(&audit);
	else if (!error)
		print_text(&audit);
	free(audit.differences);
	headcount_bpf__destroy(object);
	if (error)
		return EXIT_FAILED;
	return audit.missing + audit.stale + audit.wrong > audit.repaired ? EXIT_FAILED
									  : EXIT_DONE;
}
