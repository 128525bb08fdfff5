/* SPDX-License-Identifier: MIT */
/*
 * punpckhbw. [SDM2 "PUNPCKHBW/PUNPCKHWD/PUNPCKHDQ/PUNPCKHQDQ"]
 *
 * in:
 * out: xmm0=0x4f474e464d454c44_4b434a4249414840
 */
	punpckhbw %xmm1, %xmm0
