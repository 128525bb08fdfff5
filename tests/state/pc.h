/* SPDX-License-Identifier: MIT */
/*
 * A PC of one vCPU, all on one thread, whose guest can be moved from one VM to
 * a new one behind its back. Made of vmm's own parts: its board, its memory and
 * loaders, and the way it saves and loads a vCPU. What vmm/machine has threads
 * and parking for is a loop here, since each move replaces VM and vCPU.
 */
#ifndef TESTS_STATE_PC_H
#define TESTS_STATE_PC_H

#include "tests/state/shot.h"
#include "vmm/firmware/boot/boot.h"
#include "vmm/machine/board.h"

#define PC_ENGINES 2

struct pc {
	struct engine *engine[PC_ENGINES]; /* borrowed */
	u32 at;				   /* which of them runs the guest */
	struct engine_vm *vm;		   /* owned, as all below */
	struct engine_vcpu *vcpu;
	struct loop *loop;
	struct guest_mem mem;
	struct dev_host host;
	struct board board;
	struct chardev serial;
	struct shot before, after;
	u64 exits, moves, differences;
	bool over; /* the guest has powered off */
};

/* With the guest at its first instruction. */
must_check int pc_init(struct pc *pc, struct engine *const engine[PC_ENGINES],
		       const struct boot *boot, u64 memory_bytes,
		       struct fault *fault);
void pc_release(struct pc *pc);

/* Runs to the next exit and does what it asks. -EIO for one that asks nothing
 * that a PC has, else -errno of the engine. */
must_check int pc_run(struct pc *pc);

/* All state into a new VM of the other engine. -errno of the engine. */
must_check int pc_move(struct pc *pc, struct fault *fault);

#endif
