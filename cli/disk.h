/* SPDX-License-Identifier: MIT */
/*
 * The text of `--disk FILE[,format=raw|qcow2][,ro][,temporary][,serial=TEXT]
 * [,cache=MODE][,discard][,backing=on][,bus=virtio|sata]`. A comma in the file's
 * name is doubled.
 */
#ifndef CLI_DISK_H
#define CLI_DISK_H

#include "base/err.h"
#include "vmm/block/block.h"

#define DISK_TEXT_BYTES_MAX 4608

struct disk_option {
	struct block_config config; /* its strings lie in `text` */
	const char *serial;
	bool sata; /* and not virtio */
	char text[DISK_TEXT_BYTES_MAX];
};

/*
 * -EINVAL for what cannot be, -ENAMETOOLONG; the fault names the part and what
 * would be accepted. Must not be moved afterwards.
 */
must_check int disk_parse(const char *text, struct disk_option *ret,
			  struct fault *fault);

#endif
