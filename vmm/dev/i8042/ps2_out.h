/* SPDX-License-Identifier: MIT */
/*
 * What a PS/2 device has to say: the answer to the last command, and behind it
 * data, which are key codes or movements. Bytes leave one by one, when the
 * controller has taken the one before. A new command forgets what was not yet
 * said in answer to the last one. [I8042 "Keyboard Commands"]
 */
#ifndef VMM_DEV_I8042_PS2_OUT_H
#define VMM_DEV_I8042_PS2_OUT_H

#include "base/types.h"

#define PS2_ANSWER_BYTES 8
#define PS2_DATA_BYTES	 16

/* What keyboards and mice have in common. [PS2-MOUSE "Command Set"] */
enum {
	PS2_IDENTIFY = 0xf2,
	PS2_SET_RATE = 0xf3,
	PS2_ENABLE = 0xf4,
	PS2_DISABLE = 0xf5,
	PS2_DEFAULTS = 0xf6,
	PS2_RESEND = 0xfe, /* in both directions */
	PS2_RESET = 0xff,
	PS2_ACK = 0xfa,
	PS2_TEST_PASSED = 0xaa,
};

struct ps2_out {
	u8 answer[PS2_ANSWER_BYTES]; /* of it, from _at to _count is unsaid */
	u8 answer_at, answer_count;
	u8 data[PS2_DATA_BYTES]; /* a ring */
	u8 data_head, data_count;
	u8 last; /* what was said last, to be said again on request */
};

bool ps2_out_ready(const struct ps2_out *out);
/* There must be something. */
u8 ps2_out_pop(struct ps2_out *out);

/* Forgets the answer; each ps2_out_answer then adds to the new one. */
void ps2_out_answer_begin(struct ps2_out *out);
void ps2_out_answer(struct ps2_out *out, u8 byte);

/* All of `count` bytes or, where they do not fit, none and false. */
bool ps2_out_data(struct ps2_out *out, const u8 *bytes, u32 count);
void ps2_out_forget_data(struct ps2_out *out);

/* Whether these are values that a restored state can have. */
bool ps2_out_is_valid(const struct ps2_out *out);

#endif
