/* SPDX-License-Identifier: MIT */
/*
 * Hot code: what a translator will have translated by the time it changes.
 * Every image here runs its sites many times before and after each change and
 * looks at each result.
 *
 * "long" on the command line makes loops ten times as long, "cpus=N" says how
 * many CPUs there are (1).
 */
#ifndef TESTS_GUEST_CODE_LIB_HOT_H
#define TESTS_GUEST_CODE_LIB_HOT_H

#include "tests/guest/priv/lib/priv.h"

/* How often makes hot, set by hot_init(): 400, "long" 4000. */
extern u32 hot_rounds;
/* 1, "long" 10. */
extern u32 hot_scale;

/* Reads the command line and lets SSE run, and AVX where there is any. */
void hot_init(void);
bool has_avx(void);

/* Code that takes RDI and RSI and answers in RAX; the ABI's caller-saved
 * registers and the vector state are its own. */
static inline word call_code(const volatile void *code, word a, word b)
{
	word result;

	__asm__ volatile("call *%3"
			 : "=a"(result), "+D"(a), "+S"(b)
			 : "0"(code)
			 : "rcx", "rdx",
#ifdef __x86_64__
			   "r8", "r9", "r10", "r11",
#endif
			   "memory", "cc");
	return result;
}

/* Calls it hot_rounds times; returns how many answers were not `expected`. */
u32 hot_calls(const volatile void *code, word a, word b, word expected);

/* --- code by hand --- */

/* Appends bytes, volatile: other eyes see each store. */
u8 *emit(u8 *at, const u8 *bytes, u32 count);
#define EMIT(at, ...) \
	emit((at), (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
u8 *emit_u32(u8 *at, u32 value);
u8 *emit_mov_eax(u8 *at, u32 value); /* 5 bytes */
u8 *emit_jmp(u8 *at, const u8 *target);
u8 *emit_call(u8 *at, const u8 *target);
/* mov $value, %eax; ret: 6 bytes, the immediate from 1 on. */
u8 *emit_answer(u8 *at, u32 value);
u8 *emit_ret(u8 *at);
u8 *emit_nops(u8 *at, u32 count);

/* A small generator of numbers. */
u32 next_random(u32 *state);

#endif
