/* SPDX-License-Identifier: MIT */
/*
 * The irqchip inside the engine: PIC, IOAPIC, LAPIC, routes and MSIs.
 * [KVM-API 4.24 "KVM_CREATE_IRQCHIP"] and the calls about it.
 */
#include <unistd.h>

#include "base/thread.h"
#include "engine/conform/machine.h"

GUEST(irq_ticks);
LABEL(irq_handler_30);
LABEL(irq_handler_31);
LABEL(irq_handler_40);
LABEL(irq_handler_no_eoi);
GUEST(irq_halts);
LABEL(irq_halts_30);
GUEST(irq_timer);
LABEL(irq_timer_30);
GUEST(irq_tpr);
LABEL(irq_tpr_40);
GUEST(irq_pic);
LABEL(irq_pic_24);
LABEL(irq_pic_2b);

#define MSI_ADDRESS 0xfee00000u
#define PIN	    20u /* of the IOAPIC alone */

static struct machine *new_ticking(void)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	machine_begin(m, irq_ticks, long);
	machine_gate(m, 0x30, machine_label(irq_ticks, irq_handler_30));
	machine_gate(m, 0x31, machine_label(irq_ticks, irq_handler_31));
	machine_gate(m, 0x40, machine_label(irq_ticks, irq_handler_40));
	machine_gate(m, 0x50, machine_label(irq_ticks, irq_handler_no_eoi));
	machine_expect_quiet(m, 2); /* the APIC is on, IF too */
	return m;
}

TEST(an_edge_on_a_pin_is_one_interrupt)
{
	struct machine *m = new_ticking();

	machine_pin(m, PIN, 0x30, false, false);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 5);
	check_ok(machine_line(m, PIN, 1)); /* no new edge */
	machine_expect_quiet(m, 5);
	check_ok(machine_line(m, PIN, 0));
	machine_expect_quiet(m, 5);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
}

TEST_FULL(a_level_interrupts_until_it_is_taken_away, WHY_IN_SERVICE)
{
	struct machine *m = new_ticking();
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

	machine_pin(m, PIN, 0x30, true, false);
	check_ok(machine_line(m, PIN, 1));
	check_ok(m->vm->ops->get_irqchip(m->vm, &chip));
	check_eq(chip.chip.ioapic.redirtbl[PIN].fields.remote_irr, 1);
	for (u32 i = 0; i < 3; i++)
		check_eq(machine_next_say(m), 0x30);
	check_ok(machine_line(m, PIN, 0));
	machine_expect_quiet(m, 10);
	check_ok(m->vm->ops->get_irqchip(m->vm, &chip));
	check_eq(chip.chip.ioapic.redirtbl[PIN].fields.remote_irr, 0);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
}

TEST_FULL(a_level_without_eoi_interrupts_once, WHY_IN_SERVICE)
{
	struct machine *m = new_ticking();

	machine_pin(m, PIN, 0x50, true, false);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x50);
	machine_expect_quiet(m, 10);
}

TEST(a_masked_pin_keeps_quiet)
{
	struct machine *m = new_ticking();

	machine_pin(m, PIN, 0x30, true, true);
	check_ok(machine_line(m, PIN, 1));
	machine_expect_quiet(m, 10);
	machine_pin(m, PIN, 0x30, true, false);
	check_eq(machine_next_say(m), 0x30);
}

TEST(irq_line_status_tells_delivered_coalesced_and_ignored)
{
	struct machine *m = new_ticking();

	need_cap(KVM_CAP_IRQ_INJECT_STATUS);
	machine_pin(m, PIN, 0x30, false, false);
	check(machine_line_status(m, PIN, 1) > 0);
	check_eq(machine_line_status(m, PIN, 1), 0); /* no edge */
	check_eq(machine_next_say(m), 0x30);
	machine_pin(m, PIN + 1, 0x30, false, true);
	check(machine_line_status(m, PIN + 1, 1) < 0);
}

