# SPDX-License-Identifier: GPL-2.0-only
# The modules by which servers tell headcount who has logged in: those whose headers are installed,
# into the folders where the servers look for them.
MODULE_CC  = $(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) -std=gnu11 $(WARNINGS) $(WERROR) -D_GNU_SOURCE -Iinclude \
	     -MMD -MP -shared -fPIC $(filter-out -pie,$(LDFLAGS)) -o $@ $<
PAM       := $(if $(wildcard /usr/include/security/pam_modules.h),$(BUILD)/modules/pam_headcount.so)
DOVECOT   := $(if $(wildcard /usr/include/dovecot/login-common.h),$(BUILD)/modules/headcount_plugin.so)
# One for each release of PostgreSQL, under its number.
POSTGRESQL := $(patsubst /usr/include/postgresql/%/server/postgres.h,$(BUILD)/modules/postgresql-%/headcount.so, \
	      $(wildcard /usr/include/postgresql/*/server/postgres.h))
MODULES   := $(PAM) $(DOVECOT) $(POSTGRESQL)

.PHONY: modules install-pam install-dovecot install-postgresql
modules: $(MODULES) ## for PAM, Dovecot, PostgreSQL: those whose headers are here
	$(Q)$(if $(PAM),,echo 'not built: pam (needs libpam0g-dev)')
	$(Q)$(if $(DOVECOT),,echo 'not built: dovecot (needs dovecot-dev)')
	$(Q)$(if $(POSTGRESQL),,echo 'not built: postgresql (needs postgresql-server-dev-*)')

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
install-pam: $(or $(PAM),headers-of-pam) ## pam_headcount.so, as root
	install -D -m 644 -t $(DESTDIR)$(pam_dir) $(PAM)
install-dovecot: $(or $(DOVECOT),headers-of-dovecot) ## the login plugin, as root
	install -D -m 644 -t $(DESTDIR)$(dovecot_dir) $(DOVECOT)
install-postgresql: $(or $(POSTGRESQL),headers-of-postgresql) ## the library, for each release, as root
	$(foreach file,$(POSTGRESQL),install -D -m 644 -t $(DESTDIR)/usr/lib/postgresql/$(patsubst \
		$(BUILD)/modules/postgresql-%/headcount.so,%,$(file))/lib $(file) &&) true
.PHONY: headers-of-pam headers-of-dovecot headers-of-postgresql
headers-of-%:
	$(Q)echo 'the headers of $* are not installed: tools/$*/README.md names their package' >&2; false

-include $(MODULES:.so=.d)
