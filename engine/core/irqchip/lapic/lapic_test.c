/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/lapic/lapic.h"

#include "base/test.h"
#include "engine/core/irqchip/lapic/lapic_fixture.h"

#define MASKED 0x10000u
#define EDGE   false
#define LEVEL  true

static struct fixture f;
static struct lapic *const bsp = &f.lapic[0];

static void start(void)
{
	fixture_init(&f);
	fixture_enable(&f);
}

static int send(u32 dest, u8 vector, bool level)
{
	struct apic_msg msg = {.dest = dest, .vector = vector, .level = level};

	return lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST);
}

static int take(struct lapic *lapic)
{
	int vector = lapic_has_interrupt(lapic);

	if (vector >= 0)
		lapic_accept(lapic, (u8)vector);
	return vector;
}

static void eoi(struct lapic *lapic)
{
	mmio_write(lapic, LAPIC_EOI, 0);
}

TEST(after_reset_the_registers_hold_what_the_manual_says)
{
	fixture_init(&f);
	check_eq(mmio_read(bsp, LAPIC_VERSION), 0x00050014);
	check_eq(mmio_read(bsp, LAPIC_SVR), 0xff);
	check_eq(mmio_read(bsp, LAPIC_DFR), 0xffffffffu);
	check_eq(mmio_read(bsp, LAPIC_LDR), 0);
	check_eq(mmio_read(bsp, LAPIC_TPR), 0);
	check_eq(mmio_read(bsp, LAPIC_LVT_TIMER), MASKED);
	check_eq(mmio_read(bsp, LAPIC_LVT_LINT1), MASKED);
	check_eq(mmio_read(bsp, LAPIC_LVT_LINT0), 0x700);
	check_eq(mmio_read(&f.lapic[1], LAPIC_LVT_LINT0), MASKED);
	check_eq(mmio_read(&f.lapic[3], LAPIC_ID), 3u << 24);
	check_eq(bsp->base, LAPIC_BASE_DEFAULT | LAPIC_BASE_EN | LAPIC_BASE_BSP);
	check_eq(f.lapic[1].base, LAPIC_BASE_DEFAULT | LAPIC_BASE_EN);
}

TEST(a_vector_goes_from_irr_to_isr_to_gone)
{
	start();
	check_eq(send(0, 0x31, EDGE), 1);
	check_eq(mmio_read(bsp, LAPIC_IRR + 1), 1u << 17);
	check_eq(f.kicks[0], 1);
	check_eq(lapic_has_interrupt(bsp), 0x31);
	lapic_accept(bsp, 0x31);
	check_eq(mmio_read(bsp, LAPIC_IRR + 1), 0);
	check_eq(mmio_read(bsp, LAPIC_ISR + 1), 1u << 17);
	check_eq(mmio_read(bsp, LAPIC_PPR), 0x30);
	eoi(bsp);
	check_eq(mmio_read(bsp, LAPIC_ISR + 1), 0);
	check_eq(f.eoi_vector, 0x31);
	check(!f.eoi_broadcast);
}

TEST(a_higher_class_interrupts_a_lower_one_and_eois_end_the_highest_first)
{
	start();
	send(0, 0x41, EDGE);
	check_eq(take(bsp), 0x41);
	send(0, 0x4f, EDGE);
	check_eq(take(bsp), -1); /* same class */
	send(0, 0x51, EDGE);
	check_eq(take(bsp), 0x51);
	eoi(bsp);
	check_eq(f.eoi_vector, 0x51);
	check_eq(take(bsp), -1);
	eoi(bsp);
	check_eq(f.eoi_vector, 0x41);
	check_eq(take(bsp), 0x4f);
	eoi(bsp);
	eoi(bsp); /* one too many */
	check_eq(f.eois, 3);
}

TEST(the_task_priority_holds_back_its_class_and_below)
{
	start();
	send(0, 0x35, EDGE);
	lapic_cr8_write(bsp, 3);
	check_eq(mmio_read(bsp, LAPIC_TPR), 0x30);
	check_eq(lapic_has_interrupt(bsp), -1);
	send(0, 0x42, EDGE);
	check_eq(lapic_has_interrupt(bsp), 0x42);
	mmio_write(bsp, LAPIC_TPR, 0x45);
	check_eq(mmio_read(bsp, LAPIC_PPR), 0x45);
	check_eq(lapic_cr8_read(bsp), 4);
	check_eq(lapic_has_interrupt(bsp), -1);
	f.kicks[0] = 0;
	lapic_cr8_write(bsp, 0);
	check_eq(f.kicks[0], 1);
	check_eq(lapic_has_interrupt(bsp), 0x42);
}

