/* SPDX-License-Identifier: GPL-2.0-only */
/* Which session is to have which label, as people and programs say it. Pure. */
#ifndef HEADCOUNT_LABEL_ORDER_H
#define HEADCOUNT_LABEL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include "policy.h"

/* As it was said; NULL: not at all. The name has any bytes, and no NUL after them. */
struct label_words {
	const char *fd, *id, *remote, *local, *netns;
	const char *name;
	size_t length;
	bool kill;
};

enum label_by { LABEL_BY_FD, LABEL_BY_ID, LABEL_BY_ENDS };

struct label_order {
	enum label_by by;
	int fd;
	__u64 id;
	struct hc_label_socket ends; /* without a namespace; local_port 0: any local end */
	const char *netns;           /* the words' own; NULL: ours */
	struct hc_label label;
	size_t length;
	bool kill; /* over the cap, the session is to be closed */
};

/* Sets what `key` (an option's name: fd, id, remote, local, netns) stands for. False: nothing.
 */
bool label_words_set(struct label_words *words, const char *key, const char *value);

/* Says anything of which session? */
bool label_words_select(const struct label_words *words);

/* Understands them; the words outlive the order. Returns 0, or -EINVAL after the printed error:
 * bad usage. */
int label_order_parse(const struct label_words *words, struct label_order *order);

#endif
