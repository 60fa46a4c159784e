// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack of the BPF programs, as the strictest verifier counts it (6.1): each frame is as
 * large as its lowest access, in pieces of 32 bytes, and the frames along any chain of calls
 * are together at most 512, and at most 8. Later kernels count in smaller pieces, so that the
 * machine at hand may load what 6.1 refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <gelf.h>
#include <libelf.h>
#include <linux/bpf.h>

#include "user/kernel/load.h"

#define STACK_MAX  512 /* MAX_BPF_STACK */
#define FRAMES_MAX 8   /* MAX_CALL_FRAMES */
#define MOST       256 /* functions, and calls of one */

struct function {
	const char *name;
	size_t section, first, count; /* its instructions in the section */
	unsigned int frame;
	struct function *calls[MOST];
	size_t call_count;
};

struct text {
	const struct bpf_insn *code;
	size_t count;
	Elf_Data *relocations;
};

static Elf *elf;
static Elf_Data *symbols;
static size_t symbol_count, strings;
static struct text texts[MOST]; /* by section */
static struct function functions[MOST];
static size_t function_count;

static void read_sections(void)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section))) {
		size_t index = elf_ndxscn(section);

		assert_non_null(gelf_getshdr(section, &header));
		assert_true(index < MOST);
		if (header.sh_type == SHT_SYMTAB) {
			symbols = elf_getdata(section, NULL);
			symbol_count = header.sh_size / header.sh_entsize;
			strings = header.sh_link;
		} else if (header.sh_type == SHT_PROGBITS && header.sh_flags & SHF_EXECINSTR) {
			texts[index].code = elf_getdata(section, NULL)->d_buf;
			texts[index].count = header.sh_size / sizeof(struct bpf_insn);
		} else if (header.sh_type == SHT_REL) {
			assert_true(header.sh_info < MOST);
			texts[header.sh_info].relocations = elf_getdata(section, NULL);
		}
	}
	assert_non_null(symbols);
}

static void read_functions(void)
{
	GElf_Sym symbol;

	for (size_t i = 0; i < symbol_count; i++) {
		assert_non_null(gelf_getsym(symbols, i, &symbol));
		if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		assert_true(function_count < MOST);
		functions[function_count++] = (struct function){
			.name = elf_strptr(elf, strings, symbol.st_name),
			.section = symbol.st_shndx,
			.first = symbol.st_value / sizeof(struct bpf_insn),
			.count = symbol.st_size / sizeof(struct bpf_insn),
		};
	}
}

static struct function *function_at(size_t section, size_t insn)
{
	for (size_t i = 0; i < function_count; i++)
		if (functions[i].section == section && functions[i].first == insn)
			return &functions[i];
	fail_msg("no function at instruction %zu of section %zu", insn, section);
	return NULL;
}

/* The symbol that the instruction is to be pointed at; false: none. */
static bool relocation_of(const struct text *text, size_t insn, GElf_Sym *symbol)
{
	GElf_Rel row;

	for (int i = 0; text->relocations && gelf_getrel(text->relocations, i, &row); i++)
		if (row.r_offset == insn * sizeof(struct bpf_insn))
			return gelf_getsym(symbols, GELF_R_SYM(row.r_info), symbol);
	return false;
}

/* As libbpf does: a symbol's function, or so far into a section, or from here. */
static struct function *called_by(const struct function *caller, size_t insn)
{
	const struct text *text = &texts[caller->section];
	__s64 distance = text->code[insn].imm + 1;
	GElf_Sym symbol;

	if (!relocation_of(text, insn, &symbol))
		return function_at(caller->section, insn + distance);
	if (GELF_ST_TYPE(symbol.st_info) == STT_SECTION)
		return function_at(symbol.st_shndx, distance);
	return function_at(symbol.st_shndx, symbol.st_value / sizeof(struct bpf_insn));
}

static unsigned int depth_of(__s64 offset)
{
	return offset < 0 ? -offset : 0;
}

/* The lowest byte of the stack that it reaches: by r10, or by a register that was made from it
 * (`at`, while `is`). */
