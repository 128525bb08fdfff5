/* SPDX-License-Identifier: MIT */
/*
 * An unmasked pending exception does not stop fnstcw. [SDM1 8.6 "x87 FPU
 * Exception Synchronization"]
 *
 * in:  rsi=data fcw=0x37e fsw=0x8081 st=1
 * out: [data+0]=0x322b241d160f037e
 */
	fnstcw (%rsi)
