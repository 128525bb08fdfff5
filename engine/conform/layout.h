/* SPDX-License-Identifier: MIT */
/* Addresses and ports that tests and guests share; C and assembler read it. */
#ifndef ENGINE_CONFORM_LAYOUT_H
#define ENGINE_CONFORM_LAYOUT_H

#define GUEST_GDT      0x4000
#define GUEST_IDT      0x5000
#define GUEST_TSS      0x6000
#define GUEST_CODE     0x8000
#define GUEST_STACK_16 0x7ff0
#define GUEST_TABLES   0x10000 /* PML4, PDPT, four PDs; a spare page */
#define GUEST_PDPT     0x11000
#define GUEST_PD       0x12000
#define GUEST_PT_SPARE 0x16000
#define GUEST_STACK    0x1f000
#define GUEST_DATA     0x20000
#define GUEST_RAM_SIZE 0x200000
/* The first address behind memory: a device. */
#define GUEST_MMIO     0x200000
#define GUEST_MMIO_FAR 0xd0000000

#define PORT_DONE   0xf4 /* the guest has finished */
#define PORT_SAY    0xe9 /* one byte for the test */
#define PORT_TICK   0xe8 /* counted by a runner */
#define PORT_SHADOW 0xe7 /* the instruction in the shadow */
#define PORT_DEVICE 0x510

#define SELECTOR_CODE64	   0x08
#define SELECTOR_DATA	   0x10
#define SELECTOR_CODE32	   0x18
#define SELECTOR_TSS	   0x20
#define SELECTOR_USER_DATA 0x33
#define SELECTOR_USER_CODE 0x3b

#endif
