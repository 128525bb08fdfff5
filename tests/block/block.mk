# SPDX-License-Identifier: MIT
#
# $(OUT)/tests/block/io does to an image what its standard input says, through
# vmm/block/block.h. tests/block/run calls it.

BLOCK_DIR := tests/block
BLOCK_OBJ := $(call obj,$(wildcard $(BLOCK_DIR)/*.c))
BLOCK_IO := $(OUT)/tests/block/io

.PHONY: block-io
tests: $(BLOCK_IO)
block-io: $(BLOCK_IO)

$(BLOCK_IO): $(BLOCK_OBJ) $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $^ $(LDLIBS_ALL)

-include $(BLOCK_OBJ:.o=.d)
