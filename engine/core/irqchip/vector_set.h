/* SPDX-License-Identifier: MIT */
/*
 * A set of interrupt vectors 0..255: what a LAPIC keeps in IRR, ISR and TMR.
 * A higher vector is more urgent, so the one question asked often is "which is
 * the highest".
 */
#ifndef ENGINE_CORE_IRQCHIP_VECTOR_SET_H
#define ENGINE_CORE_IRQCHIP_VECTOR_SET_H

#include "engine/core/types.h"

/* Our bug, in release too; freestanding, so there is nothing to print with. */
#define irqchip_assert(expr)              \
	do {                              \
		if (unlikely(!(expr)))    \
			__builtin_trap(); \
	} while (0)

struct vector_set {
	u64 word[4];
};

static inline void vector_set_add(struct vector_set *set, u8 vector)
{
	set->word[vector / 64] |= BIT(vector % 64);
}

static inline void vector_set_remove(struct vector_set *set, u8 vector)
{
	set->word[vector / 64] &= ~BIT(vector % 64);
}

static inline bool vector_set_has(const struct vector_set *set, u8 vector)
{
	return set->word[vector / 64] >> (vector % 64) & 1;
}

static inline bool vector_set_is_empty(const struct vector_set *set)
{
	return !(set->word[0] | set->word[1] | set->word[2] | set->word[3]);
}

/* The highest member, or -1. */
static inline int vector_set_highest(const struct vector_set *set)
{
	for (int i = 3; i >= 0; i--)
		if (set->word[i])
			return 64 * i + 63 - __builtin_clzll(set->word[i]);
	return -1;
}

#endif
