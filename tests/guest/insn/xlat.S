/* SPDX-License-Identifier: MIT */
/*
 * xlat adds AL without its sign. [SDM2 "XLAT/XLATB"]
 *
 * in:  rbx=data rax=0x11ff [data+0xff]=0x77
 * out: rax=0x1177
 */
	xlat
