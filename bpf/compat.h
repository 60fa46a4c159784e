/* SPDX-License-Identifier: GPL-2.0-only */
/* The only place that knows kernels differ. Each difference is asked of the
 * running kernel's BTF when the object is loaded, never of a version number. */
#ifndef HEADCOUNT_COMPAT_H
#define HEADCOUNT_COMPAT_H

#include "kernel.h"

/* Chooses what connect() returns where the kernel lets us (5.18); before that a
 * refused connect() is EPERM, whatever we ask for. */
static __always_inline void compat_set_errno(int error)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_set_retval))
		bpf_set_retval(-error);
}

/* An earlier program of this hook has already refused. */
static __always_inline bool compat_refused_before(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_retval))
		return bpf_get_retval() < 0;
	return false;
}

#endif
