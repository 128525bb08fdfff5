# SPDX-License-Identifier: MIT
#
# One non-recursive makefile for everything but the kernel module.
#
#   make [MODE=dev|rel|asan|tsan|cov] [CC=gcc|clang] [all|tests|test|conform]
#   make MODE=fuzz fuzz
#   make clean
#
# Sources are found by folder: a new room needs no line here.
#   base/             -> libbase.a
#   engine/           -> libengine.a  (engine/conform and engine/module apart)
#   vmm/ and cli/     -> libvmm.a, and with vmm/main.c the program `keel`
#   **/x_test.c       -> $(OUT)/test/**/x_test   one binary each
#   **/x_fuzz.c       -> $(OUT)/**/x_fuzz        one binary each, MODE=fuzz
#   **/fake_x.c, **/harness*.c, **/referee*.c -> linked to tests only
#   engine/conform/   -> $(OUT)/conform
#   engine/preload/   -> libpreload.a for its tests, and with all of base/ and
#                        engine/: libkeel-kvm.so

MODE ?= dev
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(MODE),fuzz)
CC := clang
endif
# Written for gcc 12 and clang 14; "clang-15" and paths count as clang too.
IS_CLANG := $(findstring clang,$(notdir $(CC)))
OUT := out/$(MODE)$(if $(filter-out fuzz,$(if $(IS_CLANG),$(MODE))),-clang)
OBJ := $(OUT)/obj
AR := ar
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

ifeq ($(filter dev rel asan tsan cov fuzz,$(MODE)),)
$(error MODE is '$(MODE)'; it is one of: dev rel asan tsan cov fuzz)
endif

# ---------------------------------------------------------------- sources ---

ROOTS := $(wildcard base engine vmm cli)
ALL := $(sort $(if $(ROOTS),$(shell find $(ROOTS) \
	\( -name '*.c' -o -name '*.S' \) ! -name '.*')))
# engine/module is built by Kbuild.
ALL := $(filter-out engine/module/%,$(ALL))

TEST_SRC := $(filter %_test.c,$(ALL))
FUZZ_SRC := $(filter %_fuzz.c,$(ALL))
# What only tests need beside themselves: fake_x.c, harness.c, referee.c.
SUPPORT_SRC := $(filter-out $(TEST_SRC) $(FUZZ_SRC),$(foreach f,$(ALL),\
	$(if $(filter fake_% harness% referee%,$(notdir $(f))),$(f))))
CODE := $(filter-out $(TEST_SRC) $(FUZZ_SRC) $(SUPPORT_SRC),$(ALL))
CONFORM_SRC := $(filter engine/conform/%,$(CODE))
BASE_SRC := $(filter base/%,$(CODE))
ENGINE_SRC := $(filter-out engine/conform/% engine/preload/%,\
	$(filter engine/%,$(CODE)))
PRELOAD_SRC := $(filter engine/preload/%,$(CODE))
# These take libc's names for themselves, which is for no test binary.
PRELOAD_NAMES := engine/preload/preload.c engine/preload/syscall.S
VMM_SRC := $(filter-out vmm/main.c,$(filter vmm/% cli/%,$(CODE)))
MAIN_SRC := $(filter vmm/main.c,$(CODE))

obj = $(patsubst %,$(OBJ)/%.o,$(1))
BASE_OBJ := $(call obj,$(BASE_SRC))
ENGINE_OBJ := $(call obj,$(ENGINE_SRC))
VMM_OBJ := $(call obj,$(VMM_SRC))
MAIN_OBJ := $(call obj,$(MAIN_SRC))
CONFORM_OBJ := $(call obj,$(CONFORM_SRC))
PRELOAD_OBJ := $(call obj,$(filter-out $(PRELOAD_NAMES),$(PRELOAD_SRC)))
SO_OBJ := $(call obj,$(PRELOAD_SRC) $(ENGINE_SRC) $(BASE_SRC))
TEST_OBJ := $(call obj,$(TEST_SRC))
FUZZ_OBJ := $(call obj,$(FUZZ_SRC))
SUPPORT_OBJ := $(call obj,$(filter-out base/harness_fault.c,$(SUPPORT_SRC)))
LIBS := $(OUT)/libvmm.a $(OUT)/libengine.a $(OUT)/libbase.a

