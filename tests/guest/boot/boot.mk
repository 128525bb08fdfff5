# SPDX-License-Identifier: MIT
#
# Kernels of a few hundred bytes, one for each boot protocol, and the script
# that boots them all. `make boot-images` builds them.

BOOT_DIR := tests/guest/boot
BOOT_OUT := $(OUT)/guest/boot
BOOT_IMAGES := $(addprefix $(BOOT_OUT)/,multiboot.elf kludge.bin pvh.elf \
	pvh64.elf bzimage32 bzimage64)

.PHONY: boot-images
boot-images: $(BOOT_IMAGES)
tests: $(BOOT_IMAGES)

boot_as = $(Q)mkdir -p $(@D) && \
	$(CC) $(1) -I $(BOOT_DIR) -c -o $@.o $(BOOT_DIR)/$(2).S
boot_ld = $(Q)ld -nostdlib --no-warn-rwx-segments --build-id=none \
	-e start $(1) -o $@ $@.o && rm $@.o
BOOT_COMMON := $(BOOT_DIR)/serial.inc $(BOOT_DIR)/boot.mk

$(BOOT_OUT)/multiboot.elf: $(addprefix $(BOOT_DIR)/,multiboot.S image.ld) $(BOOT_COMMON)
	$(call say,GUEST,$@)
	$(call boot_as,-m32,multiboot)
	$(call boot_ld,-m elf_i386 -T $(BOOT_DIR)/image.ld)

$(BOOT_OUT)/kludge.bin: $(addprefix $(BOOT_DIR)/,multiboot.S image.ld) $(BOOT_COMMON)
	$(call say,GUEST,$@)
	$(call boot_as,-m32 -DKLUDGE,multiboot)
	$(call boot_ld,-m elf_i386 -T $(BOOT_DIR)/image.ld --oformat binary)

$(BOOT_OUT)/pvh.elf: $(addprefix $(BOOT_DIR)/,pvh.S image.ld) $(BOOT_COMMON)
	$(call say,GUEST,$@)
	$(call boot_as,-m32,pvh)
	$(call boot_ld,-m elf_i386 -T $(BOOT_DIR)/image.ld)

# The same code in a 64-bit file, as vmlinux is.
$(BOOT_OUT)/pvh64.elf: $(BOOT_OUT)/pvh.elf
	$(call say,GUEST,$@)
	$(Q)objcopy -I elf32-i386 -O elf64-x86-64 $< $@

$(BOOT_OUT)/bzimage32: $(addprefix $(BOOT_DIR)/,bzimage.S bzimage.ld) $(BOOT_COMMON)
	$(call say,GUEST,$@)
	$(call boot_as,-m32,bzimage)
	$(call boot_ld,-m elf_i386 -T $(BOOT_DIR)/bzimage.ld --oformat binary)

$(BOOT_OUT)/bzimage64: $(addprefix $(BOOT_DIR)/,bzimage.S bzimage.ld) $(BOOT_COMMON)
	$(call say,GUEST,$@)
	$(call boot_as,-m64 -DIMAGE_64,bzimage)
	$(call boot_ld,-m elf_x86_64 -T $(BOOT_DIR)/bzimage.ld --oformat binary)
