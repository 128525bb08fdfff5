/* SPDX-License-Identifier: MIT */
/*
 * fnstcw. [SDM2 "FSTCW/FNSTCW"]
 *
 * in:  rsi=data fcw=0x27f
 * out: [data+0]=0x322b241d160f027f
 */
	fnstcw (%rsi)
