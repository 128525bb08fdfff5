/* SPDX-License-Identifier: MIT */
/*
 * Running and stopping: signals, a second vCPU, guest debugging, MSRs and
 * hypercalls that the client answers.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "engine/conform/machine.h"

GUEST(ctl_spin_off);
GUEST(ctl_ticks);
GUEST(ctl_wake);
GUEST(ctl_steps);
GUEST(ctl_store);
GUEST(ctl_int3);
LABEL(ctl_int3_handler);
GUEST(ctl_open);
LABEL(ctl_open_here);
LABEL(ctl_open_30);
GUEST(ctl_rdmsr);
LABEL(ctl_rdmsr_gp);
GUEST(ctl_wrmsr);
LABEL(ctl_wrmsr_gp);
GUEST(ctl_hypercall);
GUEST(ctl_triple);
GUEST(ctl_flat);
GUEST(ctl_ap);

/* --------------------------------------------------------------- signals - */

TEST(a_signal_stops_a_guest_that_spins_with_interrupts_off)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, ctl_spin_off, long);
	for (u32 i = 0; i < 5; i++) {
		struct runner *r = runner_start(m, 0);

		(void)usleep(3000); /* well into its loop; any less is fine */
		check_eq(runner_stop(r), -EINTR);
		check_eq(m->run->exit_reason, KVM_EXIT_INTR);
	}
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 1);
}

TEST(a_signal_stops_it_while_something_waits_for_interrupts_to_open)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct runner *r;

	machine_begin(m, ctl_spin_off, long);
	m->run->request_interrupt_window = 1;
	r = runner_start(m, 0);
	(void)usleep(3000); /* well into its loop; any less is fine */
	check_eq(runner_stop(r), -EINTR);
}

/* As a client resets a machine that asked for it by a port. */
TEST(registers_set_after_an_out_are_where_the_guest_goes_on)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs regs;

	machine_begin(m, ctl_ticks, long);
	machine_expect_quiet(m, 1);
	regs = machine_regs(m, 0);
	machine_copy(m, 0x9000, ctl_steps, GUEST_SIZE(ctl_steps));
	regs.rip = 0x9000;
	machine_set_regs(m, 0, &regs);
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rbx, 4);
}

TEST(an_immediate_exit_runs_nothing)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_begin(m, ctl_ticks, long);
	m->run->immediate_exit = 1;
	for (u32 i = 0; i < 3; i++) {
		check_err(machine_run_raw(m, 0), EINTR);
		check_eq(machine_regs(m, 0).rip, GUEST_CODE);
	}
	m->run->immediate_exit = 0;
	machine_expect_quiet(m, 3);
}

static void on_signal(int number)
{
	(void)number; /* must not even run */
}

TEST(the_signal_mask_holds_while_the_guest_runs)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	const struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked, pending;
	u64 none = 0;

	machine_begin(m, ctl_spin_off, long);
	check_eq(sigaction(SIGUSR2, &action, NULL), 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	check_eq(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
	check_ok(m->vcpu[0]->ops->set_signal_mask(m->vcpu[0], &none));
	check_eq(raise(SIGUSR2), 0);
	check_err(machine_run_raw(m, 0), EINTR);
	/* Seen, but not taken: outside it is still blocked and pending. */
	check_eq(sigpending(&pending), 0);
	check(sigismember(&pending, SIGUSR2));
	check_ok(m->vcpu[0]->ops->set_signal_mask(m->vcpu[0], NULL));
}

TEST(shutdown_is_told_after_a_triple_fault)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, ctl_triple, long);
	machine_expect(m, KVM_EXIT_SHUTDOWN);
}

TEST(protected_mode_without_paging_runs)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, ctl_flat, flat);
	machine_expect_mmio(m, true, GUEST_MMIO_FAR, 1);
	check_eq(mmio_data(m), 0x77);
	machine_expect_done(m);
	check_eq(ram_u32(m, GUEST_DATA) & 1, 1);
	check_eq(ram_u16(m, GUEST_DATA + 4), SELECTOR_CODE32);
	check_eq(ram_u32(m, GUEST_DATA + 8), 0x1234);
}

/* --------------------------------------------------------- a second vCPU - */

