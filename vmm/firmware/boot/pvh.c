/* SPDX-License-Identifier: MIT */
/*
 * PVH: an ELF kernel whose note of the owner "Xen" names a 32-bit entry point.
 * The first CPU arrives there in flat protected mode with EBX pointing at a
 * start-info structure. [XEN-PVH "x86/HVM direct boot ABI"]
 */
#include <assert.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/firmware/boot/boot.h"
#include "vmm/firmware/boot/cpu_tables.h"
#include "vmm/firmware/boot/elf.h"
#include "vmm/firmware/memory_map.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define HVM_START_MAGIC		 0x336ec578
#define HVM_START_VERSION	 1
#define NOTES_BYTES_MAX		 65536

struct hvm_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	u32 memmap_entries, reserved;
};

struct hvm_modlist_entry {
	u64 paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_entry {
	u64 addr, size;
	u32 type, reserved;
};

/* All of it at BOOT_INFO_GPA. */
struct pvh_info {
	struct hvm_start_info start;
	struct hvm_modlist_entry module;
	struct hvm_memmap_entry map[MEMORY_MAP_MAX];
};

/* True and *ret_entry when these notes hold the entry point. */
static bool find_note(const u8 *notes, u64 size, u64 *ret_entry)
{
	u64 at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n; /* the same in both classes */
		u64 name, desc;

		memcpy(&n, notes + at, sizeof(n));
		name = at + sizeof(n);
		desc = name + align_up(n.n_namesz, 4);
		if (desc > size || n.n_descsz > size - desc)
			return false;
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    !memcmp(notes + name, "Xen", 4) &&
		    (n.n_descsz == 4 || n.n_descsz == 8)) {
			*ret_entry = 0;
			memcpy(ret_entry, notes + desc, n.n_descsz);
			return true;
		}
		at = desc + align_up(n.n_descsz, 4);
		if (at > size)
			return false;
	}
	return false;
}

/* 1 and *ret_entry, 0 when there is no such note, or -errno. */
static int find_entry(const struct boot *boot, const struct elf *elf,
		      u64 *ret_entry, struct fault *fault)
{
	u8 *notes = NULL;
	int found = 0;

	for (u32 i = 0; i < elf->segment_count && !found; i++) {
		const struct elf_segment *s = &elf->segment[i];
		u8 *bigger;

		if (s->type != PT_NOTE || !s->file_bytes ||
		    s->file_bytes > NOTES_BYTES_MAX)
			continue;
		bigger = realloc(notes, s->file_bytes);
		if (!bigger) {
			found = fault_set(fault, FAULT_NO_MEMORY, -ENOMEM,
					  "kernel '%s'", boot->kernel.path);
			break;
		}
		notes = bigger;
		found = image_read(&boot->kernel, s->offset, notes,
				   s->file_bytes, fault);
		if (!found)
			found = find_note(notes, s->file_bytes, ret_entry);
	}
	free(notes);
	return found;
}

static int pvh_probe(const struct boot *boot, struct fault *fault)
{
	struct elf elf;
	u64 entry;
	int is_elf = elf_parse(boot, &elf, fault);

	return is_elf > 0 ? find_entry(boot, &elf, &entry, fault) : is_elf;
}

static void put_info(const struct boot *boot, struct guest_mem *mem,
		     gpa_t initrd)
{
	struct pvh_info info = {
		.start = {.magic = HVM_START_MAGIC,
			  .version = HVM_START_VERSION,
			  .cmdline_paddr = BOOT_CMDLINE_GPA,
			  .rsdp_paddr = ACPI_TABLES_GPA,
			  .memmap_paddr = BOOT_INFO_GPA +
					  offsetof(struct pvh_info, map)},
	};
	struct memory_map map;

	if (initrd) {
		info.start.nr_modules = 1;
		info.start.modlist_paddr =
			BOOT_INFO_GPA + offsetof(struct pvh_info, module);
		info.module.paddr = initrd;
		info.module.size = boot->initrd.size;
	}
	memory_map_make(mem, &map);
	info.start.memmap_entries = map.count;
	for (u32 i = 0; i < map.count; i++) {
		info.map[i].addr = map.entry[i].start;
		info.map[i].size = map.entry[i].size;
		info.map[i].type = map.entry[i].type;
	}
	static_assert(sizeof(info) <= GUEST_PAGE_BYTES, "one page");
	if (!guest_mem_write(mem, BOOT_INFO_GPA, &info, sizeof(info)))
		assert(false); /* low memory is always there */
}

static int pvh_load(const struct boot *boot, struct guest_mem *mem,
		    struct boot_entry *ret, struct fault *fault)
{
	u64 entry = 0;
	struct elf elf;
	gpa_t end, initrd;
	int err;

	err = elf_parse(boot, &elf, fault);
	if (err > 0)
		err = find_entry(boot, &elf, &entry, fault);
	if (err == 0) /* it changed since it was probed */
		err = boot_refuse(boot, fault, "has changed while in use");
	if (err > 0)
		err = elf_load(boot, &elf, mem, &end, fault);
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
	ret->rip = (u32)entry;
	ret->rbx = BOOT_INFO_GPA;
	return 0;
}

const struct boot_loader boot_pvh = {
	.name = "PVH ELF",
	.probe = pvh_probe,
	.load = pvh_load,
};