TEST(only_a_level_triggered_end_is_broadcast)
{
	start();
	send(0, 0x60, LEVEL);
	check_eq(mmio_read(bsp, LAPIC_TMR + 3), 1);
	check_eq(take(bsp), 0x60);
	eoi(bsp);
	check(f.eoi_broadcast);
	send(0, 0x60, EDGE);
	check_eq(mmio_read(bsp, LAPIC_TMR + 3), 0);
	check_eq(take(bsp), 0x60);
	eoi(bsp);
	check(!f.eoi_broadcast);
}

TEST(broadcasts_are_suppressed_where_that_is_offered_only)
{
	start();
	mmio_write(bsp, LAPIC_SVR, 0x11ff);
	check_eq(mmio_read(bsp, LAPIC_SVR), 0x1ff);
	lapic_set_features(bsp, LAPIC_HAS_DIRECTED_EOI, 36);
	check_eq(mmio_read(bsp, LAPIC_VERSION), 0x01050014);
	mmio_write(bsp, LAPIC_SVR, 0x11ff);
	check_eq(mmio_read(bsp, LAPIC_SVR), 0x11ff);
	send(0, 0x60, LEVEL);
	take(bsp);
	eoi(bsp);
	check_eq(f.eois, 1);
	check(!f.eoi_broadcast);
}

TEST(a_software_disabled_lapic_takes_no_vector_but_nmi_and_init)
{
	struct apic_msg nmi = {.dest = 0, .delivery = APIC_NMI};
	struct apic_msg init = {.dest = 0, .delivery = APIC_INIT};

	start();
	send(0, 0x50, EDGE);
	mmio_write(bsp, LAPIC_LVT_LINT1, 0x400);
	mmio_write(bsp, LAPIC_SVR, 0xff);
	check_eq(mmio_read(bsp, LAPIC_LVT_LINT1), 0x400 | MASKED);
	mmio_write(bsp, LAPIC_LVT_LINT1, 0x400);
	check_eq(mmio_read(bsp, LAPIC_LVT_LINT1), 0x400 | MASKED);
	check_eq(send(0, 0x51, EDGE), 0);
	check_eq(lapic_has_interrupt(bsp), 0x50); /* had been requested */
	check_eq(lapic_bus_send(&f.bus, &nmi, NULL, APIC_TO_DEST), 1);
	check_eq(lapic_bus_send(&f.bus, &init, NULL, APIC_TO_DEST), 1);
	check_eq(f.events[0][LAPIC_EVENT_NMI], 1);
	check_eq(f.events[0][LAPIC_EVENT_INIT], 1);
}

TEST(a_disabled_lapic_is_not_there)
{
	start();
	send(0, 0x50, EDGE);
	check(lapic_base_write(bsp, LAPIC_BASE_DEFAULT, true));
	check_eq(lapic_has_interrupt(bsp), -1);
	check_eq(send(0, 0x51, EDGE), -1);
	check_eq(mmio_read(bsp, LAPIC_ID), 0xffffffffu);
	mmio_write(bsp, LAPIC_TPR, 0x20);
	check_eq(bsp->tpr, 0);
	check(lapic_accepts_extint(bsp)); /* the CPU's INTR pin itself */
}

TEST(lint0_open_for_extint_passes_the_pic)
{
	start();
	mmio_write(bsp, LAPIC_LVT_LINT0, 0x700);
	check(lapic_accepts_extint(bsp));
	f.kicks[0] = 0;
	lapic_set_lint(bsp, 0, true);
	check_eq(f.kicks[0], 1);
	mmio_write(bsp, LAPIC_LVT_LINT0, 0x700 | MASKED);
	check(!lapic_accepts_extint(bsp));
	mmio_write(bsp, LAPIC_LVT_LINT0, 0x700);
	check_eq(f.kicks[0], 2); /* still asking */
	mmio_write(bsp, LAPIC_LVT_LINT0, 0x35);
	check(!lapic_accepts_extint(bsp));
}

TEST(a_lint_pin_does_what_its_entry_says_on_the_rising_edge)
{
	start();
	mmio_write(bsp, LAPIC_LVT_LINT1, 0x400);
	lapic_set_lint(bsp, 1, true);
	lapic_set_lint(bsp, 1, true);
	check_eq(f.events[0][LAPIC_EVENT_NMI], 1);
	lapic_set_lint(bsp, 1, false);
	lapic_set_lint(bsp, 1, true);
	check_eq(f.events[0][LAPIC_EVENT_NMI], 2);
	mmio_write(bsp, LAPIC_LVT_LINT0, 0x35);
	lapic_set_lint(bsp, 0, true);
	check_eq(lapic_has_interrupt(bsp), 0x35);
}

