# SPDX-License-Identifier: GPL-2.0-only
# headcount. `sudo make run` and `sudo make check` are the whole set-up.
PREFIX     ?= /usr
DESTDIR    ?=
BUILD      ?= build
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
V          ?= 0
WERROR     ?=
Q          := $(if $(filter 1,$(V)),,@)
say         = $(if $(filter 1,$(V)),@:,@printf '  %-8s %s\n' $(1) $(2))

LIBS     := libbpf libelf nettle
CFLAGS   ?= -O2 -g
VERSION   := 0.1.0
HC_CFLAGS = -DHC_VERSION=\"$(VERSION)\" -std=gnu11 -Wall -Wextra $(WERROR) -D_GNU_SOURCE -Iinclude -Iuser -I$(BUILD) -MMD -MP
HC_LIBS   = $(shell $(PKG_CONFIG) --libs $(LIBS)) -linih
BPF_CFLAGS = -O2 -g -std=gnu11 -Wall -Wextra $(WERROR) -target bpf -mcpu=v3 -Iinclude -Ibpf \
	     -idirafter /usr/include/$(shell $(CC) -print-multiarch) -MMD -MP

USER_SRC := $(wildcard user/*.c)
USER_OBJ := $(USER_SRC:%.c=$(BUILD)/%.o)
LIB      := $(BUILD)/libheadcount.a
BENCH    := $(patsubst tools/bench/%.c,$(BUILD)/bench/%,$(filter-out %.bpf.c,$(wildcard tools/bench/*.c)))
UNIT     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/bpf/test_*.c))

FUZZ     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined

.PHONY: all run check torture check-sanitized fuzz fuzzers unit packages test-packages install clean bench bench-programs bench-packages
all: $(BUILD)/headcount

run: packages
	$(Q)$(MAKE) --no-print-directory all
	$(Q)exec $(BUILD)/headcount trace

check: test-packages
	$(Q)tests/run

# The second build differs in nothing but its bytes, and is to take over from the first.
SECONDS ?= 60
SEED    ?=
torture: test-packages
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/second CLANG="$(CLANG) -grecord-command-line" all
	$(Q)tests/torture/torture --seconds $(SECONDS) $(SEED:%=--seed %)
bench: bench-packages
	$(Q)$(MAKE) --no-print-directory bench-programs
	$(Q)exec tools/bench/bench

# What the machine lacks comes from its distribution's packages; nothing to
# install is nothing to do.
packages:
	$(Q)tools/packages build
test-packages:
	$(Q)tools/packages build test
bench-packages: packages
	$(Q)tools/packages build bench || echo 'bench: going on; a peer that is missing is skipped' >&2

$(BUILD)/headcount: $(BUILD)/user/main.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HC_LIBS)

$(LIB): $(filter-out $(BUILD)/user/main.o,$(USER_OBJ))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/user/%.o: user/%.c | $(BUILD)/headcount.skel.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) $(shell $(PKG_CONFIG) --cflags $(LIBS)) -c -o $@ $<

$(BUILD)/headcount.bpf.o: bpf/headcount.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(BUILD)/headcount.skel.h: $(BUILD)/headcount.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name headcount_bpf > $@.new && mv $@.new $@

# Tests in C, of pure code and of the BPF programs: cmocka, TAP on stdout.
$(BUILD)/tests/%: tests/%.c $(LIB)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -o $@ $< $(LIB) $(HC_LIBS) -lcmocka
unit: $(UNIT) $(BUILD)/tests/net/old_kernel.so

$(BUILD)/tests/net/%.so: tests/net/%.c
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -shared -fPIC -o $@ $<

# The program and its tests in C once more, with the sanitizers of addresses and of undefined
# behaviour; what they find ends the test. Of the network tests, the one of all that goes wrong.
check-sanitized: test-packages
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitized CFLAGS='$(SANITIZE)' all unit
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP HEADCOUNT=$(CURDIR)/$(BUILD)/sanitized/headcount prove --timer \
		--failures --exec '' $(UNIT:$(BUILD)/%=$(BUILD)/sanitized/%) tests/net/errors.t

# Each harness for so long, from its seeds and from what earlier runs found. What breaks one
# stays in build/fuzz/.
FUZZ_SECONDS ?= 60
fuzz: test-packages
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=$(CLANG) \
		CFLAGS='$(SANITIZE),fuzzer-no-link' fuzzers
	$(Q)for name in $(FUZZ); do \
		mkdir -p $(BUILD)/fuzz/corpus-$$name; \
		echo "fuzzing $$name for $(FUZZ_SECONDS) s"; \
		$(BUILD)/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			$$(ls tests/fuzz/$$name.dict 2>/dev/null | sed 's/^/-dict=/') \
			-artifact_prefix=$(BUILD)/fuzz/$$name- $(BUILD)/fuzz/corpus-$$name \
			tests/fuzz/corpus-$$name >$(BUILD)/fuzz/$$name.log 2>&1 || \
			{ tail -n 100 $(BUILD)/fuzz/$$name.log; exit 1; }; \
		grep -E 'stat::(number|new_units)' $(BUILD)/fuzz/$$name.log; \
	done
fuzzers: $(FUZZ:%=$(BUILD)/fuzz_%)
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(LIB)
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(HC_CFLAGS) -o $@ $< $(LIB) $(HC_LIBS)

# Load programs of the benchmarks.
bench-programs: $(BUILD)/headcount $(BENCH)
$(BUILD)/bench/%: tools/bench/%.c $(LIB)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -I$(@D) -o $@ $< $(LIB) $(HC_LIBS)
$(BUILD)/bench/%.bpf.o: tools/bench/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<
$(BUILD)/bench/%.skel.h: $(BUILD)/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.new && mv $@.new $@
.PRECIOUS: $(BUILD)/bench/%.bpf.o $(BUILD)/bench/%.skel.h
$(BUILD)/bench/floor: $(BUILD)/bench/floor.skel.h
$(BUILD)/bench/drain: $(BUILD)/bench/fill.skel.h

install: all
	install -D -m 755 $(BUILD)/headcount $(DESTDIR)$(PREFIX)/sbin/headcount
	install -D -m 644 user/headcount.8 $(DESTDIR)$(PREFIX)/share/man/man8/headcount.8

clean:
	rm -rf $(BUILD)

-include $(USER_OBJ:.o=.d) $(BUILD)/headcount.bpf.d $(UNIT:=.d) $(FUZZ:%=$(BUILD)/fuzz_%.d)
-include $(USER_OBJ:.o=.d) $(BUILD)/headcount.bpf.d $(UNIT:=.d) $(BENCH:=.d)
