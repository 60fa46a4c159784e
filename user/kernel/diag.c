// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "user/base/address.h"
#include "user/kernel/diag.h"

struct diag {
	struct mnl_socket *netlink;
	unsigned int sequence;
};

struct diag *diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? NULL : diag_open_by(fd);
}

struct diag *diag_open_by(int netlink)
{
	struct diag *diag = calloc(1, sizeof(*diag));

	if (diag)
		diag->netlink = mnl_socket_fdopen(netlink);
	if (!diag || !diag->netlink)
		close(netlink);
	else if (!mnl_socket_bind(diag->netlink, 0, MNL_SOCKET_AUTOPID))
		return diag;
	diag_close(diag);
	return NULL;
}

void diag_close(struct diag *diag)
{
	int error = errno;

	if (diag && diag->netlink)
		mnl_socket_close(diag->netlink);
	free(diag);
	errno = error;
}

/* An IPv6 socket that speaks IPv4 is found as what is on the wire. */
static void name_socket(struct inet_diag_req_v2 *request, const struct hc_socket *socket)
{
	const struct hc_ends *ends = &socket->session.ends;
	bool ipv4 = address_is_ipv4(ends->remote);
	size_t skip = ipv4 ? 12 : 0;

	request->sdiag_family = ipv4 ? AF_INET : AF_INET6;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = ~0u;
	request->id.idiag_sport = htons(ends->local_port);
	request->id.idiag_dport = htons(ends->remote_port);
	memcpy(request->id.idiag_src, ends->local + skip, sizeof(ends->local) - skip);
	memcpy(request->id.idiag_dst, ends->remote + skip, sizeof(ends->remote) - skip);
	request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	request->id.idiag_if = socket->device;
	request->id.idiag_cookie[0] = socket->id;
	request->id.idiag_cookie[1] = socket->id >> 32;
}

/* Sends the request and hands its one answer to `got`. */
static int send_request(struct diag *diag, __u16 type, __u16 flags,
			const struct hc_socket *socket, mnl_cb_t got, void *context)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	unsigned int port = mnl_socket_get_portid(diag->netlink);
	ssize_t size;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++diag->sequence;
	name_socket(mnl_nlmsg_put_extra_header(header, sizeof(struct inet_diag_req_v2)),
		    socket);
	if (mnl_socket_sendto(diag->netlink, header, header->nlmsg_len) < 0)
		return -errno;
	do {
		size = mnl_socket_recvfrom(diag->netlink, buffer, sizeof(buffer));
	} while (size < 0 && errno == EINTR);
	if (size < 0 || mnl_cb_run(buffer, size, diag->sequence, port, got, context) < 0)
		return -errno;
	return 0;
}

int diag_destroy(struct diag *diag, const struct hc_socket *socket)
{
	return send_request(diag, SOCK_DESTROY, NLM_F_ACK, socket, NULL, NULL);
}

int diag_try_destroy(void)
{
	struct hc_socket nobody = {.id = 1};
	struct diag *diag = diag_open();
	int error = diag ? diag_destroy(diag, &nobody) : -errno;

	diag_close(diag);
	return error == -ENOENT ? 0 : error;
}

static int take_inode(const struct nlmsghdr *header, void *context)
{
	const struct inet_diag_msg *answer = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*answer)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	*(__u32 *)context = answer->idiag_inode;
	return MNL_CB_STOP;
}

int diag_inode(struct diag *diag, const struct hc_socket *socket, __u32 *inode)
{
	return send_request(diag, SOCK_DIAG_BY_FAMILY, 0, socket, take_inode, inode);
}

static int take_info(const struct nlmsghdr *header, void *context)
{
	struct tcp_info *info = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, header, sizeof(struct inet_diag_msg))
	{
		size_t size = mnl_attr_get_payload_len(attribute);

		if (mnl_attr_get_type(attribute) != INET_DIAG_INFO)
			continue;
		/* The kernel's may be longer, or shorter. */
		memcpy(info, mnl_attr_get_payload(attribute),
		       size < sizeof(*info) ? size : sizeof(*info));
		return MNL_CB_STOP;
	}
	errno = EBADMSG;
	return MNL_CB_ERROR;
}

int diag_info(struct diag *diag, const struct hc_socket *socket, struct tcp_info *info)
{
	memset(info, 0, sizeof(*info));
	return send_request(diag, SOCK_DIAG_BY_FAMILY, 0, socket, take_info, info);
}
