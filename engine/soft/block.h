/* SPDX-License-Identifier: MIT */
/*
 * Decoded guest code, by the host address of its bytes.
 *
 * A block is a run of instructions up to a branch, a change of mode or the end
 * of the page. Its key is the host address of its first byte and the mode word,
 * so address spaces share blocks; and it keeps a copy of its bytes, which is
 * compared each time it is entered. That comparison is the whole coherence
 * protocol: whoever changed the code, by store, alias, DMA or a remapped slot,
 * the next entry sees it. Stores of this vCPU into the page of the block that
 * runs end it after the storing instruction (STOP_CODE_WRITTEN).
 *
 * One cache per vCPU, no locks. Its memory is fixed; when full it starts over.
 * Where hot code is translated, what is here is what ran a few times: most of it
 * never runs again, and the memory goes back when the vCPU rests.
 */
#ifndef ENGINE_SOFT_BLOCK_H
#define ENGINE_SOFT_BLOCK_H

#include "engine/core/x86.h"

#define BLOCK_INSNS_MAX 32
#define BLOCK_WORDS_MAX ((BLOCK_INSNS_MAX * INSN_LEN_MAX + 7) / 8)

struct block {
	u64 host;  /* address of the first byte */
	u32 mode;  /* cpu->block_mode */
	u16 bytes; /* of guest code */
	u16 count; /* instructions */
	/* Then `count` struct insn, then the bytes, in words. */
	struct insn insn[];
};

struct block_cache;

/* NULL: no memory. */
struct block_cache *block_cache_create(void);
void block_cache_free(struct block_cache *cache);
/* After CPUID changed: what was bound may not hold. */
void block_cache_clear(struct block_cache *cache);
/* Gives its memory back, if that is much. */
void block_cache_trim(struct block_cache *cache);

/*
 * The block at CS:RIP, decoded if need be. X86_OK and *ret, X86_FAULT (fetch
 * or decode fault raised, RIP at the instruction), or X86_NEED: the code is not
 * in memory.
 */
int block_find(struct block_cache *cache, struct x86_cpu *cpu,
	       const struct block **ret);

/* Decodes and binds the one instruction at CS:RIP, wherever its bytes lie. */
int insn_fetch(struct x86_cpu *cpu, struct insn *ret);

#endif
