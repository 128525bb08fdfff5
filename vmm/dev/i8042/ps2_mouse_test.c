/* SPDX-License-Identifier: MIT */
#include "vmm/dev/i8042/ps2_mouse.h"

#include "base/test.h"

static struct ps2_mouse m;

static void check_says(const u8 *bytes, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		check(ps2_out_ready(&m.out));
		check_eq(ps2_out_pop(&m.out), bytes[i]);
	}
	check(!ps2_out_ready(&m.out));
}

#define SAYS(...)                                         \
	do {                                              \
		static const u8 bytes_[] = {__VA_ARGS__}; \
		check_says(bytes_, ARRAY_SIZE(bytes_));   \
	} while (0)
#define SAYS_NOTHING() check(!ps2_out_ready(&m.out))

/* A command, or a byte of data, that is acknowledged and no more. */
static void tell(u8 byte)
{
	ps2_mouse_write(&m, byte);
	SAYS(0xfa);
}

static void begin(void)
{
	memset(&m, 0, sizeof(m));
	ps2_mouse_reset(&m);
}

static void knock(u8 second)
{
	tell(0xf3);
	tell(200);
	tell(0xf3);
	tell(second);
	tell(0xf3);
	tell(80);
}

/* As a hand does it: one gesture. */
static void move(s32 x, s32 y)
{
	ps2_mouse_move(&m, INPUT_X, x);
	ps2_mouse_move(&m, INPUT_Y, y);
	ps2_mouse_report(&m);
}

static void press(enum input_button button, bool down)
{
	ps2_mouse_button(&m, button, down);
	ps2_mouse_report(&m);
}

TEST(it_says_who_it_is_and_that_it_is_well)
{
	begin();
	ps2_mouse_write(&m, 0xff);
	SAYS(0xfa, 0xaa, 0x00);
	ps2_mouse_write(&m, 0xf2);
	SAYS(0xfa, 0x00);
}

TEST(it_starts_silent_with_the_defaults)
{
	begin();
	move(5, 5);
	press(INPUT_BUTTON_LEFT, true);
	SAYS_NOTHING();
	ps2_mouse_write(&m, 0xe9);
	SAYS(0xfa, 0x04, 2, 100);
}

TEST(the_status_tells_what_was_set)
{
	begin();
	tell(0xe7);
	tell(0xe8);
	tell(3);
	tell(0xf3);
	tell(40);
	tell(0xf4);
	tell(0xf0);
	press(INPUT_BUTTON_RIGHT, true);
	ps2_mouse_write(&m, 0xe9);
	SAYS(0xfa, 0x71, 3, 40);
	tell(0xe6);
	tell(0xf5);
	tell(0xea);
	ps2_mouse_write(&m, 0xe9);
	SAYS(0xfa, 0x01, 3, 40);
	tell(0xf6);
	ps2_mouse_write(&m, 0xe9);
	SAYS(0xfa, 0x01, 2, 100);
}

TEST(a_resolution_that_there_is_not_is_wanted_again)
{
	begin();
	tell(0xe8);
	ps2_mouse_write(&m, 4);
	SAYS(0xfe);
	ps2_mouse_write(&m, 0xe1);
	SAYS(0xfe);
}

TEST(movement_is_told_in_packets_of_three)
{
	begin();
	tell(0xf4);
	move(10, -3); /* to the right and up */
	SAYS(0x08, 10, 3);
	move(-1, 4);
	SAYS(0x38, 0xff, 0xfc);
	move(0, 0);
	SAYS_NOTHING();
	press(INPUT_BUTTON_MIDDLE, true);
	SAYS(0x0c, 0, 0);
	press(INPUT_BUTTON_MIDDLE, true);
	SAYS_NOTHING();
	press(INPUT_BUTTON_MIDDLE, false);
	SAYS(0x08, 0, 0);
}

