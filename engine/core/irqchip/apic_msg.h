/* SPDX-License-Identifier: MIT */
/*
 * An interrupt message: what an I/O APIC, a device's MSI write or another
 * LAPIC's ICR puts before the LAPICs.
 * [SDM3 11.6.1 "Interrupt Command Register (ICR)"]
 */
#ifndef ENGINE_CORE_IRQCHIP_APIC_MSG_H
#define ENGINE_CORE_IRQCHIP_APIC_MSG_H

#include "engine/core/types.h"

/* The delivery mode field, the same three bits in ICR, LVT, IOAPIC and MSI. */
enum apic_delivery {
	APIC_FIXED = 0,
	APIC_LOWEST_PRIORITY = 1,
	APIC_SMI = 2,
	APIC_REMOTE_READ = 3, /* of the 82489DX; nothing answers it any more */
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

/* The destination shorthand field of the ICR. */
enum apic_shorthand {
	APIC_TO_DEST = 0,
	APIC_TO_SELF = 1,
	APIC_TO_ALL = 2,
	APIC_TO_OTHERS = 3,
};

struct apic_msg {
	u32 dest; /* an APIC id, or a logical destination */
	u8 vector;
	u8 delivery;	   /* enum apic_delivery */
	bool logical;	   /* how dest is meant */
	bool level;	   /* trigger mode */
	bool deassert;	   /* ICR's level bit is 0: matters only when level */
	bool redirectable; /* MSI's hint: any one of the destinations will do */
};

/* Vectors 0..15 are the CPU's own; no interrupt may carry one. */
#define APIC_VECTOR_MIN 16

#endif
