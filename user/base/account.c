// SPDX-License-Identifier: GPL-2.0-only
#include <pwd.h>
#include <string.h>

#include "user/base/account.h"
#include "user/base/clock.h"

#define ACCOUNTS   256
#define BELIEVE_NS (60 * NS_PER_SECOND)

const char *account_name(__u32 uid)
{
	static struct account {
		__u32 uid;
		__u64 until_ns; /* 0: not in use */
		char name[ACCOUNT_NAME_MAX];
	} accounts[ACCOUNTS];
	struct account *account = &accounts[uid % ACCOUNTS];
	__u64 now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	const struct passwd *passwd;

	if (account->uid == uid && now_ns < account->until_ns)
		return account->name;
	passwd = getpwuid(uid);
	account->uid = uid;
	account->until_ns = now_ns + BELIEVE_NS;
	account->name[0] = '\0';
	if (passwd && strlen(passwd->pw_name) < sizeof(account->name))
		strcpy(account->name, passwd->pw_name);
	return account->name;
}
