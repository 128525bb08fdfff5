/* SPDX-License-Identifier: MIT */
/* The keyboard's commands and the codes of its keys: see ps2_keyboard.h. */
#include "vmm/dev/i8042/ps2_keyboard.h"

#include <string.h>

/* [I8042 "Keyboard Commands"] */
enum {
	KBD_SET_LEDS = 0xed,
	KBD_ECHO = 0xee,
	KBD_SCAN_SET = 0xf0,
};

/* 10.9 a second, after half a second. */
#define TYPEMATIC_DEFAULT 0x2b
#define RELEASED	  0xf0

/* ---- codes ---- */

struct codes {
	u8 bytes[8];
	u32 count;
};

static void put(struct codes *codes, u8 byte)
{
	codes->bytes[codes->count++] = byte;
}

static void put_code(struct codes *codes, u8 scan_set, u16 code, bool down)
{
	if (code > 0xff)
		put(codes, (u8)(code >> 8));
	if (!down && scan_set == 2)
		put(codes, RELEASED);
	put(codes, (u8)(!down && scan_set == 1 ? code | 0x80 : code));
}

static u16 code_of(const struct ps2_keyboard *keyboard, enum qcode key)
{
	return keyboard->scan_set == 1 ? qcode_set1(key) : qcode_set2(key);
}

static bool is_down(const struct ps2_keyboard *keyboard, enum qcode key)
{
	return keyboard->down[key / 8] & BIT(key % 8);
}

static bool either_is_down(const struct ps2_keyboard *keyboard, enum qcode left,
			   enum qcode right)
{
	return is_down(keyboard, left) || is_down(keyboard, right);
}

/*
 * SysRq with Alt; else itself, within a Shift of its own where neither Shift nor
 * Ctrl is down. [SCANCODE "Scan Code Tables", notes]
 */
static void put_print(const struct ps2_keyboard *keyboard, struct codes *codes,
		      bool down)
{
	u8 set = keyboard->scan_set;
	u16 shift = set == 1 ? 0xe02a : 0xe012;
	bool alone = !either_is_down(keyboard, QCODE_SHIFT, QCODE_SHIFT_R) &&
		     !either_is_down(keyboard, QCODE_CTRL, QCODE_CTRL_R);

	if (either_is_down(keyboard, QCODE_ALT, QCODE_ALT_R)) {
		put_code(codes, set, code_of(keyboard, QCODE_SYSRQ), down);
		return;
	}
	if (alone && down)
		put_code(codes, set, shift, true);
	put_code(codes, set, code_of(keyboard, QCODE_PRINT), down);
	if (alone && !down)
		put_code(codes, set, shift, false);
}

/* All of it when it goes down: Break with Ctrl, else Ctrl and Num Lock with a
 * prefix of their own. */
static void put_pause(const struct ps2_keyboard *keyboard, struct codes *codes,
		      bool down)
{
	u8 set = keyboard->scan_set;

	if (!down)
		return;
	if (either_is_down(keyboard, QCODE_CTRL, QCODE_CTRL_R)) {
		put_code(codes, set, code_of(keyboard, QCODE_PAUSE), true);
		put_code(codes, set, code_of(keyboard, QCODE_PAUSE), false);
		return;
	}
	for (u32 i = 0; i < 2; i++) {
		put(codes, 0xe1);
		put_code(codes, set, code_of(keyboard, QCODE_CTRL), !i);
		put_code(codes, set, code_of(keyboard, QCODE_NUM_LOCK), !i);
	}
}

static struct codes codes_of(const struct ps2_keyboard *keyboard,
			     enum qcode key, bool down)
{
	struct codes codes = {};
	u16 code = code_of(keyboard, key);

	if (key == QCODE_PRINT)
		put_print(keyboard, &codes, down);
	else if (key == QCODE_PAUSE)
		put_pause(keyboard, &codes, down);
	else if (code)
		put_code(&codes, keyboard->scan_set, code, down);
	return codes;
}

/* The most bytes that letting go of what is down can take. */
static u32 release_bytes(const struct ps2_keyboard *keyboard)
{
	u32 bytes = 0;

	for (u32 key = 0; key < QCODE_COUNT; key++) {
		if (!is_down(keyboard, key))
			continue;
		/* As when it is alone: the others may be let go before. */
		if (key == QCODE_PRINT)
			bytes += keyboard->scan_set == 1 ? 4 : 6;
		else
			bytes += codes_of(keyboard, key, false).count;
	}
	return bytes;
}

static void press(struct ps2_keyboard *keyboard, enum qcode key)
{
	struct codes codes = codes_of(keyboard, key, true);
	bool again = is_down(keyboard, key);

	keyboard->down[key / 8] |= (u8)BIT(key % 8);
	if (codes.count &&
	    keyboard->out.data_count + codes.count + release_bytes(keyboard) <=
		    PS2_KEYBOARD_BYTES)
		ps2_out_data(&keyboard->out, codes.bytes, codes.count);
	else if (!again)
		keyboard->down[key / 8] &= (u8)~BIT(key % 8);
}

