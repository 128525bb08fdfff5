/* SPDX-License-Identifier: MIT */
/*
 * cmpsq without a prefix compares once. [SDM2 "CMPS/CMPSB/CMPSW/CMPSD/CMPSQ"]
 *
 * random: [data] flags
 * in:  rsi=data rdi=data+0x100 rcx=5 [data]=0x0000000000000001
 * in:  [data+0x100]=0x8000000000000000
 * out: rsi=data+0x8 rdi=data+0x108 flags=cso
 */
	cmpsq
