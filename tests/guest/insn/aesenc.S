/* SPDX-License-Identifier: MIT */
/*
 * aesenc. [SDM2 "AESENC"]
 *
 * needs: aes
 * random: ymm0 ymm1
 * in:  xmm0=0x7b5b54657374566563746f725d53475d
 * in:  xmm1=0x48692853686179295b477565726f6e5d
 * out: xmm0=0xa8311c2f9fdba3c5_8b104b58ded7e595
 */
	aesenc %xmm1, %xmm0
