/* SPDX-License-Identifier: MIT */
/*
 * Multiboot version 1. [MULTIBOOT "Multiboot Specification version 0.6.96"]
 *
 * A header in the first 8 KiB; then either an ELF32 file or load addresses
 * in the header itself ("a.out kludge", flag 16). The initrd becomes the only
 * module. A wish for a video mode (flag 2) is not met: there is no display,
 * and the information handed over says so by leaving the mode out.
 */
#include <assert.h>
#include <string.h>

#include "vmm/firmware/boot/boot.h"
#include "vmm/firmware/boot/cpu_tables.h"
#include "vmm/firmware/boot/elf.h"
#include "vmm/firmware/memory_map.h"

#define HEADER_MAGIC	 0x1badb002
#define LOADER_MAGIC	 0x2badb002 /* in EAX */
#define HEADER_REQUIRED	 0x0000ffff /* flags a loader must know */
#define HEADER_KNOWN	 0x00000007
#define HEADER_ADDRESSES BIT(16)

#define INFO_MEMORY	 BIT(0)
#define INFO_CMDLINE	 BIT(2)
#define INFO_MODULES	 BIT(3)
#define INFO_MEMORY_MAP	 BIT(6)
#define INFO_LOADER_NAME BIT(9)

struct mb_header {
	u32 magic, flags, checksum;
	/* With HEADER_ADDRESSES: */
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
};

struct mb_module {
	u32 start, end, string, reserved;
};

struct mb_map_entry {
	u32 size; /* of what follows */
	u64 addr, length;
	u32 type;
} __attribute__((packed));

/* All of it at BOOT_INFO_GPA. */
struct mb_page {
	struct mb_info info;
	struct mb_module module;
	struct mb_map_entry map[MEMORY_MAP_MAX];
	char loader_name[8];
	char no_string[1];
};

/* Offset of the header, or -1. */
static s64 find_header(const struct boot *boot, struct mb_header *ret)
{
	const u32 size = 12; /* the part that is always there */

	for (u32 at = 0; at + size <= boot->head_size; at += 4) {
		*ret = (struct mb_header){};
		memcpy(ret, boot->head + at,
		       MIN((u32)sizeof(*ret), boot->head_size - at));
		if (ret->magic == HEADER_MAGIC &&
		    ret->magic + ret->flags + ret->checksum == 0)
			return at;
	}
	return -1;
}

static int multiboot_probe(const struct boot *boot, struct fault *fault)
{
	struct mb_header header;
	struct elf elf;

	if (find_header(boot, &header) < 0)
		return 0;
	if (header.flags & HEADER_REQUIRED & ~(u32)HEADER_KNOWN)
		return boot_refuse(boot, fault,
				   "requires multiboot features beyond "
				   "version 1's memory map and video mode");
	if (header.flags & HEADER_ADDRESSES)
		return 1;
	switch (elf_parse(boot, &elf, fault)) {
	case 1:
		if (!elf.is_64)
			return 1;
		return boot_refuse(boot, fault,
				   "is a 64-bit ELF file with a multiboot 1 "
				   "header; that needs a 32-bit one or load "
				   "addresses in the header");
	case 0:
		return boot_refuse(boot, fault,
				   "has a multiboot 1 header but is neither "
				   "ELF nor tells its load addresses");
	default:
		return -EINVAL;
	}
}

/* The a.out kludge. [MULTIBOOT 3.1.3 "The address fields of Multiboot header"] */
static int load_by_addresses(const struct boot *boot, const struct mb_header *h,
			     u64 header_offset, struct guest_mem *mem,
			     gpa_t *ret_end, struct fault *fault)
{
	u64 before = (u64)h->header_addr - h->load_addr;
	u64 offset = header_offset - before, size, end;
	int err;

	if (h->load_addr > h->header_addr || before > header_offset ||
	    (h->load_end_addr && h->load_end_addr < h->load_addr) ||
	    h->load_addr < KERNEL_GPA_MIN)
		return boot_refuse(boot, fault,
				   "has a multiboot header with impossible "
				   "load addresses (they must be in order and "
				   "from 1 MiB on)");
	size = h->load_end_addr ? (u64)h->load_end_addr - h->load_addr
				: boot->kernel.size - offset;
	end = MAX(h->load_addr + size, (u64)h->bss_end_addr);
	err = boot_check_fits(boot, mem, end, fault);
	if (!err)
		err = image_load(&boot->kernel, offset, size, mem, h->load_addr,
				 fault);
	if (!err && end > h->load_addr + size &&
	    !guest_mem_zero(mem, h->load_addr + size, end - h->load_addr - size))
		err = boot_refuse(boot, fault, "does not fit in the memory");
	*ret_end = end;
	return err;
}

