/* SPDX-License-Identifier: MIT */
/*
 * paddb of MMX registers. [SDM2 "PADDB/PADDW/PADDD/PADDQ"]
 *
 * in:  mm0=0xff01020304050607 mm1=0x0201010101010180
 * out: st=0xffff0102030405060787,0xffff0201010101010180,0,0,0,0,0,0
 */
	paddb %mm1, %mm0
