// SPDX-License-Identifier: GPL-2.0-only
/* Preloaded, it makes bpf(2) answer as a kernel that lacks something: LACKS_PROGRAM and
 * LACKS_ATTACH are the numbers of a program type and an attach type that it does not know,
 * LACKS_CALL of a helper, LACKS_ATOMICS (set) refuses atomics that return a value. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>

static bool is(const char *name, unsigned int value)
{
	const char *text = getenv(name);

	return text && strtoul(text, NULL, 0) == value;
}

static bool lacks(const union bpf_attr *attr)
{
	const struct bpf_insn *code = (const void *)(uintptr_t)attr->insns;

	if (is("LACKS_PROGRAM", attr->prog_type) ||
	    is("LACKS_ATTACH", attr->expected_attach_type))
		return true;
	for (unsigned int i = 0; i < attr->insn_cnt; i++) {
		if (code[i].code == (BPF_JMP | BPF_CALL) && !code[i].src_reg &&
		    is("LACKS_CALL", code[i].imm))
			return true;
		if (code[i].code == (BPF_STX | BPF_ATOMIC | BPF_DW) &&
		    (code[i].imm & BPF_FETCH) && getenv("LACKS_ATOMICS"))
			return true;
	}
	return false;
}

long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!real)
		real = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && arguments[0] == BPF_PROG_LOAD &&
	    lacks((const union bpf_attr *)arguments[1])) {
		errno = EINVAL;
		return -1;
	}
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3],
		    arguments[4], arguments[5]);
}
