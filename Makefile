# make                the program, hardened, in build/release        make V=1      show the commands
# make demo           two gateways on this machine, shown working    make install  prefix=/usr/local
# make check          everything: libraries, build, all tests        make check-fast  the inner loop
# make check-asan     unit tests and stories under ASan and UBSan    make check-valgrind, check-tsan
# make lint           format, tidy, cppcheck, headers, layers, words make format   apply .clang-format
# make fuzz           FUZZ_SECONDS=60 for every parser               make coverage build/cover/html
# make grid           every pair of NATs, simulated and real: SEEDS=20
# make doctor-tour    what doctor says behind each kind of NAT: TOUR=build/doctor-tour
# make page-tour      pictures of the status page and of the error pages: TOUR=build/page-tour
# make sim            one scenario with one seed: SCENARIO=roam SEED=7, SIM_LOG=1 for its log
# make sim-dht        a DHT of 10,000 nodes, simulated: NODES=10000 SEED=1
# make bench          one table beside haproxy and ssh               make dist     a source tarball
# make bench-dht      our DHT node beside libtorrent's and bittorrent-dht's
# make bench-page     a web page of 100 files, and name to first byte, beside nginx alone
# make deb            Debian packages in build/deb                   make check-deb  them in fresh roots
# make deps           install what is missing with apt               make clean, uninstall
#
# MODE=release|debug|asan|tsan|cover|fuzz picks flags and folder (build/MODE). A goal inside
# build/MODE/ picks its own. CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS add to ours; CFLAGS come last.
# WERROR= lets warnings pass that a newer compiler has learned.

VERSION := 0.1.0

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= clang
PKG_CONFIG ?= pkg-config
PYTHON ?= python3
INSTALL ?= install
INSTALL_PROGRAM ?= $(INSTALL) -m 755
INSTALL_DATA ?= $(INSTALL) -m 644

prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
libdir ?= $(exec_prefix)/lib
datarootdir ?= $(prefix)/share
datadir ?= $(datarootdir)
mandir ?= $(datarootdir)/man
docdir ?= $(datarootdir)/doc/overlay
unitdir ?= $(prefix)/lib/systemd

goal_mode := $(firstword $(foreach g,$(filter build/%,$(MAKECMDGOALS)),$(word 2,$(subst /, ,$g))))
MODE := $(or $(MODE),$(filter debug release asan tsan cover fuzz,$(goal_mode)),release)
V ?= 0
WERROR ?= -Werror

# ---- flags ----

LIBS := libuv libsodium gnutls 'libngtcp2 >= 1.11' libngtcp2_crypto_gnutls ldns jansson inih libcares miniupnpc libqrencode
# Loaded when it is needed: only its header is.
LOADED_LIBS := 'libcurl >= 7.85'
OPTIONAL_LIBS := $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo libsystemd)
# Has no .pc file everywhere, and exists for x86-64 only.
IPSEC_MB := $(shell echo 'int x;' | $(CC) $(CPPFLAGS) -include intel-ipsec-mb.h -x c -E - \
              >/dev/null 2>&1 && echo -lIPSec_MB)
TEST_LIBS := cmocka
LIBS_MISSING := $(shell $(PKG_CONFIG) --print-errors --short-errors --exists $(LIBS) $(LOADED_LIBS) 2>&1 | head -3)
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) $(LOADED_LIBS) $(OPTIONAL_LIBS) 2>/dev/null)
LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) $(OPTIONAL_LIBS) 2>/dev/null) $(IPSEC_MB)
TEST_LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(TEST_LIBS) 2>/dev/null) -lm

takes = $(shell $(CC) $1 -Werror -fsyntax-only -x c /dev/null 2>/dev/null && echo $1)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wundef -Wvla \
        -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings $(WERROR)

CFLAGS.release := -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection \
                  -ffile-prefix-map=$(CURDIR)=.
CFLAGS.debug := -Og -g3
CFLAGS.asan := -O1 -g3 -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=all
CFLAGS.tsan := -O1 -g3 -fno-omit-frame-pointer -fsanitize=thread
CFLAGS.cover := -O0 -g3 --coverage
CFLAGS.fuzz := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
               -fsanitize=fuzzer-no-link,address,undefined
CPPFLAGS.release := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
LDFLAGS.release := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
ifeq ($(MODE),release)
CFLAGS.release += $(call takes,-fcf-protection) $(call takes,-ftrivial-auto-var-init=zero)
endif
ifeq ($(MODE),fuzz)
WARN := -w
endif

