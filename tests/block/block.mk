# SPDX-License-Identifier: MIT
#
# $(OUT)/tests/block/io does to an image what its standard input says, through
# vmm/block/block.h, and record.so, preloaded under it, writes down what changes
# files. tests/block/run calls them.

BLOCK_DIR := tests/block
BLOCK_OBJ := $(call obj,$(BLOCK_DIR)/io.c)
BLOCK_IO := $(OUT)/tests/block/io
BLOCK_RECORD := $(if $(SAN),,$(OUT)/tests/block/record.so)

.PHONY: block-io
tests: $(BLOCK_IO) $(BLOCK_RECORD)
block-io: $(BLOCK_IO) $(BLOCK_RECORD)

$(BLOCK_IO): $(BLOCK_OBJ) $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) -fno-lto -o $@ $^ $(LDLIBS_ALL)

$(OUT)/tests/block/record.so: $(BLOCK_DIR)/record.c $(OUT)/.flags
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wno-missing-prototypes -O1 \
		-fPIC -shared -o $@ $<

-include $(BLOCK_OBJ:.o=.d)