TEST_LIB := $(OUT)/libsupport.a $(OUT)/libpreload.a $(LIBS)

KEEL := $(if $(MAIN_SRC),$(OUT)/keel)
CONFORM := $(if $(filter engine/conform/main.c,$(CONFORM_SRC)),$(OUT)/conform)
# A sanitizer's own runtime would have to be preloaded before it.
PRELOAD := $(if $(filter asan tsan fuzz,$(MODE)),,\
	$(if $(PRELOAD_SRC),$(OUT)/libkeel-kvm.so))
TESTS := $(patsubst %.c,$(OUT)/test/%,$(TEST_SRC))
# One thread has no races, and the thunks' tests enter guest code by jumps that
# this sanitizer cannot follow. It makes a fork of vfork and delays signals, and
# has memory of its own where a stub's window would be.
ifeq ($(MODE),tsan)
TESTS := $(filter-out $(OUT)/test/engine/core/% $(OUT)/test/engine/soft/thunk/%\
	$(addprefix $(OUT)/test/engine/preload/,process_test signals_test)\
	$(OUT)/test/engine/soft/direct/stub_test,\
	$(TESTS))
endif
TESTS := $(filter-out $(if $(filter asan tsan cov fuzz,$(MODE)),%/jail_test %/jailed_test),$(TESTS))
FUZZERS := $(patsubst %.c,$(OUT)/%,$(FUZZ_SRC))

# ------------------------------------------------------------------ flags ---

WARN := -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wwrite-strings \
	-Wpointer-arith -Wcast-qual -Wformat=2 -Wnull-dereference \
	-Wimplicit-fallthrough -Wmissing-prototypes -Wstrict-prototypes \
	-Wconversion -Wno-sign-conversion
# An empty _GNU_SOURCE agrees with a source that defines it for itself.
CPPFLAGS_ALL := -iquote . -D_GNU_SOURCE= -MMD -MP
# A report and a backtrace need lines; variables cost a third of the compilation.
# For a debugger: make DEBUG=-g
DEBUG := -g1
CFLAGS_ALL := -std=gnu17 $(WARN) $(DEBUG) -fno-common -fno-strict-aliasing \
	-fwrapv -pthread
LDFLAGS_ALL := -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack
# Of vmm/block and vmm/monitor; by plain names where pkg-config is not installed.
LDLIBS_ALL := -Wl,--as-needed $(shell pkg-config --libs liburing zlib libzstd \
	json-c 2>/dev/null || echo -luring -lz -lzstd -ljson-c)

OPT := -O1
ENGINE_OPT = $(OPT)
SAN :=
HARDEN :=
LTO :=
ifeq ($(MODE),rel)
OPT := -O2
ENGINE_OPT := -O3
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
# Fat objects: the program is linked with LTO, the many test binaries take
# the plain code of the same compilation and link in a moment.
LTO := $(if $(IS_CLANG),,-flto=auto -ffat-lto-objects)
endif
ifeq ($(MODE),asan)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
endif
ifeq ($(MODE),tsan)
SAN := -fsanitize=thread -fno-omit-frame-pointer
# gcc says at every fence that the sanitizer does not model fences.
SAN += $(if $(IS_CLANG),,-Wno-tsan)
endif
ifeq ($(MODE),cov)
OPT := -O0
SAN := --coverage
endif
ifeq ($(MODE),fuzz)
SAN := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
endif
# Their runtimes make system calls as they like: no jail there (vmm/jail).
CPPFLAGS_ALL += -DSANITIZED=$(if $(SAN),1,0)
# Guests misalign as they like, and their accesses are made as they come.
SAN := $(strip $(SAN) $(if $(findstring undefined,$(SAN)),-fno-sanitize=alignment))
# The sanitizers' own inserted checks confuse gcc's null-path reasoning.
NONULL := $(if $(SAN),$(if $(IS_CLANG),,-Wno-null-dereference))