TEST(the_higher_vector_comes_first)
{
	struct machine *m = new_ticking();

	machine_pin(m, PIN, 0x30, false, false);
	machine_pin(m, PIN + 1, 0x40, false, false);
	check_ok(machine_line(m, PIN, 1));
	check_ok(machine_line(m, PIN + 1, 1));
	check_eq(machine_next_say(m), 0x40);
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 5);
}

TEST(a_halted_vcpu_sleeps_until_an_interrupt)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct runner *r;

	machine_begin(m, irq_halts, long);
	machine_gate(m, 0x30, machine_label(irq_halts, irq_halts_30));
	machine_pin(m, PIN, 0x30, false, false);
	check_eq(machine_expect_say(m), 1);
	r = runner_start(m, 0);
	(void)usleep(30000); /* long enough to be asleep; any less is fine */
	check_ok(machine_line(m, PIN, 1));
	check_eq(runner_join(r), 0);
	check_eq(m->run->io.port, PORT_SAY);
	check_eq(((u8 *)m->run)[m->run->io.data_offset], 0x30);
	check_eq(machine_expect_say(m), 2);
}

TEST(a_halted_vcpu_is_kicked_by_a_signal)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct kvm_mp_state state;

	machine_begin(m, irq_halts, long);
	check_eq(machine_expect_say(m), 1);
	check_eq(runner_stop(runner_start(m, 0)), -EINTR);
	/* The kick may have come before HLT: run a little further. */
	check_eq(runner_stop(runner_start(m, 0)), -EINTR);
	(void)usleep(1000); /* nothing depends on it */
	check_ok(m->vcpu[0]->ops->get_mp_state(m->vcpu[0], &state));
	check(state.mp_state == KVM_MP_STATE_HALTED ||
	      state.mp_state == KVM_MP_STATE_RUNNABLE);
	machine_gate(m, 0x30, machine_label(irq_halts, irq_halts_30));
	machine_pin(m, PIN, 0x30, false, false);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
	check_eq(machine_expect_say(m), 2);
}

TEST(the_apic_timer_fires_once)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	machine_begin(m, irq_timer, long);
	machine_gate(m, 0x30, machine_label(irq_timer, irq_timer_30));
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 200);
}

TEST(the_task_priority_holds_interrupts_back)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	machine_begin(m, irq_tpr, long);
	machine_gate(m, 0x40, machine_label(irq_tpr, irq_tpr_40));
	check_eq(machine_expect_say(m), 1);
	check_eq(machine_next_say(m), 0x40);
	check_eq(machine_next_say(m), 2);
	machine_expect_done(m);
}

static void real_vector(struct machine *m, u32 vector, u64 address)
{
	ram_set(m, vector * 4, address, 4); /* segment 0 */
}

TEST(the_8259s_deliver_through_lint0)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	machine_begin(m, irq_pic, real);
	real_vector(m, 0x24, machine_label(irq_pic, irq_pic_24));
	real_vector(m, 0x2b, machine_label(irq_pic, irq_pic_2b));
	machine_expect_quiet(m, 2);
	check_ok(machine_line(m, 4, 1));
	check_eq(machine_next_say(m), 0x24);
	machine_expect_quiet(m, 5);
	check_ok(machine_line(m, 4, 0));
	check_ok(machine_line(m, 11, 1)); /* the second chip's */
	check_eq(machine_next_say(m), 0x2b);
	machine_expect_quiet(m, 5);
}

static int send_msi(struct machine *m, u32 address, u32 data, u32 flags)
{
	const struct kvm_msi msi = {
		.address_lo = address, .data = data, .flags = flags};

	return m->vm->ops->signal_msi(m->vm, &msi);
}

TEST(signal_msi_delivers_to_the_addressed_cpu)
{
	struct machine *m = new_ticking();

	need_cap(KVM_CAP_SIGNAL_MSI);
	check(send_msi(m, MSI_ADDRESS, 0x31, 0) > 0);
	check_eq(machine_next_say(m), 0x31);
	check(send_msi(m, MSI_ADDRESS | 9 << 12, 0x31, 0) <= 0); /* nobody */
	machine_expect_quiet(m, 5);
	check_err(send_msi(m, MSI_ADDRESS, 0x31, 0x80), EINVAL);
}

