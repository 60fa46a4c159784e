// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/command.h"
#include "user/cmd/fleet_asked.h"
#include "user/kernel/policy_caps.h"

int fleet_run_asked(const struct fleet_request *request, __u16 asker)
{
	static const struct command commands[] = {
		[REQUEST_USERS] = {"users", "", "", cmd_users},
		[REQUEST_SESSIONS] = {"sessions", "", "", cmd_sessions},
		[REQUEST_WHY] = {"why", "[SERVICE] [USER]", "", cmd_why},
		[REQUEST_KILL] = {"kill", "", "", cmd_kill},
	};
	const struct command *command = &commands[request->command];
	char *argv[REQUEST_WORDS_MAX + 2] = {(char *)command->name};
	const char *word = NULL;
	int argc = 1;

	while ((word = request_next(request, word)))
		argv[argc++] = (char *)word;
	policy_act_for(request->uid, asker);
	return command->run(command, argc, argv);
}
