// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "user/kernel/rewrite.h"
#include "user/kernel/feature.h"
#include "policy.h"
#include "record.h"
#include "user_table.h"

#include "headcount.skel.h"

/* Of the program itself, not of its subprograms, each instruction that `change` knows: one at
 * least. */
static int rewrite(struct bpf_program *program,
		   bool (*change)(struct bpf_insn *instruction, int to), int to)
{
	size_t count = bpf_program__insn_cnt(program);
	struct bpf_insn *code = malloc(count * sizeof(*code));
	int changed = 0, error;

	if (!code)
		return -ENOMEM;
	memcpy(code, bpf_program__insns(program), count * sizeof(*code));
	for (size_t i = 0; i < count; i++)
		changed += change(&code[i], to);
	error = changed ? bpf_program__set_insns(program, code, count) : -EINVAL;
	free(code);
	return error;
}

/* Both functions take the socket in r1, and one the type in r2, which is there for it. */
static bool to_cast(struct bpf_insn *instruction, int function)
{
	if (instruction->code != (BPF_JMP | BPF_CALL) || instruction->src_reg ||
	    instruction->imm != BPF_FUNC_skc_to_tcp_sock)
		return false;
	instruction->src_reg = BPF_PSEUDO_KFUNC_CALL;
	instruction->imm = function;
	return true;
}

static bool to_directions(struct bpf_insn *instruction, int directions)
{
	if (instruction->code != (BPF_ALU64 | BPF_MOV | BPF_K) ||
	    instruction->imm != HC_DIRECTIONS_HERE)
		return false;
	instruction->imm = directions;
	return true;
}

int rewrite_programs(const struct headcount_bpf *object)
{
	/* Where each call in the program itself is compat_tcp_of(). */
	struct bpf_program *const casting[] = {
		object->progs.on_milestone,
		object->progs.on_connect4,
		object->progs.on_connect6,
		object->progs.on_destroyed,
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(casting) / sizeof(casting[0]); i++)
		if (bpf_program__autoload(casting[i]) && features_cast())
			error = error ?: rewrite(casting[i], to_cast, features_cast());
	if (!error && bpf_program__autoload(object->progs.on_milestone))
		error = rewrite(object->progs.on_milestone, to_directions,
				object->rodata->directions);
	return error;
}
