/* SPDX-License-Identifier: MIT */
/*
 * The descriptor and page tables that the first CPU starts with, in guest
 * memory: flat 4 GiB segments, and for long mode the first 4 GiB mapped one
 * to one in 2 MiB pages. [SDM3 3.4.5 "Segment Descriptors", 4.5 "4-Level
 * Paging and 5-Level Paging"]
 */
#ifndef VMM_FIRMWARE_BOOT_CPU_TABLES_H
#define VMM_FIRMWARE_BOOT_CPU_TABLES_H

#include "vmm/memory/guest_mem.h"

/* Linux's boot protocol names these two. [LINUX-BOOT "32-bit Boot Protocol"] */
#define BOOT_SELECTOR_CODE 0x10
#define BOOT_SELECTOR_DATA 0x18
#define BOOT_SELECTOR_TSS  0x20
#define BOOT_GDT_COUNT	   5

/* At BOOT_GDT_GPA and BOOT_PAGE_TABLES_GPA. */
void boot_put_gdt(struct guest_mem *mem, bool long_mode);
void boot_put_page_tables(struct guest_mem *mem);

#endif
