# SPDX-License-Identifier: MIT
#
# The instruction files: each x.S becomes cases/x.bin, with its source beside
# it for the head, and run_insn runs them all. It is one of `make test`.

INSN_DIR := tests/guest/insn
INSN_OUT := $(OUT)/test/$(INSN_DIR)
INSN_SRC := $(wildcard $(INSN_DIR)/*.c)
INSN_OBJ := $(call obj,$(INSN_SRC))
INSN_CASES := $(wildcard $(INSN_DIR)/*.S)
INSN_BIN := $(patsubst $(INSN_DIR)/%.S,$(INSN_OUT)/cases/%.bin,$(INSN_CASES))
INSN_RUN := $(INSN_OUT)/run_insn

.PHONY: insn
# It forks and takes over whole signal frames, which this sanitizer does too.
ifneq ($(MODE),tsan)
TESTS += $(INSN_RUN)
tests: $(INSN_RUN)
endif
insn: $(INSN_RUN)
	$(Q)$(INSN_RUN)

$(INSN_OUT)/cases/%.bin: $(INSN_DIR)/%.S
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -c -x assembler-with-cpp -Wa,--fatal-warnings -o $@.o $<
	$(Q)objcopy -O binary -j .text $@.o $@
	$(Q)rm $@.o
	$(Q)cp $< $(@:.bin=.S)

# The folder's list is in the stamp: a case that went must go there too.
$(INSN_OUT)/.cases: FORCE
	$(call stamp,$(INSN_CASES))
	@cd $(INSN_OUT) && for s in cases/*.S; do \
		[ ! -e "$$s" ] || [ -e "$(CURDIR)/$(INSN_DIR)/$${s#cases/}" ] || \
		rm -f "$$s" "$${s%.S}.bin"; done

# The cases are prerequisites like the others: order-only ones that are missing
# would not be made, since the Makefile calls every target secondary.
$(INSN_RUN): $(INSN_OBJ) $(LIBS) $(INSN_OUT)/.cases $(INSN_BIN)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $(filter %.o %.a,$^) $(LDLIBS_ALL)

-include $(patsubst %.o,%.d,$(INSN_OBJ))
