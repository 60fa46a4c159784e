/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of accounts. */
#ifndef HEADCOUNT_ACCOUNT_H
#define HEADCOUNT_ACCOUNT_H

#include <linux/types.h>

#define ACCOUNT_NAME_MAX 256 /* with a NUL; LOGIN_NAME_MAX */

/* The account's name, "" if the uid has none (or a longer one). Remembered for a minute: an
 * account can appear or change its name while we run. The main thread's; valid until the next
 * call. */
const char *account_name(__u32 uid);

#endif
