/* SPDX-License-Identifier: MIT */
#include "vmm/dev/i8042/ps2_keyboard.h"

#include "base/test.h"

static struct ps2_keyboard k;

static void begin(void)
{
	ps2_keyboard_reset(&k);
}

/* What it says now is exactly this. */
static void check_says(const u8 *bytes, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		check(ps2_out_ready(&k.out));
		check_eq(ps2_out_pop(&k.out), bytes[i]);
	}
	check(!ps2_out_ready(&k.out));
}

#define SAYS(...)                                         \
	do {                                              \
		static const u8 bytes_[] = {__VA_ARGS__}; \
		check_says(bytes_, ARRAY_SIZE(bytes_));   \
	} while (0)
#define SAYS_NOTHING() check(!ps2_out_ready(&k.out))

static void tap(enum qcode key)
{
	ps2_keyboard_key(&k, key, true);
	ps2_keyboard_key(&k, key, false);
}

static void choose_set(u8 set)
{
	ps2_keyboard_write(&k, 0xf0);
	SAYS(0xfa);
	ps2_keyboard_write(&k, set);
	SAYS(0xfa);
}

TEST(it_says_who_it_is_and_that_it_is_well)
{
	begin();
	ps2_keyboard_write(&k, 0xff);
	SAYS(0xfa, 0xaa);
	ps2_keyboard_write(&k, 0xf2);
	SAYS(0xfa, 0xab, 0x83);
	ps2_keyboard_write(&k, 0xee);
	SAYS(0xee);
}

TEST(commands_with_data_take_both_bytes)
{
	begin();
	ps2_keyboard_write(&k, 0xed);
	SAYS(0xfa);
	ps2_keyboard_write(&k, 0x05);
	SAYS(0xfa);
	check_eq(k.leds, 5);
	ps2_keyboard_write(&k, 0xf3);
	SAYS(0xfa);
	ps2_keyboard_write(&k, 0x7f);
	SAYS(0xfa);
	check_eq(k.typematic, 0x7f);
	/* Another command instead of the data. */
	ps2_keyboard_write(&k, 0xed);
	SAYS(0xfa);
	ps2_keyboard_write(&k, 0xee);
	SAYS(0xee);
	ps2_keyboard_write(&k, 0x07);
	SAYS(0xfe);
	check_eq(k.leds, 5);
}

TEST(scan_code_sets_1_and_2_are_there_and_3_is_not)
{
	begin();
	ps2_keyboard_write(&k, 0xf0);
	SAYS(0xfa);
	ps2_keyboard_write(&k, 0);
	SAYS(0xfa, 2);
	choose_set(1);
	ps2_keyboard_write(&k, 0xf0);
	SAYS(0xfa);
	ps2_keyboard_write(&k, 0);
	SAYS(0xfa, 1);
	ps2_keyboard_write(&k, 0xf0);
	SAYS(0xfa);
	ps2_keyboard_write(&k, 3);
	SAYS(0xfe);
	check_eq(k.scan_set, 1);
	ps2_keyboard_write(&k, 0xf6);
	SAYS(0xfa);
	check_eq(k.scan_set, 2);
}

TEST(what_it_does_not_know_it_wants_again)
{
	static const u8 unknown[] = {0x00, 0x7f, 0xec, 0xef, 0xf1, 0xf8, 0xfd};

	begin();
	for (u32 i = 0; i < ARRAY_SIZE(unknown); i++) {
		ps2_keyboard_write(&k, unknown[i]);
		SAYS(0xfe);
	}
}

TEST(it_says_the_last_byte_again_when_asked)
{
	begin();
	tap(QCODE_A);
	SAYS(0x1c, 0xf0, 0x1c);
	ps2_keyboard_write(&k, 0xfe);
	SAYS(0x1c);
}

TEST(a_new_command_ends_the_answer_to_the_last_one)
{
	begin();
	for (u32 i = 0; i < 100; i++)
		ps2_keyboard_write(&k, 0xf2);
	SAYS(0xfa, 0xab, 0x83);
}

TEST(an_answer_comes_before_keys_that_wait)
{
	begin();
	tap(QCODE_A);
	check_eq(ps2_out_pop(&k.out), 0x1c);
	ps2_keyboard_write(&k, 0xee);
	SAYS(0xee, 0xf0, 0x1c);
}

TEST(keys_are_told_in_set_2)
{
	begin();
	tap(QCODE_A);
	SAYS(0x1c, 0xf0, 0x1c);
	tap(QCODE_F7);
	SAYS(0x83, 0xf0, 0x83);
	tap(QCODE_KP_ENTER);
	SAYS(0xe0, 0x5a, 0xe0, 0xf0, 0x5a);
	tap(QCODE_UNMAPPED);
	SAYS_NOTHING();
}

TEST(keys_are_told_in_set_1)
{
	begin();
	choose_set(1);
	tap(QCODE_A);
	SAYS(0x1e, 0x9e);
	tap(QCODE_DELETE);
	SAYS(0xe0, 0x53, 0xe0, 0xd3);
}

TEST(a_key_that_is_held_is_told_as_often_as_the_user_says_so)
{
	begin();
	ps2_keyboard_key(&k, QCODE_A, true);
	ps2_keyboard_key(&k, QCODE_A, true);
	ps2_keyboard_key(&k, QCODE_A, false);
	ps2_keyboard_key(&k, QCODE_A, false);
	SAYS(0x1c, 0x1c, 0xf0, 0x1c);
}