static void release(struct ps2_keyboard *keyboard, enum qcode key)
{
	struct codes codes;

	if (!is_down(keyboard, key))
		return;
	codes = codes_of(keyboard, key, false);
	keyboard->down[key / 8] &= (u8)~BIT(key % 8);
	ps2_out_data(&keyboard->out, codes.bytes, codes.count);
}

void ps2_keyboard_key(struct ps2_keyboard *keyboard, enum qcode key, bool down)
{
	if (!keyboard->scanning)
		return;
	if (down)
		press(keyboard, key);
	else
		release(keyboard, key);
}

/* ---- commands ---- */

/* Whoever asks for this expects nothing of what was before. */
static void forget_keys(struct ps2_keyboard *keyboard)
{
	ps2_out_forget_data(&keyboard->out);
	memset(keyboard->down, 0, sizeof(keyboard->down));
}

static void set_defaults(struct ps2_keyboard *keyboard)
{
	forget_keys(keyboard);
	keyboard->pending = 0;
	keyboard->scan_set = 2;
	keyboard->typematic = TYPEMATIC_DEFAULT;
	keyboard->scanning = true;
}

static void choose_set(struct ps2_keyboard *keyboard, u8 set)
{
	if (set > 2) {
		ps2_out_answer(&keyboard->out, PS2_RESEND);
		return;
	}
	ps2_out_answer(&keyboard->out, PS2_ACK);
	if (!set) {
		ps2_out_answer(&keyboard->out, keyboard->scan_set);
		return;
	}
	forget_keys(keyboard);
	keyboard->scan_set = set;
}

/* The byte after a command that takes one. */
static void take_data(struct ps2_keyboard *keyboard, u8 byte)
{
	u8 command = keyboard->pending;

	keyboard->pending = 0;
	if (command == KBD_SCAN_SET) {
		choose_set(keyboard, byte);
		return;
	}
	ps2_out_answer(&keyboard->out, PS2_ACK);
	if (command == KBD_SET_LEDS)
		keyboard->leds = byte & 7;
	else
		keyboard->typematic = byte & 0x7f;
}

static void command(struct ps2_keyboard *keyboard, u8 byte)
{
	struct ps2_out *out = &keyboard->out;

	keyboard->pending = 0;
	switch (byte) {
	case KBD_ECHO:
		ps2_out_answer(out, KBD_ECHO);
		return;
	case PS2_RESEND:
		ps2_out_answer(out, out->last);
		return;
	case KBD_SET_LEDS:
	case KBD_SCAN_SET:
	case PS2_SET_RATE:
		keyboard->pending = byte;
		break;
	case PS2_ENABLE:
		ps2_out_forget_data(out);
		keyboard->scanning = true;
		break;
	case PS2_DISABLE:
	case PS2_DEFAULTS:
		set_defaults(keyboard);
		keyboard->scanning = byte == PS2_DEFAULTS;
		break;
	case PS2_RESET:
		ps2_keyboard_reset(keyboard);
		break;
	case PS2_IDENTIFY:
		break;
	default:
		ps2_out_answer(out, PS2_RESEND);
		return;
	}
	ps2_out_answer(out, PS2_ACK);
	if (byte == PS2_RESET)
		ps2_out_answer(out, PS2_TEST_PASSED);
	if (byte == PS2_IDENTIFY) {
		ps2_out_answer(out, 0xab);
		ps2_out_answer(out, 0x83);
	}
}

void ps2_keyboard_write(struct ps2_keyboard *keyboard, u8 byte)
{
	ps2_out_answer_begin(&keyboard->out);
	/* Commands have the top bits set and end one that waits for data. */
	if (keyboard->pending && byte < KBD_SET_LEDS)
		take_data(keyboard, byte);
	else
		command(keyboard, byte);
}

/* ---- life ---- */

void ps2_keyboard_reset(struct ps2_keyboard *keyboard)
{
	*keyboard = (struct ps2_keyboard){.out.last = PS2_TEST_PASSED};
	set_defaults(keyboard);
}

bool ps2_keyboard_is_valid(const struct ps2_keyboard *keyboard)
{
	if (!ps2_out_is_valid(&keyboard->out) ||
	    (keyboard->scan_set != 1 && keyboard->scan_set != 2))
		return false;
	for (u32 key = QCODE_COUNT; key < 8 * sizeof(keyboard->down); key++)
		if (is_down(keyboard, key))
			return false;
	return keyboard->out.data_count + release_bytes(keyboard) <=
	       PS2_KEYBOARD_BYTES;
}
