# Builds the executor. Included by the Makefile at the top; works alone too: make -f csrc/csrc.mk orun
BUILD ?= build
PYTHON ?= .venv/bin/python
ZIG_CC ?= $(PYTHON) -m ziglang cc
ARCH ?= $(shell uname -m)
FUZZ_CC ?= $(firstword $(foreach name,clang clang-19 clang-14,$(shell command -v $(name) 2>/dev/null)) clang)
SANITIZE_CC ?= gcc

CSRC_COMMON := plan.c execute.c fail.c message.c sync.c resolve.c template.c proc.c ops_file.c ops_process.c ops_mount.c \
	long_options.c no_pivot.c ops_namespace.c copy_tree.c cgroup.c hook.c interrupt.c start.c console.c supervise.c \
	network.c trace.c
CSRC_ORUN := $(addprefix csrc/,$(CSRC_COMMON) front.c main.c)
CSRC_EXEC_PLAN := $(addprefix csrc/,$(CSRC_COMMON) exec_plan.c)
CSRC_HEADERS := $(wildcard csrc/*.h)
CSRC_FLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror
CSRC_RELEASE := -Os -static -s -fno-sanitize=undefined -ffunction-sections -fdata-sections -Wl,--gc-sections
CSRC_SANITIZE := -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

.PHONY: orun executor executor-asan check-operations
orun: $(BUILD)/orun
executor: $(BUILD)/orun $(BUILD)/orun-exec-plan
executor-asan: $(BUILD)/orun-asan $(BUILD)/orun-exec-plan-asan

$(BUILD)/orun: $(CSRC_ORUN) $(CSRC_HEADERS)
	@mkdir -p $(@D)
	$(ZIG_CC) -target $(ARCH)-linux-musl $(CSRC_FLAGS) $(CSRC_RELEASE) -o $@ $(CSRC_ORUN)

$(BUILD)/orun-%: $(CSRC_ORUN) $(CSRC_HEADERS)
	@mkdir -p $(@D)
	$(ZIG_CC) -target $*-linux-musl $(CSRC_FLAGS) $(CSRC_RELEASE) -o $@ $(CSRC_ORUN)

$(BUILD)/orun-exec-plan: $(CSRC_EXEC_PLAN) $(CSRC_HEADERS)
	@mkdir -p $(@D)
	$(ZIG_CC) -target $(ARCH)-linux-musl $(CSRC_FLAGS) $(CSRC_RELEASE) -o $@ $(CSRC_EXEC_PLAN)

$(BUILD)/orun-asan: $(CSRC_ORUN) $(CSRC_HEADERS)
	@mkdir -p $(@D)
	$(SANITIZE_CC) $(CSRC_FLAGS) $(CSRC_SANITIZE) -o $@ $(CSRC_ORUN)

$(BUILD)/orun-exec-plan-asan: $(CSRC_EXEC_PLAN) $(CSRC_HEADERS)
	@mkdir -p $(@D)
	$(SANITIZE_CC) $(CSRC_FLAGS) $(CSRC_SANITIZE) -o $@ $(CSRC_EXEC_PLAN)

$(BUILD)/fuzz_plan: csrc/fuzz_plan.c csrc/plan.c $(CSRC_HEADERS)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CSRC_FLAGS) -g -O1 -fsanitize=fuzzer,address,undefined -o $@ csrc/fuzz_plan.c csrc/plan.c

check-operations:
	PYTHONPATH=src $(PYTHON) -m orlop.plan.c_header --check csrc/operations.h
