/* SPDX-License-Identifier: MIT */
/* The mouse's commands and packets: see ps2_mouse.h. */
#include "vmm/dev/i8042/ps2_mouse.h"

#include <stdlib.h>

/* [PS2-MOUSE "Command Set"] */
enum {
	MOUSE_SCALING_1 = 0xe6,
	MOUSE_SCALING_2 = 0xe7,
	MOUSE_RESOLUTION = 0xe8,
	MOUSE_STATUS = 0xe9,
	MOUSE_STREAM = 0xea,
	MOUSE_READ = 0xeb,
	MOUSE_WRAP_END = 0xec,
	MOUSE_WRAP = 0xee,
	MOUSE_REMOTE = 0xf0,
};

/* The first byte of a packet. [PS2-MOUSE "Movement Data Packet"] */
enum {
	PACKET_ALWAYS = 0x08,
	PACKET_LEFTWARD = 0x10,
	PACKET_DOWNWARD = 0x20,
};

enum {
	LEFT = 0x01,
	RIGHT = 0x02,
	MIDDLE = 0x04,
	SIDE = 0x08,
	EXTRA = 0x10,
	UNKNOWN = 0x80, /* in `told`: what was told may not have arrived */
};

#define ID_WHEEL	   3
#define ID_EXPLORER	   4
#define RATE_DEFAULT	   100
#define RESOLUTION_MAX	   3
#define RESOLUTION_DEFAULT 2

/* ---- packets ---- */

static s32 within(s64 value, s32 limit)
{
	return (s32)MAX((s64)-limit, MIN(value, (s64)limit));
}

/* Takes at most `limit` steps from *steps, either way. */
static s32 take(s32 *steps, s32 limit)
{
	s32 taken = within(*steps, limit);

	*steps -= taken;
	return taken;
}

/* [PS2-MOUSE "Inputs, Resolution, and Scaling"] */
static s32 scaled(s32 steps)
{
	static const u8 fine[] = {0, 1, 1, 3, 6, 9};
	s32 size = abs(steps);

	size = size < (s32)ARRAY_SIZE(fine) ? fine[size] : 2 * size;
	return steps < 0 ? -size : size;
}

static u32 packet_bytes(const struct ps2_mouse *mouse)
{
	return mouse->id ? 4 : 3;
}

/*
 * A wheel's byte; the Explorer's has four bits for it beside two buttons, or,
 * as drivers read it, six for the wheel that tilts. [PS2-MOUSE "Intellimouse
 * Extensions"]
 */
static u8 fourth_byte(struct ps2_mouse *mouse)
{
	if (mouse->id == ID_WHEEL)
		return (u8)take(&mouse->wheel, 127);
	if (!mouse->wheel && mouse->side_wheel)
		return (u8)(0x40 | (take(&mouse->side_wheel, 31) & 0x3f));
	return (u8)((take(&mouse->wheel, 7) & 0x0f) |
		    (mouse->buttons & SIDE ? 0x10 : 0) |
		    (mouse->buttons & EXTRA ? 0x20 : 0));
}

static void make_packet(struct ps2_mouse *mouse, u8 *bytes)
{
	bool doubled = mouse->doubled && !mouse->remote;
	s32 limit = doubled ? 127 : 255;
	s32 x = take(&mouse->x, limit), y = take(&mouse->y, limit);

	if (doubled) {
		x = scaled(x);
		y = scaled(y);
	}
	bytes[0] = (u8)(PACKET_ALWAYS |
			(mouse->buttons & (LEFT | RIGHT | MIDDLE)) |
			(x < 0 ? PACKET_LEFTWARD : 0) |
			(y < 0 ? PACKET_DOWNWARD : 0));
	bytes[1] = (u8)x;
	bytes[2] = (u8)y;
	bytes[3] = fourth_byte(mouse);
	mouse->told = mouse->buttons;
}

static bool has_news(const struct ps2_mouse *mouse)
{
	u8 seen = mouse->id == ID_EXPLORER ? 0xff
					   : UNKNOWN | LEFT | RIGHT | MIDDLE;

	return ((mouse->buttons ^ mouse->told) & seen) || mouse->x ||
	       mouse->y || mouse->wheel || mouse->side_wheel;
}

