/* SPDX-License-Identifier: MIT */
/*
 * fcmove. [SDM2 "FCMOVcc"]
 *
 * in:  st=1,2 flags=z
 * out: st=2,2
 * in:  st=1,2
 * out:
 */
	fcmove %st(1), %st
