// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/label.h"
#include "user/base/log.h"
#include "user/base/user_name.h"
#include "user/kernel/policy_caps.h"

#define CAPS_TOLD 10 /* one by one; the rest as a number */

void policy_limit_by_caps(const struct headcount_bpf *object, __u32 half)
{
	struct hc_user_key key, *before = NULL;
	int caps = bpf_map__fd(object->maps.caps), fd = bpf_map__fd(object->maps.services);
	struct hc_service service;

	while (!bpf_map_get_next_key(caps, before, &key)) {
		__u32 index = half * HC_SERVICES_MAX + key.service;

		before = &key;
		if (bpf_map_lookup_elem(fd, &index, &service) || service.limited)
			continue;
		service.limited = true;
		bpf_map_update_elem(fd, &index, &service, BPF_ANY);
	}
}

void policy_drop_caps(const struct headcount_bpf *object, const int *ids, size_t count)
{
	struct hc_user_key key, next;
	int caps = bpf_map__fd(object->maps.caps);
	bool more = !bpf_map_get_next_key(caps, NULL, &next), kept;

	while (more) {
		key = next;
		more = !bpf_map_get_next_key(caps, &key, &next);
		kept = false;
		for (size_t i = 0; i < count; i++)
			kept |= ids[i] == key.service;
		if (!kept)
			bpf_map_delete_elem(caps, &key);
	}
}

/* What an override says of a label. -EAGAIN: it is not known. */
static int override_of_label(const struct headcount_bpf *object, __u32 half,
			     const struct hc_user_key *key, struct hc_override *found)
{
	struct hc_label_override_key override = {
		.prefixlen = HC_OVERRIDE_BITS + 8 * HC_LABEL_MAX,
		.half = half,
		.service = key->service,
	};

	if (!label_find(key, &override.label))
		return -EAGAIN;
	return bpf_map_lookup_elem(bpf_map__fd(object->maps.label_overrides), &override, found)
		       ? -ENOENT
		       : 0;
}

/* What an override in a half of the maps says of the user. */
static int override_of(const struct headcount_bpf *object, __u32 half,
		       const struct hc_user_key *key, struct hc_override *found)
{
	struct hc_override_key override = {
		.prefixlen = HC_OVERRIDE_BITS + 128,
		.half = half,
		.service = key->service,
	};

	if (key->kind == HC_BY_LABEL)
		return override_of_label(object, half, key, found);
	memcpy(override.id, key->id, sizeof(override.id));
	return bpf_map_lookup_elem(bpf_map__fd(object->maps.overrides), &override, found)
		       ? -ENOENT
		       : 0;
}

/* What the configuration says of the user, in a half of the maps. */
static __u32 cap_of_file(const struct headcount_bpf *object, __u32 half,
			 const struct hc_user_key *key)
{
	__u32 index = half * HC_SERVICES_MAX + key->service;
	struct hc_service service;
	struct hc_override found;

	if (!override_of(object, half, key, &found))
		return found.cap;
	if (bpf_map_lookup_elem(bpf_map__fd(object->maps.services), &index, &service))
		return HC_UNLIMITED;
	return key->kind == HC_UNLABELLED ? service.unlabelled : service.cap;
}

int policy_special(const struct headcount_bpf *object, const struct policy *policy,
		   const struct hc_user_key *key, struct hc_override *found)
{
	*found = (struct hc_override){};
	if (key->elsewhere || !policy->services[key->service % HC_SERVICES_MAX].special)
		return -ENOENT;
	return override_of(object, policy_half(policy), key, found);
}

__u32 policy_idle(const struct headcount_bpf *object, const struct policy *policy,
		  const struct hc_user_key *key)
{
	__u32 service = policy->services[key->service % HC_SERVICES_MAX].idle;
	struct hc_override found;
	int error = policy_special(object, policy, key, &found);

	if (error == -EAGAIN || (!error && found.idle == HC_UNLIMITED))
		return 0;
	return error || !found.idle ? service : found.idle;
}

__u32 policy_cap(const struct headcount_bpf *object, const struct policy *policy,
		 const struct hc_user_key *key)
{
	struct hc_cap moment;

	if (key->elsewhere || !policy->services[key->service].limited)
		return HC_UNLIMITED;
	if (!bpf_map_lookup_elem(bpf_map__fd(object->maps.caps), key, &moment))
		return moment.cap;
	return cap_of_file(object, policy_half(policy), key);
}

static const char *cap_text(__u32 cap, char text[16])
{
	if (cap == HC_UNLIMITED)
		return "unlimited";
	snprintf(text, 16, "%u", cap);
	return text;
}

