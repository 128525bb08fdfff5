/* SPDX-License-Identifier: MIT */
#include "tests/guest/code/lib/hot.h"

#define CR4_OSXMMEXCPT REG(10)

u32 hot_rounds = 400;
u32 hot_scale = 1;

static bool avx_on;

bool has_avx(void)
{
	return avx_on;
}

void hot_init(void)
{
	if (option("long")) {
		hot_rounds *= 10;
		hot_scale = 10;
	}
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
#ifdef __x86_64__
	if (!has_bit(1, 2, 26) || !has_bit(1, 2, 28))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0) : "memory");
	avx_on = true;
#endif
}

u32 hot_calls(const volatile void *code, word a, word b, word expected)
{
	u32 wrong = 0;

	for (u32 i = 0; i < hot_rounds; i++)
		wrong += call_code(code, a, b) != expected;
	return wrong;
}

u8 *emit(u8 *at, const u8 *bytes, u32 count)
{
	for (u32 i = 0; i < count; i++)
		((volatile u8 *)at)[i] = bytes[i];
	return at + count;
}

u8 *emit_u32(u8 *at, u32 value)
{
	return emit(at, (const u8 *)&value, 4);
}

u8 *emit_mov_eax(u8 *at, u32 value)
{
	return emit_u32(EMIT(at, 0xb8), value);
}

u8 *emit_jmp(u8 *at, const u8 *target)
{
	return emit_u32(EMIT(at, 0xe9), (u32)((word)target - (word)at - 5));
}

u8 *emit_call(u8 *at, const u8 *target)
{
	return emit_u32(EMIT(at, 0xe8), (u32)((word)target - (word)at - 5));
}

u8 *emit_ret(u8 *at)
{
	return EMIT(at, 0xc3);
}

u8 *emit_answer(u8 *at, u32 value)
{
	return emit_ret(emit_mov_eax(at, value));
}

u8 *emit_nops(u8 *at, u32 count)
{
	while (count--)
		at = EMIT(at, 0x90);
	return at;
}

u32 next_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}
