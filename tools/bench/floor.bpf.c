// SPDX-License-Identifier: GPL-2.0-only
/* Programs that do nothing on every hook that headcount uses: what no design on
 * these hooks can cost less than. */
#pragma clang diagnostic ignored "-Wunused-parameter"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Without it the kernel does not call sockops at a session's state changes. */
const volatile _Bool follow_states = 1;

SEC("cgroup/connect4")
int floor_connect4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/connect6")
int floor_connect6(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("sk_lookup")
int floor_arrival(struct bpf_sk_lookup *ctx)
{
	return SK_PASS;
}

SEC("sockops")
int floor_milestone(struct bpf_sock_ops *ctx)
{
	if (follow_states && (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB ||
			      ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB))
		bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
	return 1;
}

SEC("tp_btf/tcp_destroy_sock")
int floor_destroyed(void *ctx)
{
	return 0;
}
