/* SPDX-License-Identifier: MIT */
/*
 * A file that is no kernel for this machine: what is it, as far as its first
 * bytes say? Only to help the person who named it.
 */
#include <string.h>

#include "vmm/firmware/boot/boot.h"

#define ELF_MACHINE_OFFSET 18
#define EM_386		   3
#define EM_X86_64	   62

struct alien {
	u32 offset;
	u32 size;
	const char *magic;
	const char *is;
};

static const struct alien aliens[] = {
	{0x38, 4, "ARM\x64", "a Linux kernel for arm64"},
	{0x38, 4, "RSC\x05", "a Linux kernel for RISC-V"},
	{0, 2, "MZ", "an EFI or DOS program without a Linux setup header"},
	{0, 2, "\x1f\x8b", "compressed with gzip"},
	{0, 3, "BZh", "compressed with bzip2"},
	{0, 6,
	 "\xfd"
	 "7zXZ",
	 "compressed with xz"},
	{0, 4, "\x28\xb5\x2f\xfd", "compressed with zstd"},
	{0, 4, "\x04\x22\x4d\x18", "compressed with lz4"},
	{0, 6, "070701", "a cpio archive, such as an initrd"},
	{0, 4, "QFI\xfb", "a qcow2 disk image"},
	{0, 8, "!<arch>\n", "an archive or Debian package"},
	{0, 2, "#!", "a script"},
};

static const char *describe_elf(const struct boot *boot)
{
	u16 machine;

	memcpy(&machine, boot->head + ELF_MACHINE_OFFSET, sizeof(machine));
	if (machine == EM_X86_64 || machine == EM_386)
		return "an x86 ELF file with neither a PVH note nor a "
		       "multiboot 1 header";
	return "an ELF file for another architecture";
}

static bool is_text(const struct boot *boot)
{
	for (u32 i = 0; i < boot->head_size; i++) {
		u8 c = boot->head[i];

		if (c == 0x7f || (c < ' ' && !strchr("\t\n\r\f", c)) || !c)
			return false;
	}
	return true;
}

const char *boot_describe_alien(const struct boot *boot)
{
	if (boot->head_size >= 20 && !memcmp(boot->head,
					     "\x7f"
					     "ELF",
					     4))
		return describe_elf(boot);
	for (u32 i = 0; i < ARRAY_SIZE(aliens); i++) {
		const struct alien *a = &aliens[i];

		if (a->offset + a->size <= boot->head_size &&
		    !memcmp(boot->head + a->offset, a->magic, a->size))
			return a->is;
	}
	if (is_text(boot))
		return "a text file";
	return "in a format that is not known";
}