TEST(a_long_way_takes_several_packets)
{
	begin();
	tell(0xf4);
	move(600, 0);
	for (u32 i = 0; i < 2; i++) {
		check_eq(ps2_out_pop(&m.out), 0x08);
		check_eq(ps2_out_pop(&m.out), 255);
		check_eq(ps2_out_pop(&m.out), 0);
		ps2_mouse_report(&m);
	}
	SAYS(0x08, 90, 0);
	ps2_mouse_report(&m);
	SAYS_NOTHING();
}

TEST(steps_beyond_all_measure_are_cut)
{
	begin();
	tell(0xf4);
	for (u32 i = 0; i < 10; i++) {
		ps2_mouse_move(&m, INPUT_X, INT32_MAX);
		ps2_mouse_move(&m, INPUT_Y, INT32_MIN);
	}
	check_eq(m.x, PS2_MOUSE_STEPS_MAX);
	check_eq(m.y, PS2_MOUSE_STEPS_MAX);
	check(ps2_mouse_is_valid(&m));
}

TEST(movement_waits_until_the_packet_before_is_read)
{
	begin();
	tell(0xf4);
	move(1, 0);
	move(2, 0);
	move(3, 0);
	SAYS(0x08, 1, 0);
	ps2_mouse_report(&m);
	SAYS(0x08, 5, 0);
}

TEST(each_change_of_a_button_is_told)
{
	begin();
	tell(0xf4);
	for (u32 i = 0; i < 2; i++) {
		press(INPUT_BUTTON_LEFT, true);
		press(INPUT_BUTTON_LEFT, false);
	}
	SAYS(0x09, 0, 0, 0x08, 0, 0, 0x09, 0, 0, 0x08, 0, 0);
}

TEST(a_full_queue_loses_whole_packets_and_keeps_the_buttons_true)
{
	begin();
	tell(0xf4);
	for (u32 i = 0; i < 101; i++)
		press(INPUT_BUTTON_LEFT, !(i & 1));
	check_eq(m.out.data_count, 15);
	for (u32 i = 0; i < 5; i++) {
		check_eq(ps2_out_pop(&m.out), i & 1 ? 0x08 : 0x09);
		check_eq(ps2_out_pop(&m.out), 0);
		check_eq(ps2_out_pop(&m.out), 0);
	}
	SAYS_NOTHING();
	/* It is down, as was last told. */
	ps2_mouse_report(&m);
	SAYS_NOTHING();
	for (u32 i = 0; i < 6; i++)
		press(INPUT_BUTTON_LEFT, i & 1);
	for (u32 i = 0; i < 15; i++)
		(void)ps2_out_pop(&m.out);
	ps2_mouse_report(&m);
	SAYS(0x09, 0, 0);
}

TEST(scaling_doubles_what_is_fast)
{
	static const s32 in[] = {0, 1, 2, 3, 4, 5, 6, 100, -4, -50};
	static const s32 out[] = {0, 1, 1, 3, 6, 9, 12, 200, -6, -100};

	begin();
	tell(0xe7);
	tell(0xf4);
	for (u32 i = 1; i < ARRAY_SIZE(in); i++) {
		move(in[i], 0);
		check_eq(ps2_out_pop(&m.out), in[i] < 0 ? 0x18 : 0x08);
		check_eq(ps2_out_pop(&m.out), (u8)out[i]);
		check_eq(ps2_out_pop(&m.out), 0);
	}
	/* Not when it is asked for. */
	tell(0xf0);
	move(4, 0);
	ps2_mouse_write(&m, 0xeb);
	SAYS(0xfa, 0x08, 4, 0);
}

TEST(in_remote_mode_it_tells_when_asked)
{
	begin();
	tell(0xf0);
	tell(0xf4);
	move(7, 0);
	press(INPUT_BUTTON_LEFT, true);
	SAYS_NOTHING();
	ps2_mouse_write(&m, 0xeb);
	SAYS(0xfa, 0x09, 7, 0);
	ps2_mouse_write(&m, 0xeb);
	SAYS(0xfa, 0x09, 0, 0);
}

