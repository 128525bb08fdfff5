/* SPDX-License-Identifier: MIT */
/*
 * pclmulqdq: the halves by the immediate. [SDM2 "PCLMULQDQ"]
 *
 * needs: pclmulqdq
 * random: ymm0 ymm1
 * in:  xmm0=0x7b5b54657374566563746f725d53475d
 * in:  xmm1=0x48692853686179295b477565726f6e5d
 * out: xmm0=0x1bd17c8d556ab5a1_7fa540ac2a281315
 */
	pclmulqdq $0x10, %xmm1, %xmm0
