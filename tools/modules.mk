# SPDX-License-Identifier: GPL-2.0-only
# The modules by which servers tell headcount who has logged in: those whose headers are installed,
# into the folders where the servers look for them.
MODULE_CC  = $(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) -std=gnu11 $(WARNINGS) $(WERROR) -D_GNU_SOURCE -Iinclude \
	     -MMD -MP -shared -fPIC $(filter-out -pie,$(LDFLAGS)) -o $@ $<
PAM       := $(if $(wildcard /usr/include/security/pam_modules.h),$(BUILD)/modules/pam_headcount.so)
DOVECOT   := $(if $(wildcard /usr/include/dovecot/login-common.h),$(BUILD)/modules/headcount_plugin.so)
# One for each release of PostgreSQL, under its number.
RELEASES  := $(patsubst /usr/include/postgresql/%/server/postgres.h,%,$(wildcard /usr/include/postgresql/*/server/postgres.h))
POSTGRESQL := $(RELEASES:%=$(BUILD)/modules/postgresql-%/headcount.so)
MODULES   := $(PAM) $(DOVECOT) $(POSTGRESQL)

.PHONY: modules install-pam install-dovecot install-postgresql
modules: $(MODULES) ## for PAM, Dovecot, PostgreSQL: those whose headers are here
	$(Q):$(if $(PAM),,; echo 'not built: pam (needs libpam0g-dev)')
	$(Q):$(if $(DOVECOT),,; echo 'not built: dovecot (needs dovecot-dev)')
	$(Q):$(if $(POSTGRESQL),,; echo 'not built: postgresql (needs postgresql-server-dev-*)')

$(BUILD)/modules/pam_headcount.so: tools/pam/pam_headcount.c
	$(call say,MODULE,$@)
	$(MODULE_CC) -lpam
$(BUILD)/modules/headcount_plugin.so: tools/dovecot/headcount_plugin.c
	$(call say,MODULE,$@)
	$(MODULE_CC) -DHAVE_CONFIG_H -isystem /usr/include/dovecot
$(BUILD)/modules/postgresql-%/headcount.so: tools/postgresql/headcount.c
	$(call say,MODULE,$@)
	$(MODULE_CC) -isystem /usr/include/postgresql/$*/server

pam_dir     = $(firstword $(wildcard /usr/lib/$(shell $(CC) -print-multiarch)/security /usr/lib64/security))
dovecot_dir = $(shell . $(wildcard /usr/lib*/dovecot/dovecot-config) && echo $$dovecot_moduledir)/login
install-pam: $(if $(PAM),,headers-of-pam) ## pam_headcount.so, as root
	$(BUILD_AS_CALLER) $(PAM)
	install -D -m 644 -t $(DESTDIR)$(pam_dir) $(PAM)
install-dovecot: $(if $(DOVECOT),,headers-of-dovecot) ## the plugin for Dovecot, as root
	$(BUILD_AS_CALLER) $(DOVECOT)
	install -D -m 644 -t $(DESTDIR)$(dovecot_dir) $(DOVECOT)
install-postgresql: $(or $(RELEASES:%=install-postgresql-%),headers-of-postgresql) ## the library for PostgreSQL, as root
install-postgresql-%:
	$(BUILD_AS_CALLER) $(BUILD)/modules/postgresql-$*/headcount.so
	install -D -m 644 -t $(DESTDIR)/usr/lib/postgresql/$*/lib $(BUILD)/modules/postgresql-$*/headcount.so
.PHONY: headers-of-pam headers-of-dovecot headers-of-postgresql
headers-of-pam headers-of-dovecot headers-of-postgresql: headers-of-%:
	$(Q)echo 'the headers of $* are not installed: tools/$*/README.md names their package' >&2; false

-include $(MODULES:.so=.d)
