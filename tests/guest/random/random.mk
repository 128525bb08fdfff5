# SPDX-License-Identifier: MIT
#
# The random test: $(OUT)/tests/random runs instruction sequences on the bare
# CPU and on the interpreter. It is no part of `make test`: dev check calls it.

RANDOM_DIR := tests/guest/random
RANDOM_OBJ := $(call obj,$(wildcard $(RANDOM_DIR)/*.c))
RANDOM_RUN := $(OUT)/tests/random

.PHONY: random
# It takes over whole signal frames, which this sanitizer does too.
ifneq ($(MODE),tsan)
tests: $(RANDOM_RUN)
endif
random: $(RANDOM_RUN)
	$(Q)$(RANDOM_RUN)

$(RANDOM_OBJ): private CPPFLAGS_ALL += $(TEST_CPPFLAGS)

# The jailed child's handler runs with any thread pointer, vector state and
# flags: nothing may be inserted into it, and it calls nothing.
$(OBJ)/$(RANDOM_DIR)/child.c.o: private CFLAGS += -O2 -ffreestanding -fno-builtin \
	-mgeneral-regs-only -fno-stack-protector -fno-lto -U_FORTIFY_SOURCE \
	-fno-sanitize=all $(if $(filter cov,$(MODE)),-fno-profile-arcs -fno-test-coverage)

$(RANDOM_RUN): $(RANDOM_OBJ) $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $^ $(TEST_LIBS) $(LDLIBS_ALL)

-include $(patsubst %.o,%.d,$(RANDOM_OBJ))
