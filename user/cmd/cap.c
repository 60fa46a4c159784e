// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/log.h"
#include "user/base/number.h"
#include "user/base/user_name.h"
#include "user/cmd/command.h"
#include "user/kernel/open.h"
#include "user/kernel/policy_caps.h"

static int set_cap(const struct headcount_bpf *object, const char *service, const char *user,
		   const char *cap_text)
{
	struct policy *policy = malloc(sizeof(*policy));
	struct hc_user_key key;
	char text[HC_USER_TEXT];
	unsigned int bits;
	char why[512];
	int error, id;
	__u32 cap = 0;

	if (!policy)
		return hc_error_errno(ENOMEM, "cannot set the cap");
	error = policy_read(object, policy);
	if (error)
		goto out;
	error = -EINVAL;
	id = policy_find(policy, service);
	if (id < 0) {
		hc_error("no service %s is in force", service);
	} else if (user_key_parse(user, &policy->services[id], id, &key, &bits, why,
				  sizeof(why))) {
		hc_error("%s: %s", service, why);
	} else if (bits < 128) {
		hc_error("%s: %s is more than one user of this service", service, user);
	} else if (strcmp(cap_text, "default") && number_parse_cap(cap_text, &cap)) {
		hc_error("%s is not a cap: a number, unlimited or default", cap_text);
	} else {
		error = policy_set_cap(object, &key, cap, !strcmp(cap_text, "default"));
		if (!error && user_is_more(&key, user))
			hc_notice("%s belongs to the user %s, whose cap this is", user,
				  user_key_format(&key, true, text, sizeof(text)));
	}
out:
	free(policy);
	return error;
}

int cmd_cap(const struct command *command, int argc, char **argv)
{
	const struct command_option options[] = {{}};
	struct headcount_bpf *object = NULL;
	int first, status, error;
	__u32 cap;

	if (command_options(command, options, argc, argv, 3, &first, &status))
		return status;
	if (strcmp(argv[first + 2], "default") && number_parse_cap(argv[first + 2], &cap)) {
		hc_error("%s is not a cap: a number, unlimited or default", argv[first + 2]);
		return EXIT_USAGE;
	}
	error = open_maps(&object, 0);
	error = error ?: set_cap(object, argv[first], argv[first + 1], argv[first + 2]);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}
