/* SPDX-License-Identifier: GPL-2.0-only */
/* A user by a label that is known. */
#ifndef HEADCOUNT_TEST_LABELS_H
#define HEADCOUNT_TEST_LABELS_H

#include <string.h>
#include "user/base/label.h"

static inline void be_labelled(struct hc_user_key *key, const char *text)
{
	struct hc_label label = {};

	memcpy(label.text, text, strnlen(text, sizeof(label.text)));
	key->kind = HC_BY_LABEL;
	key->prefix = 0;
	label_hash(&label, key->id);
	label_learn(&label);
}

#endif
