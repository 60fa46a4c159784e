# SPDX-License-Identifier: GPL-2.0-only
# What `make check` builds, and the checks beside it.
# Of pure code, which need no root, and of what asks the kernel.
UNIT     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
IN_C     := $(UNIT) $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bpf/test_*.c))
FUZZ     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined
SANITIZE_THREADS := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
THREADS  := tests/net/answers.t tests/net/page.t tests/net/sinks_journal.t tests/net/metrics_http.t \
	    tests/net/holdback.t

# What a sanitizer finds it writes to a file, which fails the run though the test may pass the second time.
REPORTED := ! find $(BUILD)/sanitized $(BUILD)/threads -maxdepth 1 -name 'report.*' -exec cat {} + | grep .

.PHONY: unit in-c test-programs check-sanitized fuzz fuzzers torture check-kernels

# Tests in C, of pure code and of the BPF programs: cmocka, TAP on stdout.
$(BUILD)/tests/%: tests/%.c $(LIB)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(HC_LIBS) -lcmocka
in-c: $(IN_C)
test-programs: in-c $(BUILD)/tests/net/answer $(BUILD)/tests/net/broker $(BUILD)/tests/net/fleet_client \
	$(BUILD)/tests/net/refuse.so \
	$(BUILD)/tests/fleet/simulate $(BUILD)/tests/fleet/real/store bench-programs modules

# The simulator has the hosts' side in it once more, with errors that can be planted and messages so
# short that claims take several.
NO_PROTOCOL := user/fleet/store% user/fleet/line% user/fleet/ask% user/fleet/told% user/fleet/request%
$(BUILD)/tests/fleet/simulate: $(filter-out $(NO_PROTOCOL),$(wildcard tests/fleet/*.[ch] user/fleet/*.[ch])) \
		$(BUILD)/fleet_exchange.h $(BUILD)/fleet_confirm.h $(BUILD)/fleet_take.h
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -DFLEET_PLANTS -DFLEET_ITEMS=2 $(LDFLAGS) -o $@ $(filter %.c,$^) \
		$(shell $(PKG_CONFIG) --cflags --libs lua-5.1)
$(BUILD)/tests/fleet/real/store: tests/fleet/real/store.c $(LIB)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(HC_LIBS)

$(BUILD)/tests/net/broker: tests/net/broker.c
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) $(LDFLAGS) -o $@ $< -lrdkafka

unit: $(UNIT) ## the tests of pure code: in seconds, without root
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP prove --failures --exec '' $^

$(BUILD)/tests/net/%.so: tests/net/%.c
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -shared -fPIC -o $@ $<

# The program and its tests in C once more, with the sanitizers of addresses and of undefined
# behaviour; what they find ends the test. Of the network tests, the one of all that goes wrong.
# And the program with the sanitizer of threads, in the tests that have the journal's, the metrics',
# the closer's and the one that answers run.
check-sanitized: test-packages ## the tests in C, and of threads, with sanitizers (as root)
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/sanitized CFLAGS='$(SANITIZE)' LDFLAGS= all in-c
	$(Q)rm -f $(BUILD)/*/report.*
	$(Q)ASAN_OPTIONS=log_path=$(CURDIR)/$(BUILD)/sanitized/report UBSAN_OPTIONS=print_stacktrace=1 \
		HEADCOUNT=$(CURDIR)/$(BUILD)/sanitized/headcount PROVE_STATE=$(BUILD)/sanitized/prove \
		tests/prove tests/net/errors.t $(IN_C:$(BUILD)/%=$(BUILD)/sanitized/%)
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/threads CFLAGS='$(SANITIZE_THREADS)' LDFLAGS= all
	$(Q)TSAN_OPTIONS=halt_on_error=1:log_path=$(CURDIR)/$(BUILD)/threads/report \
		HEADCOUNT=$(CURDIR)/$(BUILD)/threads/headcount PROVE_STATE=$(BUILD)/threads/prove tests/prove $(THREADS)
	$(Q)$(REPORTED)

# Each harness for so long, from its seeds and from what earlier runs found. What breaks one
# stays in build/fuzz/.
FUZZ_SECONDS ?= 60
fuzz: test-packages ## the fuzzers, FUZZ_SECONDS=60 each
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/fuzz CC=$(CLANG) \
		CFLAGS='$(SANITIZE),fuzzer-no-link' LDFLAGS= fuzzers
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
torture: test-packages ## SECONDS=60 of random actions against a model (as root)
	$(BUILD_AS_CALLER) all
	$(BUILD_AS_CALLER) BUILD=$(BUILD)/second CLANG="$(CLANG) -grecord-command-line" all
	$(Q)tests/torture/torture --seconds $(SECONDS) $(SEED:%=--seed %)

# The same build on Debian's kernels, in an emulator.
check-kernels: ## the tests that matter on Debian's kernels, in an emulator (as root)
	$(Q)tools/packages build test kernels
	$(BUILD_AS_CALLER) all test-programs
	$(Q)tests/kernels/run

-include $(IN_C:=.d) $(BUILD)/tests/net/answer.d $(BUILD)/tests/net/fleet_client.d $(FUZZ:%=$(BUILD)/fuzz_%.d)
