# SPDX-License-Identifier: GPL-2.0-only
# `make bench`: headcount beside its peers.
BENCH := $(patsubst tools/bench/%.c,$(BUILD)/bench/%,$(filter-out %.bpf.c,$(wildcard tools/bench/*.c)))

.PHONY: bench bench-programs bench-packages

bench: bench-packages ## headcount beside its peers (as root)
	$(BUILD_AS_CALLER) bench-programs
	$(Q)exec tools/bench/bench

bench-packages: packages
	$(Q)tools/packages build bench || echo 'bench: going on; a peer that is missing is skipped' >&2

# Load programs of the benchmarks.
bench-programs: $(BUILD)/headcount $(BENCH)
$(BUILD)/bench/%: tools/bench/%.c $(LIB)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) -I$(@D) $(LDFLAGS) -o $@ $< $(LIB) $(HC_LIBS)
$(BUILD)/bench/%.bpf.o: tools/bench/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<
$(BUILD)/bench/%.skel.h: $(BUILD)/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.new && mv $@.new $@
.PRECIOUS: $(BUILD)/bench/%.bpf.o $(BUILD)/bench/%.skel.h
$(BUILD)/bench/floor: $(BUILD)/bench/floor.skel.h
$(BUILD)/bench/drain: $(BUILD)/bench/fill.skel.h

-include $(BENCH:=.d)
