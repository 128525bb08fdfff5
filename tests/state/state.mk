# SPDX-License-Identifier: MIT
#
# State across tiers: $(OUT)/tests/state/state boots a guest and moves it from
# one tier to the other and back. tests/state/run calls it.

STATE_DIR := tests/state
STATE_OBJ := $(call obj,$(wildcard $(STATE_DIR)/*.c))
STATE_RUN := $(OUT)/tests/state/state

.PHONY: state
tests: $(STATE_RUN)
state: $(STATE_RUN)

$(STATE_RUN): $(STATE_OBJ) $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $^ $(LDLIBS_ALL)

-include $(STATE_OBJ:.o=.d)
