/* SPDX-License-Identifier: MIT */
/*
 * Raw images: the disk's bytes are the file's. A file that ends within a
 * sector is seen with that sector filled up with zeros.
 */
#ifndef VMM_BLOCK_RAW_RAW_H
#define VMM_BLOCK_RAW_RAW_H

#include "vmm/block/disk.h"

/* Takes the open file over, on success only. -ENOMEM. */
must_check int raw_open(struct block_file *file,
			const struct disk_config *config,
			struct disk **ret_image, struct fault *fault);

#endif
