/* SPDX-License-Identifier: MIT */
/*
 * A fault in the middle leaves the registers where it happened. [SDM2
 * "REP/REPE/REPZ/REPNE/REPNZ"]
 *
 * in:  rsi=data rdi=data+0x1ffb rcx=0x10
 * out: rcx=0xb rsi=data+0x5 rdi=0x10012000 [data+8184]=0x1d160f0801d7d0c9
 * out: fault=14 error=0x6 cr2=0x10012000
 */
	rep movsb
