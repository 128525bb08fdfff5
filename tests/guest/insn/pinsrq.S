/* SPDX-License-Identifier: MIT */
/*
 * pinsrq. [SDM2 "PINSRB/PINSRD/PINSRQ"]
 *
 * needs: sse41
 * in:  rcx=0x1122334455667788
 * out: xmm0=0x1122334455667788_4746454443424140
 */
	pinsrq $1, %rcx, %xmm0
