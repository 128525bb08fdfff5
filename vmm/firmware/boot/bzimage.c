/* SPDX-License-Identifier: MIT */
/*
 * Linux's boot protocol for x86: the setup header in the kernel file, the
 * "zero page" made of it, and the entry points. [LINUX-BOOT "The Linux/x86
 * Boot Protocol"]
 *
 * The real-mode code is skipped: kernels that say so (XLF_KERNEL_64) are
 * entered in long mode 0x200 behind their load address, all others in 32-bit
 * protected mode at it. Protocol 2.02 (Linux 2.4) is the oldest accepted, and
 * only kernels that load high.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <asm/bootparam.h>

#include "vmm/firmware/boot/boot.h"
#include "vmm/firmware/boot/cpu_tables.h"
#include "vmm/firmware/memory_map.h"

#define SETUP_HEADER_OFFSET 0x1f1
#define SETUP_HEADER_END    0x290 /* the zero page has other things from here */
#define SECTOR_BYTES	    512
#define HEADER_MAGIC	    0x53726448 /* "HdrS" */
#define PROTOCOL_MIN	    0x0202
#define LOADER_TYPE_UNKNOWN 0xff
#define VGA_MODE_NORMAL	    0xffff
#define ENTRY_64_OFFSET	    0x200
#define CMDLINE_BYTES_OLD   255	       /* before 2.06 */
#define INITRD_MAX_OLD	    0x37ffffff /* before 2.03 */

/* What the header says, with defaults for older protocols. */
struct plan {
	struct setup_header hdr;
	u64 setup_bytes, payload_bytes;
	u64 load, end; /* where the kernel goes, and what it uses up to */
	u64 initrd_max, cmdline_max;
	bool long_mode;
};

static int bzimage_probe(const struct boot *boot, struct fault *fault)
{
	u32 magic;

	if (boot->head_size < SETUP_HEADER_OFFSET + 0x20)
		return 0;
	memcpy(&magic,
	       boot->head + SETUP_HEADER_OFFSET +
		       offsetof(struct setup_header, header),
	       sizeof(magic));
	if (magic != HEADER_MAGIC)
		return 0;
	/* Even the oldest header accepted ends here. */
	if (boot->head_size < SETUP_HEADER_END)
		return boot_refuse(boot, fault,
				   "is truncated: it ends within its setup "
				   "header; give a complete file");
	return 1;
}

static int check_header(const struct boot *boot, struct fault *fault,
			const struct plan *plan)
{
	const struct setup_header *hdr = &plan->hdr;

	if (hdr->boot_flag != 0xaa55)
		return boot_refuse(boot, fault,
				   "has a damaged Linux setup header (no boot "
				   "flag); give an intact bzImage");
	if (hdr->version < PROTOCOL_MIN)
		return boot_refuse(boot, fault,
				   "is a Linux kernel with a boot protocol "
				   "older than 2.02; give Linux 2.4 or newer");
	if (!(hdr->loadflags & LOADED_HIGH))
		return boot_refuse(boot, fault,
				   "is a zImage, which loads below 1 MiB; "
				   "give a bzImage");
	if (plan->setup_bytes >= boot->kernel.size ||
	    plan->payload_bytes + 16 < (u64)hdr->syssize * 16)
		return boot_refuse(boot, fault,
				   "is truncated: it is shorter than its "
				   "setup header says; give a complete file");
	return 0;
}

/* Where the kernel goes; it may be moved only where it says so. */
static void place(struct plan *plan, const struct guest_mem *mem)
{
	const struct setup_header *hdr = &plan->hdr;
	bool relocatable = hdr->version >= 0x0205 && hdr->relocatable_kernel;
	u64 align = hdr->version >= 0x0205 && hdr->kernel_alignment
			    ? hdr->kernel_alignment
			    : KERNEL_GPA_MIN;
	bool sized = hdr->version >= 0x020a;
	u64 need = sized ? MAX((u64)hdr->init_size, plan->payload_bytes)
			 : plan->payload_bytes;
	u64 wish = sized ? hdr->pref_address : KERNEL_GPA_MIN;

	plan->load = KERNEL_GPA_MIN;
	plan->end = MAX(plan->load + plan->payload_bytes, wish + need);
	if (!relocatable || !is_power_of_two(align))
		return;
	/* As it prefers if that is memory, else as low as it may. */
	plan->load = wish;
	if (wish < KERNEL_GPA_MIN || wish + need > guest_mem_low_end(mem) ||
	    wish + need < wish)
		plan->load = align_up(KERNEL_GPA_MIN, align);
	plan->end = plan->load + need;
}

