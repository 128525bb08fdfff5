/* SPDX-License-Identifier: MIT */
/*
 * pext. [SDM2 "PEXT"]
 *
 * needs: bmi2
 * random: rdx [data]
 * in:  rdx=0x12345678 rsi=data [data]=0x0ff0f00f flags=cz
 * out: rax=0x2358
 */
	pext (%rsi), %edx, %eax
