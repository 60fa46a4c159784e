/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types and fields that the programs read, and nothing else. Names
 * are the kernel's; where a field really is comes from the running kernel's
 * BTF when the object is loaded (CO-RE), so order and size here mean nothing.
 */
#ifndef HEADCOUNT_KERNEL_H
#define HEADCOUNT_KERNEL_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define AF_INET       2
#define AF_INET6      10
#define SOCK_STREAM   1
#define IPPROTO_TCP   6
#define IPPROTO_MPTCP 262
#define PF_KTHREAD    0x00200000 /* include/linux/sched.h */
#define SOCK_DEAD     0          /* include/net/sock.h, enum sock_flags: no process has it */
#define SOCK_DONE     1          /* a FIN was received */
#define SOCK_KEEPOPEN 3          /* SO_KEEPALIVE */

#define SOCK_BINDPORT_LOCK 8 /* include/net/sock.h: bind() chose the port */

#define SOL_SOCKET       1
#define SO_KEEPALIVE     9
#define SOL_TCP          6
#define TCP_KEEPIDLE     4
#define TCP_KEEPINTVL    5
#define TCP_KEEPCNT      6
#define TCP_SYNCNT       7
#define TCP_USER_TIMEOUT 18

#define CAP_NET_ADMIN 12

#define EPERM        1
#define EAGAIN       11
#define EEXIST       17
#define EINVAL       22
#define ERANGE       34
#define ENODATA      61
#define EMSGSIZE     90
#define ENOPROTOOPT  92
#define ECONNRESET   104
#define ECONNABORTED 103
#define ENOTCONN     107
#define ETIMEDOUT    110
#define ECONNREFUSED 111
#define ENETUNREACH  101
#define EHOSTUNREACH 113
#define EINPROGRESS  115
#define EDQUOT       122

/* include/net/tcp_states.h; <linux/bpf.h> asserts the same numbers as BPF_TCP_* */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};
struct netns_ipv4 {
	int sysctl_tcp_keepalive_time; /* jiffies, as the next */
	int sysctl_tcp_keepalive_intvl;
	__u8 sysctl_tcp_keepalive_probes;
	int sysctl_ip_prot_sock; /* CONFIG_SYSCTL: ports below this take a privilege */
};
struct user_namespace {
	int level; /* 0: the initial one */
};
struct net {
	struct ns_common ns;
	struct user_namespace *user_ns; /* whose root may do everything there */
	struct netns_ipv4 ipv4;
	__u64 net_cookie;
};
typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	unsigned long skc_flags;
	int skc_bound_dev_if;
	atomic64_t skc_cookie; /* 0 until somebody asks for it */
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct kernfs_node {
	__u64 id;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct sock_cgroup_data {
	struct cgroup *cgroup;
};
typedef struct {
	unsigned int val;
} kuid_t;

struct socket;
struct bpf_local_storage;
typedef struct {
	int owned; /* by a process; 0: a packet or a timer is at work, or nobody */
} socket_lock_t;
struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u16 sk_protocol;
	__u8 sk_userlocks : 4;
	int sk_err;
	struct socket *sk_socket; /* NULL until accept(), for a child */
	kuid_t sk_uid;
	struct sock_cgroup_data sk_cgrp_data;
	struct bpf_local_storage *sk_bpf_storage; /* NULL: no program keeps anything of it */
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	__u8 icsk_syn_retries;   /* TCP_SYNCNT; 0: as the sysctls say */
	__u8 icsk_retransmits;   /* timeouts in a row: an ACK of new data ends it */
	__u8 icsk_probes_out;    /* probes without an answer */
	__u32 icsk_user_timeout; /* ms; 0: none */
	struct {
		__u32 lrcvtime; /* jiffies: payload, in order */
	} icsk_ack;
};

struct request_sock {
	struct sock_common __req_common;
	__u8 num_timeout : 7; /* how often the timer has sent the SYN-ACK again */
};
struct inet_request_sock {
	struct request_sock req;
};
struct tcp_request_sock {
	struct inet_request_sock req;
	__u64 snt_synack;  /* us of CLOCK_MONOTONIC: the first SYN-ACK */
	bool tfo_listener; /* Fast Open: its child is there already */
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 bytes_received; /* counts a FIN as one */
	__u64 bytes_sent;     /* payload, retransmissions too */
	__u64 bytes_retrans;
	__u32 srtt_us; /* shifted left by 3 */
	__u32 total_retrans;
	__u32 lsndtime;        /* jiffies: payload, retransmissions too */
	__u32 rcv_tstamp;      /* jiffies: a segment whose ACK was looked at */
	__u32 retrans_out;     /* segments that went out again, and are not acknowledged */
	__u32 snd_una;         /* the first byte that is not acknowledged */
	__u32 write_seq;       /* after the last that was written; SYN and FIN are one each */
	__u64 first_tx_mstamp; /* us; bpf/peer.h */
	__u64 tcp_mstamp;      /* us of CLOCK_MONOTONIC: of the last packet */
	struct request_sock *fastopen_rsk; /* of a child whose handshake is under way */
	unsigned int keepalive_time;       /* jiffies, as the next; 0: as the sysctls say */
	unsigned int keepalive_intvl;
	__u8 keepalive_probes;
	__u8 bpf_sock_ops_cb_flags;
	bool is_mptcp;             /* CONFIG_MPTCP */
	__u8 fastopen_connect : 1; /* TCP_FASTOPEN_CONNECT: connect() may put its SYN off */
};

struct mptcp_sock { /* what the program has; its subflows are the kernel's */
	struct inet_connection_sock sk;
	struct sock *first; /* subflow; NULL once that is closed */
};

struct bpf_prog_aux {
	char name[16];
};
struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* in the cgroup v2 hierarchy */
};
typedef struct {
	__u64 spare; /* has another name in each kernel */
} kernel_cap_t;
struct cred {
	kuid_t uid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct task_struct {
	unsigned int flags;
	const struct cred *cred;
	struct css_set *cgroups;
	int tgid;
	__u64 start_time;
	char comm[16];
	struct task_struct *group_leader;
};

struct socket {
	struct sock *sk;
};
struct file;
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};
struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

#pragma clang attribute pop

#endif