TEST(an_illegal_vector_received_is_an_error_and_no_request)
{
	start();
	mmio_write(bsp, LAPIC_LVT_ERROR, 0xfe);
	check_eq(send(0, 0x0f, EDGE), 1);
	check_eq(mmio_read(bsp, LAPIC_IRR), 0);
	check_eq(lapic_has_interrupt(bsp), 0xfe);
	check_eq(mmio_read(bsp, LAPIC_ESR), 0);
	mmio_write(bsp, LAPIC_ESR, 0);
	check_eq(mmio_read(bsp, LAPIC_ESR), 0x40);
	mmio_write(bsp, LAPIC_ESR, 0);
	check_eq(mmio_read(bsp, LAPIC_ESR), 0);
}

TEST(errors_interrupt_once_until_esr_is_written)
{
	start();
	mmio_write(bsp, LAPIC_LVT_ERROR, 0xfe);
	send(0, 5, EDGE);
	check_eq(take(bsp), 0xfe);
	eoi(bsp);
	send(0, 5, EDGE);
	check_eq(take(bsp), -1);
	mmio_write(bsp, LAPIC_ESR, 0);
	send(0, 5, EDGE);
	check_eq(take(bsp), 0xfe);
}

TEST(an_error_entry_with_an_illegal_vector_does_not_run_away)
{
	start();
	mmio_write(bsp, LAPIC_LVT_ERROR, 0x05);
	mmio_write(bsp, LAPIC_ICR, 0x4003); /* an illegal vector, to id 0 */
	mmio_write(bsp, LAPIC_ESR, 0);
	check_eq(mmio_read(bsp, LAPIC_ESR), 0x60);
	check_eq(lapic_has_interrupt(bsp), -1);
}

TEST(a_reserved_register_is_an_error_in_the_page)
{
	start();
	lapic_mmio_write(bsp, 0x40, 4, 1);
	check_eq(lapic_mmio_read(bsp, 0x3f0, 4), 0);
	check_eq(lapic_mmio_read(bsp, 0xff0, 4), 0);
	mmio_write(bsp, LAPIC_ESR, 0);
	check_eq(mmio_read(bsp, LAPIC_ESR), 0x80);
}

TEST(the_page_takes_aligned_words_and_gives_parts_of_them)
{
	start();
	lapic_mmio_write(bsp, 0x80, 4, 0x55);
	lapic_mmio_write(bsp, 0x80, 1, 0x11);
	lapic_mmio_write(bsp, 0x82, 2, 0x11);
	lapic_mmio_write(bsp, 0x80, 8, 0x11);
	check_eq(lapic_mmio_read(bsp, 0x80, 4), 0x55);
	check_eq(lapic_mmio_read(bsp, 0x31, 1), 0);
	check_eq(lapic_mmio_read(bsp, 0x32, 1), 5); /* the last LVT entry */
	check_eq(lapic_mmio_read(bsp, 0x30, 2), 0x14);
	check_eq(lapic_mmio_read(bsp, 0x33, 2), 0);
	check_eq(lapic_mmio_read(bsp, 0x30, 8), 0);
}

TEST(read_only_registers_keep_their_values)
{
	start();
	for (u32 reg = LAPIC_ISR; reg < LAPIC_ESR; reg++)
		mmio_write(bsp, reg, 0xffffffff);
	mmio_write(bsp, LAPIC_VERSION, 0);
	mmio_write(bsp, LAPIC_PPR, 0xf0);
	check_eq(lapic_has_interrupt(bsp), -1);
	check_eq(mmio_read(bsp, LAPIC_VERSION), 0x00050014);
	check_eq(mmio_read(bsp, LAPIC_PPR), 0);
}

TEST(pv_eoi_is_offered_for_a_lone_edge_only)
{
	start();
	check_eq(lapic_pv_eoi_vector(bsp), -1);
	send(0, 0x40, EDGE);
	take(bsp);
	check_eq(lapic_pv_eoi_vector(bsp), 0x40);
	send(0, 0x30, EDGE);
	check_eq(lapic_pv_eoi_vector(bsp), -1); /* another waits */
	eoi(bsp);
	take(bsp);
	send(0, 0x50, EDGE);
	take(bsp);
	check_eq(lapic_pv_eoi_vector(bsp), -1); /* nested */
	eoi(bsp);
	eoi(bsp);
	send(0, 0x40, LEVEL);
	take(bsp);
	check_eq(lapic_pv_eoi_vector(bsp), -1);
}