TEST(init_and_sipi_start_the_second_vcpu)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct kvm_mp_state state;
	struct runner *r;

	machine_add_vcpu(m, 1);
	machine_copy(m, 0x9000, ctl_ap, GUEST_SIZE(ctl_ap));
	machine_begin(m, ctl_wake, long);
	r = runner_start(m, 1);
	check_eq(machine_expect_say(m), 1);
	check_eq(runner_join(r), 0);
	check_eq(m->vcpu[1]->run->exit_reason, KVM_EXIT_IO);
	check_eq(m->vcpu[1]->run->io.port, PORT_DONE);
	check_eq(ram_u16(m, 0x9100), 0x900); /* CS */
	check_eq(machine_sregs(m, 1).cs.base, 0x9000);
	check_ok(m->vcpu[1]->ops->get_mp_state(m->vcpu[1], &state));
	check_eq(state.mp_state, KVM_MP_STATE_RUNNABLE);
}

TEST(a_vcpu_that_waits_for_sipi_is_stopped_by_a_signal)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	machine_add_vcpu(m, 1);
	check_eq(runner_stop(runner_start(m, 1)), -EINTR);
}

TEST(two_vcpus_run_side_by_side)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct runner *a, *b;

	machine_add_vcpu(m, 1);
	machine_load(m, ctl_ticks);
	machine_start_long(m, 0);
	machine_start_long(m, 1);
	a = runner_start(m, 0);
	b = runner_start(m, 1);
	while (runner_ticks(a) < 100 || runner_ticks(b) < 100)
		(void)usleep(1000); /* the watchdog bounds it */
	check_eq(runner_stop(a), -EINTR);
	check_eq(runner_stop(b), -EINTR);
}

/* ------------------------------------------------------------- debugging - */

static int debug(struct machine *m, u32 control, u64 dr0, u64 dr7)
{
	struct kvm_guest_debug request = {.control = control};

	request.arch.debugreg[0] = dr0;
	request.arch.debugreg[7] = dr7;
	return m->vcpu[0]->ops->set_guest_debug(m->vcpu[0], &request);
}

static void expect_debug(struct machine *m, u64 pc, u64 dr6)
{
	machine_expect(m, KVM_EXIT_DEBUG);
	check_eq(m->run->debug.arch.exception, 1);
	check_eq(m->run->debug.arch.pc, pc);
	check_eq(m->run->debug.arch.dr6 & 0x400f, dr6);
	check_eq(machine_regs(m, 0).rip, pc);
}

TEST(single_step_stops_after_each_instruction)
{
	static const u8 lengths[] = {5, 3, 2, 1, 2};
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	u64 pc = GUEST_CODE;

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_steps, long);
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0));
	for (u32 i = 0; i < sizeof(lengths); i++) {
		pc += lengths[i];
		expect_debug(m, pc, 0x4000);
	}
	check_ok(debug(m, 0, 0, 0));
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rbx, 4);
	check(!(machine_regs(m, 0).rflags & 0x100)); /* no TF left behind */
}

TEST(single_step_works_in_real_mode)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_ap, real);
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0));
	expect_debug(m, GUEST_CODE + 2, 0x4000);
	expect_debug(m, GUEST_CODE + 4, 0x4000);
}

TEST(a_hardware_breakpoint_stops_before_its_instruction)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_steps, long);
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		       GUEST_CODE + 8, 0x402));
	expect_debug(m, GUEST_CODE + 8, 1);
	check_eq(machine_regs(m, 0).rax, 3);
	check_eq(machine_regs(m, 0).rbx, 0);
	check_ok(debug(m, 0, 0, 0));
	machine_expect_done(m);
	check_eq(machine_regs(m, 0).rbx, 4);
}

TEST_FULL(a_watchpoint_stops_after_its_store,
	  "watchpoints hold for interpreted code")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_store, long);
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		       GUEST_DATA, 0x402 | 1 << 16));
	expect_debug(m, GUEST_CODE + 8, 1);
	check_ok(debug(m, 0, 0, 0));
	machine_expect_done(m);
}

TEST_FULL(a_software_breakpoint_stops_at_int3, "INT3 at CPL 0")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_int3, long);
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0));
	machine_expect(m, KVM_EXIT_DEBUG);
	check_eq(m->run->debug.arch.exception, 3);
	check_eq(m->run->debug.arch.pc, GUEST_CODE + 1);
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 1);
}

TEST_FULL(an_int3_given_back_goes_to_the_guests_handler, "INT3 at CPL 0")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_int3, long);
	machine_gate(m, 3, machine_label(ctl_int3, ctl_int3_handler));
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0));
	machine_expect(m, KVM_EXIT_DEBUG);
	check_ok(debug(m,
		       KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
			       KVM_GUESTDBG_INJECT_BP,
		       0, 0));
	check_eq(machine_expect_say(m), 3);
	/* As a trap: it returns behind the instruction. */
	check_eq(ram_u64(m, machine_regs(m, 0).rsp), GUEST_CODE + 2);
	machine_expect_done(m);
}

