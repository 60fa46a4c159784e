# SPDX-License-Identifier: GPL-2.0-only
# `make install` and `make deb`.
MAN5 := $(wildcard user/man/*.5)
MAN8 := $(wildcard user/man/*.8)
RUN  := $(addprefix tools/examples/label/,nginx.py pgbouncer.py postfix.py redis.sh)
to    = install -D -m 644 -t $(DESTDIR)$(PREFIX)/

.PHONY: install deb check-deb

install: ## into DESTDIR and PREFIX (/usr/local)
	$(BUILD_AS_CALLER) all $(BUILD)/headcount.service
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(BUILD)/headcount
	$(to)include include/headcount.h
	$(to)share/man/man5 $(MAN5)
	$(to)share/man/man8 $(MAN8)
	$(to)lib/systemd/system $(BUILD)/headcount.service
	install -D -m 644 tools/completion/headcount.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/headcount
	$(to)share/doc/headcount/examples $(wildcard tools/examples/*.conf)
	$(to)share/doc/headcount/examples/label $(filter-out $(RUN),$(wildcard tools/examples/label/*))
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/share/doc/headcount/examples/label $(RUN)
	$(to)share/doc/headcount/examples/kafka $(filter-out %.py,$(wildcard tools/examples/kafka/*))
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/share/doc/headcount/examples/kafka tools/examples/kafka/store.py
	$(to)share/headcount/prometheus tools/prometheus/headcount.rules.yml
	$(to)share/headcount/grafana tools/grafana/headcount.json

# A PREFIX of another time may be in it.
.PHONY: $(BUILD)/headcount.service
$(BUILD)/headcount.service: tools/systemd/headcount.service.in
	$(Q)sed 's,@PREFIX@,$(PREFIX),' $< >$@.new && mv $@.new $@

deb: ## Debian packages of the program and of the modules, in build/ (as root)
	$(Q)tools/packages build deb
	$(BUILD_AS_CALLER) all modules
	$(Q)tools/debian/build $(BUILD) $(VERSION)

# The package in a Debian of its own, with a systemd that runs there.
check-deb: deb ## the package, installed in a Debian of its own (as root)
	$(Q)tests/deb/run
