# `make help` lists what can be made. MODE=release|linked|fast|sanitize|fuzz|coverage|arm64 (they share no folder), V=1 shows commands,
# DEV=1 (or CI) makes warnings errors. CPPFLAGS, CFLAGS and LDFLAGS are a distribution's, in place of our own defaults.
MODE   ?= $(if $(filter install,$(MAKECMDGOALS)),fast,release)
JOBS   ?= 2
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
FUZZ   ?= *# which fuzzers
MAKEFLAGS += --no-builtin-rules --no-print-directory $(if $(filter 0,$(MAKELEVEL)),--jobs=$(JOBS))
BUILD  := build/$(MODE)
Q      := $(if $(V),,@)

CROSS_arm64    := aarch64-linux-gnu
MACHINE        := $(or $(CROSS_$(MODE)),$(shell uname -m))
HARDENED       := -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 \
                  $(if $(filter aarch64%,$(MACHINE)),-mbranch-protection=standard,-fcf-protection=return)
HARDENED_LINK  := -pie -Wl,-z,relro -Wl,-z,now
PACKED_x86_64  := -Wl,-z,pack-relative-relocs# saves 60 kB; other linkers do not know it
# Where a stack is unwound to is known to debuggers (.debug_frame); in memory nothing needs it, and it is a tenth.
FLAGS_release  := -fno-asynchronous-unwind-tables $(or $(CFLAGS),$(HARDENED)) $(CPPFLAGS)
LINK_release   := -Wl,--no-eh-frame-hdr $(or $(LDFLAGS),$(HARDENED_LINK)) $(PACKED_$(MACHINE))
# linked: as a whole. fast: so, and it has learned from a build that counts which paths are hot; the rest is small. What is
# counted differs with the seeds of Lua's tables, and two packages must be equal: they are linked.
FLAGS_linked   := $(FLAGS_release) -DAF_SHIPPED -flto=auto -flto-partition=one
LINK_linked    := $(LINK_release)
LEARNED_linked  = -frandom-seed=$*
FLAGS_train    := $(FLAGS_release) -DAF_SHIPPED -fprofile-generate -fprofile-update=atomic
LINK_train     := $(LINK_release)
FLAGS_fast     := $(FLAGS_linked)
LINK_fast      := $(LINK_release)
TRAINED_fast   := build/train/trained
LEARNED_fast    = -fprofile-use -dumpdir build/train/$(*D)/ -MF $(@:.o=.d)
FLAGS_sanitize := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
CC_fuzz        := clang
CC_coverage    := clang
CC_arm64       := $(CROSS_arm64)-gcc
FLAGS_fuzz     := $(FLAGS_sanitize) -fsanitize=fuzzer-no-link -w # lint warns
# Counters are in a file that each process shares as it runs: those that are killed count, and workers, which may write none.
FLAGS_coverage := -O1 -g -fprofile-instr-generate=$(CURDIR)/build/coverage/counts/%m%c.profraw -fcoverage-mapping \
                  -mllvm -runtime-counter-relocation -w
FLAGS_arm64    := $(FLAGS_release)
LINK_arm64     := $(LINK_release)
CC     := $(or $(CC_$(MODE)),gcc)
AR     := $(CROSS_$(MODE):%=%-)$(if $(filter fast linked,$(MODE)),gcc-)ar
PKG_CONFIG := $(CROSS_$(MODE):%=PKG_CONFIG_LIBDIR=/usr/lib/%/pkgconfig) pkg-config
FLAGS  := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wno-format-truncation \
          $(if $(DEV)$(CI),-Werror) -ffp-contract=off -pthread -iquote runtime -iquote bindings -iquote tests $(FLAGS_$(MODE)) \
          $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags lua5.4 2>/dev/null))
LUA    := $(if $(filter coverage,$(MODE)),,$(BUILD)/liblua.a)
# What each run needs is linked in, since to load it would be a tenth of a short run; what is installed shares it, as Debian mends it.
EACH_RUN := ev sodium seccomp z
LIBS   := -l:liblua5.4-cjson.a $(or $(LUA),-l:liblua5.4.a) $(EACH_RUN:%=$(if $(filter fast linked,$(MODE)),-l%,-l:lib%.a)) -lm -ldl
LINK    = $(Q)echo "  LD $@"; $(CC) $(FLAGS) $(LINK_$(MODE)) -o $@ $^ $(LIBS)

