/* SPDX-License-Identifier: MIT */
/*
 * No irqchip: the client injects vectors and NMIs and is told when it may.
 * [KVM-API 4.16 "KVM_INTERRUPT"], [KVM-API 5, request_interrupt_window,
 * ready_for_interrupt_injection, if_flag, cr8, apic_base]
 */
#include "engine/conform/machine.h"

GUEST(irq_window);
LABEL(irq_window_30);
GUEST(irq_shadow_sti);
LABEL(irq_shadow_sti_30);
GUEST(irq_shadow_ss);
LABEL(irq_shadow_ss_30);
GUEST(irq_cr8);
GUEST(irq_hlt);
GUEST(irq_nmi);
LABEL(irq_nmi_handler);
GUEST(irq_real);
LABEL(irq_real_60);

/* This KVM interprets on for a while before it looks. */
#define WHY_WINDOW "the window opens at the first instruction it may"

static int inject(struct machine *m, u32 vector)
{
	return m->vcpu[0]->ops->interrupt(m->vcpu[0], vector);
}

TEST(a_vector_above_255_is_refused)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	check_err(inject(m, 256), EINVAL);
	check_err(inject(m, ~0u), EINVAL);
}

TEST(the_window_opens_when_interrupts_are_on)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_window, long);
	machine_gate(m, 0x30, machine_label(irq_window, irq_window_30));
	m->run->request_interrupt_window = 1;
	for (u32 i = 0; i < 2; i++) {
		machine_expect_quiet(m, 1);
		check_eq(m->run->if_flag, 0);
		check_eq(m->run->ready_for_interrupt_injection, 0);
	}
	machine_expect(m, KVM_EXIT_IRQ_WINDOW_OPEN);
	check_eq(m->run->if_flag, 1);
	check_eq(m->run->ready_for_interrupt_injection, 1);
	m->run->request_interrupt_window = 0;
	check_ok(inject(m, 0x30));
	check_eq(machine_expect_say(m), 0x30);
	check_eq(m->run->if_flag, 0); /* inside the handler */
	machine_expect_quiet(m, 1);
	check_eq(m->run->if_flag, 1);
	machine_expect_quiet(m, 1);
	check_eq(m->run->if_flag, 0);
	machine_expect_done(m);
}

TEST(without_a_request_there_is_no_window_exit)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_window, long);
	m->ram[GUEST_DATA] = 1;
	machine_expect_quiet(m, 4);
	machine_expect_done(m);
}

TEST(a_queued_interrupt_can_be_seen_in_the_events)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_vcpu_events events;

	check_ok(inject(m, 0x44));
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &events));
	check_eq(events.interrupt.injected, 1);
	check_eq(events.interrupt.nr, 0x44);
	check_eq(events.interrupt.soft, 0);
}

TEST(real_mode_takes_interrupts_through_its_vector_table)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_regs before;

	machine_begin(m, irq_real, real);
	ram_set(m, 0x60 * 4, machine_label(irq_real, irq_real_60), 4);
	machine_expect_quiet(m, 3);
	check_eq(m->run->ready_for_interrupt_injection, 1);
	before = machine_regs(m, 0);
	check_ok(inject(m, 0x60));
	check_eq(machine_expect_say(m), 0x60);
	check_eq(machine_regs(m, 0).rsp, before.rsp - 6);
	check_eq(ram_u16(m, before.rsp - 4), 0); /* CS */
	check(ram_u16(m, before.rsp - 2) & 0x200);
	machine_expect_quiet(m, 3);
}

/* [SDM2 "STI"]: one more instruction runs before the first interrupt. */
TEST_FULL(sti_holds_interrupts_for_one_instruction, WHY_WINDOW)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_shadow_sti, long);
	machine_gate(m, 0x30, machine_label(irq_shadow_sti, irq_shadow_sti_30));
	machine_expect_quiet(m, 1);
	m->run->request_interrupt_window = 1;
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_SHADOW, 1, 1);
	machine_expect(m, KVM_EXIT_IRQ_WINDOW_OPEN);
	check_ok(inject(m, 0x30));
	m->run->request_interrupt_window = 0;
	check_eq(machine_expect_say(m), 0x30);
}

