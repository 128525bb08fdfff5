/* SPDX-License-Identifier: MIT */
/*
 * movbe. [SDM2 "MOVBE"]
 *
 * needs: movbe
 * limited-kvm: 0
 * random: [data]
 * in:  rsi=data [data]=0x0102030405060708
 * out: rax=0x807060504030201
 */
	movbe (%rsi), %rax
