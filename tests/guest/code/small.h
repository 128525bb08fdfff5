/* SPDX-License-Identifier: MIT */
/* Where small.c and small16.S have their segments: 64 KiB each. */
#ifndef TESTS_GUEST_CODE_SMALL_H
#define TESTS_GUEST_CODE_SMALL_H

#define SMALL_CODE 0x10000
#define SMALL_DS   0x20000
#define SMALL_ES   0x30000
#define SMALL_FS   0x40000
#define SMALL_GS   0x50000
#define SMALL_SS   0x60000

#define SEL_SMALL 0x80 /* SEL_FREE: code, then data in the order above */
#define SEL_DATA1 0xb0 /* of 32-bit tests */
#define SEL_FLAT  0x18 /* SEL_DATA */

#endif
