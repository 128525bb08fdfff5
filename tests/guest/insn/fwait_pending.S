/* SPDX-License-Identifier: MIT */
/*
 * A pending exception that is not masked is #MF. [SDM1 8.6 "x87 FPU Exception
 * Synchronization"]
 *
 * in:  fcw=0x37e fsw=0x8081 st=1
 * out: fault=16
 */
	fwait
