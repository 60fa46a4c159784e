// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/log.h"
#include "user/kernel/walk.h"

#define READ_AT_ONCE (1 << 18)

/* Where the rows of an iterator go. */
struct sink {
	void **rows;
	size_t size, *count, *room;
};

/* Reads an iterator to its end. */
static int read_rows(int fd, const struct sink *to)
{
	size_t part = 0; /* bytes of a row that the last read cut off */
	char *grown;
	ssize_t got;

	for (;;) {
		size_t used = *to->count * to->size + part;

		if (*to->room < used + READ_AT_ONCE) {
			size_t room = *to->room * 2 + READ_AT_ONCE;

			grown = realloc(*to->rows, room);
			if (!grown)
				return -ENOMEM;
			*to->rows = grown;
			*to->room = room;
		}
		got = read(fd, (char *)*to->rows + used, READ_AT_ONCE);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		part += got;
		*to->count += part / to->size;
		part %= to->size;
	}
}

static int run_iterator(const struct bpf_program *program, const struct sink *to)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, error;

	if (!link)
		return hc_error_errno(errno, "cannot attach the iterator %s",
				      bpf_program__name(program));
	fd = bpf_iter_create(bpf_link__fd(link));
	error = fd < 0 ? -errno : read_rows(fd, to);
	if (error)
		hc_error_errno(error, "cannot read the iterator %s",
			       bpf_program__name(program));
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return error;
}

struct inside {
	const struct headcount_bpf *object;
	struct walk_sockets *found;
};

/* The namespace that an iter/tcp reads is the one of whoever opens it. */
static int run_inside(void *context)
{
	struct inside *inside = context;
	struct walk_sockets *found = inside->found;
	struct sink to = {(void **)&found->rows, sizeof(*found->rows), &found->count,
			  &found->room};

	return run_iterator(inside->object->progs.walk_sockets, &to);
}

int walk_sockets(const struct headcount_bpf *object, const struct netns *netns,
		 struct walk_sockets *found)
{
	struct inside inside = {object, found};

	return netns_inside(netns, run_inside, &inside);
}

int walk_sweep(const struct headcount_bpf *object, const struct walk_wish *wish,
	       int (*make)(void *context, int link), void *context, struct walk_sockets *found)
{
	struct sink to = {(void **)&found->rows, sizeof(*found->rows), &found->count,
			  &found->room};
	struct bpf_link *link = bpf_program__attach_iter(object->progs.walk_sockets, NULL);
	int fd, error;

	if (!link)
		return hc_error_errno(errno, "cannot attach the iterator walk_sockets");
	object->bss->errand.sweep = wish->wanted       ? HC_SWEEP_USERS
				    : wish->unanswered ? HC_SWEEP_DEAD
						       : HC_SWEEP_ALL;
	object->bss->errand.idle_ticks = wish->idle_ticks;
	object->bss->errand.unanswered = wish->unanswered;
	if (wish->wanted)
		object->bss->errand.wanted = *wish->wanted;
	fd = make(context, bpf_link__fd(link));
	error = fd < 0 ? fd : read_rows(fd, &to);
	if (fd >= 0 && error)
		hc_error_errno(error, "cannot read the iterator walk_sockets");
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return error;
}

void walk_free(struct walk_sockets *found)
{
	free(found->rows);
	netns_free(&found->netns);
	memset(found, 0, sizeof(*found));
}

int walk_holders(const struct headcount_bpf *object, struct walk_holders *found)
{
	struct sink to = {(void **)&found->rows, sizeof(*found->rows), &found->count,
			  &found->room};

	return run_iterator(object->progs.walk_files, &to);
}

int walk_programs(const struct headcount_bpf *object, __u32 *strangers)
{
	struct walk_holders nothing = {};
	struct sink to = {(void **)&nothing.rows, sizeof(*nothing.rows), &nothing.count,
			  &nothing.room};
	int error;

	object->bss->errand.strangers = 0;
	error = run_iterator(object->progs.walk_programs, &to);
	*strangers = object->bss->errand.strangers;
	free(nothing.rows);
	return error;
}

int walk_files(const struct headcount_bpf *object)
{
	struct walk_holders nothing = {};
	int error = walk_holders(object, &nothing);

	free(nothing.rows);
	return error;
}

int walk_targets(const struct headcount_bpf *object)
{
	struct walk_holders nothing = {};
	struct sink to = {(void **)&nothing.rows, sizeof(*nothing.rows), &nothing.count,
			  &nothing.room};
	int error = run_iterator(object->progs.walk_targets, &to);

	free(nothing.rows);
	return error;
}

/* Runs a program of bpf/tables.h for each of `count` sets or rows. A signal only interrupts. */
static int run_over(const struct headcount_bpf *object, const struct bpf_program *program,
		    __u32 count)
{
	struct hc_errand *errand = &object->bss->errand;
	int error = 0;

	errand->next = 0;
	while (!error && errand->next < count) {
		error = walk_run(program, count - errand->next);
		if (error == -EINTR)
			error = 0;
	}
	return error < 0 ? hc_error_errno(error, "cannot run %s", bpf_program__name(program))
			 : 0;
}

int walk_run(const struct bpf_program *program, __u32 times)
{
	static const char packet[64]; /* the type's programs are run with one */
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet,
		    .data_size_in = sizeof(packet), .repeat = times);
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	return error ?: (int)options.retval;
}

int walk_sessions(const struct headcount_bpf *object)
{
	return run_over(object, object->progs.walk_sessions,
			bpf_map__max_entries(object->maps.sessions));
}

int walk_users(const struct headcount_bpf *object, bool flush)
{
	object->bss->errand.flush = flush;
	return run_over(object, object->progs.walk_users,
			bpf_map__max_entries(object->maps.users));
}

int walk_repairs(const struct headcount_bpf *object, __u32 count)
{
	return run_over(object, object->progs.walk_repairs, count);
}

int walk_end_closed(const struct headcount_bpf *object, const struct walk_sockets *found)
{
	int error = 0;

	for (size_t i = 0; i < found->count && !error; i++) {
		if (found->rows[i].state != TCP_CLOSE)
			continue;
		object->bss->errand.repairs[0] = (struct hc_repair){.id = found->rows[i].id};
		error = walk_repairs(object, 1);
	}
	return error;
}
