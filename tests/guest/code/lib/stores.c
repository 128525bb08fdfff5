/* SPDX-License-Identifier: MIT */
#include "tests/guest/code/lib/stores.h"

#define SITE_BYTES 32

static u8 image[SITE_BYTES] __attribute__((aligned(64)));
static u8 elsewhere[SITE_BYTES] __attribute__((aligned(64)));

static bool cpu_has(const struct store *s)
{
	switch ((enum store_need)s->need) {
	case NEED_CX16:
		return HAS_CX16;
	case NEED_MOVBE:
		return has_bit(1, 2, 22);
	case NEED_AVX:
		return has_avx();
	case NEED_NOTHING:
		break;
	}
	return true;
}

static void image_set(u32 value)
{
	emit_nops(emit_answer(image, value), SITE_BYTES - 6);
}

/* A value that this store can make, and that is not the last one. */
static u32 value_of(const struct store *s, u32 round)
{
	u32 byte = round & 0xff;

	if (s->mask == 0x77777777) /* all bytes alike */
		return byte * 0x01010101u;
	if (!(s->mask & (s->mask - 1)) || s->mask == 0x55)
		return round & 1 ? (u32)s->mask : 0;
	return (round * 0x9e3779b9u) & (u32)s->mask;
}

static u32 change(const struct store *s, word run, word write, u32 value)
{
	image_set(value);
	return call_code(s->code + run, (word)s->site + write, (word)image) !=
	       value;
}

static u32 try_store(const struct store *s, word run, word write)
{
	const u8 *code = s->code + run;
	u32 value = 0, wrong = 0;

	image_set(0);
	for (u32 i = 0; i < SITE_BYTES; i++)
		((volatile u8 *)s->site)[i] = image[i];
	for (u32 round = 1; round <= 3; round++) {
		image_set(value_of(s, round));
		wrong += hot_calls(code, (word)elsewhere, (word)image, value);
		value = value_of(s, round);
		wrong += change(s, run, write, value);
		wrong += hot_calls(code, (word)elsewhere, (word)image, value);
		wrong += hot_calls(s->site + run, 0, 0, value);
	}
	for (u32 round = 0; round < hot_rounds; round++)
		wrong += change(s, run, write, value_of(s, round));
	value = value_of(s, hot_rounds - 1);
	return wrong + hot_calls(s->site + run, 0, 0, value);
}

void stores_test(word run, word write, const char *where)
{
	u32 wrong = 0, kinds = 0;

	for (const struct store *s = stores; s < stores_end; s++) {
		u32 bad = 0;

		if (!cpu_has(s))
			continue;
		kinds++;
		bad = try_store(s, run, write);
		quiet_eq(bad, 0, "%s into the code behind it, %s: old answers",
			 s->name, where);
		wrong += bad != 0;
	}
	check_eq(wrong, 0, "%u kinds of store, %s", kinds, where);
}
