// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "audit.h"
#include "command.h"

static void print_audit(const struct audit *audit, bool json)
{
	if (json) {
		printf("{\"checked\":%zu,\"missing\":%zu,\"stale\":%zu,\"wrong\":%zu,"
		       "\"repaired\":%zu,\"unreachable\":%zu}\n",
		       audit->checked, audit->missing, audit->stale, audit->wrong,
		       audit->repaired, audit->unreachable);
		return;
	}
	printf("%zu sessions checked against the kernel's sockets\n", audit->checked);
	printf("%8zu missing: a socket that is not counted\n", audit->missing);
	printf("%8zu stale: counted, but its socket is gone\n", audit->stale);
	printf("%8zu wrong: users whose count differs from their sessions\n", audit->wrong);
	printf("%8zu unreachable: in a network namespace that cannot be entered\n",
	       audit->unreachable);
	printf("%8zu repaired\n", audit->repaired);
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
	struct audit audit;
	int first, status, error;

	if (command_options(command, options, argc, argv, 0, &first, &status))
		return status;
	error = command_open(&object, LOAD_WALK_SOCKETS);
	error = error ?: audit_run(object, repair, &audit);
	if (!error)
		print_audit(&audit, json);
	headcount_bpf__destroy(object);
	if (error)
		return EXIT_FAILED;
	return audit.missing + audit.stale + audit.wrong > audit.repaired ? EXIT_FAILED
									  : EXIT_DONE;
}