static int make_plan(const struct boot *boot, const struct guest_mem *mem,
		     struct plan *plan, struct fault *fault)
{
	struct setup_header *hdr = &plan->hdr;
	u32 sectors;
	int err;

	*plan = (struct plan){};
	memcpy(hdr, boot->head + SETUP_HEADER_OFFSET, sizeof(*hdr));
	sectors = hdr->setup_sects ? hdr->setup_sects : 4;
	plan->setup_bytes = (sectors + 1u) * SECTOR_BYTES;
	if (boot->kernel.size > plan->setup_bytes)
		plan->payload_bytes = boot->kernel.size - plan->setup_bytes;
	err = check_header(boot, fault, plan);
	if (err)
		return err;
	plan->initrd_max = hdr->version >= 0x0203 ? hdr->initrd_addr_max
						  : INITRD_MAX_OLD;
	plan->cmdline_max = hdr->version >= 0x0206 && hdr->cmdline_size
				    ? hdr->cmdline_size
				    : CMDLINE_BYTES_OLD;
	plan->long_mode = hdr->version >= 0x020c &&
			  (hdr->xloadflags & XLF_KERNEL_64);
	place(plan, mem);
	return boot_check_fits(boot, mem, plan->end, fault);
}

static void put_memory_map(const struct guest_mem *mem, struct boot_params *zero)
{
	struct memory_map map;

	memory_map_make(mem, &map);
	for (u32 i = 0; i < map.count; i++) {
		zero->e820_table[i].addr = map.entry[i].start;
		zero->e820_table[i].size = map.entry[i].size;
		zero->e820_table[i].type = map.entry[i].type;
	}
	zero->e820_entries = (u8)map.count;
	zero->alt_mem_k = (u32)((guest_mem_low_end(mem) - MiB) / KiB);
}

/* The header's bytes from the file, of which there may be more than we know. */
static void copy_header(const struct boot *boot, struct boot_params *zero)
{
	/* The jump over the header, at 0x200, says where the header ends. */
	u32 end = 0x202u + boot->head[0x201];

	end = MIN(end, (u32)SETUP_HEADER_END);
	memcpy((u8 *)zero + SETUP_HEADER_OFFSET,
	       boot->head + SETUP_HEADER_OFFSET, end - SETUP_HEADER_OFFSET);
}

static void put_zero_page(const struct boot *boot, struct guest_mem *mem,
			  const struct plan *plan, gpa_t initrd)
{
	struct boot_params zero = {};
	struct setup_header *hdr = &zero.hdr;

	static_assert(sizeof(zero) == GUEST_PAGE_BYTES, "the zero page");
	copy_header(boot, &zero);
	hdr->type_of_loader = LOADER_TYPE_UNKNOWN;
	hdr->vid_mode = VGA_MODE_NORMAL;
	hdr->code32_start = (u32)plan->load;
	hdr->cmd_line_ptr = BOOT_CMDLINE_GPA;
	hdr->ramdisk_image = (u32)initrd;
	hdr->ramdisk_size = initrd ? (u32)boot->initrd.size : 0;
	zero.acpi_rsdp_addr = ACPI_TABLES_GPA;
	put_memory_map(mem, &zero);
	if (!guest_mem_write(mem, BOOT_ZERO_PAGE_GPA, &zero, sizeof(zero)))
		assert(false); /* low memory is always there */
}

static int bzimage_load(const struct boot *boot, struct guest_mem *mem,
			struct boot_entry *ret, struct fault *fault)
{
	struct plan plan;
	gpa_t initrd;
	int err;

	err = make_plan(boot, mem, &plan, fault);
	if (!err)
		err = boot_put_cmdline(boot, mem, plan.cmdline_max, fault);
	if (!err)
		err = boot_put_initrd(boot, mem, plan.end, plan.initrd_max + 1,
				      &initrd, fault);
	if (!err)
		err = image_load(&boot->kernel, plan.setup_bytes,
				 plan.payload_bytes, mem, plan.load, fault);
	if (err)
		return err;
	put_zero_page(boot, mem, &plan, initrd);
	boot_put_gdt(mem, plan.long_mode);
	if (plan.long_mode)
		boot_put_page_tables(mem);
	ret->mode = plan.long_mode ? BOOT_LONG_64 : BOOT_PROTECTED_32;
	ret->rip = plan.load + (plan.long_mode ? ENTRY_64_OFFSET : 0);
	ret->rsi = BOOT_ZERO_PAGE_GPA;
	return 0;
}

const struct boot_loader boot_bzimage = {
	.name = "Linux bzImage",
	.probe = bzimage_probe,
	.load = bzimage_load,
};
