/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/ioapic/ioapic.h"

#include "base/test.h"

#define CLIENT	   0
#define RESAMPLE   1
#define LEVEL	   0x8000u
#define MASKED	   0x10000u
#define REMOTE_IRR 0x4000u

static struct fixture {
	struct ioapic ioapic;
	u32 sent;
	struct apic_msg last;
	int answer;
	bool in_flight;
	u32 acked, unmasked; /* pins, as bits */
	bool lower_when_acked;
} f;

static int send(void *ctx, const struct apic_msg *msg)
{
	(void)ctx;
	f.sent++;
	f.last = *msg;
	return f.answer;
}

static bool is_in_flight(void *ctx, const struct apic_msg *msg)
{
	(void)ctx;
	(void)msg;
	return f.in_flight;
}

static void acked(void *ctx, u32 pin)
{
	(void)ctx;
	f.acked |= 1u << pin;
	if (f.lower_when_acked)
		ioapic_set_line(&f.ioapic, RESAMPLE, pin, false, false);
}

static void unmasked(void *ctx, u32 pin)
{
	(void)ctx;
	f.unmasked |= 1u << pin;
}

static const struct ioapic_ops ops = {
	.send = send,
	.is_in_flight = is_in_flight,
	.acked = acked,
	.unmasked = unmasked,
};

static u32 reg_read(u32 index)
{
	ioapic_mmio_write(&f.ioapic, 0x00, index);
	return ioapic_mmio_read(&f.ioapic, 0x10);
}

static void reg_write(u32 index, u32 value)
{
	ioapic_mmio_write(&f.ioapic, 0x00, index);
	ioapic_mmio_write(&f.ioapic, 0x10, value);
}

static void set_entry(u32 pin, u32 dest, u32 low)
{
	reg_write(0x11 + 2 * pin, dest << 24);
	reg_write(0x10 + 2 * pin, low);
}

static u32 entry(u32 pin)
{
	return reg_read(0x10 + 2 * pin);
}

static int set_line(u32 source, u32 pin, bool level)
{
	return ioapic_set_line(&f.ioapic, source, pin, level, false);
}

static void start(void)
{
	memset(&f, 0, sizeof(f));
	f.answer = 1;
	ioapic_init(&f.ioapic, &ops, NULL);
}

TEST(after_reset_all_24_pins_are_masked)
{
	start();
	check_eq(reg_read(1), 0x00170011);
	check_eq(reg_read(0), 0);
	for (u32 pin = 0; pin < 24; pin++)
		check_eq(entry(pin), MASKED);
	check_eq(set_line(CLIENT, 3, true), -1);
	check_eq(f.sent, 0);
}

TEST(the_window_holds_what_can_be_written)
{
	start();
	reg_write(0, 0xffffffff);
	check_eq(reg_read(0), 0x0f000000);
	check_eq(reg_read(2), 0x0f000000);
	reg_write(1, 0);
	check_eq(reg_read(1), 0x00170011);
	reg_write(0x10, 0xffffffff);
	reg_write(0x11, 0xffffffff);
	check_eq(reg_read(0x10), 0x1afff);
	check_eq(reg_read(0x11), 0xff000000);
	check_eq(ioapic_mmio_read(&f.ioapic, 0), 0x11);
	reg_write(0x40, 0x1234); /* beyond the last entry */
	check_eq(reg_read(0x40), 0xffffffff);
	check_eq(ioapic_mmio_read(&f.ioapic, 0x20), 0);
}

TEST(an_edge_is_sent_as_the_entry_says)
{
	start();
	set_entry(4, 0x5a, 0x0931);
	check_eq(set_line(CLIENT, 4, true), 1);
	check_eq(f.last.vector, 0x31);
	check_eq(f.last.delivery, APIC_LOWEST_PRIORITY);
	check_eq(f.last.dest, 0x5a);
	check(f.last.logical);
	check(!f.last.level);
	check_eq(set_line(CLIENT, 4, true), 0);
	check_eq(set_line(CLIENT, 4, false), 1);
	check_eq(set_line(CLIENT, 4, true), 1);
	check_eq(f.sent, 2);
}

TEST(an_edge_under_the_mask_is_lost)
{
	start();
	set_entry(4, 0, 0x31 | MASKED);
	check_eq(set_line(CLIENT, 4, true), -1);
	set_entry(4, 0, 0x31);
	check_eq(f.unmasked, 1u << 4);
	check_eq(f.sent, 0);
	check_eq(set_line(CLIENT, 4, true), 0);
}

TEST(a_level_waits_for_its_eoi_and_is_sent_again_while_high)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL);
	check_eq(set_line(CLIENT, 10, true), 1);
	check_eq(entry(10), 0x51 | LEVEL | REMOTE_IRR);
	check_eq(set_line(CLIENT, 10, true), -1);
	check_eq(f.sent, 1);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.acked, 1u << 10);
	check_eq(f.sent, 2);
	check_eq(entry(10), 0x51 | LEVEL | REMOTE_IRR);
	set_line(CLIENT, 10, false);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.sent, 2);
	check_eq(entry(10), 0x51 | LEVEL);
}

TEST(a_shared_line_is_high_until_its_last_source_lets_go)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL);
	set_line(CLIENT, 10, true);
	set_line(RESAMPLE, 10, true);
	set_line(CLIENT, 10, false);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.sent, 2);
	set_line(RESAMPLE, 10, false);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.sent, 2);
}

TEST(a_line_lowered_by_its_acknowledgement_is_not_sent_again)
{
	start();
	f.lower_when_acked = true;
	set_entry(10, 0, 0x51 | LEVEL);
	set_line(RESAMPLE, 10, true);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.sent, 1);
	set_line(CLIENT, 10, true);
	set_line(RESAMPLE, 10, true);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.sent, 3); /* somebody else holds it */
}

