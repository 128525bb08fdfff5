/* SPDX-License-Identifier: MIT */
/*
 * vcvtph2ps of denormals. [SDM2 "VCVTPH2PS"]
 *
 * needs: f16c
 * random: [data]
 * in:  rsi=data [data]=0x3c00_7c01_0001_8000_7bff_fc00_4248_03ff
 * out: mxcsr=0x1f81
 * out: ymm0=0x3f8000007fc02000_3380000080000000_477fe000ff800000_40490000387fc000
 */
	vcvtph2ps (%rsi), %ymm0
