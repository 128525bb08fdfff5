/* SPDX-License-Identifier: MIT */
/*
 * mfence. [SDM2 "MFENCE"]
 *
 * in:
 * out:
 */
	mfence