TEST(one_eoi_ends_every_pin_with_the_vector)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL);
	set_entry(11, 0, 0x51 | LEVEL);
	set_entry(12, 0, 0x52 | LEVEL);
	for (u32 pin = 10; pin < 13; pin++)
		set_line(CLIENT, pin, true);
	f.lower_when_acked = false;
	for (u32 pin = 10; pin < 13; pin++)
		set_line(CLIENT, pin, false);
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(entry(10) & REMOTE_IRR, 0);
	check_eq(entry(11) & REMOTE_IRR, 0);
	check_eq(entry(12) & REMOTE_IRR, REMOTE_IRR);
	check_eq(f.acked, 3u << 10);
}

TEST(an_eoi_that_is_not_broadcast_leaves_remote_irr)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL);
	set_line(CLIENT, 10, true);
	ioapic_eoi(&f.ioapic, 0x51, false);
	check_eq(entry(10) & REMOTE_IRR, REMOTE_IRR);
	check_eq(f.acked, 1u << 10);
}

TEST(a_level_that_rose_under_the_mask_is_sent_when_it_opens)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL | MASKED);
	check_eq(set_line(CLIENT, 10, true), -1);
	set_entry(10, 0, 0x51 | LEVEL);
	check_eq(f.sent, 1);
	set_entry(10, 0, 0x51 | LEVEL | MASKED);
	set_entry(10, 0, 0x51 | LEVEL);
	check_eq(f.sent, 1); /* remote IRR stands */
}

TEST(switching_to_edge_and_back_clears_remote_irr)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL);
	set_line(CLIENT, 10, true);
	set_line(CLIENT, 10, false);
	reg_write(0x10 + 20, 0x51 | MASKED);
	check_eq(entry(10), 0x51 | MASKED);
	reg_write(0x10 + 20, 0x51 | LEVEL | MASKED);
	check_eq(entry(10), 0x51 | LEVEL | MASKED);
}

TEST(a_level_that_nobody_takes_sets_no_remote_irr)
{
	start();
	f.answer = -1;
	set_entry(10, 7, 0x51 | LEVEL);
	check_eq(set_line(CLIENT, 10, true), -1);
	check_eq(entry(10), 0x51 | LEVEL);
}

TEST(the_rtc_tick_merges_while_the_last_one_is_in_flight)
{
	start();
	set_entry(8, 0, 0x41);
	f.in_flight = true;
	check_eq(ioapic_set_line(&f.ioapic, CLIENT, 8, true, true), 0);
	check_eq(f.sent, 0);
	check_eq(ioapic_set_line(&f.ioapic, CLIENT, 8, true, false), 1);
	f.in_flight = false;
	set_line(CLIENT, 8, false);
	check_eq(ioapic_set_line(&f.ioapic, CLIENT, 8, true, true), 1);
}

TEST(the_eoi_register_exists_in_later_versions)
{
	start();
	set_entry(10, 0, 0x51 | LEVEL);
	set_line(CLIENT, 10, true);
	set_line(CLIENT, 10, false);
	ioapic_mmio_write(&f.ioapic, 0x40, 0x51);
	check_eq(entry(10) & REMOTE_IRR, REMOTE_IRR);
	f.ioapic.version = IOAPIC_VERSION_EOI;
	ioapic_mmio_write(&f.ioapic, 0x40, 0x51);
	check_eq(entry(10) & REMOTE_IRR, 0);
}

TEST(saved_and_restored_is_the_same_state)
{
	struct kvm_ioapic_state first, second;

	start();
	reg_write(0, 5u << 24);
	set_entry(4, 1, 0x31);
	set_entry(10, 2, 0x51 | LEVEL);
	set_line(CLIENT, 4, true);
	set_line(CLIENT, 10, true);
	set_line(CLIENT, 12, true);
	ioapic_mmio_write(&f.ioapic, 0, 0x18);
	ioapic_get_state(&f.ioapic, &first);
	check_eq(first.irr, 1u << 10 | 1u << 12); /* the edge is out */
	start();
	ioapic_set_state(&f.ioapic, &first);
	ioapic_get_state(&f.ioapic, &second);
	check_mem_eq(&second, &first, sizeof(first));
	check_eq(f.sent, 0); /* remote IRR stands */
	ioapic_eoi(&f.ioapic, 0x51, true);
	check_eq(f.sent, 1);
}

TEST(only_edges_that_went_out_are_left_out_of_the_saved_state)
{
	struct kvm_ioapic_state state;

	start();
	set_entry(4, 1, 0x31);
	set_line(CLIENT, 4, true);
	set_line(CLIENT, 4, false);
	set_entry(4, 1, 0x31 | MASKED);
	set_line(CLIENT, 4, true);
	ioapic_get_state(&f.ioapic, &state);
	check_eq(state.irr, 1u << 4);
}

TEST(a_restored_pending_edge_is_sent)
{
	struct kvm_ioapic_state state;

	start();
	set_entry(4, 1, 0x31);
	ioapic_get_state(&f.ioapic, &state);
	state.irr = 1u << 4 | 1u << 31; /* a pin that is not there */
	ioapic_set_state(&f.ioapic, &state);
	check_eq(f.sent, 1);
}

TEST(vectors_in_use_are_those_of_open_pins)
{
	start();
	set_entry(4, 0, 0x31);
	set_entry(5, 0, 0x32 | MASKED);
	check(ioapic_uses_vector(&f.ioapic, 0x31));
	check(!ioapic_uses_vector(&f.ioapic, 0x32));
	check(!ioapic_uses_vector(&f.ioapic, 0));
}
