/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Labels as people write them, and which label a user's key means.
 *
 * A label is written as it is, but for bytes that are control characters or no UTF-8, for those
 * that would steer a terminal, and for % * and \: they become %XX. A label that begins with
 * "unlabelled/" or "label#" has its first byte written so. So it passes every printer
 * unchanged, is no other user's text, and can be read back.
 *
 * The maps know a user by a hash of its label, with a key that each headcount chooses anew. All
 * of this may be called by any thread.
 */
#ifndef HEADCOUNT_LABEL_H
#define HEADCOUNT_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include "policy.h"

#define LABEL_TEXT       (3 * HC_LABEL_MAX + 1)
#define LABEL_UNLABELLED "unlabelled/" /* and the client */
#define LABEL_UNKNOWN    "label#"      /* and its hash: nobody knows the label any more */

char *label_format(const struct hc_label *label, char text[LABEL_TEXT]);

/* With `*prefix` also one that ends in *, for all that begin so: `*prefix` is how many bytes
 * that are, else HC_LABEL_MAX. Returns 0, or -EINVAL and why. */
int label_parse(const char *text, struct hc_label *label, unsigned int *prefix, char *why,
		size_t why_size);

/* The key of the hash, of the maps that are open. */
void label_set_key(const __u64 key[2]);

void label_hash(const struct hc_label *label, __u8 id[16]);

/* It may be asked for. */
void label_learn(const struct hc_label *label);

/* Who looks in the maps for what was not learned; NULL: nobody. */
typedef bool label_look(const struct hc_user_key *key, struct hc_label *label);
void label_set_look(label_look *look);

/* The label of a user by label; false: it is not known any more. */
bool label_find(const struct hc_user_key *key, struct hc_label *label);

#endif
