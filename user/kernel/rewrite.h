/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading TCP's part of a socket without a call: where the kernel has bpf_rdonly_cast() (6.2),
 * of which its verifier makes a cast, what asks for it often (compat_tcp_of() of bpf/compat.h)
 * calls that instead of bpf_skc_to_tcp_sock().
 *
 * It could be a weak extern of the BPF object, but then libbpf (1.1), where the kernel lacks
 * it, looks through the BTF of modules, which takes CAP_SYS_ADMIN; and run has given that up
 * when it loads the programs of a further network namespace.
 */
#ifndef HEADCOUNT_CAST_H
#define HEADCOUNT_CAST_H

struct headcount_bpf;

/* Of an object that is not loaded yet. 0, also where there is nothing to be done; or a negative
 * errno. */
int cast_sockets(const struct headcount_bpf *object);

#endif
