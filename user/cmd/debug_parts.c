// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "user/base/redact.h"
#include "user/cmd/command.h"
#include "user/cmd/debug_parts.h"
#include "user/cmd/explain.h"
#include "user/kernel/fill.h"
#include "user/kernel/open.h"

/* The last lines of the unit. By itself stdout's are ours (beside events), PID 1's systemd's;
 * the sink `journal` has users in its messages. */
#define JOURNAL                                                                                \
	"journalctl --quiet --no-pager --no-hostname -o short-iso -n 1000 -u "                 \
	"headcount.service"
#define JOURNAL_LOG JOURNAL " _TRANSPORT=stdout + _PID=1"

static int write_version(bool with_users)
{
	(void)with_users;
	printf("headcount " HC_VERSION ", state %d, BPF object %016llx\n"
	       "libbpf %s, compiler %s\n",
	       HC_STATE_VERSION, load_build(), libbpf_version_string(), __VERSION__);
	return EXIT_DONE;
}

static void copy_file(const char *path)
{
	char line[1024];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		fputs(line, stdout);
	if (file)
		fclose(file);
	else
		printf("%s\n", strerror(errno));
}

static void write_mounts(void)
{
	struct mntent *entry;
	FILE *mounts = setmntent("/proc/self/mounts", "re");

	while (mounts && (entry = getmntent(mounts)))
		if (!strcmp(entry->mnt_type, "bpf") || !strncmp(entry->mnt_type, "cgroup", 6))
			printf("%s on %s (%s)\n", entry->mnt_type, entry->mnt_dir,
			       entry->mnt_opts);
	if (mounts)
		endmntent(mounts);
}

static int write_system(bool with_users)
{
	static const char *const files[] = {
		"/proc/sys/kernel/unprivileged_bpf_disabled",
		"/proc/sys/kernel/bpf_stats_enabled",
		"/proc/sys/net/core/bpf_jit_enable",
		"/proc/sys/net/ipv4/tcp_syncookies",
		"/proc/sys/net/ipv4/tcp_synack_retries",
		"/sys/kernel/security/lockdown",
		"/sys/kernel/security/lsm",
		"/etc/os-release",
	};
	struct utsname name;

	(void)with_users;
	if (!uname(&name))
		printf("%s %s %s %s\n", name.sysname, name.release, name.version, name.machine);
	write_mounts();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		printf("\n%s:\n", files[i]);
		copy_file(files[i]);
	}
	return EXIT_DONE;
}

static int run_command(int (*run)(const struct command *, int, char **), const char *name,
		       const char *option)
{
	const struct command command = {.name = name, .arguments = ""};
	char *argv[] = {(char *)name, (char *)option, NULL};

	return run(&command, option ? 2 : 1, argv);
}

static int write_status(bool with_users)
{
	return status_print(true, !with_users);
}

static int write_metrics(bool with_users)
{
	return run_command(cmd_metrics, "metrics", with_users ? "--top-users=1000" : NULL);
}

static int write_users(bool with_users)
{
	(void)with_users;
	return run_command(cmd_users, "users", "--json");
}

static int write_sessions(bool with_users)
{
	(void)with_users;
	return run_command(cmd_sessions, "sessions", "--json");
}

static void print_services(const struct policy *policy)
{
	static const struct table_column columns[] = {
		{.heading = "SERVICE"},
		{.heading = "USER"},
		{.heading = "CAP", .kind = TABLE_NUMBER},
		{.heading = "TOTAL", .kind = TABLE_NUMBER},
		{.heading = "EXCESS"},
		{.heading = "ERRNO", .kind = TABLE_NUMBER},
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));

	for (int id = 0; table && id < HC_SERVICES_MAX; id++) {
		const struct hc_service *service = &policy->services[id];

		if (!service->used)
			continue;
		table_add_text(table, service->name);
		explain_limits(table, service);
		table_add_number(table, service->error);
	}
	if (table)
		table_print(table, stdout, false);
	table_free(table);
}

static void print_policy_numbers(const struct headcount_bpf *object,
				 const struct policy *policy)
{
	const struct hc_control *control = &policy->control;

	printf("state %u, BPF object %016llx, generation %u, gated %u\n", control->version,
	       control->build, control->generation, control->gated);
	printf("overrides %llu, addresses %llu, namespaces %llu, in both halves\n\n",
	       fill_count_keys(object->maps.overrides), fill_count_keys(object->maps.addresses),
	       fill_count_keys(object->maps.namespaces));
	print_services(policy);
}

/* The policy in force, in numbers. */
static int write_policy(bool with_users)
{
	struct headcount_bpf *object = NULL;
	struct policy *policy = NULL;
	int error = open_maps(&object, 0);

	(void)with_users;
	error = error ?: policy_read_new(object, &policy);
	if (!error)
		print_policy_numbers(object, policy);
	free(policy);
	headcount_bpf__destroy(object);
	return error ? EXIT_FAILED : EXIT_DONE;
}

static int write_journal(bool with_users)
{
	char line[4096], told[8192];
	FILE *lines = popen(with_users ? JOURNAL : JOURNAL_LOG, "re");

	while (lines && fgets(line, sizeof(line), lines))
		if (with_users)
			fputs(line, stdout);
		else if (redact_log(line, told, sizeof(told)))
			fputs(told, stdout);
	return lines && !pclose(lines) ? EXIT_DONE : EXIT_FAILED;
}

/* Of keys that may have a password: what the store is known by, its user with it, or all. */
static const char *without_secret(const char *line, char told[1024])
{
	const char *key = line + strspn(line, " \t"), *value = strchr(key, '='), *end;

	if (!value || (strncmp(key, "store", 5) && strncmp(key, "sentinel_", 9)))
		return line;
	end = *key == 's' && key[1] == 't' ? strrchr(value, '@') : NULL;
	if (!end && !strncmp(key, "store", 5))
		return line;
	snprintf(told, 1024, "%.*s= (left out)%s", (int)(value - key), key, end ?: "\n");
	return told;
}

static int write_config(bool with_users)
{
	FILE *file = fopen(CONFIG_PATH_DEFAULT, "re");
	char line[1024], told[1024];

	(void)with_users;
	while (file && fgets(line, sizeof(line), file))
		fputs(without_secret(line, told), stdout);
	if (!file)
		printf("%s\n", strerror(errno));
	else
		fclose(file);
	return EXIT_DONE;
}

const struct debug_part debug_parts[] = {
	{.file = "version.txt", .write = write_version},
	{.file = "system.txt", .write = write_system},
	{.file = "status.json", .write = write_status},
	{.file = "metrics.txt", .write = write_metrics},
	{.file = "policy.txt", .write = write_policy},
	{.file = "journal.txt", .write = write_journal},
	{.file = "users.json", .write = write_users, .users = true},
	{.file = "sessions.json", .write = write_sessions, .users = true},
	{.file = "headcount.conf", .write = write_config, .users = true},
	{},
};
