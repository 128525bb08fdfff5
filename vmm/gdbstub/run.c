/* SPDX-License-Identifier: MIT */
/* Going, stepping and stopping. */
#include "vmm/gdbstub/run.h"

#include "base/log.h"

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
	if (err)
		log_at(LOG_WARN, "gdb",
		       "the engine refuses to debug vCPU %u: error %d", vcpu,
		       -err);
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
		enum gdb_action action = run->action[i];

		machine_vcpu_hold(run->machine, i, action == GDB_HOLD);
		apply(run, i,
		      action == GDB_STEP ? GDB_STOP_FOR_STEP
					 : GDB_STOP_FOR_BREAKS,
		      false);
		if (action != GDB_HOLD)
			run->told_at[i] = false;
	}
	run->leaving = -1;
}

void gdb_run_go(struct gdb_run *run)
{
	int leave;

	if (machine_status(run->machine) == MACHINE_ENDED)
		return;
	leave = next_to_leave(run);
	run->running = true;
	run->kept = false;
	if (leave >= 0)
		go_leaving(run, (u32)leave);
	else
		go_all(run);
	machine_cont(run->machine);
}

/* Not while the machine tells of its stop: others have not heard of it yet. */
static void go_due(struct loop_work *work)
{
	struct gdb_run *run = work->ctx;

	if (run->running && machine_status(run->machine) != MACHINE_RUNS)
		gdb_run_go(run);
}

void gdb_run_moved(struct gdb_run *run, u32 vcpu)
{
	run->told_at[vcpu] = false;
}

/* ---- stopping ---- */

static void stand(struct gdb_run *run, const struct gdb_stop *stop)
{
	run->running = false;
	run->leaving = -1;
	run->last = *stop;
	loop_work_cancel(run->loop, &run->go_work);
	gdb_breaks_lift(&run->breaks);
	run->stopped(run);
}

/* By its physical address: another address space may have the page elsewhere. */
static void met_int3(struct gdb_run *run, u32 vcpu, u64 pc)
{
	gpa_t gpa;

	if (gdb_translate(run->machine, vcpu, pc, &gpa) &&
	    gdb_soft_at(&run->breaks, gpa)) {
		run->told_at[vcpu] = true;
		stand(run,
		      &(struct gdb_stop){.kind = GDB_STOP_SOFT, .vcpu = vcpu});
		return;
	}
	apply(run, vcpu, GDB_STOP_FOR_BREAKS, true);
	loop_post(run->loop, &run->go_work);
}

static void met_debug_exception(struct gdb_run *run, u32 vcpu, u64 dr6)
{
	const struct gdb_hard *hard = gdb_hard_hit(&run->breaks, dr6);
	struct gdb_stop stop = {.kind = GDB_STOP_STEP, .vcpu = vcpu};

	if (hard) {
		stop.kind = GDB_STOP_HARD;
		stop.hard = *hard;
		run->told_at[vcpu] = hard->kind == GDB_EXECUTE;
	}
	stand(run, &stop);
}

/* It stands behind the breakpoint; what it was to do comes now. */
static void has_left(struct gdb_run *run, u32 vcpu)
{
	run->leaving = -1;
	run->told_at[vcpu] = false;
	if (run->action[vcpu] == GDB_STEP)
		stand(run,
		      &(struct gdb_stop){.kind = GDB_STOP_STEP, .vcpu = vcpu});
	else
		loop_post(run->loop, &run->go_work);
}

static void debugged(struct gdb_run *run, u32 vcpu)
{
	const struct kvm_debug_exit_arch *exit =
		&machine_vcpu(run->machine, vcpu)->run->debug.arch;

	if (run->leaving == (int)vcpu)
		has_left(run, vcpu);
	else if (exit->exception == BP_VECTOR)
		met_int3(run, vcpu, exit->pc);
	else
		met_debug_exception(run, vcpu, exit->dr6);
}

static void on_stop(struct gdb_run *run, u32 vcpu)
{
	if (!run->running)
		return;
	if (machine_status(run->machine) == MACHINE_DEBUGGED)
		debugged(run, vcpu);
	else
		stand(run, &(struct gdb_stop){.vcpu = run->last.vcpu});
}

static void on_news(struct machine_watch *watch, const struct machine_news *news)
{
	struct gdb_run *run = container_of(watch, struct gdb_run, watch);

	switch (news->kind) {
	case MACHINE_NEWS_STOP:
		on_stop(run, news->vcpu);
		break;
	case MACHINE_NEWS_CONT:
		if (!run->running)
			machine_stop(run->machine);
		break;
	case MACHINE_NEWS_RESET:
		gdb_breaks_replant(&run->breaks);
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
	else /* between a stop that was its own affair and the next start */
		stand(run, &(struct gdb_stop){.vcpu = run->last.vcpu});
}

/* ---- coming and leaving ---- */

void gdb_run_begin(struct gdb_run *run, struct machine *machine)
{
	run->machine = machine;
	run->loop = machine_config(machine)->loop;
	run->breaks.machine = machine;
	run->leaving = -1;
	run->watch.tell = on_news;
	run->kept = machine_status(machine) != MACHINE_RUNS;
	loop_work_init(&run->go_work, go_due, run);
	machine_stop(machine);
	machine_watch_add(machine, &run->watch);
}

void gdb_run_end(struct gdb_run *run, bool go_on)
{
	machine_watch_del(&run->watch);
	loop_work_cancel(run->loop, &run->go_work);
	machine_stop(run->machine);
	gdb_breaks_lift(&run->breaks);
	for (u32 i = 0; i < gdb_run_cpus(run); i++) {
		machine_vcpu_hold(run->machine, i, false);
		apply(run, i, GDB_STOP_FOR_NOTHING, false);
	}
	if (go_on || !run->kept)
		machine_cont(run->machine);
}
