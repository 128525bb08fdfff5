/* SPDX-License-Identifier: MIT */
/*
 * add to memory, 16 bits: the neighbours stay. [SDM2 "ADD"]
 *
 * random: [data] flags
 * in:  rsi=data [data]=0xffffffffffffffff
 * out: flags=cpa [data+0]=0xffffff1233ffffff
 * in:  rsi=data+0x10 [data+0x13]=0xedcc
 * out: flags=cpaz [data+16]=0xa29b9400007f7871
 */
	addw $0x1234, 3(%rsi)
