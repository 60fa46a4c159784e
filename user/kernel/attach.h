/* SPDX-License-Identifier: GPL-2.0-only */
/* Attaching the programs, in the order that loses nothing; and the links. */
#ifndef HEADCOUNT_ATTACH_H
#define HEADCOUNT_ATTACH_H

#include "user/base/netns.h"
#include "user/kernel/load.h"

struct attach_link {
	struct bpf_link *link;
	int program;  /* open: later we may not be allowed to open it */
	bool adopted; /* it was there before us */
	char name[64];
	unsigned int netns; /* of an arrival link; else 0 */
};

/* Zeroed is empty. */
struct attachments {
	struct attach_link *items;
	size_t count;
	bool pinned; /* links are pinned as they are attached */
	bool live;   /* into the live folder, not into headcount_new */
};

/* Sessions are seen from here on. */
int attach_trace(struct attachments *links, const struct headcount_bpf *object);

/* And every state change of every socket, by on_state of `object`; unless that is so. */
int attach_state(struct attachments *links, const struct headcount_bpf *object);

bool attach_has_state(struct attachments *links);

/* Outbound caps hold from here on. */
int attach_connect(struct attachments *links, const struct headcount_bpf *object);

/* on_resent keeps what on_arrival takes: before it. */
int attach_resent(struct attachments *links, const struct headcount_bpf *object);

/* on_release, unless it is attached: asked where orphans = ignore. Loaded on the maps of
 * `object`, which may not have it. */
int attach_release(struct attachments *links, const struct headcount_bpf *object);
bool attach_has_release(struct attachments *links);
void attach_drop_release(struct attachments *links);

/* on_setsockopt and on_getsockopt, unless they are attached: asked where a service is by label.
 * The same. */
int attach_labels(struct attachments *links, const struct headcount_bpf *object);
bool attach_has_labels(struct attachments *links);
void attach_drop_labels(struct attachments *links);

/* Inbound caps hold from here on in this namespace; a copy of the program that
 * knows the namespace is loaded on the maps of `object`. */
int attach_arrival(struct attachments *links, const struct headcount_bpf *object,
		   const struct netns *netns);

bool attach_has_arrival(const struct attachments *links, unsigned int netns);

/* Ends the enforcement in a namespace. */
void attach_drop_arrival(struct attachments *links, unsigned int netns);

/* Are all links pinned that enforcement on the host needs, attached, and working on
 * the maps of `object`? */
bool attach_is_whole(const struct headcount_bpf *object);

/* Notes the adopted links, dropping those of namespaces that are gone, or of other maps. */
int attach_adopt(struct attachments *links, const struct headcount_bpf *object);

/* Closes our hold on the links; what is pinned stays attached. */
void attach_close(struct attachments *links);

#endif
