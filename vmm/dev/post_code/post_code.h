/* SPDX-License-Identifier: MIT */
/*
 * Port 0x80, where firmware shows how far its self-test came and others write
 * to pass a microsecond. [ISA-SYS "Manufacturing Diagnostics Port"] Keeps the
 * last byte.
 */
#ifndef VMM_DEV_POST_CODE_POST_CODE_H
#define VMM_DEV_POST_CODE_POST_CODE_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"

#define POST_CODE_PORT 0x80

struct post_code {
	struct dev dev;
	struct bus_region region;
	u8 value;
};

void post_code_init(struct post_code *post);

#endif
