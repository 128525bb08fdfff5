/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in guest-physical memory when the machine starts, and the
 * list of it that boot protocols hand to the guest.
 *
 * What a boot protocol needs (descriptor table, page tables, the protocol's
 * own structures, command line) lies in the first 640 KiB, told to the guest
 * as free RAM: kernels copy it before they use that memory. ACPI's tables lie
 * where BIOSes have them, told as reserved.
 */
#ifndef VMM_FIRMWARE_MEMORY_MAP_H
#define VMM_FIRMWARE_MEMORY_MAP_H

#include "vmm/memory/guest_mem.h"

#define BOOT_GDT_GPA	       0x1000
#define BOOT_PAGE_TABLES_GPA   0x2000 /* 6 pages: 4 GiB in 2 MiB pages */
#define BOOT_INFO_GPA	       0x9000 /* PVH or multiboot, one page */
#define BOOT_ZERO_PAGE_GPA     0x10000
#define BOOT_CMDLINE_GPA       0x20000
#define BOOT_CMDLINE_BYTES_MAX 0x10000
#define EBDA_GPA	       0x9fc00 /* end of conventional memory */
#define ACPI_TABLES_GPA	       0xe0000 /* the RSDP first */
#define ACPI_TABLES_BYTES_MAX  0x20000
#define KERNEL_GPA_MIN	       0x100000

/*
 * KVM on VT-x needs a page for an identity map and three for a task state
 * segment that the guest does not use. [KVM-API 4.35 "KVM_SET_TSS_ADDR"]
 */
#define KVM_IDENTITY_MAP_GPA 0xfeffc000
#define KVM_TSS_GPA	     0xfeffd000
#define KVM_PRIVATE_BYTES    0x4000

/* [ACPI 15 "System Address Map Interfaces"] */
enum memory_type {
	MEMORY_RAM = 1,
	MEMORY_RESERVED = 2,
};

#define MEMORY_MAP_MAX 8

struct memory_map_entry {
	u64 start, size;
	enum memory_type type;
};

struct memory_map {
	struct memory_map_entry entry[MEMORY_MAP_MAX]; /* ascending */
	u32 count;
};

void memory_map_make(const struct guest_mem *mem, struct memory_map *ret);

#endif
