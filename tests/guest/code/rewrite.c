/* SPDX-License-Identifier: MIT */
/*
 * A guest that rewrites its code without end: "rewrites=N" (100000) times, hot
 * each time, in place, over a megabyte, and one page of code as data and as
 * code by turns. The runner looks at what that costs in memory.
 */
#include "tests/guest/code/lib/hot.h"

#define AREA  0x100000u
#define CALLS 48 /* for each version: enough to be translated */

static u8 area[AREA] __attribute__((aligned(4096)));

static u32 calls(const u8 *code, u32 expected)
{
	u32 wrong = 0;

	for (u32 i = 0; i < CALLS; i++)
		wrong += call_code(code, 0, 0) != expected;
	return wrong;
}

/* A chain of `blocks` blocks, each of its own length, that adds up numbers. */
static u32 chain_write(u8 *at, u32 blocks, u32 serial)
{
	u32 sum = 0;

	at = EMIT(at, 0x31, 0xc0); /* xor %eax, %eax */
	for (u32 i = 0; i < blocks; i++) {
		at = emit_nops(at, (serial + i) % 5);
		at = emit_u32(EMIT(at, 0x05), serial + i); /* add */
		at = EMIT(at, 0xeb, 0);			   /* jmp */
		sum += serial + i;
	}
	emit_ret(at);
	return sum;
}

void image_main(void)
{
	u32 rewrites, wrong = 0;

	hot_init();
	rewrites = option_number("rewrites", 100000);
	for (u32 i = 0; i < rewrites; i++) {
		emit_answer(area, i);
		wrong += calls(area, i);
	}
	check_eq(wrong, 0, "%u rewrites in place", rewrites);
	wrong = 0;
	for (u32 i = 0; i < rewrites; i++) {
		u8 *at = area + i * 112 % (AREA - 4096);

		emit_answer(at, i);
		wrong += calls(at, i);
	}
	check_eq(wrong, 0, "%u rewrites over a megabyte", rewrites);
	wrong = 0;
	for (u32 i = 0; i < rewrites / 20; i++) {
		u8 *at = area + i * 1013 % (AREA - 4096);

		wrong += calls(at, chain_write(at, 20, i));
	}
	check_eq(wrong, 0, "%u chains of 20 blocks", rewrites / 20);
}
