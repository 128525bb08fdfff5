/* SPDX-License-Identifier: MIT */
/*
 * int to a gate of CPL 0 is #GP with the gate in the error code. [SDM2 "INT
 * n/INTO/INT3/INT1"]
 *
 * cpl: 3
 * limited-kvm: 3
 * in:
 * out: fault=13 error=0x202
 */
	int $0x40
