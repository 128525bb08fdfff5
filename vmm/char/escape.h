/* SPDX-License-Identifier: MIT */
/*
 * The keys that speak to keel and not to the guest: Ctrl-A and then one more.
 *	x  quit    h  list the keys    Ctrl-A  send one Ctrl-A
 * Anything else after Ctrl-A goes to the guest, with its Ctrl-A.
 */
#ifndef VMM_CHAR_ESCAPE_H
#define VMM_CHAR_ESCAPE_H

#include "base/types.h"

#define ESCAPE_KEY 0x01

struct escape {
	bool pending; /* Ctrl-A was the last key */
	void (*quit)(void *ctx);
	void (*help)(void *ctx);
	void *ctx;
};

/* What of `byte` goes on to the guest: 0..2 bytes in ret. */
u32 escape_take(struct escape *escape, u8 byte, u8 ret[2]);

#endif
