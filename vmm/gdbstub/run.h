/* SPDX-License-Identifier: MIT */
/*
 * Letting the guest run for a debugger and stopping it: which vCPUs go, which
 * step, and what a stop was for.
 *
 * The machine stands when gdb_run_begin returns, and whenever the debugger has
 * not let it go. A `cont` by somebody else (a monitor) meanwhile is undone: the
 * client could not be told of it.
 *
 * A vCPU whose stop at a breakpoint was told leaves it by one instruction of
 * its own, with no breakpoint in memory and all others held.
 */
#ifndef VMM_GDBSTUB_RUN_H
#define VMM_GDBSTUB_RUN_H

#include "base/log.h"
#include "vmm/gdbstub/breaks.h"

enum gdb_action { GDB_HOLD, GDB_GO, GDB_STEP };

enum gdb_stop_kind {
	GDB_STOP_USER, /* Ctrl-C, or somebody else stopped it */
	GDB_STOP_STEP,
	GDB_STOP_SOFT,
	GDB_STOP_HARD, /* `hard` says which */
	GDB_STOP_END,  /* the machine is over */
};

struct gdb_stop {
	enum gdb_stop_kind kind;
	u32 vcpu;
	struct gdb_hard hard;
};

struct gdb_run {
	struct machine *machine; /* borrowed */
	struct loop *loop;	 /* borrowed */
	struct gdb_breaks breaks;
	struct gdb_stop last;
	bool running; /* in the client's eyes */
	bool kept;    /* it stood before the debugger came, and has not gone */
	enum gdb_action action[MACHINE_CPUS_MAX];
	bool told_at[MACHINE_CPUS_MAX]; /* it stands at a breakpoint, told */
	int leaving;			/* the vCPU that leaves one, or -1 */
	/* Why the machine is about to stand, until it is told. */
	bool has_found;
	struct gdb_stop found;
	/* Watchpoints that vCPUs hit in the moment of another's stop: told when
	 * they are to go. */
	struct gdb_hard missed[MACHINE_CPUS_MAX];
	struct loop_work missed_work;
	struct log_limit log_limit; /* a client says `continue` for ever */
	struct machine_watch watch;
	/* It stands for `last`. */
	void (*stopped)(struct gdb_run *run);
};

/* Fill `stopped` first. Stops the machine. */
void gdb_run_begin(struct gdb_run *run, struct machine *machine);
/* No breakpoint and no hold is left, and the machine goes on; without `go_on`
 * only if it ran when the debugger came or has run since. */
void gdb_run_end(struct gdb_run *run, bool go_on);

/* As `action` says. Nothing for a machine that is over. */
void gdb_run_go(struct gdb_run *run);
/* Nothing when it stands. */
void gdb_run_interrupt(struct gdb_run *run);
/* The client has changed where this vCPU is. */
void gdb_run_moved(struct gdb_run *run, u32 vcpu);

u32 gdb_run_cpus(const struct gdb_run *run);

#endif
