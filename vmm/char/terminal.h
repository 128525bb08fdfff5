/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal: put into raw mode while a guest uses it, and put back
 * on every way out. terminal_restore may be called from a signal handler, at
 * any moment, as often as one likes.
 *
 * Output processing stays on, so our own messages still begin at the left.
 */
#ifndef VMM_CHAR_TERMINAL_H
#define VMM_CHAR_TERMINAL_H

#include <termios.h>

#include "base/types.h"

struct terminal {
	int fd;
	volatile bool wanted; /* raw, whenever we are in the foreground */
	volatile bool raw;    /* `saved` is to be put back */
	struct termios saved;
};

/* Raw mode if `fd` is a terminal that we may set; else nothing. */
void terminal_raw(struct terminal *terminal, int fd);
/* Cooked again; `wanted` stays, for terminal_again after a stop. */
void terminal_restore(struct terminal *terminal);
void terminal_again(struct terminal *terminal);

#endif
