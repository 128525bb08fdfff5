/* SPDX-License-Identifier: MIT */
/* Keys for keel itself. */
#include "vmm/char/escape.h"

u32 escape_take(struct escape *escape, u8 byte, u8 ret[2])
{
	if (!escape->pending) {
		escape->pending = byte == ESCAPE_KEY;
		ret[0] = byte;
		return escape->pending ? 0 : 1;
	}
	escape->pending = false;
	switch (byte) {
	case 'x':
		escape->quit(escape->ctx);
		return 0;
	case 'h':
		escape->help(escape->ctx);
		return 0;
	case ESCAPE_KEY:
		ret[0] = ESCAPE_KEY;
		return 1;
	default:
		ret[0] = ESCAPE_KEY;
		ret[1] = byte;
		return 2;
	}
}
