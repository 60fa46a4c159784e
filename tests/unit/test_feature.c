// SPDX-License-Identifier: GPL-2.0-only
/* What the BPF object uses has a row in the table of features. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <bpf/libbpf.h>
#include <gelf.h>
#include <libelf.h>

#include "user/kernel/feature.h"
#include "user/kernel/load.h"

static bool has_row(enum feature_kind kind, const char *name, int number)
{
	size_t count;
	const struct feature *rows = features_list(&count);

	for (size_t i = 0; i < count; i++) {
		bool same = rows[i].kind == kind ||
			    (kind == FEATURE_HELPER && rows[i].kind == FEATURE_WEAK);

		if (same && (name ? !strcmp(rows[i].name, name) : rows[i].number == number))
			return true;
	}
	return false;
}

static void test_programs(void **state)
{
	struct headcount_bpf *object = headcount_bpf__open();
	struct bpf_program *program;
	int count = 0;

	(void)state;
	assert_non_null(object);
	bpf_object__for_each_program(program, object->obj) {
		if (!has_row(FEATURE_PROGRAM, load_section(program), 0))
			fail_msg("%s: no row for %s", bpf_program__name(program),
				 load_section(program));
		count++;
	}
	assert_true(count > 10);
	headcount_bpf__destroy(object);
}

static void test_maps(void **state)
{
	struct headcount_bpf *object = headcount_bpf__open();
	struct bpf_map *map;
	int count = 0;

	(void)state;
	assert_non_null(object);
	bpf_object__for_each_map(map, object->obj) {
		if (!has_row(FEATURE_MAP, NULL, bpf_map__type(map)))
			fail_msg("%s: no row for maps of type %d", bpf_map__name(map),
				 bpf_map__type(map));
		count++;
	}
	assert_true(count > 10);
	headcount_bpf__destroy(object);
}

/* Calls of helpers in one section; each has to have a row. */
static int check_calls(const Elf_Data *data)
{
	const struct bpf_insn *code = data->d_buf;
	int count = 0;

	for (size_t i = 0; i < data->d_size / sizeof(*code); i++) {
		if (code[i].code != (BPF_JMP | BPF_CALL) || code[i].src_reg)
			continue;
		if (!has_row(FEATURE_HELPER, NULL, code[i].imm))
			fail_msg("no row for the helper %d", code[i].imm);
		count++;
	}
	return count;
}

static void test_helpers(void **state)
{
	size_t size;
	const void *bytes = headcount_bpf__elf_bytes(&size);
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int count = 0;
	Elf *elf;

	(void)state;
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)bytes, size);
	assert_non_null(elf);
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_flags & SHF_EXECINSTR)
			count += check_calls(elf_getdata(section, NULL));
	elf_end(elf);
	assert_true(count > 100);
}

/* Each says what for, and what its absence means. */
static void test_words(void **state)
{
	size_t count;
	const struct feature *rows = features_list(&count);
	char text[256];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(strlen(rows[i].needed_for) > 0);
		assert_true(rows[i].refuses == REFUSES_BOTH || rows[i].refuses == REFUSES_RUN ||
			    !rows[i].refuses);
		assert_true(strlen(feature_absence(&rows[i], text, sizeof(text))) > 0);
		/* Who is not refused is told what is lost; who is, is not. */
		if (!rows[i].refuses)
			assert_non_null(rows[i].without);
		if (rows[i].refuses == REFUSES_BOTH)
			assert_null(rows[i].without);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
