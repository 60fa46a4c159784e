// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "user/base/account.h"
#include "user/base/escape.h"
#include "user/base/put.h"
#include "user/base/user_name.h"
#include "user/events/put_names.h"

#define ACCOUNT_ROOM 256 /* an account's name, escaped, with its NUL */
#define CGROUPS      256

char *put_escaped(char *p, const char *text, size_t length)
{
	return p + escape_json(p, 6 * length + 1, text, length);
}

/* A cgroup's path is remembered, so that a session's end names what its start
 * named, though the cgroup may be gone. Its id is never given away again. */
static char *put_cgroup(char *p, const struct hc_user_key *user)
{
	static struct cgroup {
		__u64 id;
		char *text;
	} cgroups[CGROUPS];
	struct cgroup *cgroup = &cgroups[user->cgroup % CGROUPS];
	char raw[HC_USER_TEXT], *end;

	if (cgroup->text && cgroup->id == user->cgroup)
		return stpcpy(p, cgroup->text);
	user_key_format(user, false, raw, sizeof(raw));
	end = put_escaped(p, raw, strlen(raw));
	free(cgroup->text);
	cgroup->text = strndup(p, end - p);
	cgroup->id = user->cgroup;
	return end;
}

char *put_account(char *p, const char *key, __u32 uid)
{
	const char *name = account_name(uid);

	p = PUT(p, ",\"");
	p = stpcpy(p, key);
	p = PUT(p, ".id\":\"");
	p = put_number(p, uid);
	*p++ = '"';
	if (!*name)
		return p;
	p = PUT(p, ",\"");
	p = stpcpy(p, key);
	p = PUT(p, ".name\":\"");
	p += escape_json(p, ACCOUNT_ROOM, name, strlen(name));
	*p++ = '"';
	return p;
}

char *put_user(char *p, const struct hc_user_key *user)
{
	char text[HC_USER_TEXT];

	switch (user->kind) {
	case HC_BY_CLIENT:
		return put_prefix(p, user->id, user->prefix);
	case HC_BY_UID:
		return put_number(p, user->uid);
	case HC_BY_CGROUP:
		return put_cgroup(p, user);
	default:
		user_key_format(user, false, text, sizeof(text));
		return put_escaped(p, text, strlen(text));
	}
}
