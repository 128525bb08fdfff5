/* SPDX-License-Identifier: MIT */
/*
 * sha256rnds2. [SDM2 "SHA256RNDS2"]
 *
 * needs: sha
 * random: ymm0 ymm1 ymm2
 * in:
 * out: xmm2=0xc21a9637c154882b_eaf71a9884d3b413
 */
	sha256rnds2 %xmm0, %xmm1, %xmm2
