/* SPDX-License-Identifier: MIT */
/*
 * For tests of what stands around a machine: a whole one on the fake engine, with
 * a kernel that is never executed. What cannot be in a test asserts.
 */
#ifndef VMM_MACHINE_FAKE_MACHINE_H
#define VMM_MACHINE_FAKE_MACHINE_H

#include "vmm/machine/fake_engine.h"
#include "vmm/machine/machine.h"

struct fake_machine {
	struct fake_engine engine; /* give it exits before the machine is made */
	struct loop *loop;	   /* owned */
	struct boot boot;
	struct machine_config config; /* `ended` is ours; the rest may change */
	struct machine *machine;      /* owned; NULL: none */
	struct fault fault;	      /* for calls that may fail */
	bool ended; /* the machine: the loop is then stopped */
	int status; /* with which; -1 before */
	u8 kernel[4096];
};

/* A loop, and a configuration: micro, one vCPU, 16 MiB, the command line "cmdline". */
void fake_machine_init(struct fake_machine *fake);
/* The machine, which has not been started. */
void fake_machine_create(struct fake_machine *fake);
/* Accepts one whose machine was freed, or never made. */
void fake_machine_release(struct fake_machine *fake);

#endif
