/* SPDX-License-Identifier: MIT */
/*
 * Just enough of ELF to load a kernel: the header and program headers of
 * 32-bit and 64-bit little-endian files. [ELF "ELF Header", "Program Header"]
 */
#ifndef VMM_FIRMWARE_BOOT_ELF_H
#define VMM_FIRMWARE_BOOT_ELF_H

#include "vmm/firmware/boot/boot.h"

#define ELF_SEGMENT_MAX 64

struct elf_segment {
	u32 type;
	u64 offset, paddr, vaddr, file_bytes, mem_bytes;
};

struct elf {
	bool is_64;
	u64 entry;
	u32 segment_count;
	struct elf_segment segment[ELF_SEGMENT_MAX];
};

/*
 * 1: an x86 ELF file, *ret filled. 0: none. -EINVAL: a broken one, or one
 * for another architecture.
 */
int elf_parse(const struct boot *boot, struct elf *ret, struct fault *fault);

/*
 * Loads what there is to load at its physical addresses, which must lie in
 * RAM from 1 MiB on. *ret_end is where the last of it ends.
 */
must_check int elf_load(const struct boot *boot, const struct elf *elf,
			struct guest_mem *mem, gpa_t *ret_end,
			struct fault *fault);

#endif
