/* SPDX-License-Identifier: MIT */
/*
 * pcmpestrm: equal ordered, a byte mask. [SDM2 "PCMPESTRM"]
 *
 * needs: sse42
 * in:  rax=2 rdx=16 xmm2=0x6261 xmm1=0x6162616261626162_6261626162616261
 * out: flags=cso xmm0=0xff00ff00ff00ff00_00ff00ff00ff00ff
 */
	pcmpestrm $0x4c, %xmm1, %xmm2
