# `make help` lists what can be made. MODE=release|sanitize (they share no folder); V=1 shows commands.
MODE  ?= release
JOBS  ?= 2
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
MAKEFLAGS += --jobs=$(JOBS) --no-builtin-rules
Q     := $(if $(V),,@)
BUILD := build/$(MODE)

FLAGS_release  := -O2 -g
FLAGS_sanitize := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_fuzz     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CC_fuzz := clang
CC      := $(or $(CC_$(MODE)),gcc)
LUA     := lua5.4
CFLAGS  := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -ffp-contract=off \
           -pthread -iquote runtime -iquote bindings $(FLAGS_$(MODE)) \
           $(patsubst -I%,-isystem %,$(shell pkg-config --cflags lua5.4 2>/dev/null))
LIBS    := -llua5.4 -l:liblua5.4-cjson.a -llua5.4 -lev -lsodium -lm

SRC     := $(wildcard runtime/*.c bindings/*.c)
OBJ     := $(SRC:%.c=$(BUILD)/%.o) $(BUILD)/embedded.o
SCRIPTS := $(wildcard scripts/af/*.lua) $(filter-out %/embed.lua,$(wildcard scripts/tool/*.lua))
UNITS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(BUILD)/afrun ## build the program
.SECONDARY:
.PHONY: all units fuzzers deps demo test test-long bench fuzz lint install clean help

# Tests link with the archive, so each takes what it needs and no more.
$(BUILD)/afrun: $(BUILD)/runtime/main.o $(BUILD)/libafrun.a
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/libafrun.a: $(filter-out %/main.o,$(OBJ))
	@rm -f $@
	@ar rcs $@ $^
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/embedded.o: $(BUILD)/embedded.c
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<
$(BUILD)/embedded.c: scripts/tool/embed.lua $(SCRIPTS) Makefile
	@mkdir -p $(@D)
	$(Q)$(LUA) $< scripts $@ $(SCRIPTS)
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libafrun.a
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS) -lcmocka -ljansson
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libafrun.a
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS) -ljansson
units: $(UNITS)
fuzzers: $(FUZZERS)

deps: ## install the Debian packages that are missing
	@tests/lib/deps.sh
demo: ## simulate a flow and draw what happened
	@$(MAKE) deps
	@$(MAKE) all
	build/release/afrun flows/sync_state.lua --mock --trace build/demo.jsonl
	build/release/afrun chart build/demo.jsonl
test test-long: ## build and test both modes, with small counts or the full ones
	@$(MAKE) MODE=release all units
	@$(MAKE) MODE=sanitize all units
	@$(if $(findstring long,$@),AF_TEST_LONG=1) tests/lib/run.sh
bench: ## measure
	@$(MAKE) MODE=release all
	@for bench in tests/bench/*.sh; do AFRUN=build/release/afrun bash $$bench || exit; done
fuzz: ## look for crashes, FUZZ_SECONDS for each fuzzer
	@$(MAKE) MODE=fuzz fuzzers
	@tests/lib/fuzz.sh $(FUZZ_SECONDS)
lint: ## formatting, static analysis, and who may include whom
	@tests/lib/lint.sh
install: all ## install the program and its completion below PREFIX
	install -D $(BUILD)/afrun $(DESTDIR)$(PREFIX)/bin/afrun
	$(BUILD)/afrun --completion bash > $(BUILD)/afrun.bash
	install -D -m 644 $(BUILD)/afrun.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/afrun
clean: ## remove what was built
	rm -rf build
help: ## list what can be made
	@sed -n 's/^\([a-z][a-z -]*\):.*## /make \1\t/p' Makefile

-include $(OBJ:.o=.d) $(UNITS:=.d) $(FUZZERS:=.d)
