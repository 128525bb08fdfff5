/* SPDX-License-Identifier: MIT */
/*
 * repe cmpsb: the flags of the last comparison. [SDM2
 * "CMPS/CMPSB/CMPSW/CMPSD/CMPSQ"]
 *
 * in:  rsi=data rdi=data+0x100 rcx=8 [data]=0x1122334455667788
 * in:  [data+0x100]=0x1122994455667788
 * out: rcx=0x2 rsi=data+0x6 rdi=data+0x106 flags=cpaso
 * in:  rsi=data rdi=data+0x100 rcx=4 [data]=0x1122334455667788
 * in:  [data+0x100]=0x1122994455667788
 * out: rcx=0 rsi=data+0x4 rdi=data+0x104 flags=pz
 */
	repe cmpsb
