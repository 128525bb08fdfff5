/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/pic/pic.h"

#include "base/test.h"

#define CLIENT 0
#define OTHER  1

static struct fixture {
	struct pic pic;
	bool intr;
	u32 acked, unmasked; /* pins, as bits */
	bool lower_when_acked;
} f;

static void intr(void *ctx, bool level)
{
	(void)ctx;
	f.intr = level;
}

static void acked(void *ctx, u32 pin)
{
	(void)ctx;
	f.acked |= 1u << pin;
	if (f.lower_when_acked)
		pic_set_line(&f.pic, CLIENT, pin, false);
}

static void unmasked(void *ctx, u32 pin)
{
	(void)ctx;
	f.unmasked |= 1u << pin;
}

static const struct pic_ops ops = {
	.intr = intr,
	.acked = acked,
	.unmasked = unmasked,
};

static void out(u16 port, u8 value)
{
	check(pic_write(&f.pic, port, value));
}

static u8 in(u16 port)
{
	u8 value = 0;

	check(pic_read(&f.pic, port, &value));
	return value;
}

static int raise(u32 pin)
{
	return pic_set_line(&f.pic, CLIENT, pin, true);
}

static void lower(u32 pin)
{
	pic_set_line(&f.pic, CLIENT, pin, false);
}

static int pulse(u32 pin)
{
	int status = raise(pin);

	lower(pin);
	return status;
}

/* What Linux writes at boot, all pins masked around it, then opens. */
static void linux_init(u8 icw4)
{
	memset(&f, 0, sizeof(f));
	pic_init(&f.pic, &ops, NULL);
	out(0x21, 0xff);
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 1u << 2);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 2);
	out(0xa1, 0x01);
	out(0x21, 0);
	out(0xa1, 0);
}

static void start(void)
{
	linux_init(0x01);
}

static int take(void)
{
	return f.intr ? pic_accept(&f.pic) : -1;
}

TEST(linux_moves_the_vectors_to_0x30)
{
	start();
	check_eq(in(0x21), 0);
	check_eq(pulse(0), 1);
	check(f.intr);
	check_eq(take(), 0x30);
	check(!f.intr);
	out(0x20, 0x60); /* specific EOI of 0 */
	check_eq(f.acked, 1);
	check_eq(pulse(14), 1);
	check_eq(take(), 0x3e);
	out(0xa0, 0x66);
	out(0x20, 0x62);
	check_eq(pulse(14), 1);
	check_eq(take(), 0x3e);
}

TEST(a_bios_moves_them_to_8_and_0x70)
{
	memset(&f, 0, sizeof(f));
	pic_init(&f.pic, &ops, NULL);
	out(0x20, 0x11);
	out(0xa0, 0x11);
	out(0x21, 0x08);
	out(0xa1, 0x70);
	out(0x21, 0x04);
	out(0xa1, 0x02);
	out(0x21, 0x01);
	out(0xa1, 0x01);
	out(0x21, 0xb8);
	out(0xa1, 0x8f);
	check_eq(in(0x21), 0xb8);
	check_eq(in(0xa1), 0x8f);
	check_eq(pulse(8), -1);
	check_eq(take(), -1);
	check_eq(pulse(0), 1);
	check_eq(take(), 0x08);
	check_eq(pulse(12), 1);
	check_eq(take(), -1); /* behind the timer */
	out(0x20, 0x20);
	check_eq(take(), 0x74);
}

TEST(three_command_words_leave_the_fourth_features_off)
{
	start();
	out(0x20, 0x10); /* no ICW4 */
	out(0x21, 0x40);
	out(0x21, 0x04);
	out(0x21, 0xfe); /* is the mask already */
	check_eq(in(0x21), 0xfe);
	pulse(0);
	check_eq(take(), 0x40);
}

TEST(a_lower_pin_number_interrupts_a_higher_one)
{
	start();
	pulse(5);
	check_eq(take(), 0x35);
	pulse(6);
	check_eq(take(), -1);
	pulse(1);
	check_eq(take(), 0x31);
	out(0x20, 0x0b); /* read ISR */
	check_eq(in(0x20), 1u << 1 | 1u << 5);
	out(0x20, 0x20);
	check_eq(in(0x20), 1u << 5);
	check_eq(take(), -1);
	out(0x20, 0x20);
	check_eq(take(), 0x36);
	out(0x20, 0x0a); /* read IRR */
	pulse(7);
	check_eq(in(0x20), 1u << 7);
}