# What engine/core may be compiled into is the kernel: no SIMD, no x87, and
# none of the hardening that needs a C library, in every mode alike.
CORE_FLAGS := -ffreestanding -mgeneral-regs-only
# Beside translated code the vector registers hold the guest's.
SOFT_FLAGS := -mgeneral-regs-only -U_FORTIFY_SOURCE
# ... and the C library's memory functions use those: engine/core and soft, the
# compiler's own calls included, get engine/soft/plain_mem.c's instead.
PLAIN_MEM := $(if $(SAN),,-fno-lto -DPLAIN_MEM=1)
is_test = $(filter $(SUPPORT_SRC) %_test.c %_fuzz.c,$(1))
is_plain = $(if $(PLAIN_MEM),$(filter-out $(SUPPORT_SRC) %_test.c %_fuzz.c,\
	$(filter engine/core/%.c engine/soft/%.c,$(1))))
RENAME := $(foreach f,memcpy memmove memset memcmp,--redefine-sym $(f)=keel_$(f))
# base/ and engine/ are linked into programs and into libkeel-kvm.so alike.
# Hidden symbols make that cost nothing, and ld turns the rest into PIE's code.
PIC := -fPIC -fvisibility=hidden -ftls-model=initial-exec
flags_of = $(CFLAGS_ALL) $(if $(filter base/% engine/%,$(1)),$(PIC),-fPIE) \
	$(NONULL) $(SAN) $(if $(call is_test,$(1)),-O1 $(HARDEN),\
	$(if $(filter engine/%,$(1)),$(ENGINE_OPT),$(OPT)) \
	$(if $(filter tests/%,$(1)),,$(LTO)) \
	$(if $(filter engine/core/%,$(1)),$(CORE_FLAGS),$(HARDEN)) \
	$(if $(filter engine/soft/%,$(1)),$(SOFT_FLAGS)) \
	$(if $(call is_plain,$(1)),$(PLAIN_MEM))) \
	$(CFLAGS)

# Optional libraries, tests only: an independent disassembler as referee.
# Debian's package has no pkg-config file, so the header is asked.
HAVE_ZYDIS := $(shell $(CC) -include Zydis/Zydis.h -fsyntax-only -xc \
	/dev/null 2>/dev/null && echo 1)
ifeq ($(HAVE_ZYDIS),1)
TEST_LIBS := -Wl,--as-needed -lZydis -lZycore -Wl,--no-as-needed
TEST_CPPFLAGS := -DHAVE_ZYDIS=1
else
TEST_CPPFLAGS := -DHAVE_ZYDIS=0
endif

# base/harness_fault.c stands before these in tests and lets them fail.
FAULT_OBJ := $(call obj,$(filter base/harness_fault.c,$(SUPPORT_SRC)))
TEST_WRAP := $(if $(FAULT_OBJ),\
	$(foreach f,malloc calloc realloc strdup mmap,-Wl,--wrap=$(f)))

# ------------------------------------------------------------------ goals ---

.DEFAULT_GOAL := all
.PHONY: all tests test conform fuzz libs clean print-tests print-fuzz FORCE
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

all: $(LIBS) $(KEEL) $(CONFORM) $(PRELOAD)
libs: $(LIBS)
conform: $(CONFORM)
tests: $(TESTS) $(CONFORM)
fuzz: $(FUZZERS)
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
ifneq ($(MODE),fuzz)
$(error the goal 'fuzz' needs MODE=fuzz)
endif
endif

test: tests
	$(Q)tools/run-tests -j 2 $(TESTS)

print-tests:
	@printf '%s\n' $(TESTS)
print-fuzz:
	@printf '%s\n' $(FUZZERS)

clean:
	rm -rf out/insn out/dev out/dev-clang out/rel out/rel-clang out/asan \
		out/asan-clang out/tsan out/tsan-clang out/cov out/fuzz

# ------------------------------------------------------------------ rules ---

# A stamp is rewritten only when its text differs: changed flags recompile,
# a source that came or went relinks, and nothing else happens.
define stamp
$(Q)mkdir -p $(@D)
@echo '$(subst ','\'',$(1))' | cmp -s - $@ || \
	echo '$(subst ','\'',$(1))' >$@