/* The other way to give it back, which QEMU takes. */
TEST_FULL(an_int3_given_back_as_an_event_is_the_same, "INT3 at CPL 0")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_vcpu_events events;

	need_cap(KVM_CAP_SET_GUEST_DEBUG);
	machine_begin(m, ctl_int3, long);
	machine_gate(m, 3, machine_label(ctl_int3, ctl_int3_handler));
	check_ok(debug(m, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0));
	machine_expect(m, KVM_EXIT_DEBUG);
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &events));
	events.exception.injected = 1;
	events.exception.nr = 3;
	events.exception.has_error_code = 0;
	check_ok(m->vcpu[0]->ops->set_vcpu_events(m->vcpu[0], &events));
	check_eq(machine_expect_say(m), 3);
	check_eq(ram_u64(m, machine_regs(m, 0).rsp), GUEST_CODE + 2);
	machine_expect_done(m);
}

TEST_FULL(a_step_can_keep_interrupts_out, "steps with interrupts")
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	int offered = way->ops->check_extension(way, KVM_CAP_SET_GUEST_DEBUG2);
	u64 here = machine_label(ctl_open, ctl_open_here);

	if (!(offered & KVM_GUESTDBG_BLOCKIRQ))
		skip("KVM_GUESTDBG_BLOCKIRQ is not offered");
	machine_begin(m, ctl_open, long);
	machine_gate(m, 0x30, machine_label(ctl_open, ctl_open_30));
	machine_pin(m, 20, 0x30, false, false);
	machine_expect_quiet(m, 1);
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	m->run->immediate_exit = 0;
	check_ok(machine_line(m, 20, 1));
	check_ok(debug(m,
		       KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
			       KVM_GUESTDBG_BLOCKIRQ,
		       0, 0));
	expect_debug(m, here + 1, 0x4000);
	expect_debug(m, here + 2, 0x4000);
	check_ok(debug(m, 0, 0, 0));
	check_eq(machine_expect_say(m), 0x30);
	check_eq(ram_u64(m, machine_regs(m, 0).rsp), here + 2);
}

/* ----------------------------------------------- MSRs the client answers - */

static int user_msrs(struct machine *m, u64 reasons)
{
	const struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
					   .args = {reasons}};

	return m->vm->ops->enable_cap(m->vm, &cap);
}

static void start_msr(struct machine *m, u32 index)
{
	struct kvm_regs regs = machine_regs(m, 0);

	regs.rcx = index;
	machine_set_regs(m, 0, &regs);
}

#define MSR_ABSENT 0x9999u
#define MSR_STAR_  0xc0000081u

TEST(an_unknown_msr_is_a_general_protection_fault)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, ctl_rdmsr, long);
	machine_gate(m, 13, machine_label(ctl_rdmsr, ctl_rdmsr_gp));
	start_msr(m, MSR_ABSENT);
	check_eq(machine_expect_say(m), 13);
	check_eq(ram_u64(m, machine_regs(m, 0).rsp), 0); /* error code */
	check_eq(ram_u64(m, machine_regs(m, 0).rsp + 8), GUEST_CODE);
}

static struct machine *new_user_rdmsr(u32 index)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_X86_USER_SPACE_MSR);
	check_ok(user_msrs(m, KVM_MSR_EXIT_REASON_UNKNOWN |
				      KVM_MSR_EXIT_REASON_INVAL |
				      KVM_MSR_EXIT_REASON_FILTER));
	machine_begin(m, ctl_rdmsr, long);
	machine_gate(m, 13, machine_label(ctl_rdmsr, ctl_rdmsr_gp));
	start_msr(m, index);
	return m;
}

TEST(the_client_may_answer_an_unknown_rdmsr)
{
	struct machine *m = new_user_rdmsr(MSR_ABSENT);

	machine_expect(m, KVM_EXIT_X86_RDMSR);
	check_eq(m->run->msr.index, MSR_ABSENT);
	check_eq(m->run->msr.reason, KVM_MSR_EXIT_REASON_UNKNOWN);
	m->run->msr.data = 0x1122334455667788ull;
	m->run->msr.error = 0;
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 0x55667788);
	check_eq(ram_u64(m, GUEST_DATA + 8), 0x11223344);
}

TEST(the_client_may_refuse_an_unknown_rdmsr)
{
	struct machine *m = new_user_rdmsr(MSR_ABSENT);

	machine_expect(m, KVM_EXIT_X86_RDMSR);
	m->run->msr.error = 1;
	check_eq(machine_expect_say(m), 13);
	check_eq(ram_u64(m, machine_regs(m, 0).rsp + 8), GUEST_CODE);
}

