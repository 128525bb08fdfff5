/* SPDX-License-Identifier: MIT */
/*
 * ret to a non-canonical address: #GP at the ret. [SDM2 "RET"]
 *
 * in:  [stack]=0x8000000000000000
 * out: fault=13
 */
	ret