static void read_code(struct function *function)
{
	const struct text *text = &texts[function->section];
	bool is[16] = {[BPF_REG_10] = true};
	unsigned int deepest = 1;
	__s64 at[16] = {};

	assert_true(function->first + function->count <= text->count);
	for (size_t i = function->first; i < function->first + function->count; i++) {
		const struct bpf_insn *insn = &text->code[i];
		__u8 class = BPF_CLASS(insn->code), to = insn->dst_reg, from = insn->src_reg;
		bool stores = class == BPF_ST || class == BPF_STX;
		unsigned int depth = 0;

		if (stores && is[to])
			depth = depth_of(at[to] + insn->off);
		else if (class == BPF_LDX && is[from])
			depth = depth_of(at[from] + insn->off);
		if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_X)) {
			is[to] = is[from];
			at[to] = at[from];
		} else if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && is[to]) {
			at[to] += insn->imm;
			depth = depth_of(at[to]);
		} else if (class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX ||
			   class == BPF_LD) {
			is[to] = false;
		} else if (insn->code == (BPF_JMP | BPF_CALL) && from == BPF_PSEUDO_CALL) {
			assert_true(function->call_count < MOST);
			function->calls[function->call_count++] = called_by(function, i);
		}
		deepest = depth > deepest ? depth : deepest;
	}
	function->frame = (deepest + 31) / 32 * 32;
}

/* The chain of calls in hand, and the deepest of all. */
static const struct function *chain[FRAMES_MAX + 1];
static unsigned int deepest;
static char deepest_text[1024];

static void write_chain(char text[1024], size_t frames)
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < frames && used < 1000; i++)
		used += snprintf(text + used, 1024 - used, "%s%s %u", i ? " -> " : "",
				 chain[i]->name, chain[i]->frame);
}

/* `above` bytes are taken by the callers. */
static void walk(const struct function *function, size_t frames, unsigned int above)
{
	unsigned int sum = above + function->frame;
	char text[1024];

	chain[frames++] = function;
	write_chain(text, frames);
	if (sum > STACK_MAX || frames > FRAMES_MAX)
		fail_msg("%u bytes, of %d: %s", sum, STACK_MAX, text);
	if (sum > deepest) {
		deepest = sum;
		strcpy(deepest_text, text);
	}
	for (size_t i = 0; i < function->call_count; i++)
		walk(function->calls[i], frames, sum);
}

static bool reaches(const struct function *function, const char *name)
{
	bool found = !strcmp(function->name, name);

	for (size_t i = 0; i < function->call_count && !found; i++)
		found = reaches(function->calls[i], name);
	return found;
}

static const struct function *program_of(const char *name)
{
	for (size_t i = 0; i < function_count; i++)
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	fail_msg("the object has no %s", name);
	return NULL;
}

static int open_object(void **state)
{
	size_t size;
	const void *bytes = headcount_bpf__elf_bytes(&size);

	(void)state;
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)bytes, size);
	return elf ? 0 : -1;
}

static int close_object(void **state)
{
	(void)state;
	elf_end(elf);
	return 0;
}

static void test_chains(void **state)
{
	struct headcount_bpf *object = headcount_bpf__open();
	struct bpf_program *program;

	(void)state;
	assert_non_null(object);
	read_sections();
	read_functions();
	for (size_t i = 0; i < function_count; i++)
		read_code(&functions[i]);
	bpf_object__for_each_program(program, object->obj)
		walk(program_of(bpf_program__name(program)), 0, 0);
	/* Static and global functions: no kind of call is overlooked. */
	assert_true(reaches(program_of("on_milestone"), "users_limits"));
	assert_true(reaches(program_of("walk_sessions"), "user_discharge"));
	print_message("%u bytes: %s\n", deepest, deepest_text);
	headcount_bpf__destroy(object);
}

/* What the kernel may not have is no extern (user/kernel/rewrite.h says why). */
static void test_externs(void **state)
{
	GElf_Sym symbol;

	(void)state;
	read_sections();
	for (size_t i = 1; i < symbol_count; i++) {
		assert_non_null(gelf_getsym(symbols, i, &symbol));
		if (symbol.st_shndx == SHN_UNDEF)
			fail_msg("extern %s", elf_strptr(elf, strings, symbol.st_name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_externs),
	};

	return cmocka_run_group_tests_name("stack", tests, open_object, close_object);
}
