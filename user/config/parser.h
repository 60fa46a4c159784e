/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the parts of the configuration's parser: file.c knows lines and
 * sections, values.c knows the keys and their values, overrides.c what overrides say,
 * excess.c what an excess gets, fleet.c what is about many hosts.
 */
#ifndef HEADCOUNT_CONFIG_PARSER_H
#define HEADCOUNT_CONFIG_PARSER_H

#include <stdio.h>
#include "user/config/config.h"

/* Sections, as bits: a key says in which it may stand. */
enum config_where {
	CONFIG_NOWHERE = 0,
	CONFIG_HEADCOUNT = 1,
	CONFIG_OUTBOUND = 2,
	CONFIG_INBOUND = 4,
	CONFIG_NAMED = 8,
	CONFIG_FLEET = 16,
};
#define CONFIG_SERVICE (CONFIG_OUTBOUND | CONFIG_INBOUND | CONFIG_NAMED)

/* An override waits for the end of its section: `user =` may come after it. */
struct config_pending {
	unsigned int line;
	char *text;
};

struct config_parser {
	struct config *config;
	const char *path;
	FILE *file;
	char *text; /* the line as it was read */
	size_t text_size;
	unsigned int line;

	enum config_where where;
	unsigned int section_line;
	unsigned int sections_seen; /* bits of config_where */
	unsigned int inbound_line;  /* the first section or key that is about a direction; */
	unsigned int outbound_line; /* 0: none */
	unsigned int netns_line;
	unsigned int page_line;  /* of `page = yes`; 0: none */
	unsigned int label_line; /* in this section, a key that is about labels; 0: none */
	unsigned int wait_line, evict_line, redirect_line; /* the same of these */
	unsigned int excess_line;
	unsigned int scope_line,
		cold_line;       /* in this section, scope = fleet; cold, cap_alone */
	unsigned int fleet_line; /* the first scope = fleet of the file; 0: none */
	unsigned int tls_line, sentinel_line; /* in [fleet]; 0: none */
	__u64 keys_seen; /* in this section, bits in the order of the keys' table */
	size_t service;  /* of this section */
	struct config_pending *pending;
	size_t pending_count;

	/* The first error; nothing is read after it. */
	int error;
	unsigned int error_line;
	char *why;
	size_t why_size;
};

/* Notes the error, which ends the reading. Always returns -EINVAL. */
int config_fail(struct config_parser *parser, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for an error that is no line's fault. Returns -err. */
int config_fail_errno(struct config_parser *parser, int err);

/* Appends a copy of `item` to the array `*items`. Returns 0 or -ENOMEM. */
int config_append(struct config_parser *parser, void *items, size_t *count, const void *item,
		  size_t size);

/* The service of the section. */
struct config_service *config_current(struct config_parser *parser);

/* One `name = value` of the current section. */
int config_set(struct config_parser *parser, const char *name, const char *value);

/* The value of an `override =`, to be resolved when the section ends. */
int config_add_override(struct config_parser *parser, const char *value);

/* Values that more than one key has: a number, a duration
 * (90, 90s, 15m, 2h, 3d), and ports at an address or at every one
 * (-EINVAL, nothing is noted): 143, 5900-5999, imaps, 10.0.0.1:143, [2001:db8::1]:143. */
int config_set_number(struct config_parser *parser, const char *value, __u32 min, __u32 max,
		      __u32 *number);
int config_set_seconds(struct config_parser *parser, const char *value, __u32 min, __u32 max,
		       __u32 *seconds);
int config_parse_listen(const char *word, struct config_listen *listen);

/* Keys of their own file. */
int config_add_labeller(struct config_parser *parser, const char *word);
int config_add_listen(struct config_parser *parser, const char *word);
int config_set_excess(struct config_parser *parser, const char *value);
int config_set_wait_max(struct config_parser *parser, const char *value);
int config_set_evict_idle(struct config_parser *parser, const char *value);
int config_set_evict_rate(struct config_parser *parser, const char *value);
int config_set_redirect(struct config_parser *parser, const char *value);
int config_set_metrics(struct config_parser *parser, const char *value);
int config_set_metrics_max(struct config_parser *parser, const char *value);
int config_set_metrics_top_users(struct config_parser *parser, const char *value);
int config_set_page(struct config_parser *parser, const char *value);

int config_add_store(struct config_parser *parser, const char *value);
int config_set_fleet_name(struct config_parser *parser, const char *value);
int config_set_lease(struct config_parser *parser, const char *value);
int config_set_keep(struct config_parser *parser, const char *value);
int config_set_asks(struct config_parser *parser, const char *value);
int config_set_servers(struct config_parser *parser, const char *value);
int config_set_alone(struct config_parser *parser, const char *value);
int config_set_fleet_kill(struct config_parser *parser, const char *value);
int config_set_prefix(struct config_parser *parser, const char *value);
int config_set_tls_ca(struct config_parser *parser, const char *value);
int config_set_tls_cert(struct config_parser *parser, const char *value);
int config_set_tls_key(struct config_parser *parser, const char *value);
int config_set_sentinel_user(struct config_parser *parser, const char *value);
int config_set_sentinel_password(struct config_parser *parser, const char *value);
int config_set_scope(struct config_parser *parser, const char *value);
int config_set_cold(struct config_parser *parser, const char *value);
int config_set_cap_alone(struct config_parser *parser, const char *value);

/* Once a service's section, [fleet], the file is read whole: does what is said of the fleet fit
 * together? */
int config_check_scope(struct config_parser *parser);
int config_check_fleet_section(struct config_parser *parser);
int config_check_fleet(struct config_parser *parser);

/* Once the section is read whole: does what is said of the excess fit together? */
int config_check_excess(struct config_parser *parser);

/* When the section ends: who may give labels, if it does not say. */
void config_resolve_labellers(struct config_service *service);

/* The last uid of the system's accounts, by a file like /etc/login.defs; NULL: there is none.
 */
__u32 config_system_uid_max(FILE *defs);

/* Resolves the current section's overrides and empties the list of them. */
int config_resolve_overrides(struct config_parser *parser);

#endif
