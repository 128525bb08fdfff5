# SPDX-License-Identifier: MIT
#
# The instruction files: each x.S becomes out/insn/x.bin, with its source beside
# it for the head, and run_insn runs them all. It is one of `make test`.

INSN_DIR := tests/guest/insn
INSN_OUT := $(OUT)/test/$(INSN_DIR)
INSN_SRC := $(wildcard $(INSN_DIR)/*.c)
INSN_OBJ := $(call obj,$(INSN_SRC))
INSN_CASES := $(wildcard $(INSN_DIR)/*.S)
INSN_ALL := out/insn
INSN_BIN := $(patsubst $(INSN_DIR)/%.S,$(INSN_ALL)/%.bin,$(INSN_CASES))
INSN_RUN := $(INSN_OUT)/run_insn

.PHONY: insn
# It forks and takes over whole signal frames, which this sanitizer does too.
ifneq ($(MODE),tsan)
TESTS += $(INSN_RUN)
tests: $(INSN_RUN)
endif
insn: $(INSN_RUN)
	$(Q)$(INSN_RUN)

# The same bytes for every mode, by gcc, as clang takes three times as long. Two
# makes may be at it at once, so each file comes by a rename.
$(INSN_ALL)/%.bin: $(INSN_DIR)/%.S
	@mkdir -p $(@D)
	$(Q)o=$@.$$$$ && \
	$(if $(IS_CLANG),gcc,$(CC)) -c -x assembler-with-cpp -Wa,--fatal-warnings -o $$o $< && \
	objcopy -O binary -j .text $$o && cp $< $$o.head && \
	mv $$o.head $(@:.bin=.S) && mv $$o $@

# The folder's list is in the stamp: a case that went must go there too.
$(INSN_OUT)/.cases: FORCE
	$(call stamp,$(INSN_CASES))
	@mkdir -p $(INSN_ALL)
	@[ -L $(INSN_OUT)/cases ] || rm -rf $(INSN_OUT)/cases
	@ln -sfn $(CURDIR)/$(INSN_ALL) $(INSN_OUT)/cases
	@for s in $(INSN_ALL)/*.S; do \
		[ ! -e "$$s" ] || [ -e "$(INSN_DIR)/$${s##*/}" ] || \
		rm -f "$$s" "$${s%.S}.bin"; done

# The cases are prerequisites like the others: order-only ones that are missing
# would not be made, since the Makefile calls every target secondary.
$(INSN_RUN): $(INSN_OBJ) $(LIBS) $(INSN_OUT)/.cases $(INSN_BIN)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $(filter %.o %.a,$^) $(LDLIBS_ALL)

# The jailed child may call exit_group and rt_sigreturn. clang's sanitizer asks
# for the signal stack before each call that does not return.
$(OBJ)/$(INSN_DIR)/native.c.o: private CFLAGS += -fno-sanitize=all

-include $(patsubst %.o,%.d,$(INSN_OBJ))
