/* SPDX-License-Identifier: MIT */
/*
 * lodsw keeps the rest of RAX. [SDM2 "LODS/LODSB/LODSW/LODSD/LODSQ"]
 *
 * in:  rsi=data rax=0x1111111111111111 [data]=0xabcd
 * out: rax=0x111111111111abcd rsi=data+0x2
 */
	lodsw
