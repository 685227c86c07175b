# plimsoll: one Makefile, no recursion, no configure.
# Each floor is an archive; a test links its own floor and those below, so an upward call cannot link.
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BUILD   ?= build/release
WERROR  ?=

ifneq ($(V),1)
Q   := @
say  = @printf '  %-5s %s\n' $1 $2
endif

# Floors, and what each may call.
FLOORS           := probes/kit probes reports bench
below_probes     := probes/kit
below_reports    := probes/kit
below_bench      := reports probes probes/kit

PKGS    := jansson libcap-ng libcyaml libisal libpcap libseccomp liburing libzstd mount nettle smartcols zlib
PKG_INC := $(shell pkg-config --cflags $(PKGS))
PKG_LIB := $(shell pkg-config --libs $(PKGS)) -laio -lpthread -lm

# Text is cut on purpose where it is bounded, hence -Wno-format-truncation, which clang 14 does not
# know; gcc passes over a -Wno- that it does not know.
WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
          -Wvla -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings \
          -Wno-unknown-warning-option -Wno-format-truncation $(WERROR)
HARDEN ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDLD ?= -pie -Wl,-z,relro,-z,now
COMPILE = $(CC) -std=gnu17 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I. $(PKG_INC) $(WARN) $(HARDEN) \
          $(CFLAGS) -MMD -MP -c
LINK    = $(CC) $(CFLAGS) $(HARDLD) $(LDFLAGS)

sources = $(sort $(shell find $1 -name '*.c'))
objects = $(patsubst %.c,$(BUILD)/%.o,$1)
archive = $(BUILD)/$(subst /,-,$1).a

