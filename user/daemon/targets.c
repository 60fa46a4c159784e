// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attempt.h"
#include "user/base/array.h"
#include "user/base/log.h"
#include "user/daemon/netns_helper.h"
#include "user/daemon/targets.h"
#include "user/kernel/losses.h"
#include "user/kernel/policy_maps.h"
#include "user/kernel/walk.h"

struct target_own {
	__u32 netns;
	__u16 own; /* as in struct hc_target */
	int fd;
	bool wanted, fresh; /* by the policy that comes; made for it */
	bool served;
	__u8 answer; /* what the service answers */
	char service[HC_NAME_MAX];
};

static struct target_own *find(const struct targets *targets, __u32 netns, __u16 own)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].netns == netns && targets->items[i].own == own)
			return &targets->items[i];
	return NULL;
}

static void drop(struct targets *targets, struct target_own *item)
{
	if (item->served)
		targets->server.leave(targets->server.context, item->fd);
	close(item->fd); /* and the kernel takes it out of the map */
	*item = targets->items[--targets->count];
}

static int insert(const struct targets *targets, const struct target_own *item)
{
	struct hc_target key = {.netns = item->netns, .own = item->own};
	__u64 socket = item->fd;
	struct hc_target mark = {};

	/* Who is sent to a silent one never becomes a session. */
	if (item->own != HC_TARGET_SILENT &&
	    bpf_map_update_elem(bpf_map__fd(targets->object->maps.target_marks), &item->fd,
				&mark, BPF_ANY))
		return hc_error_errno(errno, "cannot mark a listener of our own");
	if (bpf_map_update_elem(bpf_map__fd(targets->object->maps.targets), &key, &socket,
				BPF_ANY))
		return hc_error_errno(errno, "cannot write the map targets");
	return 0;
}

static int serve(const struct targets *targets, struct target_own *item,
		 const struct config_service *service)
{
	int error = targets->server.serve(targets->server.context, item->fd, service);

	item->served = !error;
	return error;
}

/* One of ours in a namespace: `service` answers there, or (NULL) it is silent. */
static int make(struct targets *targets, const struct netns *netns, __u16 own,
		const struct config_service *service)
{
	struct target_own item = {.netns = netns->inode, .own = own, .wanted = true};
	int error;

	item.fresh = true;
	item.fd = netns_helper_listen(targets->helper, netns, !service);
	if (item.fd < 0)
		return item.fd;
	if (service) {
		memcpy(item.service, service->service.name, sizeof(item.service));
		item.answer = service->service.redirect.answer;
	}
	error = service ? serve(targets, &item, service) : 0;
	error = error ?: insert(targets, &item);
	if (!error && array_append(&targets->items, &targets->count, &item, sizeof(item)))
		error = hc_error_errno(ENOMEM, "cannot listen");
	if (!error) {
		hc_step("listens in the network namespace %u (0: one of its own) for who is "
			"over a cap of %s",
			netns->inode, service ? service->service.name : "services that wait");
		return 0;
	}
	if (item.served)
		targets->server.leave(targets->server.context, item.fd);
	close(item.fd);
	return error;
}

static int want(struct targets *targets, const struct netns *netns, __u16 own,
		const struct config_service *service)
{
	struct target_own *item = find(targets, netns->inode, own);

	if (!item)
		return make(targets, netns, own, service);
	item->wanted = true;
	return 0;
}

/* One for all namespaces; `netns` is who is told of in an error. */
static int want_silent(struct targets *targets, const struct netns *netns)
{
	struct netns every = *netns;

	every.inode = 0;
	return want(targets, &every, HC_TARGET_SILENT, NULL);
}

static bool answers(const struct targets *targets, const struct config_service *service)
{
	return targets->server.serve && service->service.redirect.answer;
}

static bool is_given(const struct targets *targets, __u16 own)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].own == own)
			return true;
	return false;
}

/* A service that says the same as before keeps its number, and its listeners. */
static __u16 number_of(struct targets *targets, const struct hc_service *service)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct target_own *item = &targets->items[i];

		if (item->own && item->answer == service->redirect.answer &&
		    !strcmp(item->service, service->name))
			return item->own;
	}
	do {
		targets->last++;
	} while (!targets->last || is_given(targets, targets->last));
	return targets->last;
}

static bool waits(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.fleet)
			return true;
	return config_has_excess(config, HC_WAIT) || config_has_excess(config, HC_EVICT);
}

static int make_all(struct targets *targets, struct config *config,
		    const struct netns_list *netns)
{
	int error = 0;

	if (netns->count && waits(config))
		error = want_silent(targets, &netns->items[0]);
	for (size_t i = 0; i < config->service_count; i++) {
		struct config_service *service = &config->services[i];

		if (!answers(targets, service))
			continue;
		service->service.redirect.own = number_of(targets, &service->service);
		for (size_t j = 0; j < netns->count && !error; j++)
			error = want(targets, &netns->items[j], service->service.redirect.own,
				     service);
	}
	return error;
}

