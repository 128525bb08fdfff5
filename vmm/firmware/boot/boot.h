/* SPDX-License-Identifier: MIT */
/*
 * Booting a kernel without firmware: the boot protocols. Each loader looks at
 * the first bytes of the kernel file and says whether it is its own; the one
 * that takes it puts kernel, initrd, command line and the protocol's
 * structures into guest memory and says how the first CPU must start.
 *
 *	bzImage		Linux's own, 64-bit entry where offered, else 32-bit
 *	PVH		ELF with Xen's entry note (vmlinux, FreeBSD, ...)
 *	multiboot	version 1: ELF32, or any file with load addresses
 *
 * Loading may be repeated: a reset loads anew.
 */
#ifndef VMM_FIRMWARE_BOOT_BOOT_H
#define VMM_FIRMWARE_BOOT_BOOT_H

#include "vmm/firmware/image.h"
#include "vmm/memory/guest_mem.h"

/* What all protocols look for lies in here. */
#define BOOT_HEAD_BYTES 8192

struct boot_loader;

struct boot {
	struct image kernel, initrd; /* owned; initrd.fd -1 = none */
	bool has_initrd;
	const char *cmdline; /* borrowed: must outlive this */
	const struct boot_loader *loader;
	u8 head[BOOT_HEAD_BYTES]; /* of the kernel, zeros behind its end */
	u32 head_size;
};

enum boot_mode {
	BOOT_PROTECTED_32, /* flat segments of cpu_tables.h, no paging */
	BOOT_LONG_64,	   /* flat segments, the first 4 GiB mapped 1:1 */
};

/* The first CPU's start; everything not said is 0. */
struct boot_entry {
	enum boot_mode mode;
	u64 rip, rax, rbx, rsi;
};

struct boot_loader {
	const char *name;
	/* 1: mine. 0: not mine. -EINVAL: mine, but broken; see the fault. */
	int (*probe)(const struct boot *boot, struct fault *fault);
	int (*load)(const struct boot *boot, struct guest_mem *mem,
		    struct boot_entry *ret, struct fault *fault);
};

/*
 * Opens the files (initrd may be NULL) and finds the loader. On an error
 * nothing is left open, and the fault is a sentence for the user: what is
 * wrong with which file, and what would be accepted.
 */
must_check int boot_open(struct boot *boot, const char *kernel,
			 const char *initrd, const char *cmdline,
			 struct fault *fault);
/* The same over bytes, which stay borrowed; for tests. initrd may be NULL. */
must_check int boot_from_memory(struct boot *boot, const void *kernel,
				size_t kernel_size, const void *initrd,
				size_t initrd_size, const char *cmdline,
				struct fault *fault);
void boot_close(struct boot *boot);

/*
 * -EINVAL when the kernel, the initrd or the command line does not fit, or
 * the file is broken further in; -errno of reading.
 */
must_check int boot_load(const struct boot *boot, struct guest_mem *mem,
			 struct boot_entry *ret, struct fault *fault);

/* ---- for the loaders ---- */

extern const struct boot_loader boot_bzimage, boot_pvh, boot_multiboot;

/* Puts the command line at BOOT_CMDLINE_GPA; `max` without the NUL. */
must_check int boot_put_cmdline(const struct boot *boot, struct guest_mem *mem,
				u64 max, struct fault *fault);

/*
 * Puts the initrd as high as it goes in [low, high) and below 3 GiB.
 * *ret_gpa is 0 when there is none.
 */
must_check int boot_put_initrd(const struct boot *boot, struct guest_mem *mem,
			       gpa_t low, gpa_t high, gpa_t *ret_gpa,
			       struct fault *fault);

/* The kernel needs RAM up to `end`. */
must_check int boot_check_fits(const struct boot *boot,
			       const struct guest_mem *mem, gpa_t end,
			       struct fault *fault);

/* "kernel 'x' <problem>", -EINVAL. */
int boot_refuse(const struct boot *boot, struct fault *fault,
		const char *problem);

/* What a file that no loader knows looks like; for the message. */
const char *boot_describe_alien(const struct boot *boot);

#endif
