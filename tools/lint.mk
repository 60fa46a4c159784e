# SPDX-License-Identifier: GPL-2.0-only
# Style, and what reads the code without running it.
C_FILES  := $(wildcard bpf/*.[ch] user/*/*.[ch] include/*.h tests/*/*.[ch] tests/*/*/*.[ch] tools/pam/*.c tools/dovecot/*.c tools/postgresql/*.c)
# cppcheck is to know nothing of the system's headers but this macro, which it cannot do without.
CPPCHECK := --enable=warning,performance --std=c11 --max-configs=1 --error-exitcode=1 -D__linux__ \
	    -Iinclude -I. --suppress=missingIncludeSystem --suppress=internalAstError \
	    -D'LIBBPF_OPTS(type,name,...)=struct type name = {__VA_ARGS__}'

.PHONY: format lint lint-packages

format: ## clang-format (14) of every file in C
	$(Q)clang-format -i $(C_FILES)

# What is looked for is in .clang-tidy. Of the BPF programs less: libbpf's macro for bit fields
# begins with a value that is not set, and the kernel's names begin with underscores. cppcheck
# does not know what their macros are.
LINT_BPF := --checks=-clang-analyzer-core.uninitialized.Assign,-bugprone-reserved-identifier \
	    --header-filter='$(CURDIR)/(bpf|include)/'
lint: lint-packages ## clang-tidy and cppcheck, which find nothing
	$(Q)$(MAKE) --no-print-directory compile_commands.json
	$(Q)clang-tidy --quiet -p . $(LINT_BPF) bpf/headcount.bpf.c 2>/dev/null
	$(Q)printf '%s\n' $(USER_SRC) | xargs -P $$(nproc) -n 4 clang-tidy --quiet -p . 2>/dev/null
	$(Q)cppcheck --quiet $(CPPCHECK) $(USER_SRC)

lint-packages:
	$(Q)tools/packages build lint

# For editors, too. A command holds backslashes and quotes, which JSON wants to have escaped.
.PHONY: compile_commands.json
compile_commands.json: $(BUILD)/headcount.skel.h ## how each file is compiled, for editors
	$(Q)entry() { printf '%s{"directory": "%s", "file": "%s", "command": "%s"}\n' "$$comma" "$(CURDIR)" "$$1" \
		"$$(printf '%s -c %s' "$$2" "$$1" | sed 's/[\"]/\\&/g')"; comma=,; }; { echo '['; \
	for file in $(USER_SRC) $(wildcard tests/*/*.c); do entry "$$file" \
		'$(CC) $(CFLAGS) $(HC_CFLAGS)'; done; \
	entry bpf/headcount.bpf.c '$(CLANG) $(BPF_CFLAGS)'; echo ']'; } >$@.new && mv $@.new $@
