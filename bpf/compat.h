/* SPDX-License-Identifier: GPL-2.0-only */
/* The only place that knows kernels differ. Each difference is asked of the
 * running kernel's BTF when the object is loaded, never of a version number. */
#ifndef HEADCOUNT_COMPAT_H
#define HEADCOUNT_COMPAT_H

#include "kernel.h"

/* Chooses what connect() returns where the kernel lets us (5.18); before that a
 * refused connect() is EPERM, whatever we ask for. */
static __always_inline void compat_set_errno(__u32 error)
{
	/* By 64 bits, and at most 4095: the verifier of 7.2 wants to see that the
	 * whole register is in -4095..0, which it cannot of a negated int. */
	long (*const set_retval)(__s64) = (void *)BPF_FUNC_set_retval;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_set_retval))
		set_retval(-(__s64)(error & 0xfff));
}

/* setsockopt(TCP_BPF_SOCK_OPS_CB_FLAGS) is of 6.12; where it is missing, so is this. */
enum {
	COMPAT_SET_CALLBACKS = 1008,
};

/*
 * Makes the socket tell on_milestone of its state changes. `context` is what
 * bpf_setsockopt() takes in the calling program. False: the kernel cannot, and
 * on_state has to see them.
 */
#define compat_set_callbacks(context, tp)                                                      \
	({                                                                                     \
		int flags_ = (tp)->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG;         \
		!bpf_setsockopt(context, SOL_TCP, COMPAT_SET_CALLBACKS, &flags_,               \
				sizeof(flags_));                                               \
	})

/* An earlier program of this hook has already refused. */
static __always_inline bool compat_refused_before(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_retval))
		return bpf_get_retval() < 0;
	return false;
}

#endif
