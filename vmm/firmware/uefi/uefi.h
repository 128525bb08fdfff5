/* SPDX-License-Identifier: MIT */
/*
 * UEFI firmware: what goes into the two flash chips at the end of the first
 * 4 GiB, the variables' and, above it, the code's, which nobody writes. Made for
 * OVMF without SMM, as Debian's package ovmf has it.
 * [UEFI 8.2 "Variable Services"]
 *
 * The variables begin as the package's template. With a file of their own they
 * outlive the machine; else they are forgotten with it. What firmware knows of
 * the machine it has from fw_cfg, see vmm/firmware/bios/bios.h.
 */
#ifndef VMM_FIRMWARE_UEFI_UEFI_H
#define VMM_FIRMWARE_UEFI_UEFI_H

#include "vmm/firmware/uefi/vars_writer.h"

#define UEFI_END_GPA	    (4 * GiB)
#define UEFI_CODE_BYTES_MAX (12 * MiB)

/*
 * Wider physical addresses than these are kept from a machine with this firmware.
 * It maps all of them at the start, with large pages of 2 MiB: 4 MiB of tables for
 * 40 bits, 256 MiB for the 46 that it takes at most. Memory ends below them.
 */
#define UEFI_PHYSICAL_BITS 40

struct uefi {
	u8 *code; /* owned: a mapping of code_bytes, whole pages */
	u64 code_bytes;
	u8 *store; /* owned, too */
	u64 store_bytes;
	bool keeps; /* in a file; then */
	struct vars_file file;
	struct vars_writer writer;
};

/*
 * Debian's OVMF. `vars` NULL: the variables are forgotten. -ENOENT: there is no
 * OVMF; -EINVAL for a size that none has; -ENOMEM; and as vars_file_open. The
 * fault says it in a sentence. `uefi` is to be closed in any case.
 */
must_check int uefi_open(struct uefi *uefi, const char *vars,
			 struct fault *fault);
/* The thread that writes the file. -errno of it. */
must_check int uefi_start(struct uefi *uefi, struct fault *fault);
/* All that was written to the store is in the file. Accepts all zeros. */
void uefi_close(struct uefi *uefi);

/* For pflash_config.written, with the struct as `ctx`: of the store. */
void uefi_store_written(void *ctx, u64 at, u64 size);

#endif