static void queue_packet(struct ps2_mouse *mouse)
{
	u8 bytes[4];

	if (!mouse->reporting || mouse->remote || mouse->wrapping ||
	    !has_news(mouse) ||
	    mouse->out.data_count + packet_bytes(mouse) > PS2_DATA_BYTES)
		return;
	make_packet(mouse, bytes);
	ps2_out_data(&mouse->out, bytes, packet_bytes(mouse));
}

void ps2_mouse_report(struct ps2_mouse *mouse)
{
	if (!mouse->out.data_count)
		queue_packet(mouse);
}

/* ---- what the hand does ---- */

static void add(s32 *steps, s64 more)
{
	*steps = within(*steps + more, PS2_MOUSE_STEPS_MAX);
}

void ps2_mouse_move(struct ps2_mouse *mouse, enum input_axis axis, s32 steps)
{
	if (axis == INPUT_X)
		add(&mouse->x, steps);
	else
		add(&mouse->y, -(s64)steps);
}

/* Wheels are told towards the user and to the left as positive. */
static void turn(struct ps2_mouse *mouse, enum input_button button)
{
	if (mouse->id && button == INPUT_BUTTON_WHEEL_UP)
		add(&mouse->wheel, -1);
	if (mouse->id && button == INPUT_BUTTON_WHEEL_DOWN)
		add(&mouse->wheel, 1);
	if (mouse->id == ID_EXPLORER && button == INPUT_BUTTON_WHEEL_LEFT)
		add(&mouse->side_wheel, 1);
	if (mouse->id == ID_EXPLORER && button == INPUT_BUTTON_WHEEL_RIGHT)
		add(&mouse->side_wheel, -1);
}

void ps2_mouse_button(struct ps2_mouse *mouse, enum input_button button,
		      bool down)
{
	static const u8 bit[INPUT_BUTTON_COUNT] = {
		[INPUT_BUTTON_LEFT] = LEFT,	[INPUT_BUTTON_RIGHT] = RIGHT,
		[INPUT_BUTTON_MIDDLE] = MIDDLE, [INPUT_BUTTON_SIDE] = SIDE,
		[INPUT_BUTTON_EXTRA] = EXTRA,
	};

	if (!bit[button]) {
		if (down)
			turn(mouse, button);
		return;
	}
	mouse->buttons &= (u8)~bit[button];
	if (down)
		mouse->buttons |= bit[button];
	if ((mouse->buttons ^ mouse->told) & bit[button])
		queue_packet(mouse);
}

/* ---- commands ---- */

static void forget_movement(struct ps2_mouse *mouse)
{
	mouse->x = mouse->y = mouse->wheel = mouse->side_wheel = 0;
}

static void set_defaults(struct ps2_mouse *mouse)
{
	forget_movement(mouse);
	mouse->rate = RATE_DEFAULT;
	mouse->resolution = RESOLUTION_DEFAULT;
	mouse->doubled = mouse->reporting = mouse->remote = false;
}

/* Three rates in a row that nobody else would set make it another mouse.
 * [PS2-MOUSE "Intellimouse Extensions"] */
static void set_rate(struct ps2_mouse *mouse, u8 rate)
{
	u8 before = mouse->earlier_rate[1], last = mouse->earlier_rate[0];

	if (before == 200 && rate == 80 && (last == 100 || last == 200)) {
		mouse->id = last == 100 ? ID_WHEEL : ID_EXPLORER;
		forget_movement(mouse);
	}
	mouse->earlier_rate[1] = last;
	mouse->earlier_rate[0] = rate;
	mouse->rate = rate;
}

static void answer_status(struct ps2_mouse *mouse)
{
	u8 buttons = mouse->buttons;

	ps2_out_answer(&mouse->out, (u8)((mouse->remote ? 0x40 : 0) |
					 (mouse->reporting ? 0x20 : 0) |
					 (mouse->doubled ? 0x10 : 0) |
					 (buttons & LEFT ? 0x04 : 0) |
					 (buttons & MIDDLE ? 0x02 : 0) |
					 (buttons & RIGHT ? 0x01 : 0)));
	ps2_out_answer(&mouse->out, mouse->resolution);
	ps2_out_answer(&mouse->out, mouse->rate);
}

static void answer_packet(struct ps2_mouse *mouse)
{
	u8 bytes[4];

	make_packet(mouse, bytes);
	for (u32 i = 0; i < packet_bytes(mouse); i++)
		ps2_out_answer(&mouse->out, bytes[i]);
}

