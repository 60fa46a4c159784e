/* SPDX-License-Identifier: GPL-2.0-only */
/* For the tests of the configuration: a text, written to a file and read. */
#ifndef HEADCOUNT_TEST_CONFIG_FILE_H
#define HEADCOUNT_TEST_CONFIG_FILE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/config/config.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define IMAP     "[service imap]\nlisten = 143\n"
#define OUTBOUND "[service outbound]\n"
#define X50      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200     X50 X50 X50 X50

static char path[] = "/tmp/headcount-test-XXXXXX";
static char why[512];

static int read_bytes(struct config *config, const void *text, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	*why = '\0';
	return config_read(config, path, why, sizeof(why));
}

static inline void read_good(struct config *config, const char *text)
{
	if (read_bytes(config, text, strlen(text)))
		fail_msg("refused: %s", why);
}

static int make_file(void)
{
	int fd = mkstemp(path);

	if (fd < 0) {
		printf("Bail out! no file in /tmp\n");
		return -1;
	}
	close(fd);
	return 0;
}

#endif
