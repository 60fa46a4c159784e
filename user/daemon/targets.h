/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets that excess = wait, redirect and evict send packets to (bpf/excess.h): a silent
 * listener for all namespaces, if anybody is to wait; one for each service that answers, in
 * each namespace that is enforced; and the administrators' own, which are only looked for. What
 * nobody wants is not made. We alone have ours open, so that they go as we do, however that is.
 */
#ifndef HEADCOUNT_TARGETS_USER_H
#define HEADCOUNT_TARGETS_USER_H

#include "user/base/netns.h"
#include "user/config/config.h"
#include "user/kernel/load.h"

struct netns_helper;

/* Who answers at a listener of ours. Without `serve` nobody does, and none is made. */
struct targets_server {
	void *context;
	/* The listener stays ours, until `leave`. 0 or a negative errno, after the printed
	 * error. Once more for the same listener: it says something else; or after an error,
	 * what it said.
	 */
	int (*serve)(void *context, int listener, const struct config_service *service);
	void (*leave)(void *context, int listener);
};

/* Zeroed but for the first four: what is there, and nothing wanted. */
struct targets {
	const struct headcount_bpf *object;
	const struct headcount_bpf *walker; /* has walk_targets, if the kernel lets it */
	struct netns_helper *helper;
	struct targets_server server;
	struct target_own *items; /* ours */
	size_t count;
	__u16 last;   /* number that was given to a service that answers */
	__u64 missed; /* who was not redirected, when we looked last */
};

/*
 * Makes and finds what `config` needs in these namespaces, before the policy switches to it,
 * and says in it which are ours. What is there stays. Returns 0, or a negative errno after the
 * printed error; then as after targets_abandon().
 */
int targets_prepare(struct targets *targets, struct config *config,
		    const struct netns_list *netns);

/* The policy is in force: what it does not need goes. */
void targets_commit(struct targets *targets, const struct config *config);

/* It is not: what was made for it goes. */
void targets_abandon(struct targets *targets);

/* Looks for them if somebody could not be redirected since the last time. */
void targets_look_again(struct targets *targets);

/* Closes ours. */
void targets_free(struct targets *targets);

#endif