TEST(in_wrap_mode_it_says_what_it_hears)
{
	begin();
	tell(0xee);
	ps2_mouse_write(&m, 0x55);
	SAYS(0x55);
	ps2_mouse_write(&m, 0xf2);
	SAYS(0xf2);
	tell(0xec);
	ps2_mouse_write(&m, 0xf2);
	SAYS(0xfa, 0x00);
	tell(0xee);
	ps2_mouse_write(&m, 0xff);
	SAYS(0xfa, 0xaa, 0x00);
}

TEST(a_knock_makes_a_wheel_of_it)
{
	begin();
	knock(100);
	ps2_mouse_write(&m, 0xf2);
	SAYS(0xfa, 0x03);
	tell(0xf4);
	press(INPUT_BUTTON_WHEEL_UP, true);
	press(INPUT_BUTTON_WHEEL_UP, false);
	SAYS(0x08, 0, 0, 0xff);
	press(INPUT_BUTTON_WHEEL_DOWN, true);
	SAYS(0x08, 0, 0, 0x01);
	press(INPUT_BUTTON_WHEEL_LEFT, true);
	press(INPUT_BUTTON_SIDE, true);
	SAYS_NOTHING();
	ps2_mouse_write(&m, 0xff);
	SAYS(0xfa, 0xaa, 0x00);
}

TEST(another_knock_makes_an_explorer_of_it)
{
	begin();
	knock(100);
	knock(200);
	ps2_mouse_write(&m, 0xf2);
	SAYS(0xfa, 0x04);
	tell(0xf4);
	press(INPUT_BUTTON_WHEEL_UP, true);
	SAYS(0x08, 0, 0, 0x0f);
	press(INPUT_BUTTON_SIDE, true);
	SAYS(0x08, 0, 0, 0x10);
	press(INPUT_BUTTON_EXTRA, true);
	SAYS(0x08, 0, 0, 0x30);
	press(INPUT_BUTTON_WHEEL_LEFT, true);
	SAYS(0x08, 0, 0, 0x41);
	press(INPUT_BUTTON_WHEEL_RIGHT, true);
	SAYS(0x08, 0, 0, 0x7f);
	for (u32 i = 0; i < 9; i++)
		ps2_mouse_button(&m, INPUT_BUTTON_WHEEL_DOWN, true);
	ps2_mouse_report(&m);
	SAYS(0x08, 0, 0, 0x37);
	ps2_mouse_report(&m);
	SAYS(0x08, 0, 0, 0x32);
	tell(0xf5);
	/* The knock of the smaller one leaves no wheel behind that is not there. */
	ps2_mouse_button(&m, INPUT_BUTTON_WHEEL_LEFT, true);
	check(m.side_wheel);
	knock(100);
	check(ps2_mouse_is_valid(&m));
}

TEST(without_a_knock_there_is_no_wheel)
{
	begin();
	tell(0xf4);
	press(INPUT_BUTTON_WHEEL_UP, true);
	SAYS_NOTHING();
	check_eq(m.wheel, 0);
}

TEST(a_command_ends_the_packet_that_is_on_its_way)
{
	begin();
	tell(0xf4);
	press(INPUT_BUTTON_LEFT, true);
	check_eq(ps2_out_pop(&m.out), 0x09);
	ps2_mouse_write(&m, 0xe9);
	/* And what was lost with it is told anew. */
	SAYS(0xfa, 0x24, 2, 100, 0x09, 0, 0);
}

TEST(a_new_command_ends_the_answer_to_the_last_one)
{
	begin();
	for (u32 i = 0; i < 100; i++)
		ps2_mouse_write(&m, 0xe9);
	SAYS(0xfa, 0x00, 2, 100);
	ps2_mouse_write(&m, 0xfe);
	SAYS(100);
}

TEST(a_state_that_cannot_be_is_known)
{
	begin();
	check(ps2_mouse_is_valid(&m));
	m.id = 1;
	check(!ps2_mouse_is_valid(&m));
	begin();
	m.wheel = 1;
	check(!ps2_mouse_is_valid(&m));
	begin();
	m.x = PS2_MOUSE_STEPS_MAX + 1;
	check(!ps2_mouse_is_valid(&m));
	begin();
	m.out.answer_at = 1;
	check(!ps2_mouse_is_valid(&m));
}
