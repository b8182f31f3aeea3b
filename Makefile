# Everything a developer or CI does with Orlop. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

BUILD := build
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check
# Debian's own Python where there is one: it is what users have, and libraries of Debian's packages fit it.
SYSTEM_PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)

include csrc/csrc.mk

PACKAGES := python3-venv libseccomp2 busybox-static
# What only tests and the benchmark use: peers, the callers of a runtime, a compiler with sanitizers for the executor's
# second build, shells whose completion is tried, and tools that a minimal installation lacks.
TEST_PACKAGES := runc crun gcc libc6-dev podman conmon catatonit containerd buildah docker.io \
	umoci skopeo docker-registry nginx-light apache2-utils openssl libarchive-tools qemu-system-x86 kmod \
	git procps e2fsprogs fish zsh
# What `make peers` builds with, beside go and cargo.
PEER_PACKAGES := gcc libc6-dev pkg-config libseccomp-dev libdbus-1-dev
FUZZ_SECONDS ?= 60
PYTEST_ARGS ?=
PEERS ?=
BENCH_ARGS ?=
CONFORMANCE_ARGS ?=

# Directories too, so that a file that goes away counts as a change.
SOURCES := $(shell find src csrc -name __pycache__ -prune -o \( -type d -o -name '*.py' -o -name '*.[ch]' -o -name '*.mk' \) -print) \
	pyproject.toml hatch_build.py README.md LICENSE
LINTED := src tests bench hatch_build.py

# $(call install,PACKAGES): those of Debian's packages that are missing.
define install
	@missing=; for package in $(1); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ] && ! command -v apt-get >/dev/null; then \
		echo "no apt-get here: going on without a check for$$missing"; \
	elif [ -n "$$missing" ] && [ "$$(id -u)" != 0 ]; then \
		echo "missing packages; as root: apt-get install$$missing" >&2; exit 1; \
	elif [ -n "$$missing" ]; then \
		echo "installing$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi
endef

define DEVELOPMENT_REQUIREMENTS
import tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print(*project["dependencies"], *project["optional-dependencies"]["dev"])
endef
export DEVELOPMENT_REQUIREMENTS

.PHONY: help packages test-packages setup build demo test check check-python check-c fmt bench bench-pull conformance peers fuzz asan clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

packages:
	$(call install,$(PACKAGES))

test-packages: packages
	$(call install,$(TEST_PACKAGES))
	@# Debian 12 has the command in docker.io, Debian 13 in a package of its own.
	$(call install,$$(command -v docker >/dev/null || echo docker-cli))

setup: test-packages $(VENV)/.tools $(BUILD)/vm/kernel ## install what is missing: Debian packages, .venv with the tools

$(BUILD)/vm/kernel: | test-packages
	@scripts/vm-setup $@

$(VENV)/bin/python: | packages
	$(SYSTEM_PYTHON) -m venv $(VENV)

$(VENV)/.tools: pyproject.toml | packages $(VENV)/bin/python
	$(PIP) install -q $$($(PYTHON) -c "$$DEVELOPMENT_REQUIREMENTS")
	@touch $@

# The build requirements are among the tools, so that this takes a second: what `pip install .` does, without its isolation.
$(VENV)/.orlop: $(VENV)/.tools $(SOURCES)
	@flock $(VENV)/.lock $(PIP) install -q --no-deps --no-build-isolation --force-reinstall .
	@touch $@

$(BUILD)/orun $(BUILD)/orun-exec-plan $(BUILD)/orun-x86_64 $(BUILD)/orun-aarch64: | $(VENV)/.tools

build: $(VENV)/.orlop $(BUILD)/orun-exec-plan ## put every program into .venv/bin

demo: packages build ## run a container and show what it sees and its plan, then make an image and run that
	@scripts/demo

test: setup build check ## build, check, and run all tests
	$(PYTHON) -m pytest $(PYTEST_ARGS)

check: check-python check-c ## format, lint and types of Python; warnings of C, for both architectures

check-python: $(VENV)/.tools
	$(PYTHON) -m ruff format --check $(LINTED)
	$(PYTHON) -m ruff check $(LINTED)
	$(PYTHON) -m mypy $(LINTED) --exclude '^tests/executor/'
	@# By themselves: their helper modules are imported by bare name.
	MYPYPATH=tests/executor $(PYTHON) -m mypy tests/executor

check-c: test-packages $(VENV)/.tools $(BUILD)/orun-x86_64 $(BUILD)/orun-aarch64
	$(SANITIZE_CC) $(CSRC_FLAGS) -fsyntax-only $(CSRC_ORUN) csrc/exec_plan.c
	@$(MAKE) --no-print-directory check-operations

fmt: $(VENV)/.tools ## format and fix what can be fixed
	$(PYTHON) -m ruff check --fix $(LINTED)
	$(PYTHON) -m ruff format $(LINTED)

docs/e2e-peers.md: $(VENV)/.tools tests/e2e/differences_page.py tests/e2e/differences_runc.py tests/e2e/differences_crun.py
	PYTHONPATH=tests $(PYTHON) -m e2e.differences_page > $@

docs/orlop.md docs/configuration.md: $(VENV)/.tools $(wildcard src/orlop/cli/*.py) tests/docs/orlop_pages.py
	PYTHONPATH=src:tests $(PYTHON) -m docs.orlop_pages $(if $(findstring orlop.md,$@),commands,configuration) > $@

bench: setup build ## measure containers against runc, crun and newer peers (BENCH_ARGS="--quick" or "--write-docs")
	$(PYTHON) bench/startup.py $(BENCH_ARGS)

bench-pull: setup build ## measure pulls against containerd and podman (BENCH_ARGS="--runs 3")
	$(PYTHON) bench/pull.py $(BENCH_ARGS)

peers: ## build newer peers than Debian's where go and cargo are (PEERS="runc containerd crictl youki")
	$(call install,$(PEER_PACKAGES))
	@scripts/peers $(PEERS)

conformance: setup build ## run the runtime spec's own suite, write docs/spec-conformance.md (CONFORMANCE_ARGS=--check)
	$(PYTHON) -m tests.conformance $(CONFORMANCE_ARGS)

fuzz: ## fuzz the plan decoder for FUZZ_SECONDS (60)
	@if ! command -v clang clang-19 clang-14 >/dev/null; then $(MAKE) --no-print-directory clang; fi
	@mkdir -p $(BUILD)/corpus
	@$(MAKE) --no-print-directory $(BUILD)/fuzz_plan
	$(BUILD)/fuzz_plan -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 -verbosity=0 -artifact_prefix=$(BUILD)/ $(BUILD)/corpus

.PHONY: clang
clang:
	$(call install,clang)
	$(call install,libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev)

asan: setup $(VENV)/.orlop ## the executor's tests, on its build with ASan and UBSan
	$(PYTHON) -m pytest tests/executor -k asan $(PYTEST_ARGS)

clean: ## remove what was built, .venv too
	rm -rf $(BUILD) $(VENV) dist .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
