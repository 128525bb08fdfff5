/* SPDX-License-Identifier: MIT */
/*
 * pextrb to memory. [SDM2 "PEXTRB/PEXTRD/PEXTRQ"]
 *
 * needs: sse41
 * in:  rsi=data
 * out: [data+0]=0x322b241d160f084d
 */
	pextrb $13, %xmm1, (%rsi)
