// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/account.h"
#include "user/base/address.h"
#include "user/base/cgroup.h"
#include "user/base/label.h"
#include "user/base/log.h"
#include "user/base/number.h"
#include "user/base/put.h"
#include "user/base/user_name.h"

static const __u8 ipv4_mapped[16] = {[10] = 0xff, [11] = 0xff};

static int __attribute__((format(printf, 3, 4)))
because(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return -EINVAL;
}

void prefix_mask(__u8 id[16], unsigned int bits)
{
	unsigned int byte = bits / 8;

	if (byte >= 16)
		return;
	id[byte] &= 0xff00 >> bits % 8;
	memset(id + byte + 1, 0, 15 - byte);
}

/* The label, or its hash where that is all that is known. */
static char *format_label(const struct hc_user_key *key, char *text)
{
	struct hc_label label;
	char *p;

	if (label_find(key, &label))
		return label_format(&label, text);
	p = stpcpy(text, LABEL_UNKNOWN);
	for (size_t i = 0; i < sizeof(key->id); i++)
		p += sprintf(p, "%02x", key->id[i]);
	return text;
}

char *user_key_format(const struct hc_user_key *key, bool names, char *text, size_t size)
{
	const char *name;

	switch (key->kind) {
	case HC_BY_CLIENT:
		*put_prefix(text, key->id, key->prefix) = '\0';
		return text;
	case HC_BY_UID:
		name = names ? account_name(key->uid) : "";
		if (*name)
			snprintf(text, size, "%s", name);
		else
			snprintf(text, size, "%u", key->uid);
		return text;
	case HC_BY_CGROUP:
		return cgroup_path(key->cgroup, text, size);
	case HC_UNLABELLED:
		*put_prefix(stpcpy(text, LABEL_UNLABELLED), key->id, key->prefix) = '\0';
		return text;
	default:
		return format_label(key, text);
	}
}

char *user_override_format(const struct hc_user_key *key, const struct hc_label *label,
			   unsigned int bits, bool names, char *text, size_t size)
{
	if (key->kind != HC_BY_LABEL)
		return user_key_format(key, names, text, size);
	label_format(label, text);
	return bits < HC_LABEL_MAX ? strcat(text, "*") : text;
}

static int parse_cgroup(const char *text, struct hc_user_key *key, char *why, size_t why_size)
{
	/* With the mount as root neither ".." nor a link leads to another file system, whose
	 * handles would be taken for cgroup ids. */
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_XDEV,
	};
	union cgroup_handle handle = {.kernfs = {.bytes = sizeof(__u64)}};
	const char *mount = cgroup_mount();
	int mount_fd = -1, fd = -1, mount_id, error = 0;

	if (*text != '/')
		return because(why, why_size, "\"%s\" is not a cgroup path: it starts with /",
			       text);
	if (!mount)
		return because(why, why_size, "cgroup v2 is not mounted");
	mount_fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd >= 0)
		fd = syscall(SYS_openat2, mount_fd, text, &how, sizeof(how));
	if (fd < 0)
		error = because(why, why_size, "no cgroup \"%s\": %s", text, strerror(errno));
	else if (name_to_handle_at(fd, "", &handle.handle, &mount_id, AT_EMPTY_PATH))
		error = because(why, why_size, "cgroup \"%s\" has no id: %s", text,
				strerror(errno));
	key->cgroup = handle.kernfs.id;
	if (fd >= 0)
		close(fd);
	if (mount_fd >= 0)
		close(mount_fd);
	return error;
}

static int parse_uid(const char *text, struct hc_user_key *key, char *why, size_t why_size)
{
	const struct passwd *passwd;

	/* A number is always a uid, even where an account has such a name. */
	if (!number_parse(text, 0, HC_UID_UNKNOWN - 1, &key->uid))
		return 0;
	passwd = getpwnam(text);
	if (!passwd)
		return because(why, why_size, "no account \"%s\"", text);
	key->uid = passwd->pw_uid;
	hc_step("looked up the account \"%s\": %u", text, key->uid);
	return 0;
}