TEST(a_pin_is_an_edge_unless_elcr_says_level)
{
	start();
	check_eq(raise(5), 1);
	check_eq(raise(5), 1); /* no edge, and not pending twice */
	check_eq(take(), 0x35);
	out(0x20, 0x20);
	check_eq(take(), -1);
	out(0x4d0, 0xff);
	check_eq(in(0x4d0), 0xf8);
	out(0x4d1, 0xff);
	check_eq(in(0x4d1), 0xde);
	check_eq(take(), 0x35); /* it is high */
	out(0x20, 0x20);
	check_eq(take(), 0x35);
	lower(5);
	out(0x20, 0x20);
	check_eq(take(), -1);
}

TEST(a_level_line_is_high_until_all_let_go)
{
	start();
	out(0x4d1, 0x08); /* pin 11 */
	raise(11);
	pic_set_line(&f.pic, OTHER, 11, true);
	lower(11);
	check_eq(take(), 0x3b);
	pic_set_line(&f.pic, OTHER, 11, false);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	check_eq(take(), -1);
}

TEST(an_edge_merges_with_one_not_yet_served)
{
	start();
	check_eq(pulse(3), 1);
	check_eq(pulse(3), 0);
	check_eq(take(), 0x33);
	check_eq(pulse(3), 1); /* while in service */
	out(0x20, 0x20);
	check_eq(take(), 0x33);
}

TEST(a_request_that_is_gone_at_inta_is_spurious_irq_7)
{
	start();
	out(0x4d0, 0x08);
	raise(3);
	check(f.intr);
	lower(3);
	check(!f.intr);
	check_eq(pic_accept(&f.pic), 0x37);
	out(0x20, 0x0b);
	check_eq(in(0x20), 0); /* not in service */
}

TEST(a_slave_request_that_is_gone_is_spurious_irq_15)
{
	start();
	pulse(9);
	out(0xa1, 0xff); /* masked before INTA */
	check_eq(take(), 0x3f);
	out(0x20, 0x0b);
	check_eq(in(0x20), 1u << 2);
	out(0xa0, 0x0b);
	check_eq(in(0xa0), 0);
}

TEST(auto_eoi_ends_the_service_at_inta)
{
	linux_init(0x03);
	pulse(0);
	check_eq(take(), 0x30);
	check_eq(f.acked, 1);
	out(0x20, 0x0b);
	check_eq(in(0x20), 0);
	pulse(0);
	check_eq(take(), 0x30);
}

TEST(rotation_puts_the_served_pin_last)
{
	start();
	pulse(3);
	pulse(4);
	check_eq(take(), 0x33);
	out(0x20, 0xa0); /* rotate on EOI: 4 is the top now */
	pulse(3);
	check_eq(take(), 0x34);
	check_eq(take(), -1);
	out(0x20, 0x20);
	check_eq(take(), 0x33);
	out(0x20, 0x63);
	out(0x20, 0xc0 | 5); /* 6 is the top */
	pulse(5);
	pulse(6);
	check_eq(take(), 0x36);
	out(0x20, 0xe0 | 6); /* rotate on the specific EOI: 7 is */
	pulse(7);
	check_eq(take(), 0x37);
}

TEST(rotation_in_auto_eoi_mode_is_switched_by_its_own_commands)
{
	linux_init(0x03);
	out(0x20, 0x80);
	pulse(0);
	check_eq(take(), 0x30); /* 1 is the top now */
	pulse(0);
	pulse(1);
	check_eq(take(), 0x31);
	check_eq(take(), 0x30);
	out(0x20, 0x00);
	pulse(1); /* 1 is the top, and stays so */
	pulse(2 + 1);
	check_eq(take(), 0x31);
	check_eq(take(), 0x33);
	pulse(0);
	pulse(1);
	check_eq(take(), 0x31);
}

TEST(special_mask_mode_lets_lower_pins_through_a_masked_service)
{
	start();
	pulse(2 + 1);
	check_eq(take(), 0x33);
	pulse(6);
	check_eq(take(), -1);
	out(0x21, 0x08);
	check_eq(take(), -1);
	out(0x20, 0x68);
	check_eq(take(), 0x36);
	out(0x20, 0x20); /* ends 6: 3 is masked */
	out(0x20, 0x0b);
	check_eq(in(0x20), 0x08);
	out(0x20, 0x48);
	out(0x20, 0x20);
	check_eq(in(0x20), 0);
}

