/* SPDX-License-Identifier: MIT */
/*
 * rep movsq downwards, overlapping. [SDM2 "MOVS/MOVSB/MOVSW/MOVSD/MOVSQ"]
 *
 * in:  rsi=data+0x80 rdi=data+0x88 rcx=9 flags=d
 * out: rcx=0 rsi=data+0x38 rdi=data+0x40 [data+72]=0xf2ebe4ddd6cfc8c1
 * out: [data+80]=0x2a231c150e0700f9 [data+88]=0x625b544d463f3831
 * out: [data+96]=0x9a938c857e777069 [data+104]=0xd2cbc4bdb6afa8a1
 * out: [data+112]=0x0a03fcf5eee7e0d9 [data+120]=0x423b342d261f1811
 * out: [data+128]=0x7a736c655e575049 [data+136]=0xb2aba49d968f8881
 */
	rep movsq
