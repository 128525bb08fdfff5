/* SPDX-License-Identifier: MIT */
/*
 * The debug console that emulators and firmware agree on: each byte written
 * to port 0xe9 goes to a chardev; reading gives 0xe9, so that a guest can see
 * that it is there. [PORT-E9] It has no state and never makes a guest wait:
 * what the chardev does not take is lost.
 */
#ifndef VMM_DEV_DEBUG_CONSOLE_DEBUG_CONSOLE_H
#define VMM_DEV_DEBUG_CONSOLE_DEBUG_CONSOLE_H

#include "vmm/bus/bus.h"
#include "vmm/char/chardev.h"
#include "vmm/dev/dev.h"

#define DEBUG_CONSOLE_PORT 0xe9

struct debug_console {
	struct dev dev;
	struct bus_region region;
	struct chardev *chardev; /* borrowed: must outlive the device */
};

void debug_console_init(struct debug_console *console, struct chardev *chardev);

#endif