endef

$(OUT)/.flags: FORCE
	$(call stamp,$(CC) $(flags_of) $(PIC) $(ENGINE_OPT) $(HARDEN) $(CORE_FLAGS) $(SOFT_FLAGS) $(PLAIN_MEM) \
		$(CPPFLAGS_ALL) $(CPPFLAGS) $(TEST_CPPFLAGS))
$(OUT)/.sources: FORCE
	$(call stamp,$(CODE) $(SUPPORT_SRC))

$(TEST_OBJ) $(FUZZ_OBJ) $(SUPPORT_OBJ): private CPPFLAGS_ALL += $(TEST_CPPFLAGS)

$(OBJ)/%.c.o: %.c $(OUT)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(call flags_of,$<) -c -o $@ $<
	$(if $(call is_plain,$<),$(Q)objcopy $(RENAME) $@)

$(OBJ)/%.S.o: %.S $(OUT)/.flags
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) -g -c -o $@ $<

$(OUT)/libbase.a: $(BASE_OBJ) $(OUT)/.sources
$(OUT)/libengine.a: $(ENGINE_OBJ) $(OUT)/.sources
$(OUT)/libvmm.a: $(VMM_OBJ) $(OUT)/.sources
$(OUT)/libsupport.a: $(SUPPORT_OBJ) $(OUT)/.sources
$(OUT)/libpreload.a: $(PRELOAD_OBJ) $(OUT)/.sources
$(TEST_LIB):
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

LINK = $(CC) $(LDFLAGS_ALL) $(SAN) $(LDFLAGS)
ENGINE_LINK_OPT = $(if $(LTO),$(LTO) $(OPT))

# The program takes objects, not archives: LTO then sees all of it at once.
$(OUT)/keel: $(MAIN_OBJ) $(VMM_OBJ) $(ENGINE_OBJ) $(BASE_OBJ) $(OUT)/.sources
	$(call say,LINK,$@)
	$(Q)$(LINK) $(ENGINE_LINK_OPT) -o $@ $(filter %.o,$^) $(LDLIBS_ALL)

$(OUT)/conform: $(CONFORM_OBJ) $(LIBS)
	$(call say,LINK,$@)
	$(Q)$(LINK) -fno-lto -o $@ $^ $(LDLIBS_ALL)

# The engine inside reaches __wrap_close and the like in engine/preload.
PRELOAD_WRAP := sigaction close eventfd epoll_create1 timerfd_create fcntl
$(OUT)/libkeel-kvm.so: $(SO_OBJ) engine/preload/export.map $(OUT)/.sources
	$(call say,LINK,$@)
	$(Q)$(filter-out -pie,$(LINK)) -shared -fno-lto -Wl,-z,defs \
		-Wl,--version-script=engine/preload/export.map \
		$(PRELOAD_WRAP:%=-Wl,--wrap=%) -o $@ $(filter %.o,$^)

$(OUT)/test/%: $(OBJ)/%.c.o $(FAULT_OBJ) $(TEST_LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto $(TEST_WRAP) -o $@ $^ $(TEST_LIBS) $(LDLIBS_ALL)

ifeq ($(MODE),fuzz)
$(FUZZERS): $(OUT)/%: $(OBJ)/%.c.o $(TEST_LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(TEST_LIBS) $(LDLIBS_ALL)
endif

-include $(patsubst %.o,%.d,$(BASE_OBJ) $(ENGINE_OBJ) $(VMM_OBJ) $(MAIN_OBJ) \
	$(CONFORM_OBJ) $(TEST_OBJ) $(FUZZ_OBJ) $(SUPPORT_OBJ) $(FAULT_OBJ) \
	$(SO_OBJ))

# Bare-metal guest images bring their own rules.
-include tests/guest/guest.mk
# So do the clients of libkeel-kvm.so.
-include tests/preload/preload.mk
# And what moves a guest between tiers.
-include tests/state/state.mk
# And what does to disk images what a script says.
-include tests/block/block.mk
# And programs in the place of a guest.
-include tests/net/net.mk
