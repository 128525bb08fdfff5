/* SPDX-License-Identifier: MIT */
/*
 * The scalar types and small macros every floor uses. Freestanding: nothing
 * here needs a C library, so engine/core may include it in a kernel.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define KiB ((u64)1 << 10)
#define MiB ((u64)1 << 20)
#define GiB ((u64)1 << 30)
#define TiB ((u64)1 << 40)

/* A u64 with only bit `n` set; n in 0..63. */
#define BIT(n) ((u64)1 << (n))

/* Element count of an array; a pointer does not compile. */
#define ARRAY_SIZE(a)                                                        \
	(sizeof(a) / sizeof((a)[0]) +                                        \
	 0 * sizeof(struct {                                                 \
		 int is_array : 1 - 2 * __builtin_types_compatible_p(        \
						typeof(a), typeof(&(a)[0])); \
	 }))

#define MIN(a, b)                                  \
	({                                         \
		__auto_type min_a_ = (a);          \
		__auto_type min_b_ = (b);          \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define MAX(a, b)                                  \
	({                                         \
		__auto_type max_a_ = (a);          \
		__auto_type max_b_ = (b);          \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* The struct of `type` whose `member` is at `ptr`. */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(uintptr_t)(ptr)-offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The caller must use the result, or cast it to void and say why. */
#define must_check		__attribute__((warn_unused_result))
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))
#define no_return		__attribute__((noreturn))
#define maybe_unused		__attribute__((unused))

/* `align` is a power of two in all three. */
static inline bool is_aligned(u64 value, u64 align)
{
	return (value & (align - 1)) == 0;
}

static inline u64 align_down(u64 value, u64 align)
{
	return value & ~(align - 1);
}

/* Wraps to 0 when value is above the last multiple; check first. */
static inline u64 align_up(u64 value, u64 align)
{
	return (value + align - 1) & ~(align - 1);
}

static inline bool is_power_of_two(u64 value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

#endif