TEST(an_rdmsr_is_finished_by_an_immediate_exit)
{
	struct machine *m = new_user_rdmsr(MSR_ABSENT);

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_expect(m, KVM_EXIT_X86_RDMSR);
	m->run->msr.data = 5;
	m->run->msr.error = 0;
	m->run->immediate_exit = 1;
	check_err(machine_run_raw(m, 0), EINTR);
	check_eq(machine_regs(m, 0).rax, 5);
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 2);
	m->run->immediate_exit = 0;
	machine_expect_done(m);
}

TEST(the_client_may_answer_an_unknown_wrmsr)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_X86_USER_SPACE_MSR);
	check_ok(user_msrs(m, KVM_MSR_EXIT_REASON_UNKNOWN));
	machine_begin(m, ctl_wrmsr, long);
	machine_gate(m, 13, machine_label(ctl_wrmsr, ctl_wrmsr_gp));
	start_msr(m, MSR_ABSENT);
	machine_expect(m, KVM_EXIT_X86_WRMSR);
	check_eq(m->run->msr.index, MSR_ABSENT);
	check_eq(m->run->msr.data, 0x1122334455667788ull);
	m->run->msr.error = 0;
	machine_expect_done(m);
	machine_start_long(m, 0);
	start_msr(m, MSR_ABSENT);
	machine_expect(m, KVM_EXIT_X86_WRMSR);
	m->run->msr.error = 1;
	check_eq(machine_expect_say(m), 13);
}

static int filter_star(struct machine *m, u32 flags, u32 base)
{
	u8 bitmap[8] = {0};
	struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};

	filter.ranges[0].flags = flags;
	filter.ranges[0].base = base;
	filter.ranges[0].nmsrs = 1;
	filter.ranges[0].bitmap = bitmap; /* clear: denied */
	return m->vm->ops->set_msr_filter(m->vm, &filter);
}

TEST(a_filtered_msr_goes_to_the_client)
{
	struct machine *m = new_user_rdmsr(MSR_STAR_);

	need_cap(KVM_CAP_X86_MSR_FILTER);
	check_ok(filter_star(m, KVM_MSR_FILTER_READ, MSR_STAR_));
	machine_expect(m, KVM_EXIT_X86_RDMSR);
	check_eq(m->run->msr.reason, KVM_MSR_EXIT_REASON_FILTER);
	m->run->msr.data = 77;
	m->run->msr.error = 0;
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 77);
	/* The client's own way in is not filtered. */
	check_eq(machine_msr(m, 0, MSR_STAR_), 0);
}

TEST(a_filtered_msr_without_a_client_is_a_fault)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_X86_MSR_FILTER);
	check_ok(filter_star(m, KVM_MSR_FILTER_READ, MSR_STAR_));
	machine_begin(m, ctl_rdmsr, long);
	machine_gate(m, 13, machine_label(ctl_rdmsr, ctl_rdmsr_gp));
	start_msr(m, MSR_STAR_);
	check_eq(machine_expect_say(m), 13);
}

TEST(a_filter_that_cannot_be_is_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_msr_filter filter = {.flags = 0x10};

	need_cap(KVM_CAP_X86_MSR_FILTER);
	check_err(m->vm->ops->set_msr_filter(m->vm, &filter), EINVAL);
	check_err(filter_star(m, 0x10, MSR_STAR_), EINVAL);
	check_err(user_msrs(m, 0x100), EINVAL);
}

TEST_FULL(a_hypercall_goes_to_the_client, "VMCALL at CPL 0")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	const struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_HYPERCALL,
					   .args = {1 << 12}};

	need_cap(KVM_CAP_EXIT_HYPERCALL);
	check_ok(m->vm->ops->enable_cap(m->vm, &cap));
	machine_begin(m, ctl_hypercall, long);
	machine_expect(m, KVM_EXIT_HYPERCALL);
	check_eq(m->run->hypercall.nr, 12);
	check_eq(m->run->hypercall.args[0], 0x2000);
	check_eq(m->run->hypercall.args[1], 1);
	m->run->hypercall.ret = 42;
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), 42);
}

TEST_FULL(a_hypercall_nobody_knows_returns_enosys, "VMCALL at CPL 0")
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, ctl_hypercall, long);
	machine_expect_done(m);
	check_eq(ram_u64(m, GUEST_DATA), (u64)-1000); /* -KVM_ENOSYS */
}
