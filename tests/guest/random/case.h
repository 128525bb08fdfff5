/* SPDX-License-Identifier: MIT */
/*
 * One case of the random test: the state and the memory before it, where its
 * pages are, and the random numbers that everything is drawn from.
 *
 * Memory is six pages, and both sides see them at the same linear addresses:
 * the jailed process by mapping a memory file, the interpreter by page tables.
 * The three data pages are there four times: low, below 4 GiB where 32-bit
 * addresses are negative, across 4 GiB, and where only 64-bit addresses reach.
 * Everything around them is unmapped.
 */
#ifndef TESTS_GUEST_RANDOM_CASE_H
#define TESTS_GUEST_RANDOM_CASE_H

#include "base/types.h"
#include "engine/core/x86.h"

#define PAGE_BYTES 4096u

/* Pages of the memory file. */
enum {
	PAGE_CODE0,
	PAGE_CODE1, /* readable, executable */
	PAGE_DATA0,
	PAGE_DATA1, /* readable, writable */
	PAGE_CONST, /* readable, follows the data */
	PAGE_STACK, /* readable, writable */
	PAGE_COUNT
};
#define MEMORY_BYTES (PAGE_COUNT * PAGE_BYTES)
#define CODE_BYTES   (2 * PAGE_BYTES)
#define DATA_BYTES   (2 * PAGE_BYTES) /* the writable part */
#define RUN_BYTES    (3 * PAGE_BYTES) /* with the read-only page */

#define AT_CODE	  0x10000000ull
#define AT_DATA	  0x20000000ull
#define AT_STACK  0x30000000ull
#define AT_DATA32 0xe0000000ull
#define AT_TOP32  0xfffff000ull /* PAGE_DATA0, and PAGE_DATA1 behind 4 GiB */
#define AT_DATA64 0x7a0012345000ull
#define AT_KERNEL 0xffff800000000000ull /* nothing of this is the user's */

enum { MAP_WRITE = 1, MAP_EXEC = 2 };

struct mapping {
	u64 address;
	u8 page;   /* of the memory file */
	u8 rights; /* MAP_* beside reading */
};

extern const struct mapping mappings[];
extern const u32 mapping_count;

/* The byte that surrounds the code: it ends every case by #GP(0). */
#define CODE_END 0xf4 /* HLT */

/* No exception. */
#define NO_VECTOR 255

/* [SDM1 3.4.3 "EFLAGS Register"]: what user mode can see and change. */
#define FLAGS_SEEN \
	(RFLAGS_ARITH | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT | RFLAGS_ID)

struct state {
	u64 gpr[16];
	u64 rip, rflags;
	u64 fs_base, gs_base;
	u16 seg[6]; /* by enum insn_seg */
	u8 xsave[XSAVE_SIZE] __attribute__((aligned(64)));
	/* How it ended. */
	u8 vector;
	u32 error; /* 0 where the vector has none */
	u64 cr2;   /* with vector 14, else 0 */
};

/* Linux's selectors. */
enum { SELECTOR_CODE32 = 0x23, SELECTOR_DATA = 0x2b, SELECTOR_CODE64 = 0x33 };

/* xorshift64*, seeded through splitmix64. */
struct rng {
	u64 state;
};

void rng_seed(struct rng *rng, u64 seed, u64 stream);
u64 rng_next(struct rng *rng);
/* 0 .. limit - 1; limit > 0. */
static inline u32 rng_below(struct rng *rng, u32 limit)
{
	return (u32)((rng_next(rng) >> 32) * limit >> 32);
}
static inline bool rng_percent(struct rng *rng, u32 percent)
{
	return rng_below(rng, 100) < percent;
}

#endif
