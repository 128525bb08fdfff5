/* SPDX-License-Identifier: MIT */
/*
 * in without a permission is #GP. [SDM2 "IN"]
 *
 * cpl: 3
 * limited-kvm: 3
 * in:
 * out: fault=13
 */
	in $0x80, %al
