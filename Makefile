# make            the objects            make V=1         show the commands
# make check      tests and layers       make check-asan  tests under ASan and UBSan
# make check-valgrind                    make coverage    line coverage in build/cover/html
# make lint       format, tidy, layers   make format      apply .clang-format
# make fuzz       FUZZ_SECONDS=30 each   make clean

CC ?= gcc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
MODE ?= debug
V ?= 0

LIBS := libuv libsodium gnutls libngtcp2 libngtcp2_crypto_gnutls ldns jansson inih libcares libsystemd
TEST_LIBS := cmocka

CPPFLAGS += -I. -D_GNU_SOURCE
CFLAGS += -std=c17 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wundef -Wvla \
          -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Werror -MMD -MP \
          $(shell $(PKG_CONFIG) --cflags $(LIBS) $(TEST_LIBS))
LDLIBS += $(shell $(PKG_CONFIG) --libs $(LIBS))

CFLAGS.debug := -Og -g3
CFLAGS.release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS.asan := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS.cover := -O0 -g3 --coverage
CFLAGS += $(CFLAGS.$(MODE))
LDFLAGS += $(filter -fsanitize% --coverage,$(CFLAGS.$(MODE)))

B := build/$(MODE)
SRC := $(filter-out gateway/main.c,$(wildcard gateway/*.c gateway/*/*.c dns/*.c adapters/*.c config/*/*.c))
HDR := $(wildcard gateway/*/*.h dns/*.h adapters/*.h config/*/*.h tests/*/*.h)
TESTS := $(wildcard tests/unit/*_test.c)
TEST_LIB := $(wildcard tests/support/*.c tests/sim/*.c)
FUZZ := $(wildcard tests/fuzz/*_fuzz.c)
ALL := $(SRC) $(wildcard gateway/main.c) $(HDR) $(TESTS) $(TEST_LIB) $(FUZZ)
OBJ := $(SRC:%.c=$B/%.o)
TEST_BIN := $(TESTS:%.c=$B/%)

Q := $(if $(filter 1,$V),,@)
say = $(if $(filter 1,$V),,@printf '  %-7s %s\n' '$1' '$2')

all: $(OBJ) $(if $(wildcard gateway/main.c),$B/overlay)

$B/overlay: $B/gateway/main.o $B/gateway.a
	$(call say,LD,$@)
	$Q$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$B/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$B/gateway.a: $(OBJ)
	$(call say,AR,$@)
	$Q$(RM) $@ && $(AR) rcs $@ $^

$B/tests/unit/%_test: $B/tests/unit/%_test.o $(TEST_LIB:%.c=$B/%.o) $B/gateway.a
	$(call say,LD,$@)
	$Q$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell $(PKG_CONFIG) --libs $(TEST_LIBS))

# Each test stands alone; one that hangs is a failure, not a coffee break.
RUN ?=
run-tests: $(TEST_BIN)
	$Q set -e; for t in $^; do timeout 60 $(RUN) $$t; done

check: layers run-tests
check-asan:
	$Q$(MAKE) MODE=asan run-tests
check-valgrind:
	$Q$(MAKE) RUN='valgrind -q --leak-check=full --show-leak-kinds=all --error-exitcode=9' run-tests

coverage:
	$Q$(MAKE) MODE=cover run-tests
	$Q mkdir -p build/cover/html
	$Q gcovr -r . --object-directory build/cover -e tests/ --branches \
		--html-details build/cover/html/index.html --print-summary

# One libFuzzer binary per module, from the same sources, on its own corpus.
FUZZ_SECONDS ?= 30
fuzz: $(FUZZ:tests/fuzz/%.c=build/fuzz/%)
	$Q set -e; for f in $^; do c=tests/fuzz/corpus/$$(basename $$f); mkdir -p $$c; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -verbosity=0 -print_final_stats=1 $$c; done
build/fuzz/%: tests/fuzz/%.c $(SRC) $(HDR)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$Q$(CLANG) $(CPPFLAGS) -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $< $(SRC) $(LDLIBS)

lint: layers headers
	$Q clang-format --dry-run -Werror $(ALL)
	$Q clang-tidy --quiet $(SRC) -- $(CPPFLAGS) -std=c17
	$Q cppcheck -q --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr -I. $(SRC)

format:
	$Q clang-format -i $(ALL)

layers:
	$Q awk -f tests/tools/layers.awk tests/tools/layers.txt $(ALL)
layers.dot:
	$Q awk -v dot=1 -f tests/tools/layers.awk tests/tools/layers.txt $(SRC) $(HDR) > $@

# A header compiles alone, so nobody depends on the order of includes.
headers: $(HDR:%=$B/%.ok)
$B/%.h.ok: %.h
	@mkdir -p $(@D)
	$Qecho '#include "$<"' | $(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) -fsyntax-only -x c -
	@touch $@

clean:
	$Q$(RM) -r build

.PHONY: all check check-asan check-valgrind coverage fuzz lint format layers layers.dot headers \
        run-tests clean
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
