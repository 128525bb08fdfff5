/* SPDX-License-Identifier: MIT */
/*
 * rdgsbase. [SDM2 "RDFSBASE/RDGSBASE"]
 *
 * needs: fsgsbase
 * in:  rax=0xffffffffffffffff
 * out: rax=0
 */
	rdgsbase %rax