# What a floor is made of: its folder, less the floors inside it, plus what is generated for it.
src_probes/kit := $(call sources,probes/kit)
src_probes     := $(filter-out probes/kit/%,$(call sources,probes))
src_reports    := $(call sources,reports)
src_bench      := $(call sources,bench)
gen_reports    := $(BUILD)/reports/embedded.o
profiles       := $(sort $(wildcard reports/profiles/*.yaml))

all: $(BUILD)/plimsoll $(BUILD)/plimsoll.1

$(BUILD)/plimsoll: $(foreach f,bench $(below_bench),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIB)

define floor
$(call archive,$1): $(call objects,$(src_$1)) $(gen_$1)
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $(AR) rcs $$@ $$^

unit_$1 := $(patsubst %.c,$(BUILD)/%,$(shell find tests/unit/$1 -name '*_test.c' 2>/dev/null \
             $(if $(filter probes,$1),| grep -v '^tests/unit/probes/kit/')))
UNIT    += $$(unit_$1)
$$(unit_$1): %: %.o $(foreach f,$1 $(below_$1),$(call archive,$f))
	$$(call say,LD,$$@)
	$$(Q)$$(LINK) -o $$@ $$^ -lcmocka -larchive $$(PKG_LIB)
endef
$(foreach f,$(FLOORS),$(eval $(call floor,$f)))

# Tests over whole tables see every floor.
CONTRACT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/contract/*_test.c))
$(CONTRACT): %: %.o $(foreach f,bench $(below_bench),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $< $(filter-out %.o,$^) -lcmocka $(PKG_LIB)

# Renderers byte for byte; no probe is linked, for a report needs none.
GOLDEN := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/golden/*_test.c))
$(GOLDEN): %: %.o $(foreach f,reports $(below_reports),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $< $(filter-out %.o,$^) -lcmocka $(PKG_LIB)

# Writes what the renderers say today into tests/golden/expected; read the difference.
golden: $(GOLDEN)
	$(Q)PLIMSOLL_GOLDEN=write scripts/run-tests $^

$(BUILD)/reports/embedded.c: $(profiles) scripts/embed
	$(call say,EMBED,$@)
	$(Q)mkdir -p $(@D) && scripts/embed $(profiles) > $@

$(BUILD)/reports/embedded.o: $(BUILD)/reports/embedded.c
	$(call say,CC,$<)
	$(Q)$(COMPILE) -o $@ $<

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) -o $@ $<

# The manual page, its options from the program's own tables.
$(BUILD)/plimsoll.1: $(BUILD)/plimsoll
	$(call say,MAN,$@)
	$(Q)$(BUILD)/plimsoll man > $@.scd && scdoc < $@.scd > $@

# Unit and contract tests, the fuzz corpora, the command line; each ends with a sum.
test: unit replay cli

unit: $(UNIT) $(CONTRACT) $(GOLDEN)
	$(Q)scripts/run-tests $^

cli: all
	$(Q)PLIMSOLL=$(CURDIR)/$(BUILD)/plimsoll scripts/run-bats tests/cli/*.bats

# With real parts, as root: namespaces, loop devices, peers.
# Without libfuse the filesystem of faults is not built, and its tests say so.
LAB_FUSE := $(shell pkg-config --exists fuse3 && echo $(BUILD)/tests/lab/faultfs)
LAB := $(LAB_FUSE) $(filter-out %/faultfs,$(patsubst %.c,$(BUILD)/%,$(wildcard tests/lab/*.c)))
$(BUILD)/tests/lab/faultfs.o: PKG_INC += $(shell pkg-config --cflags fuse3 2>/dev/null)
$(BUILD)/tests/lab/faultfs: PKG_LIB += $(shell pkg-config --libs fuse3 2>/dev/null)
$(LAB): %: %.o $(foreach f,probes $(below_probes),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIB)

lab: all $(LAB)
	$(Q)PLIMSOLL=$(CURDIR)/$(BUILD)/plimsoll LAB=$(CURDIR)/$(BUILD)/tests/lab \
	    scripts/run-bats tests/lab/*.bats

# Every corpus file through its fuzz target, without a fuzzer.
REPLAY := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(REPLAY): %: %.o $(BUILD)/tests/fuzz/replay.o $(foreach f,bench $(below_bench),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -larchive $(PKG_LIB)

$(BUILD)/tests/fuzz/libfuzzer_%: $(BUILD)/tests/fuzz/fuzz_%.o \
    $(foreach f,bench $(below_bench),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) $(FUZZLINK) -o $@ $^ -larchive $(PKG_LIB)

replay: $(REPLAY)
	$(Q)scripts/run-replay $^

# The same targets under libFuzzer: make fuzz FUZZ_SECONDS=600
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)scripts/run-fuzz $(FUZZ_SECONDS)

# The same tests under the address and undefined-behaviour sanitizers.
asan:
	$(Q)$(MAKE) unit replay BUILD=build/asan CC=clang HARDEN= HARDLD= \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'

# Style, bugs that tools find, and the house's own rules.
CSOURCES = $(call sources,probes reports bench tests)
lint: $(foreach f,$(FLOORS),$(call archive,$f))
	$(call say,LINT,format)
	$(Q)clang-format --dry-run -Werror $(shell find probes reports bench tests -name '*.[ch]')
	$(call say,LINT,shell)
	$(Q)shellcheck $(filter-out %.service,$(wildcard scripts/[a-z]*)) .ci/run $(wildcard tests/versus/*.sh tests/lab/*.sh)
	$(call say,LINT,house)
	$(Q)scripts/check-house $(BUILD)
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability \
	    --inline-suppr --suppressions-list=.cppcheck -j2 -I. probes reports bench
	$(call say,LINT,tidy)
	$(Q)printf '%s\n' $(call sources,probes reports bench) | xargs -P2 -n8 sh -c \
	    'clang-tidy --quiet "$$@" -- -std=gnu17 -D_GNU_SOURCE -DVERSION="\"x\"" -I. $(PKG_INC) 2>/dev/null' lint

# Side by side with peers; prints ratios, fails nothing.
VERSUS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/versus/*.c))
$(VERSUS): %: %.o $(foreach f,probes $(below_probes),$(call archive,$f))
	$(call say,LD,$@)
	$(Q)$(LINK) -Wl,--as-needed -o $@ $^ $(PKG_LIB)

versus: all $(VERSUS) $(LAB)
	$(Q)scripts/install-deps lab
	$(Q)tests/versus/run $(BUILD)

# The peers that unpack images alone.
versus-image: all $(VERSUS) $(LAB)
	$(Q)scripts/install-deps lab
	$(Q)tests/versus/image.sh $(BUILD)

# The peers that measure round trips alone.
versus-net: all $(VERSUS)
	$(Q)scripts/install-deps lab
	$(Q)tests/versus/net.sh $(BUILD)

# The peers that look for CPU noise alone.
versus-noise: all $(VERSUS) $(LAB)
	$(Q)scripts/install-deps lab
	$(Q)tests/versus/noise.sh $(BUILD)

install: all
	install -D -m 755 $(BUILD)/plimsoll $(DESTDIR)$(PREFIX)/bin/plimsoll
	install -D -m 644 $(BUILD)/plimsoll.1 $(DESTDIR)$(PREFIX)/share/man/man1/plimsoll.1
	install -D -m 644 reports/schema.json $(DESTDIR)$(PREFIX)/share/plimsoll/schema.json
	install -D -m 644 reports/schema-cluster.json $(DESTDIR)$(PREFIX)/share/plimsoll/schema-cluster.json
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/bin|$(PREFIX)/bin|' scripts/plimsoll-reflect.service \
	    > $(DESTDIR)$(PREFIX)/lib/systemd/system/plimsoll-reflect.service

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/plimsoll $(DESTDIR)$(PREFIX)/share/man/man1/plimsoll.1
	rm -f $(DESTDIR)$(PREFIX)/share/plimsoll/schema.json
	rm -f $(DESTDIR)$(PREFIX)/share/plimsoll/schema-cluster.json
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/plimsoll-reflect.service
	-rmdir $(DESTDIR)$(PREFIX)/share/plimsoll

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all test unit golden cli lab replay fuzz asan lint versus versus-image versus-net versus-noise install uninstall clean
