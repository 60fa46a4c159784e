/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole policy in force as the kernel's maps have it, for people. */
#ifndef HEADCOUNT_POLICY_VIEW_H
#define HEADCOUNT_POLICY_VIEW_H

#include "user/kernel/policy_caps.h"

/* Ports `first` to `last` of a service, at an address or (all zero) at every one. */
struct policy_listen {
	__u16 service;
	__u16 first, last;
	__u8 address[16];
};

struct policy_override {
	struct hc_user_key key; /* with the prefix that it is of; of a label, no id */
	struct hc_label label;
	unsigned int bits; /* of a label: its bytes that count */
	struct hc_override value;
};

struct policy_labeller {
	__u16 service;
	__u32 uid;
};

struct policy_view {
	struct policy policy;
	struct policy_listen *listens; /* by service, as they were found */
	size_t listen_count;
	struct policy_override *overrides; /* by service, and those of one by their users */
	size_t override_count;
	struct policy_moment *moments;
	size_t moment_count;
	struct policy_labeller *labellers; /* by service and uid */
	size_t labeller_count;
	__u32 *namespaces; /* inode numbers */
	size_t namespace_count;
};

/* All of one moment: a reload waits. Returns NULL after the printed error. */
struct policy_view *policy_view_read(const struct headcount_bpf *object);
void policy_view_free(struct policy_view *view);

#endif
