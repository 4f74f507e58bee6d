# SPDX-License-Identifier: Apache-2.0
# The front of the build; meson and ninja do the work. `make help` lists what there is.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
SUITES ?= standard
NAMES = docker docker-compose greengrass-cli

.PHONY: help deps programs build demo test test-interop test-docker-parity build-arm64 build-armhf test-vm test-arm64 test-armhf bench lint install install-docker uninstall clean

help:
	@echo 'make deps            install the Debian packages the build needs (as root)'
	@echo 'make programs        build the programs into $(BUILD)/, without their tests'
	@echo 'make build           build everything into $(BUILD)/'
	@echo 'make build-armhf     cross-build for 32-bit ARM into build-armhf/; build-arm64 likewise (as root)'
	@echo 'make demo            build, then run a Greengrass recipe whose script uses docker (as root)'
	@echo 'make test            everything: unit, integration, sanitizers, lint (as root)'
	@echo 'make test-interop    against peers from PyPI, the Go proxy and Debian (as root)'
	@echo 'make test-docker-parity  side by side with dockerd and docker-compose (as root)'
	@echo 'make test-vm         the runtime in a virtual machine: cgroup v2, systemd (as root)'
	@echo 'make test-arm64      the same, built for and run on an emulated arm64 (as root)'
	@echo 'make test-armhf      and on an emulated 32-bit ARM'
	@echo 'make bench           side by side with crun, runc, podman, dockerd (as root)'
	@echo 'make lint            the checks of tests/lint alone'
	@echo 'make install         into PREFIX=$(PREFIX), below DESTDIR if given'
	@echo 'make install-docker  the same, and the names $(NAMES) in PREFIX/bin'
	@echo 'make uninstall       remove what the two above installed'
	@echo 'make clean           remove the build directories'

deps:
	@deps/install build

programs: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD) programs

build: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)

demo: programs
	@demo/run $(BUILD)

test: deps
	@deps/install test
	@tests/run --build $(BUILD) $(SUITES)

test-interop:
	@deps/install peers
	@$(MAKE) --no-print-directory test SUITES=interop

test-docker-parity:
	@deps/install peers
	@$(MAKE) --no-print-directory test SUITES=parity

build-arm64 build-armhf: build-%:
	@deps/install build cross-$*
	@packaging/cross $* $@

test-arm64: build-arm64
test-armhf: build-armhf
test-vm test-arm64 test-armhf: test-%:
	@deps/install vm
	@$(MAKE) --no-print-directory test SUITES=$*

bench: build
	@tests/bench/run $(BUILD)

lint: build
	@deps/install test
	@meson test -C $(BUILD) --no-rebuild --suite lint --print-errorlogs

install: programs
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) --quiet programs
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet

install-docker: install
	@for name in $(NAMES); do \
		link=$(DESTDIR)$(PREFIX)/bin/$$name; \
		if { test -e $$link || test -h $$link; } && test "$$(readlink $$link)" != mooring; then \
			echo "make: $$link is there and is not Mooring's: move it away, then again" >&2; exit 1; \
		fi; \
	done
	@for name in $(NAMES); do ln -sfn mooring $(DESTDIR)$(PREFIX)/bin/$$name; done

uninstall:
	@rm -f $(DESTDIR)$(PREFIX)/bin/mooring $(DESTDIR)$(PREFIX)/bin/mooring-runc
	@rm -rf $(DESTDIR)$(PREFIX)/libexec/mooring
	@for name in $(NAMES); do \
		link=$(DESTDIR)$(PREFIX)/bin/$$name; \
		test "$$(readlink $$link)" != mooring || rm -f $$link; \
	done
	@rm -f $(DESTDIR)$(PREFIX)/share/man/man?/mooring*.[1-8]
	@rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/mooring.service $(DESTDIR)$(PREFIX)/lib/systemd/system/mooring-*
	@rm -rf $(DESTDIR)$(PREFIX)/share/mooring

clean:
	rm -rf $(BUILD) build-sanitize build-clang build-interop build-arm64 build-armhf