TEST(special_fully_nested_mode_lets_the_slave_nest)
{
	linux_init(0x11);
	pulse(12);
	check_eq(take(), 0x3c);
	pulse(9);
	check_eq(take(), 0x39);
	start();
	pulse(12);
	check_eq(take(), 0x3c);
	pulse(9);
	check_eq(take(), -1);
}

TEST(a_poll_stands_in_for_inta)
{
	start();
	out(0x21, 0xfe);
	out(0x20, 0x0c);
	check_eq(in(0x20), 0x07); /* nothing */
	pulse(0);
	out(0x20, 0x0c);
	check_eq(in(0x20), 0x80);
	check(!f.intr);
	out(0x20, 0x0b);
	check_eq(in(0x20), 1);
	out(0x20, 0x20);
	out(0x21, 0);
	pulse(11);
	out(0xa0, 0x0c);
	check_eq(in(0xa0), 0x83);
	check(!f.intr);
}

TEST(icw1_forgets_edges_in_hand_and_tells_who_waits)
{
	start();
	out(0x21, 0xf7);
	f.unmasked = 0;
	raise(3);
	check(f.intr);
	out(0x20, 0x11);
	check(!f.intr);
	check_eq(f.acked, 1u << 3);
	check_eq(f.unmasked, 0xf7);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, 0x01);
	raise(3); /* was high all along: no edge */
	check(!f.intr);
	pulse(3);
	check(!f.intr);
	pulse(3);
	check_eq(take(), 0x33);
}

TEST(masks_hold_a_request_until_they_open)
{
	start();
	out(0x21, 0x20);
	check_eq(pulse(5), -1);
	check_eq(take(), -1);
	f.unmasked = 0;
	out(0x21, 0);
	check_eq(f.unmasked, 1u << 5);
	check_eq(take(), 0x35);
}

TEST(a_line_lowered_by_its_acknowledgement_does_not_ask_again)
{
	start();
	f.lower_when_acked = true;
	out(0x4d0, 0x20);
	raise(5);
	check_eq(take(), 0x35);
	out(0x20, 0x20);
	check(!f.intr);
}

TEST(other_ports_are_not_ours)
{
	u8 value;

	start();
	check(!pic_read(&f.pic, 0x22, &value));
	check(!pic_write(&f.pic, 0x4d2, 0));
}

TEST(saved_and_restored_is_the_same_state)
{
	struct kvm_pic_state first[2], second[2];

	linux_init(0x11);
	out(0x4d1, 0x0a);
	out(0x20, 0xc3);
	raise(4);
	check_eq(take(), 0x34);
	raise(11);
	raise(1);
	out(0x20, 0x0b);
	out(0xa0, 0x0c);
	out(0x20, 0x68);
	out(0xa0, 0x13);
	out(0xa1, 0x48);
	for (u32 i = 0; i < 2; i++)
		pic_get_state(&f.pic, i, &first[i]);
	check_eq(first[1].init_state, 2);
	memset(&f, 0, sizeof(f));
	pic_init(&f.pic, &ops, NULL);
	for (u32 i = 0; i < 2; i++)
		pic_set_state(&f.pic, i, &first[i]);
	for (u32 i = 0; i < 2; i++)
		pic_get_state(&f.pic, i, &second[i]);
	check_mem_eq(second, first, sizeof(first));
	out(0xa1, 2);
	out(0xa1, 1);
	out(0xa1, 0xf7);
	check_eq(take(), -1); /* behind 4 */
	out(0x20, 0x64);
	check_eq(take(), 0x31); /* after 4 come 5, 6, 7, 0, 1, 2 */
	out(0x20, 0x61);
	check_eq(take(), 0x4b);
}

TEST(a_hostile_state_stays_within_the_chip)
{
	struct kvm_pic_state state;

	start();
	memset(&state, 0xff, sizeof(state));
	pic_set_state(&f.pic, 0, &state);
	pic_set_state(&f.pic, 1, &state);
	check_eq(in(0x4d0), 0xf8);
	for (u32 i = 0; i < 8; i++) {
		in(0x20);
		in(0xa1);
		out(0x21, (u8)i);
		pic_accept(&f.pic);
	}
}
