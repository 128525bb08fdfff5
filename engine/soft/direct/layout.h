/* SPDX-License-Identifier: MIT */
/*
 * The window that a stub process and its monitor share, in bytes from its
 * start; for C and assembly. See stub.S for who does what there.
 *
 *	0x0000	code			stub: read, execute
 *	0x1000	orders, filters		stub: read; the monitor writes
 *	0x5000	the guest thread's	stub: read, write; the signal stack fills
 *					the rest
 */
#ifndef ENGINE_SOFT_DIRECT_LAYOUT_H
#define ENGINE_SOFT_DIRECT_LAYOUT_H

#define STUB_CODE_BYTES	  0x1000
#define STUB_ORDERS	  0x1000
#define STUB_ORDERS_BYTES 0x4000
#define STUB_GUEST	  0x5000
#define STUB_GUEST_BYTES  0x8000
#define STUB_WINDOW_BYTES (STUB_GUEST + STUB_GUEST_BYTES)

/* The end of the orders' part: what a stub needs once, when it is born. */
#define STUB_BIRTH	  (STUB_GUEST - 0x400)
#define BIRTH_WATCH_GUEST (STUB_BIRTH + 0x00) /* struct sock_fprog */
#define BIRTH_CAGE_GUEST  (STUB_BIRTH + 0x10)
#define BIRTH_WATCH_MAPS  (STUB_BIRTH + 0x20)
#define BIRTH_CAGE_MAPS	  (STUB_BIRTH + 0x30)
#define BIRTH_RAM_FD	  (STUB_BIRTH + 0x40) /* u32 */
#define BIRTH_TSC	  (STUB_BIRTH + 0x44) /* u32: PR_TSC_* */
#define BIRTH_TOP	  (STUB_BIRTH + 0x48) /* u64: end of user addresses */
#define BIRTH_PROGRAMS	  (STUB_BIRTH + 0x60) /* struct sock_filter [] */
#define ORDER_BYTES	  56
#define ORDERS_MAX	  ((STUB_BIRTH - STUB_ORDERS) / ORDER_BYTES)

/* The guest thread's part: struct stub_guest. */
#define GUEST_CONTEXT 0	 /* u64: address of the signal's ucontext */
#define GUEST_FS_BASE 8	 /* u64 */
#define GUEST_GS_BASE 16 /* u64 */
#define GUEST_SIGNAL  24 /* u32 */
#define GUEST_DS      28 /* u16, then ES, FS, GS */
#define GUEST_READY   36 /* u32: threads of the stub that have got this far */
#define GUEST_WATCH_A 40 /* s32: descriptor of the guest thread's listener */
#define GUEST_WATCH_B 44 /* s32: the mapping thread's */
#define GUEST_HEAD    64 /* bytes; the signal stack comes after */

/* A system call that does not exist: asks for the monitor's answer. */
#define STUB_ASK 0x4b454c

#endif
