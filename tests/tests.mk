# SPDX-License-Identifier: GPL-2.0-only
# What `make check` builds, and the checks beside it.
UNIT     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/bpf/test_*.c))
FUZZ     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined

.PHONY: unit check-sanitized fuzz fuzzers torture check-kernels

# Tests in C, of pure code and of the BPF programs: cmocka, TAP on stdout.
$(BUILD)/tests/%: tests/%.c $(LIB)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -o $@ $< $(LIB) $(HC_LIBS) -lcmocka
unit: $(UNIT) $(BUILD)/tests/net/refuse.so

$(BUILD)/tests/net/%.so: tests/net/%.c
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -shared -fPIC -o $@ $<

# The program and its tests in C once more, with the sanitizers of addresses and of undefined
# behaviour; what they find ends the test. Of the network tests, the one of all that goes wrong.
check-sanitized: test-packages
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/sanitized CFLAGS='$(SANITIZE)' all unit
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP \
		HEADCOUNT=$(CURDIR)/$(BUILD)/sanitized/headcount prove --timer --failures --exec '' $(UNIT:$(BUILD)/%=$(BUILD)/sanitized/%) tests/net/errors.t

# Each harness for so long, from its seeds and from what earlier runs found. What breaks one
# stays in build/fuzz/.
FUZZ_SECONDS ?= 60
fuzz: test-packages
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/fuzz CC=$(CLANG) \
		CFLAGS='$(SANITIZE),fuzzer-no-link' fuzzers
	$(BUILD_AS_CALLER) $(FUZZ:%=fuzz-%)
fuzz-%:
	$(Q)mkdir -p $(BUILD)/fuzz/corpus-$*
	$(Q)echo "fuzzing $* for $(FUZZ_SECONDS) s"
	$(Q)$(BUILD)/fuzz/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		$(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict)) \
		-artifact_prefix=$(BUILD)/fuzz/$*- $(BUILD)/fuzz/corpus-$* \
		tests/fuzz/corpus-$* >$(BUILD)/fuzz/$*.log 2>&1 || \
		{ tail -n 100 $(BUILD)/fuzz/$*.log; exit 1; }
	$(Q)grep -E 'stat::(number|new_units)' $(BUILD)/fuzz/$*.log | sed 's/^/$*: /'
fuzzers: $(FUZZ:%=$(BUILD)/fuzz_%)
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(LIB)
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(HC_CFLAGS) -o $@ $< $(LIB) $(HC_LIBS)

# The second build differs in nothing but its bytes, and is to take over from the first.
SECONDS ?= 60
SEED    ?=
torture: test-packages
	$(BUILD_AS_CALLER) all
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/second CLANG="$(CLANG) -grecord-command-line" all
	$(Q)tests/torture/torture --seconds $(SECONDS) $(SEED:%=--seed %)

# The same build on Debian's kernels, in an emulator.
check-kernels:
	$(Q)tools/packages build test kernels
	$(BUILD_AS_CALLER) all unit
	$(Q)tests/kernels/run

-include $(UNIT:=.d) $(FUZZ:%=$(BUILD)/fuzz_%.d)
