/* SPDX-License-Identifier: MIT */
/*
 * System control port A, 0x92: bit 1 opens the A20 line, bit 0 going to one
 * resets the machine. [ISA-SYS "System Control Port A"] The line is kept and
 * gates nothing; see i8042.h.
 */
#ifndef VMM_DEV_PORT92_PORT92_H
#define VMM_DEV_PORT92_PORT92_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"

#define PORT92_PORT  0x92
#define PORT92_RESET 0x01
#define PORT92_A20   0x02

struct port92 {
	struct dev dev;
	struct bus_region region;
	struct power_line power;
	u8 value;
};

void port92_init(struct port92 *port, struct power_line power);

#endif
