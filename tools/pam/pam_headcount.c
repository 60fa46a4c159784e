// SPDX-License-Identifier: GPL-2.0-only
/*
 * pam_headcount: tells headcount whose session it is, in PAM's account phase. Over the cap it
 * denies the login. Whatever else goes wrong, the decision is left to the other modules.
 */
#include <dirent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "headcount.h"

enum { PATIENCE_MS = 2000 }; /* while a stale session makes room */
enum { END_SIZE = INET6_ADDRSTRLEN + IF_NAMESIZE + 8, TEXT_SIZE = 2 * END_SIZE };
typedef int name_call(int fd, struct sockaddr *address, socklen_t *length);

/* IPv4 mapped into IPv6 is IPv4, as in what sshd says. */
static const char *unmapped(const char *address)
{
	return strncmp(address, "::ffff:", 7) || !strchr(address, '.') ? address : address + 7;
}

/* One end of a connected socket, as "ADDRESS PORT". */
static bool end_text(char text[END_SIZE], int fd, name_call *call)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE], port[6];

	if (call(fd, (struct sockaddr *)&address, &length) ||
	    (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
	    getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return false;
	snprintf(text, END_SIZE, "%s %s", unmapped(host), port);
	return true;
}

/* A connection of TCP (or MPTCP) as in SSH_CONNECTION: the peer's end, then ours. */
static bool connection_text(char text[TEXT_SIZE], int fd)
{
	char peer[END_SIZE], local[END_SIZE];
	socklen_t length = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) || type != SOCK_STREAM ||
	    !end_text(peer, fd, getpeername) || !end_text(local, fd, getsockname))
		return false;
	snprintf(text, TEXT_SIZE, "%s %s", peer, local);
	return true;
}

/*
 * A descriptor of the one connection whose text begins with these words; -1 if this process has
 * none, or several. Several descriptors of one connection are one.
 */
static int find_connection(const char *words)
{
	char found[TEXT_SIZE], next[TEXT_SIZE];
	DIR *folder = opendir("/proc/self/fd");
	size_t length = strlen(words);
	struct dirent *entry;
	bool several = false;
	int fd = -1;

	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || !connection_text(next, atoi(entry->d_name)) ||
		    strncmp(next, words, length) || !strchr(" ", next[length]))
			continue;
		several |= fd >= 0 && strcmp(found, next);
		fd = atoi(entry->d_name);
		strcpy(found, next);
	}
	if (folder)
		closedir(folder);
	return several ? -1 : fd;
}

/* sshd names the connection; a server that is started for each one has it as descriptor 0. */
static int client_socket(pam_handle_t *pamh)
{
	const char *ssh = pam_getenv(pamh, "SSH_CONNECTION");
	const void *host = NULL;
	char text[TEXT_SIZE];
	int fd = ssh ? find_connection(ssh) : -1;

	if (fd < 0 && connection_text(text, 0))
		fd = 0;
	if (fd < 0 && !pam_get_item(pamh, PAM_RHOST, &host) && host && *(char *)host)
		fd = find_connection(unmapped(host));
	return fd;
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const char *name = NULL;
	struct passwd *account;
	int error, fd = client_socket(pamh);

	if (argc > 0)
		pam_syslog(pamh, LOG_ERR, "unknown option: %s", argv[0]);
	if (fd < 0 || pam_get_user(pamh, &name, NULL) != PAM_SUCCESS || !name)
		return PAM_IGNORE;
	/* Where JSmith and jsmith are one account, they are one name. */
	account = pam_modutil_getpwnam(pamh, name);
	name = account ? account->pw_name : name;
	error = headcount_label_wait(fd, name, strlen(name), PATIENCE_MS);
	if (error == -EDQUOT) {
		pam_syslog(pamh, LOG_NOTICE, "%s has too many sessions", name);
		if (!(flags & PAM_SILENT))
			pam_error(pamh, "Too many sessions: end one of yours, then try again.");
		return PAM_PERM_DENIED;
	}
	errno = -error;
	if (error)
		pam_syslog(pamh, LOG_ERR, "headcount does not take the name %s: %m", name);
	return error ? PAM_IGNORE : PAM_SUCCESS;
}
