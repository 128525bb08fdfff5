/* SPDX-License-Identifier: MIT */
/* Finding the loader, and what all loaders need. */
#include "vmm/firmware/boot/boot.h"

#include <assert.h>
#include <string.h>

#include "vmm/firmware/memory_map.h"

/* In the order they are asked: a bzImage may also be an EFI program. */
static const struct boot_loader *const loaders[] = {
	&boot_bzimage,
	&boot_pvh,
	&boot_multiboot,
};

int boot_refuse(const struct boot *boot, struct fault *fault,
		const char *problem)
{
	fault_set(fault, FAULT_INVALID, 0, "kernel '%s' %s", boot->kernel.path,
		  problem);
	return trace_err(-EINVAL);
}

static int find_loader(struct boot *boot, struct fault *fault)
{
	for (u32 i = 0; i < ARRAY_SIZE(loaders); i++) {
		int mine = loaders[i]->probe(boot, fault);

		if (mine < 0)
			return mine;
		if (mine) {
			boot->loader = loaders[i];
			return 0;
		}
	}
	fault_set(fault, FAULT_INVALID, 0,
		  "kernel '%s' is %s; give a Linux x86 bzImage, an x86 ELF "
		  "kernel with a PVH note, or a multiboot 1 kernel",
		  boot->kernel.path, boot_describe_alien(boot));
	return trace_err(-EINVAL);
}

/* The kernel image is open: what is it? */
static int recognize(struct boot *boot, struct fault *fault)
{
	int err;

	boot->head_size = (u32)MIN(boot->kernel.size, (u64)BOOT_HEAD_BYTES);
	err = image_read(&boot->kernel, 0, boot->head, boot->head_size, fault);
	return err ? err : find_loader(boot, fault);
}

int boot_open(struct boot *boot, const char *kernel, const char *initrd,
	      const char *cmdline, struct fault *fault)
{
	int err;

	*boot = (struct boot){.cmdline = cmdline};
	boot->kernel.fd = boot->initrd.fd = -1;
	err = image_open(&boot->kernel, "kernel", kernel, fault);
	if (!err)
		err = recognize(boot, fault);
	if (!err && initrd)
		err = image_open(&boot->initrd, "initrd", initrd, fault);
	boot->has_initrd = initrd && !err;
	if (err)
		boot_close(boot);
	return err;
}

int boot_from_memory(struct boot *boot, const void *kernel, size_t kernel_size,
		     const void *initrd, size_t initrd_size,
		     const char *cmdline, struct fault *fault)
{
	*boot = (struct boot){.cmdline = cmdline, .has_initrd = initrd};
	image_from_memory(&boot->kernel, "kernel", kernel, kernel_size);
	image_from_memory(&boot->initrd, "initrd", initrd, initrd_size);
	return recognize(boot, fault);
}

void boot_close(struct boot *boot)
{
	image_close(&boot->kernel);
	image_close(&boot->initrd);
}

/* At a reset, too: needs: io: pread64 */
int boot_load(const struct boot *boot, struct guest_mem *mem,
	      struct boot_entry *ret, struct fault *fault)
{
	*ret = (struct boot_entry){};
	return boot->loader->load(boot, mem, ret, fault);
}

int boot_put_cmdline(const struct boot *boot, struct guest_mem *mem, u64 max,
		     struct fault *fault)
{
	u64 size = strlen(boot->cmdline);
	u64 limit = MIN(max, (u64)BOOT_CMDLINE_BYTES_MAX - 1);

	if (size > limit) {
		fault_set(fault, FAULT_INVALID, 0,
			  "the kernel command line has %llu characters; '%s' "
			  "takes at most %llu",
			  (unsigned long long)size, boot->kernel.path,
			  (unsigned long long)limit);
		return trace_err(-EINVAL);
	}
	if (!guest_mem_write(mem, BOOT_CMDLINE_GPA, boot->cmdline, size + 1))
		assert(false); /* the least memory there can be holds it */
	return 0;
}

int boot_put_initrd(const struct boot *boot, struct guest_mem *mem, gpa_t low,
		    gpa_t high, gpa_t *ret_gpa, struct fault *fault)
{
	u64 size = boot->initrd.size, room;

	*ret_gpa = 0;
	if (!boot->has_initrd)
		return 0;
	low = align_up(low, GUEST_PAGE_BYTES);
	high = MIN(high, guest_mem_low_end(mem));
	room = high > low ? high - low : 0;
	if (size > room) {
		fault_set(fault, FAULT_INVALID, 0,
			  "initrd '%s' of %llu KiB is too large: beside the "
			  "kernel this machine has room for %llu KiB; give "
			  "more --memory",
			  boot->initrd.path, (unsigned long long)(size / KiB),
			  (unsigned long long)(room / KiB));
		return trace_err(-EINVAL);
	}
	/* Rounding down cannot reach below `low`, which is aligned. */
	*ret_gpa = align_down(high - size, GUEST_PAGE_BYTES);
	return image_load(&boot->initrd, 0, size, mem, *ret_gpa, fault);
}

int boot_check_fits(const struct boot *boot, const struct guest_mem *mem,
		    gpa_t end, struct fault *fault)
{
	if (end <= guest_mem_low_end(mem))
		return 0;
	fault_set(fault, FAULT_INVALID, 0,
		  "kernel '%s' needs at least %llu MiB of memory; give more "
		  "--memory",
		  boot->kernel.path,
		  (unsigned long long)(align_up(end, MiB) / MiB));
	return trace_err(-EINVAL);
}