/* [SDM3 6.8.3 "Masking Exceptions When Switching Stacks"] */
TEST_FULL(mov_ss_holds_interrupts_for_one_instruction, WHY_WINDOW)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_shadow_ss, long);
	machine_gate(m, 0x30, machine_label(irq_shadow_ss, irq_shadow_ss_30));
	machine_expect_quiet(m, 1);
	m->run->request_interrupt_window = 1;
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_SHADOW, 1, 1);
	machine_expect(m, KVM_EXIT_IRQ_WINDOW_OPEN);
	check_ok(inject(m, 0x30));
	m->run->request_interrupt_window = 0;
	check_eq(machine_expect_say(m), 0x30);
}

TEST(cr8_goes_in_and_out_through_the_run_page)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_cr8, long);
	m->run->cr8 = 5;
	check_eq(machine_expect_say(m), 5);
	check_eq(m->run->cr8, 5);
	/* A lowered priority may be told by an exit of its own. */
	if (machine_run(m) == KVM_EXIT_SET_TPR)
		check_eq(machine_run(m), KVM_EXIT_IO);
	check_eq(m->run->io.port, PORT_TICK);
	check_eq(m->run->cr8, 3);
	machine_expect_done(m);
}

TEST(the_run_page_shows_the_apic_base)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_window, long);
	machine_expect_quiet(m, 1);
	check_eq(m->run->apic_base, machine_sregs(m, 0).apic_base);
}

TEST(hlt_is_an_exit_and_the_next_run_goes_on_behind_it)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	machine_begin(m, irq_hlt, long);
	machine_expect(m, KVM_EXIT_HLT);
	check_eq(machine_regs(m, 0).rip, GUEST_CODE + 1);
	check_eq(machine_expect_say(m), 1);
	machine_expect(m, KVM_EXIT_HLT);
	machine_expect_done(m);
}

static struct machine *new_nmi(u8 count)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);

	need_cap(KVM_CAP_USER_NMI);
	machine_begin(m, irq_nmi, long);
	machine_gate(m, 2, machine_label(irq_nmi, irq_nmi_handler));
	m->ram[GUEST_DATA] = count;
	machine_expect_quiet(m, 1);
	return m;
}

TEST(an_nmi_ignores_the_interrupt_flag)
{
	struct machine *m = new_nmi(1);

	check_ok(m->vcpu[0]->ops->nmi(m->vcpu[0]));
	check_eq(machine_expect_say(m), 2);
	machine_expect_quiet(m, 1);
	check_eq(machine_expect_say(m), 3);
	check_eq(machine_expect_say(m), 1);
	machine_expect_done(m);
}

TEST(a_second_nmi_waits_for_iret)
{
	struct machine *m = new_nmi(2);
	struct kvm_vcpu_events events;

	check_ok(m->vcpu[0]->ops->nmi(m->vcpu[0]));
	check_eq(machine_expect_say(m), 2);
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &events));
	check_eq(events.nmi.masked, 1);
	check_ok(m->vcpu[0]->ops->nmi(m->vcpu[0]));
	machine_expect_quiet(m, 1);
	check_eq(machine_expect_say(m), 3); /* the first handler ends */
	check_eq(machine_expect_say(m), 2); /* now the second begins */
	machine_expect_quiet(m, 1);
	check_eq(machine_expect_say(m), 3);
	check_eq(machine_expect_say(m), 1);
	machine_expect_done(m);
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &events));
	check_eq(events.nmi.masked, 0);
}

TEST(a_third_nmi_is_lost)
{
	struct machine *m = new_nmi(2);

	for (u32 i = 0; i < 4; i++)
		check_ok(m->vcpu[0]->ops->nmi(m->vcpu[0]));
	for (u32 i = 0; i < 2; i++) {
		check_eq(machine_next_say(m), 2);
		check_eq(machine_next_say(m), 3);
	}
	check_eq(machine_expect_say(m), 1);
	machine_expect_done(m);
}
