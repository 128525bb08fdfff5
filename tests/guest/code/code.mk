# SPDX-License-Identifier: MIT
#
# Images that test what a translator can get wrong, and their runner; they
# stand on the library of tests/guest/priv. `make code-images` builds them into
# $(OUT)/guest/code.

CODE_DIR := tests/guest/code
CODE_OUT := $(OUT)/guest/code
CODE_PRIV := $(OUT)/guest/priv
CODE_64 := selfmod poke modes rewrite spaces rights cross faults step storm \
	litmus shoot forms kernel user
CODE_32 := selfmod32 small
CODE_IMAGES := $(addprefix $(CODE_OUT)/,$(addsuffix .elf,$(CODE_64) $(CODE_32)))

CODE_LIB_64 := hot space
CODE_LIB_32 := hot
# What an image has beside its own .c and the libraries.
CODE_MORE_selfmod := lib/stores stores loops
CODE_MORE_selfmod32 := lib/stores stores loops stores16
CODE_MORE_small := small16
CODE_MORE_cross := ops lib/ops

.PHONY: code-images
code-images: $(CODE_IMAGES)
tests: $(CODE_IMAGES)

define code_rules
$(CODE_OUT)/$(1)/%.o: $(CODE_DIR)/%.c $(OUT)/.flags $(CODE_DIR)/code.mk
	$$(call say,GUEST,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) -m$(1) $$(PRIV_CFLAGS) -c -o $$@ $$<
$(CODE_OUT)/$(1)/%.o: $(CODE_DIR)/%.S $(OUT)/.flags $(CODE_DIR)/code.mk
	$$(call say,GUEST,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) -m$(1) -iquote . -MMD -MP -c -o $$@ $$<
endef
$(eval $(call code_rules,64))
$(eval $(call code_rules,32))

CODE_BASE_64 := start64 trap64 table64 runtime apic ap
CODE_BASE_32 := start32 trap32 table32 runtime

define code_image
$(CODE_OUT)/$(1).elf: $$(patsubst %,$(CODE_OUT)/$(2)/%.o,\
		$(1) $(CODE_MORE_$(1)) $$(addprefix lib/,$(CODE_LIB_$(2)))) \
		$$(patsubst %,$(CODE_PRIV)/$(2)/lib/%.o,$(CODE_BASE_$(2))) \
		tests/guest/priv/lib/image.ld
	$$(call say,GUEST,$$@)
	$$(Q)ld -m $(3) -nostdlib --no-warn-rwx-segments --build-id=none \
		-z noexecstack -e start -T tests/guest/priv/lib/image.ld \
		-o $$@.ld $$(filter %.o,$$^)
	$$(Q)objcopy -O elf32-i386 $$@.ld $$@
	$$(Q)rm $$@.ld
endef
$(foreach i,$(CODE_64),$(eval $(call code_image,$(i),64,elf_x86_64)))
$(foreach i,$(CODE_32),$(eval $(call code_image,$(i),32,elf_i386)))

-include $(wildcard $(CODE_OUT)/*/*.d $(CODE_OUT)/*/lib/*.d)
