/* SPDX-License-Identifier: MIT */
/* Going, stepping and stopping. */
#include "vmm/gdbstub/run.h"

#include <string.h>

#include "base/clock.h"

u32 gdb_run_cpus(const struct gdb_run *run)
{
	return machine_config(run->machine)->cpu_count;
}

/* ---- going ---- */

/* Where it is, as breakpoints count it: linear. */
static u64 linear_pc(struct gdb_run *run, u32 vcpu)
{
	struct engine_vcpu *v = machine_vcpu(run->machine, vcpu);
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (v->ops->get_regs(v, &regs) || v->ops->get_sregs(v, &sregs))
		return 0;
	return sregs.cs.l ? regs.rip : (u32)(sregs.cs.base + regs.rip);
}

static bool break_at(struct gdb_run *run, u32 vcpu)
{
	u64 pc = linear_pc(run, vcpu);
	gpa_t gpa;

	return gdb_execute_at(&run->breaks, pc) ||
	       (gdb_translate(run->machine, vcpu, pc, &gpa) &&
		gdb_soft_at(&run->breaks, gpa));
}

static int next_to_leave(struct gdb_run *run)
{
	for (u32 i = 0; i < gdb_run_cpus(run); i++)
		if (run->action[i] != GDB_HOLD && run->told_at[i] &&
		    break_at(run, i))
			return (int)i;
	return -1;
}

static void apply(struct gdb_run *run, u32 vcpu, enum gdb_stop_for what,
		  bool give_back)
{
	int err = gdb_breaks_apply(&run->breaks, vcpu, what, give_back);

	/* It then does not stop by itself; Ctrl-C stops it. */
	if (err && log_limit_pass(&run->log_limit, clock_now_ns()))
		log_at(LOG_WARN, "gdb",
		       "the engine refuses to debug vCPU %u: error %d", vcpu,
		       -err);
}

/* What it is to stop for while it does what it was told to. */
static void apply_action(struct gdb_run *run, u32 vcpu, bool give_back)
{
	apply(run, vcpu,
	      run->action[vcpu] == GDB_STEP ? GDB_STOP_FOR_STEP
					    : GDB_STOP_FOR_BREAKS,
	      give_back);
}

static void go_leaving(struct gdb_run *run, u32 vcpu)
{
	gdb_breaks_lift(&run->breaks);
	for (u32 i = 0; i < gdb_run_cpus(run); i++)
		machine_vcpu_hold(run->machine, i, i != vcpu);
	apply(run, vcpu, GDB_STEP_OVER_ALL, false);
	run->leaving = (int)vcpu;
}

static void go_all(struct gdb_run *run)
{
	gdb_breaks_plant(&run->breaks);
	for (u32 i = 0; i < gdb_run_cpus(run); i++) {
		bool held = run->action[i] == GDB_HOLD;

		machine_vcpu_hold(run->machine, i, held);
		apply_action(run, i, false);
		if (!held)
			run->told_at[i] = false;
	}
	run->leaving = -1;
}

/* Whoever lets the machine go: before it does. */
static void prepare(struct gdb_run *run)
{
	int leave = next_to_leave(run);

	if (leave >= 0)
		go_leaving(run, (u32)leave);
	else
		go_all(run);
}

/* A vCPU whose hit waits to be told and is not out of date, or -1. */
static int next_missed(const struct gdb_run *run)
{
	for (u32 i = 0; i < gdb_run_cpus(run); i++)
		if (run->action[i] != GDB_HOLD && run->missed[i].used &&
		    gdb_hard_is_set(&run->breaks, &run->missed[i]))
			return (int)i;
	return -1;
}

void gdb_run_go(struct gdb_run *run)
{
	if (machine_status(run->machine) == MACHINE_ENDED)
		return;
	run->running = true;
	run->kept = false;
	if (next_missed(run) >= 0)
		loop_post(run->loop, &run->missed_work);
	else
		machine_cont(run->machine);
}

void gdb_run_moved(struct gdb_run *run, u32 vcpu)
{
	run->told_at[vcpu] = false;
}

/* ---- stopping ---- */

/* What has stopped before an instruction and not behind it. */
static bool is_before(const struct gdb_stop *stop)
{
	return stop->kind == GDB_STOP_SOFT ||
	       (stop->kind == GDB_STOP_HARD && stop->hard.kind == GDB_EXECUTE);
}

static void stand(struct gdb_run *run, const struct gdb_stop *stop)
{
	run->running = run->has_found = false;
	run->leaving = -1;
	run->last = *stop;
	if (is_before(stop))
		run->told_at[stop->vcpu] = true;
	loop_work_cancel(run->loop, &run->missed_work);
	gdb_breaks_lift(&run->breaks);
	run->stopped(run);
}

/* It stands: for what was found, or for what was missed before, or for a user. */
static void stand_now(struct gdb_run *run)
{
	struct gdb_stop stop = {.vcpu = run->last.vcpu};
	int missed = next_missed(run);

	if (run->has_found) {
		stop = run->found;
	} else if (missed >= 0) {
		stop = (struct gdb_stop){.kind = GDB_STOP_HARD,
					 .vcpu = (u32)missed,
					 .hard = run->missed[missed]};
		run->missed[missed].used = false;
	}
	stand(run, &stop);
}

