/* SPDX-License-Identifier: MIT */
/*
 * paddusb saturates. [SDM2 "PADDUSB/PADDUSW"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0xff80 xmm1=0x01ff
 * out: xmm0=0x0000000000000000_000000000000ffff
 */
	paddusb %xmm1, %xmm0
