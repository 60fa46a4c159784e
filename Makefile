# SPDX-License-Identifier: GPL-2.0-only
# headcount. `sudo make run` and `sudo make check` are the whole set-up; `make help` lists the rest.
PREFIX     ?= /usr/local
DESTDIR    ?=
BUILD      ?= build
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
V          ?= 0
WERROR     ?=
Q          := $(if $(filter 1,$(V)),,@)
say         = $(if $(filter 1,$(V)),@:,@printf '  %-8s %s\n' $(1) $(2))

LIBS     := hiredis json-c libbpf libcap-ng libelf libmicrohttpd libmnl libsystemd ncursesw nettle openssl
# As distributions harden what they ship; theirs take the place of these.
CFLAGS   ?= -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDFLAGS  ?= -pie -Wl,-z,relro,-z,now
VERSION   := 0.1.0
WARNINGS  := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2
HC_CFLAGS = -DHC_VERSION=\"$(VERSION)\" -std=gnu11 $(WARNINGS) $(WERROR) -D_GNU_SOURCE -Iinclude -I. -I$(BUILD) -MMD -MP
HC_LIBS   = $(shell $(PKG_CONFIG) --libs $(LIBS)) -linih
# The object is for the processor that it is built on: event_ring.h publishes by it.
BPF_ARCH  := $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),-D__TARGET_ARCH_x86)
BPF_CFLAGS = -O2 -g -std=gnu11 -Wall -Wextra $(WERROR) -target bpf -mcpu=v3 $(BPF_ARCH) -Iinclude -Ibpf \
	     -idirafter /usr/include/$(shell $(CC) -print-multiarch) -MMD -MP

USER_SRC := $(wildcard user/*/*.c)
USER_OBJ := $(USER_SRC:%.c=$(BUILD)/%.o)
LIB      := $(BUILD)/libheadcount.a

# What `sudo make` builds belongs to who called sudo.
BUILD_AS_CALLER = +$(Q)tools/as-caller $(MAKE) --no-print-directory \
		  $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$$(nproc))

.PHONY: all help run check tools packages test-packages clean
all: $(BUILD)/headcount ## build/headcount

# Targets say what they do in a comment after ##; each makefile's in the order of its lines.
help: ## this list
	@sed -nE 's/^([a-z][a-z_.-]*):[^#]*## (.*)/  make \1\t\2/p' Makefile $(PARTS) | expand -t 32

run: packages ## builds, then shows every session of the host (as root)
	$(BUILD_AS_CALLER) all
	$(Q)exec tools/run $(BUILD)/headcount trace

check: test-packages ## every test (as root)
	$(BUILD_AS_CALLER) WERROR=-Werror all test-programs
	$(Q)tests/run

# Whoever builds without these is told of all that is missing in one line.
tools:
	$(Q)CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' PKG_CONFIG='$(PKG_CONFIG)' tools/packages look

# What the machine lacks comes from its distribution's packages; nothing to
# install is nothing to do.
packages:
	$(Q)tools/packages build
test-packages:
	$(Q)tools/packages build test

$(BUILD)/headcount: $(BUILD)/user/cmd/main.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HC_LIBS)

$(LIB): $(filter-out $(BUILD)/user/cmd/main.o,$(USER_OBJ))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/user/%.o: user/%.c | $(BUILD)/headcount.skel.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(HC_CFLAGS) $(shell $(PKG_CONFIG) --cflags $(LIBS)) -c -o $@ $<

# The page's files are in it.
$(BUILD)/user/web/assets.o: $(wildcard user/web/*.html user/web/*.css user/web/*.js user/web/*.svg)

$(BUILD)/headcount.bpf.o: bpf/headcount.bpf.c | tools
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(BUILD)/headcount.skel.h: $(BUILD)/headcount.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name headcount_bpf > $@.new && mv $@.new $@

# A script of the store as a string of C.
$(BUILD)/fleet_%.h: user/fleet/%.lua
	$(call say,LUA,$@)
	$(Q)mkdir -p $(@D) && sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $< > $@.new && mv $@.new $@
$(BUILD)/user/fleet/script.o: $(BUILD)/fleet_exchange.h $(BUILD)/fleet_confirm.h $(BUILD)/fleet_take.h

clean: ## removes the build
	rm -rf $(BUILD)

-include $(USER_OBJ:.o=.d) $(BUILD)/headcount.bpf.d
PARTS := tests/tests.mk tools/lint.mk tools/install.mk tools/modules.mk tools/bench/bench.mk
include $(PARTS)