TEST(init_clears_the_registers_and_keeps_mode_and_id)
{
	start();
	fixture_x2apic(&f);
	send(1, 0x40, EDGE);
	lapic_cr8_write(&f.lapic[1], 5);
	lapic_init_reset(&f.lapic[1]);
	check(lapic_is_x2apic(&f.lapic[1]));
	check_eq(lapic_has_interrupt(&f.lapic[1]), -1);
	check_eq(lapic_cr8_read(&f.lapic[1]), 0);
	check_eq(f.lapic[1].ldr, 2);
	check_eq(f.lapic[1].svr, 0xff);
}

TEST(saved_and_restored_is_the_same_page)
{
	struct kvm_lapic_state first, second;

	start();
	mmio_write(bsp, LAPIC_LVT_TIMER, 0x20030);
	mmio_write(bsp, LAPIC_LVT_ERROR, 0xfe);
	mmio_write(bsp, LAPIC_LDR, 1u << 24);
	mmio_write(bsp, LAPIC_TDCR, 0xb);
	mmio_write(bsp, LAPIC_TMICT, 5000000);
	mmio_write(bsp, LAPIC_ICR2, 3u << 24);
	mmio_write(bsp, LAPIC_ICR, 0x40f0);
	send(0, 0x61, LEVEL);
	take(bsp);
	send(0, 0x52, EDGE);
	send(0, 0x0a, EDGE);
	mmio_write(bsp, LAPIC_ESR, 0);
	mmio_write(bsp, LAPIC_TPR, 0x21);
	f.now_ns = 1234567;
	lapic_get_state(bsp, &first);

	fixture_init(&f);
	f.now_ns = 99;
	check_eq(lapic_set_state(bsp, &first), 0);
	lapic_get_state(bsp, &second);
	check_mem_eq(&second, &first, sizeof(first));
	check_eq(lapic_timer_deadline_ns(bsp), 99 + 5000000 - 1234567);
	eoi(bsp);
	check(f.eoi_broadcast);
	check_eq(take(bsp), 0xfe); /* the error's */
	eoi(bsp);
	check_eq(take(bsp), 0x52);
}

TEST(what_came_due_is_raised_in_the_saved_state)
{
	struct kvm_lapic_state state;

	start();
	mmio_write(bsp, LAPIC_LVT_TIMER, 0x61);
	mmio_write(bsp, LAPIC_TDCR, 0xb);
	mmio_write(bsp, LAPIC_TMICT, 5000);
	f.now_ns += 5001;
	lapic_get_state(bsp, &state);
	fixture_init(&f);
	check_eq(lapic_set_state(bsp, &state), 0);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
	check_eq(take(bsp), 0x61);
}

TEST(the_state_of_a_reset_comes_back_with_lint0_open)
{
	struct kvm_lapic_state first, second;

	fixture_init(&f);
	lapic_get_state(bsp, &first);
	check_eq(lapic_set_state(bsp, &first), 0);
	lapic_get_state(bsp, &second);
	check_mem_eq(&second, &first, sizeof(first));
	check_eq(mmio_read(bsp, LAPIC_LVT_LINT0), 0x700);
}

TEST(the_saved_x2apic_id_has_the_place_that_the_client_chose)
{
	struct kvm_lapic_state state;
	u32 id;

	start();
	fixture_x2apic(&f);
	lapic_get_state(&f.lapic[2], &state);
	memcpy(&id, state.regs + 0x20, 4);
	check_eq(id, 2u << 24);
	f.bus.ids_are_32bit = true;
	check_eq(lapic_set_state(&f.lapic[2], &state), -22);
	lapic_get_state(&f.lapic[2], &state);
	memcpy(&id, state.regs + 0x20, 4);
	check_eq(id, 2);
	check_eq(lapic_set_state(&f.lapic[2], &state), 0);
}

TEST(a_hostile_state_leaves_no_vector_below_16_and_no_reserved_bit)
{
	struct kvm_lapic_state state;

	start();
	memset(&state, 0xff, sizeof(state));
	check_eq(lapic_set_state(bsp, &state), 0);
	check_eq(mmio_read(bsp, LAPIC_IRR), 0xffff0000u);
	check_eq(mmio_read(bsp, LAPIC_ISR), 0xffff0000u);
	check_eq(mmio_read(bsp, LAPIC_LVT_ERROR), 0x100ff);
	check_eq(mmio_read(bsp, LAPIC_TDCR), 0xb);
	check_eq(mmio_read(bsp, LAPIC_SVR), 0x3ff);
	for (u32 i = 0; i < 300; i++)
		eoi(bsp);
	check_eq(f.eois, 240);
	check_eq(take(bsp), -1); /* TPR is 0xff */
}
