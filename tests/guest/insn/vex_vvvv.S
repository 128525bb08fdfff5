/* SPDX-License-Identifier: MIT */
/*
 * VEX.vvvv must be 1111 where it is not used: #UD. [SDM2 2.3.5 "The VEX
 * Prefix"]
 *
 * needs: avx
 * in:
 * out: fault=6
 */
	.byte 0xc5, 0xf0, 0x28, 0xc1 /* vmovaps with vvvv = 1 */
