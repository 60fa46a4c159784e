// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/base/number.h"
#include "user/base/user_name.h"
#include "user/cmd/command.h"
#include "user/kernel/open.h"
#include "user/kernel/policy_caps.h"

/* `remove`: what the configuration says holds again. */
static int change_cap(const struct headcount_bpf *object, const struct policy *policy,
		      const char *service, const char *user, __u32 cap, bool remove)
{
	int id = policy_find(policy, service), error;
	char text[HC_USER_TEXT], why[512];
	struct hc_user_key key;
	unsigned int bits;

	if (id < 0)
		return hc_error("no service %s is in force", service);
	if (user_key_parse(user, &policy->services[id], id, &key, &bits, why, sizeof(why)))
		return hc_error("%s: %s", service, why);
	if (bits < 128)
		return hc_error("%s: %s is more than one user of this service", service, user);
	error = policy_set_cap(object, &key, cap, remove);
	if (!error && user_is_more(&key, user))
		hc_notice("%s belongs to the user %s, whose cap this is", user,
			  user_key_format(&key, true, text, sizeof(text)));
	return error;
}

int cmd_cap(const struct command *command, int argc, char **argv)
{
	const struct command_option options[] = {{}};
	struct headcount_bpf *object = NULL;
	struct policy *policy = NULL;
	int first, status, error;
	__u32 cap = 0;
	bool remove;

	if (command_options(command, options, argc, argv, 3, &first, &status))
		return status;
	argv += first;
	remove = !strcmp(argv[2], "default");
	if (!remove && number_parse_cap(argv[2], &cap)) {
		hc_error("%s is not a cap: a number, unlimited or default", argv[2]);
		return EXIT_USAGE;
	}
	error = open_maps(&object, 0);
	error = error ?: policy_read_new(object, &policy);
	error = error ?: change_cap(object, policy, argv[0], argv[1], cap, remove);
	free(policy);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