void policy_tell_caps(const struct headcount_bpf *object, const struct policy *policy)
{
	struct policy_moment *moments;
	char name[HC_USER_TEXT], ours[16], theirs[16];
	size_t count, told = 0;

	if (policy_read_caps(object, &moments, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct policy_moment *moment = &moments[i];
		__u32 cap = cap_of_file(object, policy_half(policy), &moment->key);

		if (cap == moment->cap.cap || told++ >= CAPS_TOLD)
			continue;
		/* The user comes last, and in quotes: so redact_log() leaves it out. */
		hc_notice("%s: the cap %s, set with headcount cap, stays where the file says "
			  "%s, for \"%s\"",
			  policy->services[moment->key.service].name,
			  cap_text(moment->cap.cap, ours), cap_text(cap, theirs),
			  user_key_format(&moment->key, true, name, sizeof(name)));
	}
	if (told > CAPS_TOLD)
		hc_notice("%zu more such caps stay: see headcount policy", told - CAPS_TOLD);
	free(moments);
}

static __u32 asker_there;
static __u16 asker_host;

void policy_act_for(__u32 uid, __u16 host)
{
	asker_there = uid;
	asker_host = host;
}

__u16 policy_asker_host(void)
{
	return asker_host;
}

__u32 policy_asker(void)
{
	FILE *file = asker_host ? NULL : fopen("/proc/self/loginuid", "re");
	__u32 uid = HC_UID_UNKNOWN;

	if (asker_host)
		return asker_there;
	if (file && fscanf(file, "%u", &uid) != 1)
		uid = HC_UID_UNKNOWN;
	if (file)
		fclose(file);
	return uid == HC_UID_UNKNOWN ? getuid() : uid;
}

static int write_cap(const struct headcount_bpf *object, const struct hc_user_key *key,
		     __u32 cap)
{
	struct hc_cap moment = {
		.cap = cap,
		.asker = policy_asker(),
		.set_ns = clock_realtime_ns(),
	};

	if (key->kind == HC_BY_LABEL)
		label_find(key, &moment.label);

	return policy_put(object->maps.caps, key, &moment);
}

/* Whatever the file says. */
static int limit_service(const struct headcount_bpf *object, struct policy *now, __u32 id)
{
	__u32 index = policy_half(now) * HC_SERVICES_MAX + id;

	if (now->services[id].limited)
		return 0;
	now->services[id].limited = true;
	return policy_put(object->maps.services, &index, &now->services[id]);
}

int policy_set_cap(const struct headcount_bpf *object, const struct hc_user_key *key, __u32 cap,
		   bool remove)
{
	struct policy *now;
	int lock = policy_lock(), error = policy_read_new(object, &now);
	__u32 zero = 0;

	if (!remove)
		error = error ?: write_cap(object, key, cap);
	else if (!error)
		bpf_map_delete_elem(bpf_map__fd(object->maps.caps), key);
	error = error ?: limit_service(object, now, key->service);
	/* Another generation of the same half makes every user's cap stale, this one's
	 * with them. */
	if (!error)
		now->control.generation += 2;
	error = error ?: policy_put(object->maps.control, &zero, &now->control);
	if (lock >= 0)
		close(lock);
	free(now);
	return error;
}

static int by_time(const void *left, const void *right)
{
	const struct policy_moment *a = left, *b = right;

	if (a->key.service != b->key.service)
		return a->key.service < b->key.service ? -1 : 1;
	if (a->cap.set_ns != b->cap.set_ns)
		return a->cap.set_ns < b->cap.set_ns ? -1 : 1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

int policy_read_caps(const struct headcount_bpf *object, struct policy_moment **moments,
		     size_t *count)
{
	int fd = bpf_map__fd(object->maps.caps);
	size_t room = bpf_map__max_entries(object->maps.caps), used = 0;
	struct policy_moment *rows = calloc(room, sizeof(*rows)), next;
	struct hc_user_key *before = NULL;

	*moments = rows;
	*count = 0;
	if (!rows)
		return hc_error_errno(ENOMEM, "cannot read the caps");
	/* A key that is deleted meanwhile makes the kernel begin again. */
	while (used < room && !bpf_map_get_next_key(fd, before, &next.key)) {
		rows[used].key = next.key;
		before = &rows[used].key;
		if (!bpf_map_lookup_elem(fd, before, &rows[used].cap) &&
		    next.key.service < HC_SERVICES_MAX) {
			label_learn(&rows[used].cap.label);
			used++;
		}
	}
	qsort(rows, used, sizeof(*rows), by_time);
	*count = used;
	return 0;
}