OUR_CPPFLAGS := -I. -D_GNU_SOURCE -DOVERLAY_VERSION='"$(VERSION)"' \
                $(if $(filter libsystemd,$(OPTIONAL_LIBS)),-DHAVE_LIBSYSTEMD=1) \
                $(if $(IPSEC_MB),-DHAVE_IPSEC_MB=1)
OUR_CFLAGS := -std=c17 $(WARN) $(LIB_CFLAGS) $(CFLAGS.$(MODE))
OUR_LDFLAGS := $(LDFLAGS.$(MODE)) $(filter -fsanitize% --coverage,$(CFLAGS.$(MODE)))
CPP_ALL = $(OUR_CPPFLAGS) $(CPPFLAGS) $(CPPFLAGS.$(MODE))
COMPILE = $(CC) $(CPP_ALL) $(OUR_CFLAGS) $(CFLAGS)
LINK = $(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@

# ---- files ----

B := build/$(MODE)
SRC := $(filter-out gateway/main.c,$(wildcard gateway/*.c gateway/*/*.c dns/*.c adapters/*.c \
                                              config/*/*.c dns/nss/wire.c))
# A library of its own, for every program that looks names up.
NSS := $(wildcard dns/nss/*.c)
HDR := $(wildcard gateway/*/*.h dns/*.h dns/nss/*.h adapters/*.h config/*/*.h tests/*/*.h)
UNIT := $(wildcard tests/unit/*_test.c)
SCENARIOS := $(wildcard tests/scenario/*_test.c)
TEST_LIB := $(filter-out tests/natlab/natlab.c,$(wildcard tests/support/*.c tests/sim/*.c \
                                                         tests/natlab/*.c))
NATLAB := $(wildcard tests/natlab/natlab.c)
FUZZ := $(wildcard tests/fuzz/*_fuzz.c)
BENCH := $(wildcard tests/bench/*.c)
TOOLS := $(wildcard tests/netns/*.c)
GRID := $(wildcard tests/grid/*.c)
MAIN := $(wildcard gateway/main.c)
ALL := $(SRC) $(filter-out $(SRC),$(NSS)) $(MAIN) $(HDR) $(UNIT) $(SCENARIOS) $(TEST_LIB) $(NATLAB) $(FUZZ) $(BENCH) $(TOOLS) $(GRID) \
       tests/tools/fuzz_replay.c
SCRIPTS := $(wildcard .ci/run tests/*/*.sh config/*/*.sh)

OBJ := $(SRC:%.c=$B/%.o)
UNIT_BIN := $(UNIT:%.c=$B/%)
SCENARIO_BIN := $(SCENARIOS:%.c=$B/%)
FUZZ_BIN := $(FUZZ:%.c=$B/%)
REPLAY_BIN := $(FUZZ:%.c=$B/%_replay)
BENCH_BIN := $(BENCH:%.c=$B/%)
NATLAB_BIN := $(NATLAB:%.c=$B/%)
TOOLS_BIN := $(TOOLS:%.c=$B/%)
GRID_BIN := $(GRID:%.c=$B/%)
PROGRAM := $(if $(MAIN),$B/overlay)
MODULE := $B/libnss_overlay.so.2

Q := $(if $(filter 1,$V),,@)
say = $(if $(filter 1,$V),,@printf '  %-7s %s\n' '$1' '$2')
cores := $(shell nproc 2>/dev/null || echo 1)
# A goal that starts another make uses every core, unless the caller said -j himself.
jobs = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(cores))
sub = +$Q$(MAKE) --no-print-directory $(jobs)

# ---- building ----

# With what goes beside the program, so that `sudo make install` only copies.
all: $(OBJ) $(PROGRAM) $(if $(filter release,$(MODE)),$(MODULE) docs)
tests: $(UNIT_BIN) $(SCENARIO_BIN) $(TOOLS_BIN) $(GRID_BIN) $(BENCH_BIN) natlab
natlab: $(NATLAB_BIN)

have-libraries:
ifneq ($(LIBS_MISSING),)
	@printf '%s\n' '$(subst ','\'',$(LIBS_MISSING))' 'A library is missing. Run: make deps' >&2; exit 1
endif

# Objects are made anew when the flags are not those they were made with.
$B/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK))' | cmp -s - $@ || \
	 printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK))' > $@

$B/%.o: %.c $B/flags | have-libraries
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(COMPILE) -MMD -MP -c -o $@ $<

$B/gateway.a: $(OBJ)
	$(call say,AR,$@)
	$Q$(RM) $@ && $(AR) rcs $@ $^

# The files of the status page are put into it by the assembler.
$B/adapters/web_files.o: $(wildcard adapters/web/*)

# An archive too: a test that brings a stand-in for some module must not get those that use it.
$B/tests.a: $(TEST_LIB:%.c=$B/%.o)
	$(call say,AR,$@)
	$Q$(RM) $@ && $(AR) rcs $@ $^

$B/overlay: $B/gateway/main.o $B/gateway.a
	$(call say,LD,$@)
	$Q$(LINK) $^ $(LIB_LIBS) $(LDLIBS)

# Needs the C library and nothing else; only what the C library calls can be seen.
$(MODULE): $(NSS) $(wildcard dns/nss/*.h) $B/flags
	$(call say,LD,$@)
	$Q$(COMPILE) -fPIC -fvisibility=hidden -shared -Wl,-soname,$(@F) -Wl,-z,relro,-z,now,-z,defs \
		$(CFLAGS) $(LDFLAGS) -o $@ $(NSS)

# A test may define functions of a module that it stands in for: its own come first and win.
$(UNIT_BIN) $(SCENARIO_BIN) $(GRID_BIN): %: %.o $B/tests.a $B/gateway.a
	$(call say,LD,$@)
	$Q$(LINK) -Wl,-z,muldefs $^ $(LIB_LIBS) $(TEST_LIB_LIBS) $(LDLIBS)

$(REPLAY_BIN): %_replay: %.o $B/tests/tools/fuzz_replay.o $B/tests.a $B/gateway.a
	$(call say,LD,$@)
	$Q$(LINK) $^ $(LIB_LIBS) $(TEST_LIB_LIBS) $(LDLIBS)

$(FUZZ_BIN): %: %.o $B/tests.a $B/gateway.a
	$(call say,LD,$@)
	$Q$(LINK) -fsanitize=fuzzer $^ $(LIB_LIBS) $(TEST_LIB_LIBS) $(LDLIBS)

# A simulated internet for namespaces: tests/natlab/lab.sh starts it.
$(NATLAB_BIN): %: %.o $B/tests.a $B/gateway.a
	$(call say,LD,$@)
	$Q$(LINK) $^ $(LIB_LIBS) $(LDLIBS)

$(BENCH_BIN) $(TOOLS_BIN): %: %.o $B/gateway.a
	$(call say,LD,$@)
	$Q$(LINK) $^ $(LIB_LIBS) $(LDLIBS)

$B/tests/bench/dht_load: $B/tests.a

# Manual pages, completions and units, from the program's own tables.
docs: $(if $(PROGRAM),build/docs/made)
build/docs/made: $(PROGRAM) build/docs/bindir $(wildcard config/man/* config/packaging/*.*)
	$(call say,DOCS,build/docs)
	$Qbindir='$(bindir)' config/man/generate.sh '$(PROGRAM)' build/docs
	@touch $@
build/docs/bindir: FORCE
	@mkdir -p $(@D)
	@echo '$(bindir)' | cmp -s - $@ || echo '$(bindir)' > $@
lint-docs: docs
	$(call say,MANDOC,build/docs)
	$Qbash -n build/docs/overlay.bash
	$Qmandoc -T lint -W warning $(if $(PROGRAM),build/docs/overlay.1 build/docs/overlay.conf.5) config/man/libnss_overlay.8

# ---- tests ----

RUN_TESTS := tests/tools/run-tests.sh

deps:
	$Qtests/tools/deps.sh build test

# Everything a clean machine can run. tests/tools/check.sh names each step and adds up.
check:
	$Qtests/tools/deps.sh build test
	+$Q MAKE='$(MAKE)' MAKE_JOBS='$(jobs)' tests/tools/check.sh \
		build layers unit scenario fuzz netns interop
check-fast:
	+$Q MAKE='$(MAKE)' MAKE_JOBS='$(jobs)' tests/tools/check.sh build-fast layers unit scenario fuzz
run-unit: $(UNIT_BIN)
	$Q$(RUN_TESTS) -l unit -t 60 $^
run-scenario: $(SCENARIO_BIN)
	$Q$(RUN_TESTS) -l scenario -t 300 $^
run-replay: $(REPLAY_BIN)
	$Q$(RUN_TESTS) -l fuzz -t 120 $^
# One after the other: many tests measure time, and each kind keeps every core busy by itself.
run-tests: $(UNIT_BIN) $(SCENARIO_BIN)
	+$Q$(MAKE) --no-print-directory MODE=$(MODE) run-unit
	+$Q$(MAKE) --no-print-directory MODE=$(MODE) run-scenario

check-asan:
	$(sub) MODE=asan all tests run-tests
	$(sub) MODE=asan run-replay
	+$Q OVERLAY=$(CURDIR)/build/asan/overlay NATLAB=$(CURDIR)/build/asan/tests/natlab/natlab \
		tests/netns/run.sh
# The gateway is one loop on one thread, but for mail (gateway/io/mail.h).
check-tsan:
	$(sub) MODE=tsan RUN='setarch -R' run-tests
check-valgrind:
	$(sub) MODE=debug TEST_TIMES=30 run-unit \
		RUN='env UNDER_VALGRIND=1 valgrind -q --leak-check=full --show-leak-kinds=all --error-exitcode=9'
run-unit run-scenario run-replay: export RUN := $(RUN)
run-unit run-scenario run-replay: export TEST_TIMES := $(TEST_TIMES)

coverage:
	$(sub) MODE=cover run-tests
	$Qmkdir -p build/cover/html
	$Qgcovr -r . --object-directory build/cover -e tests/ --branches --exclude-throw-branches \
		--html-details build/cover/html/index.html --print-summary

# One libFuzzer program a parser, all linked to one instrumented build of the sources.
FUZZ_SECONDS ?= 60
FUZZ_ONLY ?=
fuzz:
	$(sub) MODE=fuzz CC=$(CLANG) run-fuzz
run-fuzz: $(FUZZ_BIN)
	$Qtests/tools/run-fuzz.sh $(FUZZ_SECONDS) $(filter %$(FUZZ_ONLY)_fuzz,$^)

# Two tables: the gateways in the simulator, and the real program in network namespaces.
SEEDS ?= 20
grid:
	$(sub) MODE=release all grid-tools
	$QSEEDS=$(SEEDS) build/release/tests/grid/grid
	$Qtests/netns/grid.sh
grid-tools: $(GRID_BIN) natlab
# What doctor says behind each kind of NAT: TOUR= is the folder of the transcripts.
TOUR ?= build/$@
doctor-tour:
	$(sub) MODE=release all natlab
	$Qtests/netns/doctor_tour.sh $(TOUR)
# What the status page and the error pages look like, by Chromium without a window.
page-tour:
	$(sub) MODE=release all
	$Qtests/netns/page_tour.sh $(TOUR)
# A simulated Mainline: how fast, how sure, and what nodes that lie can do.
NODES ?= 10000
sim-dht:
	$(sub) MODE=release build/release/tests/grid/dht
	$Qbuild/release/tests/grid/dht $(NODES) $(or $(SEED),1)
# Replays one scenario.
SEED ?=
SCENARIO ?=
sim: $(if $(SCENARIO),$B/tests/scenario/$(SCENARIO)_test)
	$(if $<,$Q$(if $(SEED),SIM_SEED=$(SEED)) $<,@echo 'SCENARIO= is one of: \
		$(SCENARIOS:tests/scenario/%_test.c=%)')

demo:
	$Qtests/tools/deps.sh build demo
	$(sub) MODE=release all
	$Qtests/tools/demo.sh build/release/overlay
bench:
	$Qtests/tools/deps.sh build bench
	$(sub) MODE=release all bench-tools
	$Q$(PYTHON) tests/bench/bench.py $(BENCH_ARGS)
bench-tools: $(BENCH_BIN)
# One DHT node, asked by 25,000 addresses, beside libtorrent and bittorrent-dht.
bench-dht:
	$Qtests/tools/deps.sh build test
	$(sub) MODE=release all build/release/tests/bench/dht_load
	$Q$(PYTHON) tests/bench/dht_bench.py $(BENCH_ARGS)
# A page of 100 files in Chromium, and from a name to the first byte, beside nginx alone.
bench-page:
	$Qtests/tools/deps.sh build test bench
	$(sub) MODE=release all build/release/tests/bench/client
	$Q$(PYTHON) tests/bench/page_bench.py $(BENCH_ARGS)

# ---- reading the code ----

lint:
	$(sub) -k MODE=debug layers headers lint-format lint-words lint-scripts lint-docs lint-cppcheck \
		lint-tidy
lint-format:
	$(call say,FORMAT,$(words $(ALL)) files)
	$Qclang-format --dry-run -Werror $(ALL)
lint-words:
	$(call say,WORDS,tests/tools/discouraged.txt)
	$Qawk -f tests/tools/discouraged.awk tests/tools/discouraged.txt $(filter-out tests/%,$(ALL))
lint-scripts:
	$(call say,SHELL,$(words $(SCRIPTS)) scripts)
	$Qif command -v shellcheck >/dev/null; then shellcheck -S warning -x -P SCRIPTDIR $(SCRIPTS); else \
		echo 'lint-scripts: shellcheck is not installed (make deps-lint)' >&2; exit 1; fi
lint-cppcheck:
	$(call say,CPPCHK,$(words $(SRC) $(MAIN)) files)
	@mkdir -p build/lint/cppcheck
	$Qcppcheck -q --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=autoVariables --cppcheck-build-dir=build/lint/cppcheck -I. $(SRC) $(MAIN)
lint-tidy: $(patsubst %.c,build/lint/%.tidy,$(sort $(SRC) $(NSS)) $(MAIN))
build/lint/%.tidy: %.c .clang-tidy | have-libraries
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(OUR_CPPFLAGS) $(LIB_CFLAGS) -MM -MP -MT $@ -MF $@.d $<
	$Qclang-tidy --quiet $< -- $(OUR_CPPFLAGS) $(LIB_CFLAGS) -std=c17 2>$@.log || \
		{ cat $@.log; exit 1; }
	@touch $@
deps-lint:
	$Qtests/tools/deps.sh build test lint

format:
	$Qclang-format -i $(ALL)

layers:
	$Qawk -f tests/tools/layers.awk tests/tools/layers.txt $(ALL)
layers.dot:
	$Qawk -v dot=1 -f tests/tools/layers.awk tests/tools/layers.txt $(SRC) $(HDR) > $@

# A header compiles alone, so nobody depends on the order of includes.
headers: $(HDR:%=$B/%.ok)
$B/%.h.ok: %.h $B/flags | have-libraries
	@mkdir -p $(@D)
	$Qecho '#include "$<"' | $(COMPILE) -MMD -MP -MT $@ -MF $@.d -fsyntax-only -x c -
	@touch $@

# ---- handing it on ----

install: all docs
	$Qtests/tools/install.sh install '$(PROGRAM)'
uninstall:
	$Qtests/tools/install.sh uninstall
# For the script alone: a make inside make must work them out from its own prefix.
install uninstall: export bindir := $(bindir)
install uninstall: export libdir := $(libdir)
install uninstall: export datadir := $(datadir)
install uninstall: export mandir := $(mandir)
install uninstall: export docdir := $(docdir)
install uninstall: export unitdir := $(unitdir)
install: export INSTALL_PROGRAM := $(INSTALL_PROGRAM)
install: export INSTALL_DATA := $(INSTALL_DATA)
install uninstall: export DESTDIR := $(DESTDIR)

# The same commit always gives the same bytes.
dist:
	$(call say,DIST,build/overlay-$(VERSION).tar.gz)
	@mkdir -p build
	$Qgit archive --format=tar --prefix=overlay-$(VERSION)/ HEAD | gzip -9n > build/overlay-$(VERSION).tar.gz

deps-deb:
	$Qtests/tools/deps.sh build deb
deb:
	$Qtests/tools/deps.sh -n build deb || { echo 'make deps-deb installs it'; exit 1; }
	$(call say,DEB,build/deb)
	+$Qconfig/packaging/deb.sh $(VERSION)
check-deb:
	$Qtests/tools/check-deb.sh $(SUITES)

clean:
	$Q$(RM) -r build

FORCE:
.PHONY: FORCE all docs lint-docs tests natlab have-libraries deps deps-lint check check-fast run-unit run-scenario \
        run-replay run-tests check-asan check-tsan check-valgrind coverage fuzz run-fuzz grid doctor-tour page-tour sim sim-dht demo bench \
        bench-dht bench-page bench-tools grid-tools lint lint-format lint-words lint-scripts lint-cppcheck lint-tidy format layers \
        layers.dot headers install uninstall dist deps-deb deb check-deb clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $B build/lint -name '*.d' 2>/dev/null)