/* Forgets the places of a half of the policy. */
static void clear_places(const struct targets *targets, __u16 half)
{
	int fd = bpf_map__fd(targets->object->maps.target_places);
	struct hc_target_place key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (key.half == half)
			bpf_map_delete_elem(fd, &key);
	}
}

/* From here on a listener is noted that begins to listen on this port, at this address or every
 * one; without an address, also on loopback. */
static int write_place(const struct targets *targets, const struct hc_redirect *redirect,
		       __u16 half)
{
	static const __u8 every[16],
		every4[16] = {[10] = 0xff, [11] = 0xff}, loopback[16] = {[15] = 1},
		loopback4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
	bool alone = !memcmp(redirect->address, every, sizeof(every));
	const __u8 *const places[] = {every, every4, alone ? loopback : redirect->address,
				      alone ? loopback4 : redirect->address};
	struct hc_target_place key = {.port = redirect->port, .half = half};
	__u8 wanted = 1;
	int error = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !error; i++) {
		memcpy(key.address, places[i], sizeof(key.address));
		error = policy_put(targets->object->maps.target_places, &key, &wanted);
	}
	return error;
}

static int write_places(const struct targets *targets, const struct config *config, __u16 half)
{
	int error = 0;

	clear_places(targets, half);
	for (size_t i = 0; i < config->service_count && !error; i++)
		if (config->services[i].service.redirect.port)
			error = write_place(targets, &config->services[i].service.redirect,
					    half);
	return error;
}

/* The half of the policy that is in force; -errno after the printed error. */
static int half_in_force(const struct targets *targets)
{
	struct hc_control control;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(targets->object->maps.control), &zero, &control))
		return hc_error_errno(errno, "cannot read the control record");
	return control.generation & 1;
}

static bool leads_to_port(const struct config *config, __u16 port)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.redirect.port == port)
			return true;
	return false;
}

static bool leads_to_others(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].service.redirect.port)
			return true;
	return false;
}

/* Notes the listeners that are there already. Where the kernel refuses that, those that begin
 * to listen later are noted alone. */
static int look(const struct targets *targets)
{
	return bpf_program__autoload(targets->walker->progs.walk_targets)
		       ? walk_targets(targets->walker)
		       : 0;
}

void targets_look_again(struct targets *targets)
{
	__u64 *each_cpu = calloc(libbpf_num_possible_cpus(), sizeof(*each_cpu));
	__u64 missed =
		each_cpu ? losses_read_one(targets->object, HC_LOSS_NOT_REDIRECTED, each_cpu)
			 : 0;

	if (missed > targets->missed)
		look(targets);
	targets->missed = missed;
	free(each_cpu);
}

int targets_prepare(struct targets *targets, struct config *config,
		    const struct netns_list *netns)
{
	int half = half_in_force(targets), error;

	if (half < 0)
		return half;
	error = make_all(targets, config, netns);
	error = error ?: write_places(targets, config, !half);
	if (leads_to_others(config))
		error = error ?: look(targets);
	if (error)
		targets_abandon(targets);
	return error;
}

/* Listeners of administrators on ports that nothing leads to any more. */
static void drop_others(const struct targets *targets, const struct config *config)
{
	int fd = bpf_map__fd(targets->object->maps.targets);
	struct hc_target key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (key.port && !leads_to_port(config, key.port))
			bpf_map_delete_elem(fd, &key);
	}
}

/* The file that it sends may have changed. If that cannot be had, it sends what it sent. */
static void serve_again(const struct targets *targets, const struct target_own *item,
			const struct config *config)
{
	int index = config_find(config, item->service);

	if (index >= 0)
		targets->server.serve(targets->server.context, item->fd,
				      &config->services[index]);
}

void targets_commit(struct targets *targets, const struct config *config)
{
	int half = half_in_force(targets);

	for (size_t i = targets->count; i-- > 0;) {
		struct target_own *item = &targets->items[i];

		if (!item->wanted) {
			drop(targets, item);
			continue;
		}
		if (item->served && !item->fresh && item->answer == HC_ANSWER_FILE)
			serve_again(targets, item, config);
		item->wanted = item->fresh = false;
	}
	if (half >= 0)
		clear_places(targets, !half);
	drop_others(targets, config);
	/* Those in a namespace that is enforced from now on, or that began to listen at the
	 * start before anybody could see it. */
	if (leads_to_others(config))
		look(targets);
}

void targets_abandon(struct targets *targets)
{
	int half = half_in_force(targets);

	for (size_t i = targets->count; i-- > 0;) {
		struct target_own *item = &targets->items[i];

		item->wanted = false;
		if (item->fresh)
			drop(targets, item);
	}
	if (half >= 0)
		clear_places(targets, !half);
}

void targets_free(struct targets *targets)
{
	while (targets->count)
		drop(targets, &targets->items[targets->count - 1]);
	free(targets->items);
	memset(targets, 0, sizeof(*targets));
}
