/* SPDX-License-Identifier: MIT */
#include "tests/guest/random/case.h"

#define DATA_RUN(at)                                        \
	{(at), PAGE_DATA0, MAP_WRITE},                      \
		{(at) + PAGE_BYTES, PAGE_DATA1, MAP_WRITE}, \
	{                                                   \
		(at) + 2 * PAGE_BYTES, PAGE_CONST, 0        \
	}

const struct mapping mappings[] = {
	{AT_CODE, PAGE_CODE0, MAP_EXEC},
	{AT_CODE + PAGE_BYTES, PAGE_CODE1, MAP_EXEC},
	DATA_RUN(AT_DATA),
	DATA_RUN(AT_DATA32),
	{AT_TOP32, PAGE_DATA0, MAP_WRITE},
	{AT_TOP32 + PAGE_BYTES, PAGE_DATA1, MAP_WRITE},
	DATA_RUN(AT_DATA64),
	{AT_STACK, PAGE_STACK, MAP_WRITE},
};

const u32 mapping_count = ARRAY_SIZE(mappings);

static u64 mix(u64 value)
{
	value += 0x9e3779b97f4a7c15;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

void rng_seed(struct rng *rng, u64 seed, u64 stream)
{
	rng->state = mix(mix(seed) ^ stream);
	if (!rng->state)
		rng->state = 1;
}

u64 rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1d;
}
