/* SPDX-License-Identifier: MIT */
/*
 * andnps. [SDM2 "ANDNPS"]
 *
 * in:  xmm0=0xff00ff00ff00ff00 xmm1=0xffffffffffffffff_ffffffffffffffff
 * out: xmm0=0xffffffffffffffff_00ff00ff00ff00ff
 */
	andnps %xmm1, %xmm0