TEST(print_has_four_codes_by_what_else_is_down)
{
	begin();
	tap(QCODE_PRINT);
	SAYS(0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12);
	ps2_keyboard_key(&k, QCODE_SHIFT_R, true);
	tap(QCODE_PRINT);
	ps2_keyboard_key(&k, QCODE_SHIFT_R, false);
	SAYS(0x59, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xf0, 0x59);
	ps2_keyboard_key(&k, QCODE_CTRL, true);
	SAYS(0x14);
	tap(QCODE_PRINT);
	SAYS(0xe0, 0x7c, 0xe0, 0xf0, 0x7c);
	ps2_keyboard_key(&k, QCODE_CTRL, false);
	ps2_keyboard_key(&k, QCODE_ALT, true);
	SAYS(0xf0, 0x14, 0x11);
	tap(QCODE_PRINT);
	SAYS(0x84, 0xf0, 0x84);
}

TEST(print_is_told_in_set_1)
{
	begin();
	choose_set(1);
	tap(QCODE_PRINT);
	SAYS(0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa);
	ps2_keyboard_key(&k, QCODE_ALT_R, true);
	SAYS(0xe0, 0x38);
	tap(QCODE_PRINT);
	SAYS(0x54, 0xd4);
}

TEST(pause_is_told_at_once_and_never_let_go)
{
	begin();
	ps2_keyboard_key(&k, QCODE_PAUSE, true);
	SAYS(0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
	ps2_keyboard_key(&k, QCODE_PAUSE, false);
	SAYS_NOTHING();
	ps2_keyboard_key(&k, QCODE_CTRL, true);
	SAYS(0x14);
	tap(QCODE_PAUSE);
	SAYS(0xe0, 0x7e, 0xe0, 0xf0, 0x7e);
	begin();
	choose_set(1);
	tap(QCODE_PAUSE);
	SAYS(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
}

TEST(a_keyboard_that_is_off_looks_at_no_key)
{
	begin();
	ps2_keyboard_key(&k, QCODE_A, true);
	ps2_keyboard_write(&k, 0xf5);
	SAYS(0xfa);
	tap(QCODE_B);
	SAYS_NOTHING();
	ps2_keyboard_write(&k, 0xf4);
	SAYS(0xfa);
	/* Its press was before: nobody knows of it. */
	ps2_keyboard_key(&k, QCODE_A, false);
	SAYS_NOTHING();
	tap(QCODE_B);
	SAYS(0x32, 0xf0, 0x32);
}

/* Reads all of it; each key let go as often as pressed, no half of a code. */
static void check_whole(void)
{
	u32 down[256] = {}, count = 0;
	bool extended = false, released = false;

	while (ps2_out_ready(&k.out)) {
		u8 byte = ps2_out_pop(&k.out);

		count++;
		if (byte == 0xe0) {
			extended = true;
			continue;
		}
		if (byte == 0xf0) {
			released = true;
			continue;
		}
		check(byte < 0x80);
		byte |= extended ? 0x80 : 0;
		check(!released || down[byte]);
		down[byte] = !released;
		extended = released = false;
	}
	check(!extended && !released);
	check(count <= PS2_KEYBOARD_BYTES);
	for (u32 i = 0; i < ARRAY_SIZE(down); i++)
		check(!down[i]);
}

TEST(what_does_not_fit_is_lost_as_a_whole)
{
	static const enum qcode keys[] = {QCODE_A, QCODE_DELETE, QCODE_CTRL,
					  QCODE_UP, QCODE_B};

	for (u32 first = 0; first < ARRAY_SIZE(keys); first++) {
		begin();
		for (u32 i = 0; i < 20; i++)
			tap(keys[(first + i) % ARRAY_SIZE(keys)]);
		check(k.out.data_count > PS2_KEYBOARD_BYTES - 5);
		check_whole();
	}
}

TEST(no_key_stays_down_in_a_guest_that_was_slow)
{
	begin();
	for (u32 key = QCODE_Q; key <= QCODE_P; key++)
		ps2_keyboard_key(&k, key, true);
	for (u32 key = QCODE_Q; key <= QCODE_P; key++)
		ps2_keyboard_key(&k, key, false);
	check(k.out.data_count > 0);
	check_whole();
	tap(QCODE_A);
	SAYS(0x1c, 0xf0, 0x1c);
}

TEST(ctrl_alt_delete_fits_before_anything_is_read)
{
	begin();
	ps2_keyboard_key(&k, QCODE_CTRL, true);
	ps2_keyboard_key(&k, QCODE_ALT, true);
	ps2_keyboard_key(&k, QCODE_DELETE, true);
	ps2_keyboard_key(&k, QCODE_DELETE, false);
	ps2_keyboard_key(&k, QCODE_ALT, false);
	ps2_keyboard_key(&k, QCODE_CTRL, false);
	SAYS(0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14);
}

TEST(a_state_that_cannot_be_is_known)
{
	begin();
	check(ps2_keyboard_is_valid(&k));
	k.scan_set = 3;
	check(!ps2_keyboard_is_valid(&k));
	begin();
	k.out.data_count = PS2_KEYBOARD_BYTES;
	check(ps2_keyboard_is_valid(&k));
	k.down[QCODE_A / 8] |= (u8)BIT(QCODE_A % 8);
	check(!ps2_keyboard_is_valid(&k));
	begin();
	k.down[QCODE_COUNT / 8] |= (u8)BIT(QCODE_COUNT % 8);
	check(!ps2_keyboard_is_valid(&k));
	begin();
	k.out.data_head = PS2_DATA_BYTES;
	check(!ps2_keyboard_is_valid(&k));
}