static void fill_map(const struct guest_mem *mem, struct mb_page *page)
{
	struct memory_map map;

	memory_map_make(mem, &map);
	for (u32 i = 0; i < map.count; i++)
		page->map[i] = (struct mb_map_entry){
			.size = sizeof(page->map[i]) - sizeof(u32),
			.addr = map.entry[i].start,
			.length = map.entry[i].size,
			.type = map.entry[i].type,
		};
	page->info.mmap_addr = BOOT_INFO_GPA + offsetof(struct mb_page, map);
	page->info.mmap_length = (u32)(map.count * sizeof(struct mb_map_entry));
}

static void put_info(const struct boot *boot, struct guest_mem *mem,
		     gpa_t initrd)
{
	struct mb_page page = {
		.info = {.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES |
				  INFO_MEMORY_MAP | INFO_LOADER_NAME,
			 .mem_lower = EBDA_GPA / KiB,
			 .mem_upper = (u32)((guest_mem_low_end(mem) - MiB) / KiB),
			 .cmdline = BOOT_CMDLINE_GPA,
			 .mods_addr = BOOT_INFO_GPA +
				      offsetof(struct mb_page, module),
			 .boot_loader_name =
				 BOOT_INFO_GPA +
				 offsetof(struct mb_page, loader_name)},
		.loader_name = "keel",
	};

	if (initrd) {
		page.info.mods_count = 1;
		page.module.start = (u32)initrd;
		page.module.end = (u32)(initrd + boot->initrd.size);
		page.module.string =
			BOOT_INFO_GPA + offsetof(struct mb_page, no_string);
	}
	fill_map(mem, &page);
	static_assert(sizeof(page) <= GUEST_PAGE_BYTES, "one page");
	if (!guest_mem_write(mem, BOOT_INFO_GPA, &page, sizeof(page)))
		assert(false); /* low memory is always there */
}

static int load_kernel(const struct boot *boot, struct guest_mem *mem,
		       u32 *ret_entry, gpa_t *ret_end, struct fault *fault)
{
	struct mb_header header;
	s64 offset = find_header(boot, &header);
	struct elf elf;

	if (offset >= 0 && (header.flags & HEADER_ADDRESSES)) {
		*ret_entry = header.entry_addr;
		return load_by_addresses(boot, &header, (u64)offset, mem,
					 ret_end, fault);
	}
	switch (elf_parse(boot, &elf, fault)) {
	case 1:
		*ret_entry = (u32)elf.entry;
		return elf_load(boot, &elf, mem, ret_end, fault);
	case 0:
		return boot_refuse(boot, fault, "has changed while in use");
	default:
		return -EINVAL;
	}
}

static int multiboot_load(const struct boot *boot, struct guest_mem *mem,
			  struct boot_entry *ret, struct fault *fault)
{
	gpa_t end, initrd;
	u32 entry;
	int err;

	err = load_kernel(boot, mem, &entry, &end, fault);
	if (!err)
		err = boot_put_cmdline(boot, mem, BOOT_CMDLINE_BYTES_MAX - 1,
				       fault);
	if (!err)
		err = boot_put_initrd(boot, mem, end, GUEST_MEM_LOW_END_MAX,
				      &initrd, fault);
	if (err)
		return err;
	put_info(boot, mem, initrd);
	boot_put_gdt(mem, false);
	ret->mode = BOOT_PROTECTED_32;
	ret->rip = entry;
	ret->rax = LOADER_MAGIC;
	ret->rbx = BOOT_INFO_GPA;
	return 0;
}

const struct boot_loader boot_multiboot = {
	.name = "multiboot 1",
	.probe = multiboot_probe,
	.load = multiboot_load,
};
