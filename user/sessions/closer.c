// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/log.h"
#include "user/base/privileges.h"
#include "user/base/thread.h"
#include "user/kernel/diag.h"
#include "user/kernel/state.h"
#include "user/kernel/walk.h"
#include "user/sessions/closer.h"

#define LOOK_MS 200 /* how long the end of the thread may take */

struct entry {
	__u32 netns;
	struct diag *diag;
};

struct closer {
	const struct headcount_bpf *object;
	struct ring_buffer *ring;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	bool complained;      /* once: there may be many */
	pthread_mutex_t lock; /* of the entries, which the thread reads and a reload changes */
	struct entry *entries;
	size_t count;
	unsigned int home; /* the namespace of `run`: always there, for outbound sessions */
};

static int open_diag(void *context)
{
	struct diag **diag = context;

	*diag = diag_open();
	return *diag ? 0 : hc_error_errno(errno, "cannot ask the kernel to close sockets");
}

int closer_close(struct closer *closer, const struct hc_socket *socket)
{
	int error = -ENOENT;

	pthread_mutex_lock(&closer->lock);
	for (size_t i = 0; i < closer->count; i++)
		if (closer->entries[i].netns == socket->session.ends.netns)
			error = diag_destroy(closer->entries[i].diag, socket);
	pthread_mutex_unlock(&closer->lock);
	return error;
}

int closer_ask(struct closer *closer, const struct hc_socket *socket, struct tcp_info *info)
{
	int error = -ENOENT;

	pthread_mutex_lock(&closer->lock);
	for (size_t i = 0; i < closer->count; i++)
		if (closer->entries[i].netns == socket->session.ends.netns)
			error = diag_info(closer->entries[i].diag, socket, info);
	pthread_mutex_unlock(&closer->lock);
	return error;
}

int closer_kill(struct closer *closer, const struct headcount_bpf *walker,
		const struct hc_kill *kill, __u32 device)
{
	const struct hc_socket socket = {
		.id = kill->id, .device = device, .session.ends = kill->session.ends};
	struct hc_kill *errand = &walker->bss->errand.kill;
	int error, gone;

	*errand = *kill;
	errand->asker = getuid();
	if (walk_run(walker->progs.kill_mark, 1) <= 0)
		return 0;
	error = closer_close(closer, &socket);
	errand->closed = !error;
	gone = walk_run(walker->progs.kill_tell, 1);
	if (gone > 0)
		return !error;
	return error && error != -ENOENT ? error : -EBUSY;
}

static void close_one(struct closer *closer, __u64 id, const struct hc_ends *ends)
{
	const struct hc_socket socket = {.id = id, .session.ends = *ends};
	int error = closer_close(closer, &socket);

	if (!error || error == -ENOENT || closer->complained) /* or it has ended by itself */
		return;
	closer->complained = true;
	hc_error_errno(error, "cannot close late sessions over their cap%s",
		       privileges_hint(error));
}

static int take_late(void *closer, void *data, size_t size)
{
	const struct hc_late *late = data;

	if (size == sizeof(*late))
		close_one(closer, late->id, &late->ends);
	return 0;
}

static void closer_forget(struct closer *closer, unsigned int netns)
{
	struct diag *diag = NULL;

	pthread_mutex_lock(&closer->lock);
	for (size_t i = 0; i < closer->count && !diag; i++) {
		if (closer->entries[i].netns != netns)
			continue;
		diag = closer->entries[i].diag;
		closer->entries[i] = closer->entries[--closer->count];
	}
	pthread_mutex_unlock(&closer->lock);
	diag_close(diag);
}

void closer_drop(struct closer *closer, unsigned int netns)
{
	if (netns != closer->home)
		closer_forget(closer, netns);
}

int closer_add(struct closer *closer, unsigned int netns, struct diag *diag)
{
	struct entry *grown;

	closer_forget(closer, netns);
	pthread_mutex_lock(&closer->lock);
	grown = reallocarray(closer->entries, closer->count + 1, sizeof(*grown));
	if (grown) {
		grown[closer->count++] = (struct entry){netns, diag};
		closer->entries = grown;
	}
	pthread_mutex_unlock(&closer->lock);
	if (grown)
		return 0;
	diag_close(diag);
	return -ENOMEM;
}

/* Without sock_diag, sessions of services that ask for it there are not closed. */
static int open_home(struct closer *closer, const struct netns_list *list)
{
	struct stat ours;
	struct diag *diag;

	if (stat("/proc/self/ns/net", &ours))
		return 0;
	closer->home = ours.st_ino;
	diag = netns_listed(list, closer->home) ? NULL : diag_open();
	if (diag && closer_add(closer, closer->home, diag))
		return hc_error_errno(ENOMEM, "cannot close sessions");
	return 0;
}

int closer_new(struct closer **result, const struct headcount_bpf *object,
	       const struct netns_list *list)
{
	struct closer *closer = calloc(1, sizeof(*closer));
	struct diag *diag;
	int error = 0;

	*result = closer;
	if (!closer)
		return hc_error_errno(ENOMEM, "cannot close sessions");
	pthread_mutex_init(&closer->lock, NULL);
	closer->object = object;
	closer->ring =
		ring_buffer__new(bpf_map__fd(object->maps.late), take_late, closer, NULL);
	if (!closer->ring)
		return hc_error_errno(errno, "cannot map the ring late");
	for (size_t i = 0; i < list->count && !error; i++) {
		error = netns_inside(&list->items[i], open_diag, &diag);
		if (!error && closer_add(closer, list->items[i].inode, diag))
			error = hc_error_errno(ENOMEM, "cannot close sessions");
	}
	return error ?: open_home(closer, list);
}

static void *work(void *context)
{
	struct closer *closer = context;

	while (!atomic_load(&closer->stop))
		ring_buffer__poll(closer->ring, LOOK_MS);
	return NULL;
}

static bool is_refused(void *context, const struct hc_session *session)
{
	(void)context;
	return session->flags & HC_S_REFUSED;
}

static int sweep(struct closer *closer)
{
	struct state_session *sessions;
	size_t count;
	int error = state_read_sessions(closer->object, is_refused, NULL, &sessions, &count);

	for (size_t i = 0; i < count; i++)
		close_one(closer, sessions[i].id, &sessions[i].session.ends);
	free(sessions);
	return error;
}

int closer_start(struct closer *closer)
{
	int error = sweep(closer);

	if (error)
		return error;
	error = thread_start(&closer->thread, work, closer);
	closer->started = !error;
	return error ? hc_error_errno(error, "cannot start a thread") : 0;
}

void closer_free(struct closer *closer)
{
	if (!closer)
		return;
	atomic_store(&closer->stop, true);
	if (closer->started)
		pthread_join(closer->thread, NULL);
	ring_buffer__free(closer->ring);
	for (size_t i = 0; i < closer->count; i++)
		diag_close(closer->entries[i].diag);
	free(closer->entries);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}
