// SPDX-License-Identifier: GPL-2.0-only
/* Cgroups by path and by id, of the kernel's own making. Needs root. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/base/cgroup.h"
#include "user/base/user_name.h"

/* A cgroup of our own, with the blank that an override's user may have in it. */
static void test_cgroup(void **state)
{
	struct hc_service service = {.identify = HC_BY_CGROUP};
	struct hc_user_key key;
	char directory[PATH_MAX], path[64], text[HC_USER_TEXT], gone[64], why[256];
	const char *mount = cgroup_mount();
	struct stat status;
	unsigned int bits = 0;
	int err, fd = dup(STDOUT_FILENO), again;

	(void)state;
	close(fd);
	if (!mount || geteuid()) {
		print_message("needs root and cgroup v2\n");
		skip();
	}
	snprintf(path, sizeof(path), "/headcount test %d", getpid());
	snprintf(directory, sizeof(directory), "%s%s", mount, path);
	if (mkdir(directory, 0755)) {
		print_message("no cgroup can be made in %s: %s\n", mount, strerror(errno));
		skip();
	}
	err = user_key_parse(path, &service, 3, &key, &bits, why, sizeof(why));
	user_key_format(&key, true, text, sizeof(text));
	assert_int_equal(stat(directory, &status), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(err, 0);
	assert_int_equal(bits, 128);
	assert_int_equal(key.service, 3);
	assert_int_equal(key.kind, HC_BY_CGROUP);
	assert_int_equal(key.cgroup, status.st_ino); /* on 64-bit kernels the id is the inode */
	assert_int_equal(key.word[1], 0);
	assert_string_equal(text, path);

	snprintf(gone, sizeof(gone), "cgroup:%llu", key.cgroup);
	assert_string_equal(cgroup_path(key.cgroup, text, sizeof(text)), gone);
	assert_int_equal(user_key_parse(path, &service, 3, &key, &bits, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "no cgroup"));
	again = dup(STDOUT_FILENO);
	close(again);
	assert_int_equal(again, fd); /* nothing was left open */
}

/* Nothing outside of the mount passes for a cgroup, whatever the path. */
static void test_cgroup_root(void **state)
{
	static const char *const roots[] = {"/", "/..", "/../../../..", "//", "/./"};
	struct hc_service service = {.identify = HC_BY_CGROUP};
	struct hc_user_key key;
	char text[HC_USER_TEXT], why[256];
	unsigned int bits;

	(void)state;
	if (!cgroup_mount() || geteuid()) {
		print_message("needs root and cgroup v2\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		if (user_key_parse(roots[i], &service, 3, &key, &bits, why, sizeof(why)))
			fail_msg("%s: %s", roots[i], why);
		assert_string_equal(user_key_format(&key, true, text, sizeof(text)), "/");
	}
	assert_int_equal(
		user_key_parse("/../../kernel", &service, 3, &key, &bits, why, sizeof(why)),
		-EINVAL);
	/* a file of the cgroup file system is no cgroup */
	assert_int_equal(
		user_key_parse("/cgroup.procs", &service, 3, &key, &bits, why, sizeof(why)),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_cgroup_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
