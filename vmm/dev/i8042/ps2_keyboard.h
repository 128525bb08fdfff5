/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard with 105 keys and those for media, on the wire behind an 8042.
 * [I8042 "Keyboard Commands"] [SCANCODE "Scan Code Tables"]
 *
 * It knows scan code sets 1 and 2, and answers that it has no set 3 by asking
 * for another byte, as keyboards without it do. Keys do not repeat by themselves:
 * who holds one, a viewer, says so again and again. Shift is not taken back around
 * the keys for the cursor while Num Lock is on; no driver needs that.
 *
 * A press is taken only while there is room for its code and for the releases
 * of all keys that are down, so a code that is lost is lost as a whole, and no
 * key stays down in a guest that was slow. The room is what PCs' firmware and
 * kernels are ready to throw away when they look for a keyboard: with more they
 * take the controller for broken.
 */
#ifndef VMM_DEV_I8042_PS2_KEYBOARD_H
#define VMM_DEV_I8042_PS2_KEYBOARD_H

#include "vmm/dev/i8042/ps2_out.h"
#include "vmm/input/qcode.h"

/* SeaBIOS and Linux give up at the 16th byte; one is in the controller. */
#define PS2_KEYBOARD_BYTES 14

struct ps2_keyboard {
	struct ps2_out out;
	u8 pending;	  /* command that awaits its data byte, 0: none */
	u8 scan_set;	  /* 1 or 2 */
	bool scanning;	  /* else keys are not looked at */
	u8 leds;	  /* Scroll Lock, Num Lock, Caps Lock from bit 0 */
	u8 typematic;	  /* kept, see above */
	u8 down[256 / 8]; /* of enum qcode: its press was sent */
};

void ps2_keyboard_reset(struct ps2_keyboard *keyboard);
void ps2_keyboard_write(struct ps2_keyboard *keyboard, u8 byte);
void ps2_keyboard_key(struct ps2_keyboard *keyboard, enum qcode key, bool down);
bool ps2_keyboard_is_valid(const struct ps2_keyboard *keyboard);

#endif
