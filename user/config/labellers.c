// SPDX-License-Identifier: GPL-2.0-only
/* "labellers = ACCOUNT ...": whose servers may give their sessions labels. */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/number.h"
#include "user/config/parser.h"

#define LOGIN_DEFS      "/etc/login.defs"
#define UID_MIN_DEFAULT 1000

/* The value of a line "NAME VALUE", as login.defs(5) has it; -1 if it is not of that name, or
 * not a number. */
static long value_of(const char *line, const char *name)
{
	size_t length = strlen(name);
	char *end;
	long value;

	line += strspn(line, " \t");
	if (strncmp(line, name, length) || !isblank((unsigned char)line[length]))
		return -1;
	line += length + strspn(line + length, " \t");
	value = strtol(line, &end, 0);
	return end > line && !end[strspn(end, " \t\r\n")] && value >= 0 ? value : -1;
}

__u32 config_system_uid_max(FILE *defs)
{
	long ordinary = UID_MIN_DEFAULT, system = -1, value;
	char line[512];

	while (defs && fgets(line, sizeof(line), defs)) {
		value = value_of(line, "UID_MIN");
		if (value > 0)
			ordinary = value;
		value = value_of(line, "SYS_UID_MAX");
		if (value >= 0)
			system = value;
	}
	/* Who is an ordinary account is none of the system's, whatever else the file says. */
	if (ordinary > HC_UID_UNKNOWN - 1ll)
		ordinary = UID_MIN_DEFAULT;
	return system >= 0 && system < ordinary ? system : ordinary - 1;
}

static __u32 system_uid_max(void)
{
	FILE *defs = fopen(LOGIN_DEFS, "re");
	__u32 max = config_system_uid_max(defs);

	if (defs)
		fclose(defs);
	return max;
}

int config_add_labeller(struct config_parser *parser, const char *word)
{
	struct config_service *service = config_current(parser);
	size_t count = 0;
	struct passwd *account;
	__u32 uid = 0;

	parser->label_line = parser->line;
	if (service->labeller_any || (!strcmp(word, "*") && service->labeller_count))
		return config_fail(parser, parser->line,
				   "\"*\" is everybody: no other labeller beside it");
	service->labeller_any = !strcmp(word, "*");
	if (service->labeller_any)
		return 0;
	if (number_parse(word, 0, HC_UID_UNKNOWN - 1, &uid)) {
		account = getpwnam(word);
		if (!account)
			return config_fail(parser, parser->line, "no account \"%s\"", word);
		uid = account->pw_uid;
	}
	for (size_t i = 0; i < parser->config->service_count; i++)
		count += parser->config->services[i].labeller_count;
	for (size_t i = 0; i < service->labeller_count; i++)
		if (service->labellers[i] == uid)
			return config_fail(parser, parser->line, "labeller \"%s\" twice", word);
	if (count == CONFIG_LABELLERS_MAX)
		return config_fail(parser, parser->line, "more than %d labellers",
				   CONFIG_LABELLERS_MAX);
	return config_append(parser, &service->labellers, &service->labeller_count, &uid,
			     sizeof(uid));
}

void config_resolve_labellers(struct config_service *service)
{
	struct hc_service *limits = &service->service;

	if (limits->identify != HC_BY_LABEL)
		return;
	limits->listed = service->labeller_count > 0;
	if (!limits->listed)
		limits->labeller_max =
			service->labeller_any ? HC_UID_UNKNOWN : system_uid_max();
}