OBJ     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard runtime/*/*.c runtime/*/*/*.c bindings/*.c) embedded.c reference.c pages.c)
SCRIPTS := $(filter-out scripts/tool/embed% scripts/tool/reference%,$(wildcard scripts/af/*.lua scripts/tool/*.lua))
PAGES   := $(filter-out %.md,$(wildcard scripts/page/*))
UNITS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_$(FUZZ).c))

all: $(BUILD)/afrun ## build the program
.PHONY: all units benches deps demo gallery test test-long test-fresh coverage bench fuzz run-fuzzers mutants lint install uninstall deb clean help
.SECONDARY:

units: $(UNITS)
# All but main.o goes by an archive, so that a test takes what it needs and no more.
$(BUILD)/afrun: $(BUILD)/runtime/cli/main.o $(BUILD)/libafrun.a $(LUA)
	$(LINK)
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libafrun.a $(LUA)
	$(LINK) -lcmocka -ljansson -lsqlite3
benches: $(BENCHES)
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libafrun.a
	$(LINK) -lsqlite3
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libafrun.a $(LUA)
	$(LINK) -fsanitize=fuzzer -ljansson
# Lua of our own making where it is to check its callers, or to be fast; or the packaged one, without what only unwinds.
PACKAGED_LUA := $(shell $(CC) -print-file-name=liblua5.4.a)
ifneq (,$(filter sanitize fuzz,$(MODE)))
$(BUILD)/liblua.a: scripts/tool/lua.sh $(PACKAGED_LUA)
	$(Q)mkdir -p $(@D) && CC=gcc $< $@ "a Lua that checks its callers" -O2 -g -fPIC -DLUA_USE_APICHECK
else ifneq (,$(filter train fast,$(MODE)))
$(BUILD)/liblua.a: scripts/tool/lua.sh $(PACKAGED_LUA) $(TRAINED_$(MODE))
	$(Q)mkdir -p $(@D) && CC="$(CC)" AR=$(AR) SMALL=-Oz $< $@ "a Lua that has learned (a fifth of the speed of simulations)" \
	  $(FLAGS_$(MODE)) $(if $(TRAINED_$(MODE)),-fprofile-use -dumpdir build/train/lua/)
else
$(BUILD)/liblua.a: $(PACKAGED_LUA)
	$(Q)mkdir -p $(@D) && $(CROSS_$(MODE):%=%-)objcopy -R .eh_frame $< $@
endif
$(BUILD)/libafrun.a: $(filter-out %/main.o,$(OBJ))
	$(Q)rm -f $@ && $(AR) qcs $@ $^
$(BUILD)/%.o: %.c Makefile $(TRAINED_$(MODE))
	$(Q)mkdir -p $(@D) && echo "  CC $@" && $(CC) $(FLAGS) $(LEARNED_$(MODE)) -MMD -MP -c -o $@ $<
build/train/trained: tests/bench/train.sh scripts/tool/lua.sh Makefile $(wildcard runtime/*/*.[ch] runtime/*/*/*.[ch] bindings/*.[ch] scripts/af/*.lua)
	@$(MAKE) MODE=train all && find build/train -name '*.gcda' -delete && $< build/train/afrun && touch $@
ifneq (,$(filter release linked,$(MODE)))
# What each message or each state of a check passes is fast. All else runs once a run, or waits for a disk or a peer: it is small.
HOT := $(foreach name,cow deliver event json type_plain vm,bindings/lua_$(name)) \
       $(foreach name,base/arena base/buf base/mem base/pointer_set base/pool base/rng json/escape json/keys \
         json/read json/write party/commit party/take sim/bus_mock trace/contract \
         trace/trace $(addprefix check/,next seen step table vector),runtime/$(name))
# Oz alone still has copies of functions for their arguments, of loops' heads, and of structures in registers: a hundredth.
SMALL := -Oz $(addprefix -fno-,ipa-cp ipa-sra move-loop-invariants tree-loop-im ivopts tree-ch tree-sra)
$(filter-out $(HOT:%=$(BUILD)/%.o),$(OBJ)): FLAGS += $(SMALL)
endif
ifneq (,$(filter release linked train fast,$(MODE)))
$(BUILD)/bindings/lua_vector.o: FLAGS += -O3# loops over numbers work on several at once
$(foreach name,next seen step table vector,$(BUILD)/runtime/check/$(name).o): FLAGS += -O3# most of a check is here
endif
# Packs a file as gzip does, a twentieth smaller where there is zopfli.
export PACK = pack() { zopfli -c "$$1" 2>/dev/null || gzip -9nc "$$1"; }; pack
$(BUILD)/embedded.o $(BUILD)/reference.o $(BUILD)/pages.o: %.o: %.c
	$(Q)$(CC) $(FLAGS) -c -o $@ $<
$(BUILD)/embedded.c: scripts/tool/embed.lua $(SCRIPTS) Makefile
	$(Q)mkdir -p $(@D) && $(if $(filter linked,$(MODE)),PACK_ALL=1) lua5.4 $< scripts $@ $(SCRIPTS)
$(BUILD)/pages.c: scripts/tool/embed_page.lua $(PAGES) Makefile
	$(Q)mkdir -p $(@D) && lua5.4 $< $@ $(PAGES)
$(BUILD)/reference.c: $(wildcard scripts/tool/reference*.lua scripts/af/_meta/*.lua) Makefile
	$(Q)mkdir -p $(@D) && lua5.4 scripts/tool/reference.lua text >$@.text && { $(PACK) $@.text; } | lua5.4 scripts/tool/reference.lua c $@

deps: ## install the Debian packages that building and running need, if they are missing
	@tests/lib/deps.sh build
demo: ## simulate a flow and draw what happened
	@$(MAKE) deps && $(MAKE) all
	$(BUILD)/afrun flows/sync_state.lua --mock --trace build/demo.jsonl
	$(BUILD)/afrun chart build/demo.jsonl
gallery: all ## draw each flow's states, and a run of it, into flows/gallery
	tests/lib/gallery.sh $(BUILD)/afrun flows flows/gallery
test test-long: ## build and test both modes, with small counts or the full ones
	@tests/lib/deps.sh build test
	@$(MAKE) MODE=release all units && $(MAKE) MODE=sanitize all units
	@$(if $(findstring long,$@),AF_TEST_LONG=1) tests/lib/run.sh
test-fresh: all ## try README's commands on new machines: Debian 12, 13, and arm64 (needs root)
	@tests/lib/deps.sh fresh
	@tests/lib/fresh.sh
coverage: ## which lines the tests run (TESTS="FILE…": those tests); html in build/coverage/html
	@tests/lib/deps.sh build test coverage
	@$(MAKE) MODE=coverage all units
	@tests/lib/coverage.sh $(TESTS)
bench: ## measure (MILLION=1: a million parties too; ONLY=run|serve|node|nats|check|numbers|studio)
	@tests/lib/deps.sh build bench
	@$(MAKE) MODE=release all benches
	@lua5.4 tests/bench/run.lua build/release $(if $(MILLION),--million) $(if $(ONLY),--only $(ONLY))
fuzz: ## look for crashes, FUZZ_SECONDS for each fuzzer (FUZZ=json: that one)
	@tests/lib/deps.sh build fuzz
	@$(MAKE) MODE=fuzz run-fuzzers
run-fuzzers: $(FUZZERS)
	@tests/lib/fuzz.sh $(FUZZ_SECONDS) $^
mutants: ## plant MUTANTS mistakes, one at a time, and see each found by a test (SEED=2: others)
	@tests/lib/deps.sh build test coverage
	@tests/lib/mutants.py --count $(or $(MUTANTS),200) --seed $(or $(SEED),1)
lint: ## formatting, static analysis, and who may include whom
	@tests/lib/deps.sh build test lint
	@$(MAKE) MODE=release all
	@tests/lib/lint.sh
SCHEMAS := $(wildcard tests/data/schema/*.schema.json)
REFERENCE := $(addprefix scripts/af/_meta/,af.lua luacheck.lua test.lua)
SHARED := lib/systemd/system/afrun-node@.service lib/systemd/system/afrun-serve.service share/afrun/accelerator.conf \
          share/afrun/alerts.yml share/afrun/dashboard.json $(SCHEMAS:tests/data/%=share/afrun/%) \
          share/bash-completion/completions/afrun share/zsh/site-functions/_afrun \
          share/fish/vendor_completions.d/afrun.fish $(REFERENCE:scripts/af/_meta/%=share/afrun/lua/%) \
          share/doc/afrun/REFERENCE.md share/doc/afrun/REFERENCE.zh-CN.md
MAN    := share/man/man1
MAN3   := share/man/man3
install: all ## install the program (MODE=fast), its manual, completions and units below PREFIX (DESTDIR, for packages)
	install -D $(BUILD)/afrun $(DESTDIR)$(PREFIX)/bin/afrun
	install -d $(sort $(dir $(SHARED:%=$(DESTDIR)$(PREFIX)/%)))
	$(BUILD)/afrun --completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/afrun
	$(BUILD)/afrun --completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_afrun
	$(BUILD)/afrun --completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/afrun.fish
	install -d $(DESTDIR)$(PREFIX)/$(MAN) && $(BUILD)/afrun --man > $(DESTDIR)$(PREFIX)/$(MAN)/afrun.1
	$(BUILD)/afrun --man list | while read -r page; do \
	  $(BUILD)/afrun --man $$page > "$(DESTDIR)$(PREFIX)/$(MAN)/afrun-$$(echo "$$page" | tr ' ' -).1" || exit; done
	for unit in runtime/node/afrun-node@.service runtime/serve/afrun-serve.service; do \
	  sed -e '/@HARDENED@/{r runtime/node/hardened.conf' -e 'd}' -e 's,@PREFIX@,$(PREFIX),' $$unit \
	    > $(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; done
	sed 's,@PREFIX@,$(PREFIX),' runtime/node/accelerator.conf > $(DESTDIR)$(PREFIX)/share/afrun/accelerator.conf
	cp runtime/serve/alerts.yml runtime/serve/dashboard.json $(DESTDIR)$(PREFIX)/share/afrun/
	cp $(SCHEMAS) $(DESTDIR)$(PREFIX)/share/afrun/schema/
	cp $(REFERENCE) $(DESTDIR)$(PREFIX)/share/afrun/lua/
	cp scripts/af/REFERENCE.md scripts/af/REFERENCE.zh-CN.md $(DESTDIR)$(PREFIX)/share/doc/afrun/
	install -d $(DESTDIR)$(PREFIX)/$(MAN3)
	lua5.4 scripts/tool/reference.lua man $(DESTDIR)$(PREFIX)/$(MAN3)
	chmod 644 $(SHARED:%=$(DESTDIR)$(PREFIX)/%) $(DESTDIR)$(PREFIX)/$(MAN)/afrun*.1 $(DESTDIR)$(PREFIX)/$(MAN3)/af*.3afrun
uninstall: ## remove what make install has put there; what nodes keep stays
	rm -f $(DESTDIR)$(PREFIX)/bin/afrun $(SHARED:%=$(DESTDIR)$(PREFIX)/%) $(DESTDIR)$(PREFIX)/$(MAN)/afrun.1 \
	  $(DESTDIR)$(PREFIX)/$(MAN)/afrun-*.1 $(DESTDIR)$(PREFIX)/$(MAN3)/af.3afrun $(DESTDIR)$(PREFIX)/$(MAN3)/af.*.3afrun
	-rmdir $(DESTDIR)$(PREFIX)/share/doc/afrun $(DESTDIR)$(PREFIX)/share/afrun/lua $(DESTDIR)$(PREFIX)/share/afrun/schema $(DESTDIR)$(PREFIX)/share/afrun
deb: ## build the Debian package, into build/deb
	@tests/lib/deps.sh build deb
	@tests/lib/deb.sh build/deb
clean: ## remove what was built
	rm -rf build
help: ## list what can be made
	@sed -n 's/^\([a-z][a-z -]*\):.*## /make \1\t/p' Makefile | expand -t 24

-include $(OBJ:.o=.d) $(UNITS:=.d) $(BENCHES:=.d) $(FUZZERS:=.d)
