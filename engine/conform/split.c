/* SPDX-License-Identifier: MIT */
/*
 * The split irqchip: LAPICs in the engine, PIC and IOAPIC the client's.
 * [KVM-API 7.5 "KVM_CAP_SPLIT_IRQCHIP"]
 */
#include "engine/conform/machine.h"

GUEST(irq_ticks);
LABEL(irq_handler_30);
LABEL(irq_handler_31);
GUEST(irq_window);
LABEL(irq_window_30);

#define MSI_ADDRESS 0xfee00000u
#define MSI_LEVEL   (1u << 15)
#define MSI_ASSERT  (1u << 14)
#define PIN	    5u

static struct machine *new_split(void)
{
	struct machine *m = machine_new(MACHINE_SPLIT);

	machine_begin(m, irq_ticks, long);
	machine_gate(m, 0x30, machine_label(irq_ticks, irq_handler_30));
	machine_gate(m, 0x31, machine_label(irq_ticks, irq_handler_31));
	machine_expect_quiet(m, 2);
	return m;
}

static void route(struct machine *m, u32 gsi, u32 data)
{
	union routes routes = {.flags = 0};

	route_msi(&routes, gsi, MSI_ADDRESS, data);
	check_ok(m->vm->ops->set_gsi_routing(m->vm, &routes.head));
}

TEST(a_split_irqchip_has_no_pic_ioapic_or_pit)
{
	struct machine *m = machine_new(MACHINE_SPLIT);
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};
	const struct kvm_pit_config pit = {.flags = 0};

	check_err(m->vm->ops->get_irqchip(m->vm, &chip), ENXIO);
	check_err(m->vm->ops->set_irqchip(m->vm, &chip), ENXIO);
	check_err(m->vm->ops->create_pit2(m->vm, &pit), ENOENT);
	check_err(m->vm->ops->create_irqchip(m->vm), EEXIST);
}

TEST(a_split_irqchip_is_made_once_before_vcpus_and_within_its_pins)
{
	struct machine *m = machine_bare(MACHINE_NO_IRQCHIP);
	struct machine *late = machine_bare(MACHINE_NO_IRQCHIP);
	struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP};

	need_cap(KVM_CAP_SPLIT_IRQCHIP);
	cap.args[0] = 1 << 20;
	check_err(m->vm->ops->enable_cap(m->vm, &cap), EINVAL);
	cap.args[0] = 24;
	check_ok(m->vm->ops->enable_cap(m->vm, &cap));
	check_err(m->vm->ops->enable_cap(m->vm, &cap), EEXIST);
	machine_add_vcpu(late, 0);
	check_err(late->vm->ops->enable_cap(late->vm, &cap), EEXIST);
}

TEST(msis_reach_the_lapic_of_a_split_irqchip)
{
	struct machine *m = new_split();
	const struct kvm_msi msi = {.address_lo = MSI_ADDRESS, .data = 0x31};

	check(m->vm->ops->signal_msi(m->vm, &msi) > 0);
	check_eq(machine_next_say(m), 0x31);
	route(m, 40, 0x30);
	check_ok(machine_line(m, 40, 1));
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 5);
}

/* Where it ends too early the guest's EOI tells once more, now and then. */
TEST_FULL(the_end_of_a_level_interrupt_is_told_to_the_client, WHY_IN_SERVICE)
{
	struct machine *m = new_split();

	route(m, PIN, 0x30 | MSI_LEVEL | MSI_ASSERT);
	machine_expect_quiet(m, 2);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
	machine_expect(m, KVM_EXIT_IOAPIC_EOI);
	check_eq(m->run->eoi.vector, 0x30);
	machine_expect_quiet(m, 5);
}

TEST(the_end_of_an_edge_interrupt_is_not)
{
	struct machine *m = new_split();

	route(m, PIN, 0x30);
	check_ok(machine_line(m, PIN, 1));
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 5);
}

TEST(the_end_of_an_msi_outside_the_pins_is_not)
{
	struct machine *m = new_split();

	route(m, 24, 0x30 | MSI_LEVEL | MSI_ASSERT);
	check_ok(machine_line(m, 24, 1));
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 5);
}

/* The client's PIC speaks through KVM_INTERRUPT when LINT0 lets it. */
TEST(the_client_injects_external_interrupts_through_the_window)
{
	struct machine *m = machine_new(MACHINE_SPLIT);

	machine_begin(m, irq_window, long);
	machine_gate(m, 0x30, machine_label(irq_window, irq_window_30));
	machine_expect_quiet(m, 1);
	check_eq(m->run->ready_for_interrupt_injection, 0);
	m->run->request_interrupt_window = 1;
	machine_expect_quiet(m, 1); /* IF is still off */
	machine_expect(m, KVM_EXIT_IRQ_WINDOW_OPEN);
	check_eq(m->run->ready_for_interrupt_injection, 1);
	check_eq(m->run->if_flag, 1);
	check_ok(m->vcpu[0]->ops->interrupt(m->vcpu[0], 0x30));
	check_err(m->vcpu[0]->ops->interrupt(m->vcpu[0], 0x31), EEXIST);
	m->run->request_interrupt_window = 0;
	check_eq(machine_next_say(m), 0x30);
	machine_expect_quiet(m, 2);
	machine_expect_done(m);
}
