/* SPDX-License-Identifier: MIT */
/*
 * fisttp truncates always. [SDM2 "FISTTP"]
 *
 * needs: sse3
 * in:  rsi=data st=-2.9
 * out: fsw=0x20 st= [data+0]=0x322b241dfffffffe
 */
	fisttpl (%rsi)
