/* SPDX-License-Identifier: MIT */
/*
 * vfmadd231pd rounds once. [SDM2 "VFMADD132PD/VFMADD213PD/VFMADD231PD"]
 *
 * needs: fma
 * random: ymm0 ymm1 ymm2
 * in:  ymm0=f64:-1,1,2,3 ymm1=f64:1.0000000000000002,2,3,4
 * in:  ymm2=f64:1.0000000000000002,5,6,7
 * out: mxcsr=0x1fa0
 * out: ymm0=0x403f000000000000_4034000000000000_4026000000000000_3cc0000000000000
 */
	vfmadd231pd %ymm2, %ymm1, %ymm0
