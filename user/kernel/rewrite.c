// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "user/kernel/cast.h"
#include "user/kernel/feature.h"
#include "record.h"
#include "user_table.h"

#include "headcount.skel.h"

/* Both functions take the socket in r1, and one the type in r2, which is there for it. The code
 * stays as long as it was: libbpf goes by places in it. */
static int cast_calls(struct bpf_program *program, int function)
{
	size_t count = bpf_program__insn_cnt(program);
	struct bpf_insn *code = malloc(count * sizeof(*code));
	int error;

	if (!code)
		return -ENOMEM;
	memcpy(code, bpf_program__insns(program), count * sizeof(*code));
	for (size_t i = 0; i < count; i++) {
		if (code[i].code != (BPF_JMP | BPF_CALL) || code[i].src_reg ||
		    code[i].imm != BPF_FUNC_skc_to_tcp_sock)
			continue;
		code[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
		code[i].imm = function;
	}
	error = bpf_program__set_insns(program, code, count);
	free(code);
	return error;
}

int cast_sockets(const struct headcount_bpf *object)
{
	/* Where each call in the program itself, not in its subprograms, is compat_tcp_of(). */
	struct bpf_program *const programs[] = {
		object->progs.on_milestone,
		object->progs.on_connect4,
		object->progs.on_connect6,
		object->progs.on_destroyed,
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (bpf_program__autoload(programs[i]) && features_cast())
			error = error ?: cast_calls(programs[i], features_cast());
	return error;
}
