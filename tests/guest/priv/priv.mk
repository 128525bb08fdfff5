# SPDX-License-Identifier: MIT
#
# Images that test the privileged architecture from inside, and their runner.
# `make priv-images` builds them into $(OUT)/guest/priv.

PRIV_DIR := tests/guest/priv
PRIV_OUT := $(OUT)/guest/priv
PRIV_64 := paging gates64 debug smp apic time power hostile
PRIV_32 := paging32 gates32
PRIV_IMAGES := $(addprefix $(PRIV_OUT)/,$(addsuffix .elf,$(PRIV_64) $(PRIV_32)))

# Neither the sanitizers nor hardening exist in there; code runs at two
# addresses and is written over by itself.
PRIV_CFLAGS := -std=gnu17 $(WARN) -O2 -g0 -ffreestanding -fno-common \
	-fno-strict-aliasing -fwrapv -mgeneral-regs-only -fno-stack-protector \
	-fno-pic -fno-pie -fcf-protection=none -fno-asynchronous-unwind-tables \
	-mno-red-zone -iquote . -MMD -MP
PRIV_LIB_64 := start64 trap64 table64 runtime
PRIV_LIB_32 := start32 trap32 table32 runtime
# What an image has beside its own .c and the library.
PRIV_MORE_paging := access
PRIV_MORE_apic := lib/apic lib/ap
PRIV_MORE_hostile := lib/apic lib/ap
PRIV_MORE_time := lib/apic lib/ap
PRIV_MORE_smp := lib/apic lib/ap
PRIV_MORE_paging32 := access32

priv_obj = $(patsubst %,$(PRIV_OUT)/$(2)/lib/%.o,$(1))

.PHONY: priv-images
priv-images: $(PRIV_IMAGES)
tests: $(PRIV_IMAGES)

define priv_rules
$(PRIV_OUT)/$(1)/%.o: $(PRIV_DIR)/%.c $(OUT)/.flags $(PRIV_DIR)/priv.mk
	$$(call say,GUEST,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) -m$(1) $$(PRIV_CFLAGS) -c -o $$@ $$<
$(PRIV_OUT)/$(1)/%.o: $(PRIV_DIR)/%.S $(OUT)/.flags $(PRIV_DIR)/priv.mk
	$$(call say,GUEST,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) -m$(1) -iquote . -MMD -MP -c -o $$@ $$<
endef
$(eval $(call priv_rules,64))
$(eval $(call priv_rules,32))

define priv_image
$(PRIV_OUT)/$(1).elf: $$(patsubst %,$(PRIV_OUT)/$(2)/%.o,\
		$(1) $(PRIV_MORE_$(1)) $$(addprefix lib/,$(PRIV_LIB_$(2)))) \
		$(PRIV_DIR)/lib/image.ld
	$$(call say,GUEST,$$@)
	$$(Q)ld -m $(3) -nostdlib --no-warn-rwx-segments --build-id=none \
		-z noexecstack -e start -T $(PRIV_DIR)/lib/image.ld -o $$@.ld \
		$$(filter %.o,$$^)
	$$(Q)objcopy -O elf32-i386 $$@.ld $$@
	$$(Q)rm $$@.ld
endef
$(foreach i,$(PRIV_64),$(eval $(call priv_image,$(i),64,elf_x86_64)))
$(foreach i,$(PRIV_32),$(eval $(call priv_image,$(i),32,elf_i386)))

-include $(wildcard $(PRIV_OUT)/*/*.d $(PRIV_OUT)/*/lib/*.d)
