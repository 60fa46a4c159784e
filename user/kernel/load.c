// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/kernel/feature.h"
#include "user/kernel/load.h"
#include "user/kernel/pin_paths.h"
#include "user/kernel/rewrite.h"
#include "record.h"

/* What libbpf said last that the kernel had refused. */
static char refused_program[64], refused_map[64];

/* With it libbpf begins what the verifier said. */
#define VERIFIER_MARK "-- BEGIN PROG LOAD LOG --"

/* libbpf says much: our one error has what matters of it. */
static int keep_quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;

	if (level == LIBBPF_DEBUG && !log_tells(LOG_LIBBPF))
		return 0;
	/* The verifier's whole log may come in one piece. */
	if (vasprintf(&text, format, args) < 0)
		return 0;
	log_words(strstr(text, VERIFIER_MARK) ? LOG_VERIFIER : LOG_LIBBPF, text);
	if (level == LIBBPF_WARN) {
		sscanf(text, "libbpf: prog '%63[^']'", refused_program);
		sscanf(text, "libbpf: map '%63[^']': failed to create", refused_map);
	}
	free(text);
	return 0;
}

void load_quiet(void)
{
	libbpf_set_print(keep_quiet);
}

__u32 load_user_sets(__u32 users_max)
{
	__u32 sets = 16;

	/* Twice the room: a set is full by chance long before the table is. */
	while (sets < users_max / (HC_WAYS / 2))
		sets *= 2;
	return sets;
}

__u32 load_session_sets(__u32 sessions_max)
{
	__u32 sets = 16;

	while (sets < sessions_max / (HC_SESSION_WAYS / 2))
		sets *= 2;
	return sets;
}

__u64 load_build(void)
{
	__u64 hash = 0xcbf29ce484222325ull; /* FNV-1a */
	size_t size;
	const unsigned char *bytes = headcount_bpf__elf_bytes(&size);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash;
}

int load_control(const struct headcount_bpf *object, __u32 directions)
{
	struct hc_control control = {
		.version = HC_STATE_VERSION,
		.user_sets = bpf_map__max_entries(object->maps.users),
		.build = load_build(),
		.directions = directions,
		.started_ns = clock_monotonic_ns(),
	};
	__u32 zero = 0;

	if (getrandom(&control.seed, sizeof(control.seed), 0) != sizeof(control.seed) ||
	    getrandom(control.label_key, sizeof(control.label_key), 0) !=
		    sizeof(control.label_key))
		return hc_error_errno(errno, "cannot read random bytes");
	if (bpf_map_update_elem(bpf_map__fd(object->maps.control), &zero, &control, BPF_ANY))
		return hc_error_errno(errno, "cannot write the control record");
	return 0;
}

int load_gated(const struct headcount_bpf *object)
{
	struct hc_control control;
	__u32 zero = 0;
	int fd = bpf_map__fd(object->maps.control);

	if (!bpf_map_lookup_elem(fd, &zero, &control)) {
		control.gated = true;
		if (!bpf_map_update_elem(fd, &zero, &control, BPF_ANY))
			return 0;
	}
	return hc_error_errno(errno, "cannot write the control record");
}

