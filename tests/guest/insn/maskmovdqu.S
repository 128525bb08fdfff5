/* SPDX-License-Identifier: MIT */
/*
 * maskmovdqu writes the masked bytes at RDI. [SDM2 "MASKMOVDQU"]
 *
 * in:  rdi=data+3 xmm1=0x8000000000000000_0080800000000080
 * out: [data+0]=0x322b241d400f0801 [data+8]=0x6a635c554e474645
 * out: [data+16]=0xa29b948d86477871
 */
	maskmovdqu %xmm1, %xmm0