TEST(a_gsi_can_be_routed_to_an_msi_and_back)
{
	struct machine *m = new_ticking();
	union routes routes = {.flags = 0};

	need_cap(KVM_CAP_IRQ_ROUTING);
	route_msi(&routes, PIN, MSI_ADDRESS, 0x31);
	check_ok(m->vm->ops->set_gsi_routing(m->vm, &routes.head));
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x31);
	check_ok(machine_line(m, PIN, 0));
	memset(&routes, 0, sizeof(routes));
	route_pin(&routes, PIN, KVM_IRQCHIP_IOAPIC, PIN + 2);
	check_ok(m->vm->ops->set_gsi_routing(m->vm, &routes.head));
	machine_pin(m, PIN + 2, 0x30, false, false);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
	check_ok(machine_line(m, PIN, 0));
	routes.nr = 0;
	check_ok(m->vm->ops->set_gsi_routing(m->vm, &routes.head));
	check_ok(machine_line(m, PIN, 1)); /* goes nowhere */
	machine_expect_quiet(m, 5);
}

TEST(routes_that_cannot_be_are_refused)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	union routes routes = {.flags = 0};

	need_cap(KVM_CAP_IRQ_ROUTING);
	routes.flags = 1;
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
	routes.flags = 0;
	routes.nr = 1 << 20;
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
	routes.nr = 0;
	route_pin(&routes, 5, KVM_IRQCHIP_IOAPIC, KVM_IOAPIC_NUM_PINS);
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
	routes.nr = 0;
	route_pin(&routes, 5, 3, 0); /* no such chip */
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
	routes.nr = 0;
	route_msi(&routes, 5, MSI_ADDRESS, 0x31);
	routes.entry[0].type = 99;
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
	routes.entry[0].type = KVM_IRQ_ROUTING_MSI;
	routes.entry[0].gsi = 1 << 20;
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
	/* One GSI, two MSIs: only chips' pins may share. */
	memset(&routes, 0, sizeof(routes));
	route_msi(&routes, 5, MSI_ADDRESS, 0x31);
	route_msi(&routes, 5, MSI_ADDRESS, 0x32);
	check_err(m->vm->ops->set_gsi_routing(m->vm, &routes.head), EINVAL);
}

TEST(a_line_without_a_route_is_accepted)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	check_ok(machine_line(m, 500, 1));
	check_ok(machine_line(m, 500, 0));
}

struct reroute {
	struct machine *m;
	bool stop;
	u32 rounds;
};

static void reroute_run(void *ctx)
{
	struct reroute *work = ctx;

	while (!__atomic_load_n(&work->stop, __ATOMIC_RELAXED)) {
		union routes routes = {.flags = 0};

		route_msi(&routes, PIN, MSI_ADDRESS,
			  work->rounds & 1 ? 0x30 : 0x31);
		check_ok(work->m->vm->ops->set_gsi_routing(work->m->vm,
							   &routes.head));
		__atomic_fetch_add(&work->rounds, 1, __ATOMIC_RELAXED);
	}
}

TEST(routes_change_under_load_without_losing_an_interrupt)
{
	struct machine *m = new_ticking();
	struct reroute work = {.m = m};
	struct thread thread;
	union routes routes = {.flags = 0};

	need_cap(KVM_CAP_IRQ_ROUTING);
	route_msi(&routes, PIN, MSI_ADDRESS, 0x30);
	check_ok(m->vm->ops->set_gsi_routing(m->vm, &routes.head));
	check_ok(thread_start(&thread, "reroute", reroute_run, &work));
	for (u32 i = 0;
	     i < 300 || __atomic_load_n(&work.rounds, __ATOMIC_RELAXED) < 3;
	     i++) {
		u8 said;

		check_ok(machine_line(m, PIN, 1));
		said = machine_next_say(m);
		check(said == 0x30 || said == 0x31);
		check_ok(machine_line(m, PIN, 0));
	}
	__atomic_store_n(&work.stop, true, __ATOMIC_RELAXED);
	thread_join(&thread);
	machine_expect_quiet(m, 5);
}

