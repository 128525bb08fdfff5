/* SPDX-License-Identifier: MIT */
/*
 * The operand-size prefix pushes two bytes. [SDM2 "PUSH"]
 *
 * in:  rbx=0x7788
 * out: rsp=stack-0x2 [stack-8]=0x77885a5a5a5a5a5a
 */
	pushw %bx
