/* SPDX-License-Identifier: MIT */
/*
 * The child's half of native.h: what it shares with its parent, and its signal
 * handler. child.c is compiled without anything that needs a C library, a
 * thread pointer or vector registers, since the cases may change all of them.
 */
#ifndef TESTS_GUEST_RANDOM_CHILD_H
#define TESTS_GUEST_RANDOM_CHILD_H

#include "tests/guest/random/native.h"

/* Far from everything that cases aim at, the same in parent and child. */
#define AT_SHARED 0x515000000000ull

#define SIGNAL_STACK_BYTES (256 * 1024)

enum { TURN_PARENT, TURN_CHILD };

struct shared {
	u32 turn;  /* futex: TURN_* */
	u32 index; /* the slot being run */
	u32 count;
	bool running; /* slot `index` has been started */
	bool has_avx, has_fsgsbase;
	bool no_xsave; /* the kernel's signal frames lack it */
	u8 signal_stack[SIGNAL_STACK_BYTES] __attribute__((aligned(64)));
	u8 memory[MEMORY_BYTES] __attribute__((aligned(4096))); /* the file */
	struct slot slot[SLOTS_MAX];
};

/* The handler of every synchronous signal; enters C with sane flags. */
void child_entry(int signal, void *info, void *context);

#endif