TEST(the_irqchip_state_can_be_read_and_set)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	for (u32 id = 0; id < KVM_NR_IRQCHIPS; id++) {
		struct kvm_irqchip chip, again;

		memset(&chip, 0, sizeof(chip));
		memset(&again, 0, sizeof(again));
		chip.chip_id = again.chip_id = id;
		check_ok(m->vm->ops->get_irqchip(m->vm, &chip));
		check_ok(m->vm->ops->set_irqchip(m->vm, &chip));
		check_ok(m->vm->ops->get_irqchip(m->vm, &again));
		check_eq(memcmp(chip.chip.dummy, again.chip.dummy,
				sizeof(chip.chip.dummy)),
			 0);
	}
}

TEST(an_irqchip_that_does_not_exist_is_refused)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	struct kvm_irqchip chip = {.chip_id = KVM_NR_IRQCHIPS};

	check_err(m->vm->ops->get_irqchip(m->vm, &chip), EINVAL);
	check_err(m->vm->ops->set_irqchip(m->vm, &chip), EINVAL);
}

TEST(an_irqchip_is_made_once_and_before_any_vcpu)
{
	struct machine *m = machine_bare(MACHINE_IRQCHIP);
	struct machine *late = machine_bare(MACHINE_NO_IRQCHIP);

	check_err(m->vm->ops->create_irqchip(m->vm), EEXIST);
	machine_add_vcpu(late, 0);
	check_err(late->vm->ops->create_irqchip(late->vm), EINVAL);
}

TEST(without_an_irqchip_its_calls_say_so)
{
	struct machine *m = machine_new(MACHINE_NO_IRQCHIP);
	struct kvm_irqchip chip = {.chip_id = 0};
	struct kvm_irq_level level = {.irq = 1, .level = 1};
	struct kvm_lapic_state lapic;
	const struct kvm_pit_config pit = {0};

	check_err(m->vm->ops->get_irqchip(m->vm, &chip), ENXIO);
	check_err(m->vm->ops->set_irqchip(m->vm, &chip), ENXIO);
	check_err(m->vm->ops->irq_line(m->vm, &level), ENXIO);
	check_err(m->vm->ops->irq_line_status(m->vm, &level), ENXIO);
	check_err(m->vm->ops->create_pit2(m->vm, &pit), ENOENT);
	check_err(m->vcpu[0]->ops->get_lapic(m->vcpu[0], &lapic), EINVAL);
	check_err(m->vcpu[0]->ops->set_lapic(m->vcpu[0], &lapic), EINVAL);
	check_err(send_msi(m, MSI_ADDRESS, 0x31, 0), EINVAL);
}

TEST(with_an_irqchip_nobody_injects_vectors)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);

	check_err(m->vcpu[0]->ops->interrupt(m->vcpu[0], 0x30), ENXIO);
}

TEST(the_lapic_page_can_be_read_and_set)
{
	struct machine *m = new_ticking();
	struct kvm_lapic_state lapic, again;
	u32 svr;

	check_ok(m->vcpu[0]->ops->get_lapic(m->vcpu[0], &lapic));
	memcpy(&svr, lapic.regs + 0xf0, 4);
	check_eq(svr, 0x1ff);
	lapic.regs[0x80] = 0x20; /* TPR */
	check_ok(m->vcpu[0]->ops->set_lapic(m->vcpu[0], &lapic));
	check_ok(m->vcpu[0]->ops->get_lapic(m->vcpu[0], &again));
	check_eq(again.regs[0x80], 0x20);
	check_eq(memcmp(lapic.regs + 0x100, again.regs + 0x100, 0x180), 0);
}