static void missed_due(struct loop_work *work)
{
	struct gdb_run *run = work->ctx;

	if (run->running && machine_status(run->machine) != MACHINE_RUNS)
		stand_now(run);
}

/*
 * The first of this moment is told. What others stand before they meet again,
 * when they go; but what is behind them would be lost.
 */
static bool found(struct gdb_run *run, const struct gdb_stop *stop)
{
	if (!run->has_found)
		run->found = *stop;
	else if (stop->kind == GDB_STOP_HARD && !is_before(stop))
		run->missed[stop->vcpu] = stop->hard;
	run->has_found = true;
	return true;
}

/* By its physical address: another address space may have the page elsewhere. */
static bool met_int3(struct gdb_run *run, u32 vcpu, u64 pc)
{
	gpa_t gpa;

	if (gdb_translate(run->machine, vcpu, pc, &gpa) &&
	    gdb_soft_at(&run->breaks, gpa))
		return found(run, &(struct gdb_stop){.kind = GDB_STOP_SOFT,
						     .vcpu = vcpu});
	apply_action(run, vcpu, true);
	return false;
}

static bool met_debug_exception(struct gdb_run *run, u32 vcpu, u64 dr6)
{
	const struct gdb_hard *hard = gdb_hard_hit(&run->breaks, dr6);
	struct gdb_stop stop = {.kind = GDB_STOP_STEP, .vcpu = vcpu};

	if (hard) {
		stop.kind = GDB_STOP_HARD;
		stop.hard = *hard;
	}
	return found(run, &stop);
}

/* It stands behind the breakpoint; what it was to do comes now. */
static bool has_left(struct gdb_run *run, u32 vcpu)
{
	run->leaving = -1;
	run->told_at[vcpu] = false;
	if (run->action[vcpu] == GDB_STEP)
		return found(run, &(struct gdb_stop){.kind = GDB_STOP_STEP,
						     .vcpu = vcpu});
	prepare(run);
	return false;
}

static bool on_met(struct machine_watch *watch, u32 vcpu)
{
	struct gdb_run *run = container_of(watch, struct gdb_run, watch);
	const struct kvm_debug_exit_arch *exit =
		&machine_vcpu(run->machine, vcpu)->run->debug.arch;

	if (run->leaving == (int)vcpu)
		return has_left(run, vcpu);
	if (exit->exception == BP_VECTOR)
		return met_int3(run, vcpu, exit->pc);
	return met_debug_exception(run, vcpu, exit->dr6);
}

/* All vCPUs are elsewhere, and in the memory is what was loaded anew. */
static void on_reset(struct gdb_run *run)
{
	memset(run->told_at, 0, sizeof(run->told_at));
	memset(run->missed, 0, sizeof(run->missed));
	gdb_breaks_replant(&run->breaks);
	if (run->running)
		prepare(run);
}

static void on_news(struct machine_watch *watch, const struct machine_news *news)
{
	struct gdb_run *run = container_of(watch, struct gdb_run, watch);

	switch (news->kind) {
	case MACHINE_NEWS_STOP:
		if (run->running)
			stand_now(run);
		break;
	case MACHINE_NEWS_CONT:
		if (!run->running || next_missed(run) >= 0)
			machine_stop(run->machine);
		else
			prepare(run);
		break;
	case MACHINE_NEWS_RESET:
		on_reset(run);
		break;
	case MACHINE_NEWS_END:
		stand(run, &(struct gdb_stop){.kind = GDB_STOP_END});
		break;
	case MACHINE_NEWS_POWER_BUTTON:
		break;
	}
}

void gdb_run_interrupt(struct gdb_run *run)
{
	if (!run->running)
		return;
	if (machine_status(run->machine) == MACHINE_RUNS)
		machine_stop(run->machine);
	else /* something that was missed is about to be told */
		stand_now(run);
}

/* ---- coming and leaving ---- */

void gdb_run_begin(struct gdb_run *run, struct machine *machine)
{
	run->machine = machine;
	run->loop = machine_config(machine)->loop;
	run->breaks.machine = machine;
	run->leaving = -1;
	run->log_limit = LOG_LIMIT(1);
	run->watch.tell = on_news;
	run->watch.met = on_met;
	run->kept = machine_status(machine) != MACHINE_RUNS;
	loop_work_init(&run->missed_work, missed_due, run);
	machine_stop(machine);
	machine_watch_add(machine, &run->watch);
}

void gdb_run_end(struct gdb_run *run, bool go_on)
{
	machine_watch_del(&run->watch);
	loop_work_cancel(run->loop, &run->missed_work);
	machine_stop(run->machine);
	gdb_breaks_lift(&run->breaks);
	for (u32 i = 0; i < gdb_run_cpus(run); i++) {
		machine_vcpu_hold(run->machine, i, false);
		apply(run, i, GDB_STOP_FOR_NOTHING, false);
	}
	if (go_on || !run->kept)
		machine_cont(run->machine);
}