/* The address part of `text`, up to a slash or its end. */
static int parse_address(const char *text, size_t length, __u8 address[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	memcpy(address, ipv4_mapped, sizeof(ipv4_mapped));
	if (inet_pton(AF_INET, copy, address + IPV4_BITS / 8) == 1)
		return 0;
	return inet_pton(AF_INET6, copy, address) == 1 ? 0 : -EINVAL;
}

/* The length that was given, in bits of the 16 bytes; `none` if there is none. */
static int parse_length(const char *text, unsigned int none, unsigned int *bits, char *why,
			size_t why_size)
{
	size_t length = strcspn(text, "/");
	unsigned int base = memchr(text, ':', length) ? 0 : IPV4_BITS;
	__u32 given;

	*bits = none;
	if (!text[length])
		return 0;
	if (number_parse(text + length + 1, 0, 128 - base, &given))
		return because(why, why_size, "\"%s\": the prefix length is 0 to %u", text,
			       128 - base);
	*bits = base + given;
	return 0;
}

static int check_masked(const char *text, const __u8 id[16], unsigned int bits, char *why,
			size_t why_size)
{
	char right[PREFIX_TEXT];
	__u8 masked[16];

	memcpy(masked, id, sizeof(masked));
	prefix_mask(masked, bits);
	if (!memcmp(masked, id, sizeof(masked)))
		return 0;
	*put_prefix(right, masked, bits) = '\0';
	return because(why, why_size, "\"%s\" has bits beyond its prefix: write %s", text,
		       right);
}

int prefix_parse(const char *text, __u8 id[16], unsigned int *bits, char *why, size_t why_size)
{
	if (parse_address(text, strcspn(text, "/"), id))
		return because(why, why_size, "\"%s\" is not an IPv4 or IPv6 address", text);
	if (parse_length(text, 128, bits, why, why_size))
		return -EINVAL;
	return check_masked(text, id, *bits, why, why_size);
}

/* A prefix `given` for a service whose users have `own` bits. */
static int check_prefix(const char *text, const __u8 id[16], unsigned int given,
			unsigned int own, char *why, size_t why_size)
{
	unsigned int family = address_is_ipv4(id) ? IPV4_BITS : 0;
	__u8 mapped[16];

	if (given > own)
		return because(why, why_size,
			       "\"%s\" is part of a user: the service's users are /%u", text,
			       own - family);
	if (check_masked(text, id, given, why, why_size))
		return -EINVAL;
	/* The longest-prefix match sees IPv4 clients in their mapped form, so ::/0 has them
	 * all. */
	memcpy(mapped, ipv4_mapped, sizeof(mapped));
	prefix_mask(mapped, given);
	if (given < own && given < IPV4_BITS && !memcmp(mapped, id, sizeof(mapped)))
		return because(why, why_size, "\"%s\" includes every IPv4 client", text);
	return 0;
}

static int parse_client(const char *text, const struct hc_service *service,
			struct hc_user_key *key, unsigned int *bits, char *why, size_t why_size)
{
	bool prefix = strchr(text, '/');
	unsigned int own, given;

	if (parse_address(text, strcspn(text, "/"), key->id))
		return because(why, why_size, "\"%s\" is not an IPv4 or IPv6 address", text);
	own = address_is_ipv4(key->id) ? IPV4_BITS + service->prefix4 : service->prefix6;
	if (parse_length(text, own, &given, why, why_size))
		return -EINVAL;
	if (prefix && check_prefix(text, key->id, given, own, why, why_size))
		return -EINVAL;
	prefix_mask(key->id, given);
	key->prefix = given;
	if (given < own)
		*bits = given;
	return 0;
}

/* The hash of a label that nobody knows, as format_label() writes it. */
static int parse_hash(const char *text, __u8 id[16])
{
	unsigned int byte;
	int end;

	for (size_t i = 0; i < 16; i++, text += 2) {
		if (sscanf(text, "%2x%n", &byte, &end) != 1 || end != 2)
			return -EINVAL;
		id[i] = byte;
	}
	return *text ? -EINVAL : 0;
}

static int parse_label(const char *text, const struct hc_service *service,
		       struct hc_user_key *key, unsigned int *bits, char *why, size_t why_size)
{
	struct hc_label label;
	unsigned int length;
	int error;

	if (!strncmp(text, LABEL_UNLABELLED, strlen(LABEL_UNLABELLED))) {
		key->kind = HC_UNLABELLED;
		return parse_client(text + strlen(LABEL_UNLABELLED), service, key, bits, why,
				    why_size);
	}
	if (!strncmp(text, LABEL_UNKNOWN, strlen(LABEL_UNKNOWN)))
		return parse_hash(text + strlen(LABEL_UNKNOWN), key->id)
			       ? because(why, why_size, "\"%s\": no hash of a label", text)
			       : 0;
	error = label_parse(text, &label, &length, why, why_size);
	if (error)
		return error;
	label_hash(&label, key->id);
	if (length < HC_LABEL_MAX)
		*bits = length;
	else
		label_learn(&label);
	return 0;
}

int user_key_parse(const char *text, const struct hc_service *service, __u16 service_id,
		   struct hc_user_key *key, unsigned int *bits, char *why, size_t why_size)
{
	memset(key, 0, sizeof(*key));
	key->service = service_id;
	key->kind = service->identify;
	*bits = 128;
	switch (service->identify) {
	case HC_BY_CLIENT:
		return parse_client(text, service, key, bits, why, why_size);
	case HC_BY_UID:
		return parse_uid(text, key, why, why_size);
	case HC_BY_CGROUP:
		return parse_cgroup(text, key, why, why_size);
	default:
		return parse_label(text, service, key, bits, why, why_size);
	}
}

bool user_is_more(const struct hc_user_key *key, const char *given)
{
	if (key->kind == HC_UNLABELLED)
		given += strlen(LABEL_UNLABELLED);
	else if (key->kind != HC_BY_CLIENT)
		return false;
	return key->prefix < 128 && !strchr(given, '/');
}
