/* SPDX-License-Identifier: MIT */
/* For vmm/machine only: what its files share. */
#ifndef VMM_MACHINE_MACHINE_INTERNAL_H
#define VMM_MACHINE_MACHINE_INTERNAL_H

#include "base/thread.h"
#include "vmm/machine/board.h"
#include "vmm/machine/irqchip.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/vcpu.h"
#include "vmm/machine/vcpu_state.h"

/* Slots of the engine's, behind those of RAM. */
enum machine_slot {
	MACHINE_SLOT_FIRMWARE = GUEST_MEM_RANGE_MAX, /* a ROM, or the flash */
	MACHINE_SLOT_BAR = MACHINE_SLOT_FIRMWARE + BOARD_FLASH_MAX, /* by number */
};

enum machine_state {
	MACHINE_PAUSED,	 /* no vCPU executes */
	MACHINE_RUNNING, /* vCPU threads are in the engine */
	MACHINE_OVER,	 /* as paused, for good */
};

/* What a vCPU or device asks of the loop. The first one asked is done. */
enum machine_event {
	EVENT_NONE,
	EVENT_OFF,
	EVENT_RESET,
	EVENT_EXIT,
	EVENT_FAILED,
};

struct machine {
	struct machine_config config;
	struct engine_vm *vm; /* owned */
	struct guest_mem mem;
	struct dev_host host;
	struct board board;
	bool board_built;
	struct irqchip_state power_on;
	enum machine_state state; /* the loop's thread only */
	/* What its user wants of it: anything but MACHINE_RUNS keeps it paused.
	 * Never MACHINE_ENDED; the loop's thread only. */
	enum machine_status wanted;
	struct list watches; /* of struct machine_watch: the loop's thread only */

	struct vcpu *vcpu; /* owned: cpu_count of them */
	u32 created_count, started_count;

	/* Guards what is below, vcpu.parked and vcpu.met. The innermost of our locks. */
	struct mutex lock;
	struct cond changed;
	u32 parked_count;
	bool pause_wanted; /* also read without the lock, atomically */
	bool quit_wanted;

	enum machine_event event;
	int exit_status;	  /* of EVENT_EXIT */
	enum machine_cause cause; /* of EVENT_RESET */
	struct vcpu *at;	  /* of EVENT_FAILED */
	bool debug_waits;	  /* one of vcpu.met is set */
	struct loop_work event_work;
};

/* Any thread, never blocks; true when it was the first. `at`: or NULL. */
bool machine_ask(struct machine *machine, enum machine_event event, int status,
		 struct vcpu *at);

/* The vCPU has met what a debugger asked for. Any thread, never blocks. */
void machine_ask_debug(struct vcpu *vcpu);

/* The work of what waits. */
void machine_event_due(struct loop_work *work);

/* All vCPUs that were started are parked when it returns. The loop's thread. */
void machine_pause(struct machine *machine);

/* Everything as at power-on, and the kernel or firmware loaded. It is paused. */
must_check int machine_restart(struct machine *machine, struct fault *fault);

#endif
