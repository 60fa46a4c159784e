/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is written into the programs before they are loaded, because it saves time there each
 * time that they run. The code stays as long as it was: libbpf goes by places in it.
 *
 *   casts       Where the kernel has bpf_rdonly_cast() (6.2), of which its verifier makes a
 *               cast, what asks for TCP's part of a socket (compat_tcp_of() of bpf/compat.h)
 *               calls that instead of bpf_skc_to_tcp_sock(). It could be a weak extern of the
 *               BPF object, but then libbpf (1.1), where the kernel lacks it, looks through the
 *               BTF of modules, which takes CAP_SYS_ADMIN; and run has given that up when it
 *               loads the programs of a further network namespace.
 *   directions  on_milestone has those that are counted in its code, where HC_DIRECTIONS_HERE
 *               stands. Of a constant in .rodata the verifier knows which branches are dead and
 *               takes them out, but leaves the reads in, each of a cold cache line.
 */
#ifndef HEADCOUNT_REWRITE_H
#define HEADCOUNT_REWRITE_H

struct headcount_bpf;

/* Of an object that is not loaded yet, whose constants are set. 0, also where there is nothing
 * to be done; or a negative errno. */
int rewrite_programs(const struct headcount_bpf *object);

#endif