TEST(a_pending_vector_set_with_the_lapic_is_delivered)
{
	struct machine *m = new_ticking();
	struct kvm_lapic_state lapic;

	check_ok(m->vcpu[0]->ops->get_lapic(m->vcpu[0], &lapic));
	lapic.regs[0x200 + 0x10 * (0x31 / 32) + 0x31 % 32 / 8] |=
		1 << (0x31 % 8); /* IRR */
	check_ok(m->vcpu[0]->ops->set_lapic(m->vcpu[0], &lapic));
	check_eq(machine_next_say(m), 0x31);
	machine_expect_quiet(m, 5);
}

TEST(a_pit_is_made_once_and_keeps_what_it_is_given)
{
	struct machine *m = machine_new(MACHINE_IRQCHIP);
	const struct kvm_pit_config config = {.flags = 0};
	struct kvm_pit_state2 state, again;
	const struct kvm_reinject_control reinject = {.pit_reinject = 0};

	need_cap(KVM_CAP_PIT2);
	memset(&state, 0, sizeof(state));
	check_err(m->vm->ops->get_pit2(m->vm, &state), ENXIO);
	check_err(m->vm->ops->set_pit2(m->vm, &state), ENXIO);
	check_err(m->vm->ops->reinject_control(m->vm, &reinject), ENXIO);
	check_ok(m->vm->ops->create_pit2(m->vm, &config));
	check_err(m->vm->ops->create_pit2(m->vm, &config), EEXIST);
	check_ok(m->vm->ops->get_pit2(m->vm, &state));
	state.channels[0].mode = 2;
	state.channels[0].count = 0x1234;
	state.channels[0].gate = 1;
	check_ok(m->vm->ops->set_pit2(m->vm, &state));
	check_ok(m->vm->ops->get_pit2(m->vm, &again));
	check_eq(again.channels[0].mode, 2);
	check_eq(again.channels[0].count, 0x1234);
	check_ok(m->vm->ops->reinject_control(m->vm, &reinject));
}

/* The interrupt controllers' state, as a migration carries it. */
static void move_irqchip(struct machine *from, struct machine *to)
{
	struct kvm_lapic_state lapic;

	for (u32 id = 0; id < KVM_NR_IRQCHIPS; id++) {
		struct kvm_irqchip chip = {.chip_id = id};

		check_ok(from->vm->ops->get_irqchip(from->vm, &chip));
		check_ok(to->vm->ops->set_irqchip(to->vm, &chip));
	}
	check_ok(from->vcpu[0]->ops->get_lapic(from->vcpu[0], &lapic));
	check_ok(to->vcpu[0]->ops->set_lapic(to->vcpu[0], &lapic));
}

TEST(an_interrupt_on_its_way_survives_a_move)
{
	struct machine *m = new_ticking();
	struct machine *next = machine_new(MACHINE_IRQCHIP);
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;

	need_cap(KVM_CAP_IMMEDIATE_EXIT);
	machine_pin(m, PIN, 0x30, false, false);
	m->run->immediate_exit = 1; /* finish the last tick */
	check_err(machine_run_raw(m, 0), EINTR);
	check_ok(machine_line(m, PIN, 1));
	memcpy(next->ram, m->ram, GUEST_RAM_SIZE);
	next->vm->ops->memory_written(next->vm, 0, GUEST_RAM_SIZE);
	regs = machine_regs(m, 0);
	sregs = machine_sregs(m, 0);
	check_ok(m->vcpu[0]->ops->get_vcpu_events(m->vcpu[0], &events));
	machine_set_sregs(next, 0, &sregs);
	machine_set_regs(next, 0, &regs);
	move_irqchip(m, next);
	check_ok(next->vcpu[0]->ops->set_vcpu_events(next->vcpu[0], &events));
	check_eq(machine_next_say(next), 0x30);
	machine_expect_quiet(next, 5);
}
