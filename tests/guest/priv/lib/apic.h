/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in either mode, the other CPUs, and time by the PM timer.
 * [SDM3 11 "Advanced Programmable Interrupt Controller (APIC)"]
 */
#ifndef TESTS_GUEST_PRIV_LIB_APIC_H
#define TESTS_GUEST_PRIV_LIB_APIC_H

#include "tests/guest/priv/lib/priv.h"

#define APIC_BASE   0xfee00000ul
#define IOAPIC_BASE 0xfec00000ul

enum apic_register {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TPR = 0x80,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TMICT = 0x380,
	APIC_TMCCT = 0x390,
	APIC_TDCR = 0x3e0,
	APIC_SELF_IPI = 0x3f0,
};

#define ICR_FIXED   0x000
#define ICR_LOWEST  0x100
#define ICR_NMI	    0x400
#define ICR_INIT    0x500
#define ICR_SIPI    0x600
#define ICR_LOGICAL 0x800
#define ICR_ASSERT  0x4000
#define ICR_LEVEL   0x8000
#define ICR_SELF    0x40000
#define ICR_ALL	    0x80000
#define ICR_OTHERS  0xc0000

#define LVT_MASKED   0x10000
#define LVT_PERIODIC 0x20000
#define LVT_DEADLINE 0x40000

#define SPURIOUS_VECTOR 0xff

/* This CPU's LAPIC on, TPR 0. apic_enable_x2() goes on to x2APIC mode. */
void apic_enable(void);
void apic_enable_x2(void);
bool apic_is_x2(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);
void apic_eoi(void);
/* Sends; dest is an APIC id or a logical one. */
void apic_send(u32 dest, u32 command);
/* Bit `vector` of the eight registers from `reg` on. */
bool apic_bit(u32 reg, u32 vector);

/* The 8259s with all lines masked, vectors 0x20 and 0x28 on. */
void pic_mask_all(void);

/* Of the ACPI PM timer, 3579545 Hz, made 64 bits wide; for one CPU. */
u64 pm_ticks(void);
#define PM_HZ 3579545u
/* Turns with `pause` until *value is `expected`; false after a second... */
bool wait_for(volatile u32 *value, u32 expected);
bool wait_at_least(volatile u32 *value, u32 least);
void delay_us(u32 us);

/* INIT and SIPI to CPUs 1..count-1; false when one does not come. */
bool cpus_start(u32 count);
/* fn(cpu) on CPU `cpu` (not 0), and waiting for its end. */
void cpu_run(u32 cpu, void (*fn)(u32 cpu));
bool cpu_wait(u32 cpu);
/* fn on all CPUs from 0 to count-1 at once. */
void cpus_run(u32 count, void (*fn)(u32 cpu));

#endif