static void choose_programs(struct headcount_bpf *object, unsigned int programs)
{
	struct {
		struct bpf_program *program;
		unsigned int when;
	} rows[] = {
		{object->progs.on_state, LOAD_STATE},
		{object->progs.on_destroyed, LOAD_TRACE},
		{object->progs.walk_programs, LOAD_WALK_PROGRAMS},
		{object->progs.on_milestone, LOAD_TRACE},
		{object->progs.on_connect4, LOAD_CONNECT},
		{object->progs.on_connect6, LOAD_CONNECT},
		{object->progs.on_release, LOAD_RELEASE},
		{object->progs.on_resent, LOAD_RESENT},
		{object->progs.on_arrival, LOAD_ARRIVAL},
		{object->progs.walk_sockets, LOAD_WALK_SOCKETS},
		{object->progs.walk_files, LOAD_WALK_FILES},
		{object->progs.walk_sessions, LOAD_WALK_SESSIONS},
		{object->progs.walk_users, LOAD_WALK_USERS},
		{object->progs.walk_repairs, LOAD_WALK_REPAIRS},
		{object->progs.kill_mark, LOAD_KILL},
		{object->progs.kill_tell, LOAD_KILL},
		{object->progs.on_setsockopt, LOAD_LABEL},
		{object->progs.on_getsockopt, LOAD_LABEL},
		{object->progs.label_set, LOAD_LABEL_SET},
		{object->progs.walk_targets, LOAD_WALK_TARGETS},
		{object->progs.set_units, LOAD_SET_UNITS},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		bpf_program__set_autoload(rows[i].program, programs & rows[i].when);
}

bool load_is_shared(const struct bpf_map *map)
{
	return !strchr(bpf_map__name(map), '.');
}

/* The pinned state is not whole. */
static int damaged(const struct load_request *request, const struct bpf_map *map,
		   const char *why)
{
	if (!request->quiet && !request->optional)
		hc_error("the state in %s is damaged: %s: %s", request->pins,
			 bpf_map__name(map), why);
	return -EUCLEAN;
}

/* Is it a map, and one of these keys, values and entries? libbpf would take it as it is. */
static bool same_shape(const struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	/* What is told of a program or a link has other things in these places. */
	return !bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.map_flags == bpf_map__map_flags(map) &&
	       /* 1: it is sized by the configuration, or has no more */
	       (bpf_map__max_entries(map) == 1 ||
		info.max_entries == bpf_map__max_entries(map)) &&
	       !strcmp(info.name, bpf_map__name(map));
}

static int share_map(struct bpf_map *map, const struct load_request *request)
{
	char path[PIN_PATH];
	int fd, error;

	if (request->shared) {
		const struct bpf_map *theirs =
			bpf_object__find_map_by_name(request->shared->obj, bpf_map__name(map));

		return bpf_map__reuse_fd(map, bpf_map__fd(theirs));
	}
	fd = bpf_obj_get(pin_path_map(request->pins, bpf_map__name(map), path));
	if (fd < 0)
		return damaged(request, map, strerror(errno));
	if (same_shape(map, fd))
		error = bpf_map__reuse_fd(map, fd);
	else
		error = damaged(request, map, "not the map of that name");
	close(fd);
	if (!error)
		hc_step("opened the map %s", path);
	return error;
}

static int set_up_maps(struct headcount_bpf *object, const struct load_request *request)
{
	struct bpf_map *map;
	int error;

	if (!request->shared && !request->pins) {
		bpf_map__set_max_entries(object->maps.cpu_states, libbpf_num_possible_cpus());
		bpf_map__set_max_entries(object->maps.sessions,
					 load_session_sets(request->config->sessions_max));
		bpf_map__set_max_entries(object->maps.users,
					 load_user_sets(request->config->users_max));
		bpf_map__set_max_entries(object->maps.listeners,
					 request->config->listeners_max);
		bpf_map__set_max_entries(object->maps.listening,
					 request->config->listeners_max);
		return 0;
	}
	bpf_object__for_each_map(map, object->obj) {
		error = load_is_shared(map) ? share_map(map, request) : 0;
		if (error == -EUCLEAN)
			return error;
		if (error)
			return hc_error_errno(error, "cannot use the map %s",
					      bpf_map__name(map));
	}
	return 0;
}

/* Which sessions are counted: as the configuration of fresh maps says, or what shares or pinned
 * them was told. */
static void set_directions(struct headcount_bpf *object, const struct load_request *request)
{
	struct hc_control control;
	__u32 zero = 0;

	if (request->config)
		object->rodata->directions = request->config->directions;
	else if (request->shared)
		object->rodata->directions = request->shared->rodata->directions;
	else if (request->pins &&
		 !bpf_map_lookup_elem(bpf_map__fd(object->maps.control), &zero, &control))
		object->rodata->directions = control.directions;
}

const char *load_section(const struct bpf_program *program)
{
	const char *section = program ? bpf_program__section_name(program) : NULL;

	return section && *section == '?' ? section + 1 : section;
}

/* Why it could not be loaded, in one line. */
static int explain_refusal(const struct headcount_bpf *object,
			   const struct load_request *request, int error)
{
	const char *section =
		load_section(bpf_object__find_program_by_name(object->obj, refused_program));

	if (*refused_map && error == -ENOMEM)
		return hc_error_errno(error, "cannot make the map %s", refused_map);
	return features_explain(request->programs, section, error);
}

static void tell_loaded(struct headcount_bpf *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object->obj)
		if (bpf_program__autoload(program))
			hc_step("loaded the program %s (%s)", bpf_program__name(program),
				load_section(program));
}

/* What the programs hold for constant. */
static void set_constants(struct headcount_bpf *object, const struct load_request *request)
{
	object->rodata->gate_netns = request->netns;
	object->rodata->walk_adopt = request->adopt;
	object->rodata->walk_correct = request->correct;
	object->rodata->walk_holders = request->holders;
	object->rodata->listening_elsewhere = bpf_map__max_entries(object->maps.listening) / 2;
	object->rodata->session_sets = bpf_map__max_entries(object->maps.sessions);
	set_directions(object, request);
	if (!(request->programs & (LOAD_TRACE | LOAD_CONNECT | LOAD_STATE | LOAD_LABEL)))
		return;
	object->rodata->compat_callbacks = features_have_callbacks();
	object->rodata->compat_retval =
		features_have(BPF_FUNC_set_retval) && features_have(BPF_FUNC_get_retval);
	object->rodata->compat_mptcp = features_have(BPF_FUNC_skc_to_mptcp_sock);
}

static int load_into_kernel(struct headcount_bpf *object, const struct load_request *request)
{
	sigset_t all, before;
	int error;

	set_constants(object, request);
	/* The kernel gives a load up with EAGAIN when a signal comes. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = rewrite_programs(object) ?: headcount_bpf__load(object);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error && !request->optional ? explain_refusal(object, request, error) : error;
}

int load_object(struct headcount_bpf **result, const struct load_request *request)
{
	/* Without it the verifier speaks of what it refuses only. */
	LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_level = log_tells(LOG_VERIFIER));
	struct headcount_bpf *object;
	int error;

	*result = NULL;
	refused_program[0] = refused_map[0] = '\0';
	/* Later copies are loaded without CAP_SYS_ADMIN, and libbpf (before 1.3) gives up if it
	 * cannot look through the BTF of modules for a type that the kernel lacks. So it does
	 * not look there. */
	if (request->shared)
		options.btf_custom_path = "/sys/kernel/btf/vmlinux";
	object = headcount_bpf__open_opts(&options);
	if (!object)
		return hc_error_errno(errno, "cannot open the BPF object");
	choose_programs(object, request->programs);
	error = set_up_maps(object, request);
	error = error ?: load_into_kernel(object, request);
	if (error) {
		headcount_bpf__destroy(object);
		return error;
	}
	tell_loaded(object);
	*result = object;
	return 0;
}
