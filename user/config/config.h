/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration: text to struct, nothing else. Pure: no BPF, no namespace
 * is opened, nothing is changed (accounts and cgroup paths are looked up).
 */
#ifndef HEADCOUNT_CONFIG_H
#define HEADCOUNT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "policy.h"
#include "user/base/host_name.h"
#include "user/config/sink_list.h"
#include "user/config/store_address.h"

#define CONFIG_PATH_DEFAULT "/etc/headcount.conf"

/* Half of what the policy maps hold (bpf/maps.h): the other half is the policy in force while
 * a new one is written. */
#define CONFIG_ADDRESSES_MAX 4096
#define CONFIG_OVERRIDES_MAX 65536
#define CONFIG_NETNS_MAX     512
#define CONFIG_LABELLERS_MAX 4096

/* Seconds: sessions are looked through in every tenth of it; the kernel's ticks wrap around. */
#define CONFIG_IDLE_MIN 10
#define CONFIG_IDLE_MAX (14 * 86400)

/* Seconds: a client gives up after two minutes or so. */
#define CONFIG_WAIT_MAX       300
#define CONFIG_EVICT_IDLE_MAX (14 * 86400)
#define CONFIG_EVICT_RATE_MAX 10000

/* Seconds: an answer is waited for for a fifth of the lease, 2 s at most. */
#define CONFIG_LEASE_MIN 2
#define CONFIG_LEASE_MAX 300
#define CONFIG_KEEP_MAX  86400

#define CONFIG_ASKS_MAX   1000000
#define CONFIG_NAME_MAX   63 /* bytes */
#define CONFIG_PREFIX_MAX 63

#define CONFIG_TOP_USERS_MAX       1000
#define CONFIG_METRICS_MAX_MAX     256
#define CONFIG_METRICS_MAX_DEFAULT 16

struct config_listen {
	__u8 address[16]; /* all zero: every address */
	__u16 port;       /* host order */
	__u16 last;       /* the same, or of a range of ports */
};

struct config_override {
	struct hc_user_key key; /* key.service is the index in `services` */
	unsigned int bits;      /* of key.id that count, 128: exact */
	__u32 cap;
	struct hc_label
		label;     /* of a user by label: `bits` are then bytes of it, all or fewer */
	__u32 traits;      /* enum hc_traits */
	__u32 idle;        /* as in struct hc_override */
	bool part;         /* written as an address, of which its user has more */
	unsigned int line; /* of the file */
};

struct config_service {
	struct hc_service
		service; /* name, cap, total, identify, prefixes, excess, orphans, error */
	struct config_listen *listen;
	size_t listens;
	struct config_override *overrides;
	size_t override_count;
	char *answer_path;        /* of redirect = answer:file:PATH; else NULL */
	unsigned int answer_line; /* of the file that names it */
	char *answer;             /* what it holds, once that is read (answer/files.h) */
	size_t answer_size;
	__u32 *labellers; /* uids; none: as service.labeller_max says */
	size_t labeller_count;
	bool labeller_any; /* "*" */
};

/* Whether the page for people is there, too. */
enum config_page {
	CONFIG_PAGE_HERE = 0, /* where no other host can ask for it; nothing was written */
	CONFIG_PAGE_YES,
	CONFIG_PAGE_NO,
};

/* Where the metrics can be had. */
struct config_metrics {
	char text[128];              /* as written; "": nowhere */
	struct config_listen listen; /* unless it is a Unix socket */
	__u32 max;                   /* connections */
	enum config_page page;
};

/* One cap for many hosts. Without a store there is no fleet. */
struct config_fleet {
	struct store_address *stores; /* in their order a shard each */
	size_t store_count;
	char name[HOST_NAME_ROOM]; /* this host's; default: as host_name() has it */
	__u32 lease, keep;         /* seconds */
	__u32 asks;                /* a second */
	__u32 servers;             /* as struct store_settings has it */
	enum hc_alone alone;
	bool named; /* `name` was written */
	bool kill;  /* others may have sessions closed here */
	/* As struct store_settings has them; NULL: none. */
	char *prefix, *tls_ca, *tls_cert, *tls_key, *sentinel_user, *sentinel_password;
};

/* services[HC_OUTBOUND_SERVICE] and services[HC_INBOUND_SERVICE] are always
 * there; named ones follow in the order of the file. */
struct config {
	__u32 directions;    /* bits of enum hc_direction; default both */
	__u32 sessions_max;  /* default 262144, 1024 .. 16777216 */
	__u32 users_max;     /* default 65536, 64 .. 4194304 */
	__u32 listeners_max; /* default 65536, 64 .. 4194304 */
	char **netns;        /* names or paths; none: the namespace headcount is started in */
	size_t netns_count;
	struct sink_list events; /* where they go */
	struct config_metrics metrics;
	__u32 metrics_top_users;
	struct config_fleet fleet;
	struct config_service *services;
	size_t service_count;
};

/* The defaults: the two built-ins, nothing capped. Returns 0 or -ENOMEM. */
int config_defaults(struct config *config);

/* Of one that is not there yet: no cap. */
void config_service_defaults(struct hc_service *service, const char *name);

/*
 * Reads `path` over the defaults into `config`. On an error nothing is left to
 * free, `why` has one line "PATH:LINE: what is wrong" (or "PATH: reason"), and
 * a negative errno is returned.
 */
int config_read(struct config *config, const char *path, char *why, size_t why_size);

/* The path of its Unix socket, or NULL. */
const char *config_metrics_path(const struct config_metrics *metrics);

/* Is the page served, as it was asked for or as no other host can ask for it? */
bool config_has_page(const struct config_metrics *metrics);

/* Counts the sessions of these directions (bits of enum hc_direction) and no others: the
 * services of another are not in use. */
void config_set_directions(struct config *config, __u32 directions);

static inline bool config_wants(const struct config *config, enum hc_direction direction)
{
	return config->directions & 1u << direction;
}

/* Does a service not count orphans? */
bool config_ignores_orphans(const struct config *config);

/* Has any service, or an override, this excess? And this one? */
bool config_has_excess(const struct config *config, enum hc_excess excess);
bool config_service_has_excess(const struct config_service *service, enum hc_excess excess);

/* Is a service by label? */
bool config_labels(const struct config *config);

/* Is there a store of a fleet? */
bool config_has_fleet(const struct config *config);

/* Frees what config_defaults() or config_read() filled in; a zeroed struct is fine. */
void config_free(struct config *config);

/* As `errno =` has it; NULL: it is none of those. */
const char *config_errno_name(__u16 error);

/* The service of that name, or -1. */
int config_find(const struct config *config, const char *name);

#endif
