/* SPDX-License-Identifier: MIT */
/*
 * movq2dq. [SDM2 "MOVQ2DQ"]
 *
 * in:  mm1=0x1122334455667788
 * out: xmm0=0x0000000000000000_1122334455667788
 */
	movq2dq %mm1, %xmm0
