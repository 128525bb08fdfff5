/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 mouse on the wire behind an 8042, with three buttons; and, once a
 * driver has knocked, a wheel and a fourth byte in each packet (id 3, the
 * IntelliMouse), or two wheels and five buttons (id 4, the Explorer).
 * [PS2-MOUSE "Command Set"] [PS2-MOUSE "Intellimouse Extensions"]
 *
 * The sample rate is kept but sets no pace: a packet is made when the guest has
 * read the one before, of all movement until then, and one for each change of a
 * button. What does not fit into the queue is part of the next packet, so a slow
 * guest loses at worst a press together with its release. The resolution is kept
 * and changes nothing: whoever moves it counts in the guest's pixels.
 */
#ifndef VMM_DEV_I8042_PS2_MOUSE_H
#define VMM_DEV_I8042_PS2_MOUSE_H

#include "vmm/dev/i8042/ps2_out.h"
#include "vmm/input/input.h"

#define PS2_MOUSE_STEPS_MAX 0x7fff

struct ps2_mouse {
	struct ps2_out out;
	u8 pending; /* command that awaits its data byte, 0: none */
	u8 id;	    /* 0, 3 or 4 */
	u8 rate, resolution;
	u8 earlier_rate[2]; /* before `rate`, the last one first: the knock */
	bool doubled;	    /* scaling 2:1 */
	bool reporting, remote, wrapping;
	u8 buttons; /* left, right, middle, side, extra from bit 0 */
	u8 told;    /* `buttons` as of the last packet */
	/* Not yet told; right and up, and as the wheels are told. Each is within
	 * PS2_MOUSE_STEPS_MAX either way. */
	s32 x, y, wheel, side_wheel;
};

void ps2_mouse_reset(struct ps2_mouse *mouse);
void ps2_mouse_write(struct ps2_mouse *mouse, u8 byte);
void ps2_mouse_move(struct ps2_mouse *mouse, enum input_axis axis, s32 steps);
void ps2_mouse_button(struct ps2_mouse *mouse, enum input_button button,
		      bool down);
/* Makes a packet of what is not yet told, if the last one was read. */
void ps2_mouse_report(struct ps2_mouse *mouse);
bool ps2_mouse_is_valid(const struct ps2_mouse *mouse);

#endif