/* The byte after a command that takes one. */
static void take_data(struct ps2_mouse *mouse, u8 byte)
{
	u8 command = mouse->pending;

	mouse->pending = 0;
	if (command == MOUSE_RESOLUTION && byte > RESOLUTION_MAX) {
		ps2_out_answer(&mouse->out, PS2_RESEND);
		return;
	}
	ps2_out_answer(&mouse->out, PS2_ACK);
	if (command == PS2_SET_RATE)
		set_rate(mouse, byte);
	else
		mouse->resolution = byte;
}

/* What follows its acknowledgement. */
static void answer_command(struct ps2_mouse *mouse, u8 byte)
{
	switch (byte) {
	case MOUSE_STATUS:
		answer_status(mouse);
		break;
	case MOUSE_READ:
		answer_packet(mouse);
		break;
	case PS2_IDENTIFY:
		ps2_out_answer(&mouse->out, mouse->id);
		break;
	case PS2_RESET:
		ps2_out_answer(&mouse->out, PS2_TEST_PASSED);
		ps2_out_answer(&mouse->out, mouse->id);
		break;
	default:
		break;
	}
}

/* False: there is no such command. */
static bool obey(struct ps2_mouse *mouse, u8 byte)
{
	switch (byte) {
	case MOUSE_SCALING_1:
	case MOUSE_SCALING_2:
		mouse->doubled = byte == MOUSE_SCALING_2;
		break;
	case MOUSE_STREAM:
	case MOUSE_REMOTE:
		mouse->remote = byte == MOUSE_REMOTE;
		forget_movement(mouse);
		break;
	case MOUSE_WRAP:
	case MOUSE_WRAP_END:
		mouse->wrapping = byte == MOUSE_WRAP;
		break;
	case MOUSE_RESOLUTION:
	case PS2_SET_RATE:
		mouse->pending = byte;
		break;
	case PS2_ENABLE:
	case PS2_DISABLE:
		mouse->reporting = byte == PS2_ENABLE;
		forget_movement(mouse);
		break;
	case PS2_DEFAULTS:
		set_defaults(mouse);
		break;
	case PS2_RESET:
		ps2_mouse_reset(mouse);
		break;
	case MOUSE_STATUS:
	case MOUSE_READ:
	case PS2_IDENTIFY:
		break;
	default:
		return false;
	}
	return true;
}

static void command(struct ps2_mouse *mouse, u8 byte)
{
	mouse->pending = 0;
	if (byte == PS2_RESEND) {
		ps2_out_answer(&mouse->out, mouse->out.last);
		return;
	}
	if (!obey(mouse, byte)) {
		ps2_out_answer(&mouse->out, PS2_RESEND);
		return;
	}
	ps2_out_answer(&mouse->out, PS2_ACK);
	answer_command(mouse, byte);
}

void ps2_mouse_write(struct ps2_mouse *mouse, u8 byte)
{
	ps2_out_answer_begin(&mouse->out);
	/* The host's word ends a packet that is on its way. */
	if (mouse->out.data_count) {
		ps2_out_forget_data(&mouse->out);
		mouse->told = UNKNOWN;
	}
	if (mouse->wrapping && byte != PS2_RESET && byte != MOUSE_WRAP_END)
		ps2_out_answer(&mouse->out, byte);
	else if (mouse->pending && byte < MOUSE_SCALING_1)
		take_data(mouse, byte);
	else
		command(mouse, byte);
	ps2_mouse_report(mouse);
}

/* ---- life ---- */

void ps2_mouse_reset(struct ps2_mouse *mouse)
{
	*mouse = (struct ps2_mouse){
		.buttons = mouse->buttons,
		.told = mouse->buttons,
		.out.last = PS2_TEST_PASSED,
	};
	set_defaults(mouse);
}

static bool is_within(s32 steps)
{
	return steps >= -PS2_MOUSE_STEPS_MAX && steps <= PS2_MOUSE_STEPS_MAX;
}

bool ps2_mouse_is_valid(const struct ps2_mouse *mouse)
{
	return ps2_out_is_valid(&mouse->out) &&
	       (mouse->id == 0 || mouse->id == ID_WHEEL ||
		mouse->id == ID_EXPLORER) &&
	       is_within(mouse->x) && is_within(mouse->y) &&
	       is_within(mouse->wheel) && is_within(mouse->side_wheel) &&
	       (mouse->id || !mouse->wheel) &&
	       (mouse->id == ID_EXPLORER || !mouse->side_wheel);
}
