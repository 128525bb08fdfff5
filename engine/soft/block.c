/* SPDX-License-Identifier: MIT */
/* See block.h. */
#include "engine/soft/block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/core/decode/id.h"
#include "engine/core/exec/exec.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/pause.h"

#define INDEX_BITS    15
#define INDEX_ENTRIES (1u << INDEX_BITS)
#define ARENA_BYTES   ((size_t)6 << 20)
#define TRIM_BYTES    ((size_t)1 << 20) /* less is not worth the call */

struct block_cache {
	u8 *arena; /* owned: anonymous mapping, touched as it fills */
	size_t used;
	size_t touched; /* the most that was used since it was trimmed */
	struct block *index[INDEX_ENTRIES]; /* into arena; NULL: none */
};

/*
 * A stub (direct/) is born by fork. What it does not get need not be copied, nor
 * be written again page by page with a fault each: it is faster so, and no less
 * correct if the host refuses.
 */
struct block_cache *block_cache_create(void)
{
	struct block_cache *cache = mmap(NULL, sizeof(*cache),
					 PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (cache == MAP_FAILED)
		return NULL;
	cache->arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (cache->arena == MAP_FAILED) {
		(void)munmap(cache, sizeof(*cache)); /* nothing else to do */
		return NULL;
	}
	(void)madvise(cache, sizeof(*cache), MADV_DONTFORK);
	(void)madvise(cache->arena, ARENA_BYTES, MADV_DONTFORK);
	return cache;
}

void block_cache_free(struct block_cache *cache)
{
	if (!cache)
		return;
	(void)munmap(cache->arena, ARENA_BYTES); /* our own mappings: cannot */
	(void)munmap(cache, sizeof(*cache));	 /* fail */
}

void block_cache_clear(struct block_cache *cache)
{
	if (!cache->used) /* nor was the index ever touched */
		return;
	memset(cache->index, 0, sizeof(cache->index));
	cache->touched = MAX(cache->touched, cache->used);
	cache->used = 0;
}

void block_cache_trim(struct block_cache *cache)
{
	if (MAX(cache->touched, cache->used) < TRIM_BYTES)
		return;
	block_cache_clear(cache);
	cache->touched = 0;
	/* Our own mapping; and if it stays, it is only not smaller. */
	(void)madvise(cache->arena, ARENA_BYTES, MADV_DONTNEED);
}

static inline u32 index_of(u64 host, u32 mode)
{
	u64 hash = host ^ host >> INDEX_BITS ^ (u64)mode << 3;

	return (u32)hash & (INDEX_ENTRIES - 1);
}

static inline const u64 *block_source(const struct block *block)
{
	return (const u64 *)(const void *)&block->insn[block->count];
}

/* Are the bytes in memory still those that were decoded? */
static inline bool block_fresh(const struct block *block, const u8 *host)
{
	const u64 *source = block_source(block);
	u32 bytes = block->bytes, i = 0;
	u64 word = 0;

	for (; i + 8 <= bytes; i += 8) {
		memcpy(&word, host + i, 8);
		if (word != source[i / 8])
			return false;
	}
	if (i == bytes)
		return true;
	if (bytes >= 8) { /* the last eight, overlapping what was compared */
		u64 last;

		memcpy(&word, host + bytes - 8, 8);
		memcpy(&last, (const u8 *)source + bytes - 8, 8);
		return word == last;
	}
	for (; i < bytes; i++)
		if (host[i] != ((const u8 *)source)[i])
			return false;
	return true;
}

static bool ends_block(const struct insn *in)
{
	return insn_rows[in->row].attr & (ROW_BRANCH | ROW_END);
}

static void insn_bind(const struct x86_cpu *cpu, struct insn *in)
{
	in->exec = exec_bind(cpu, in);
	if (in->id == INSN_PAUSE)
		in->exec = soft_pause;
}

static int decode_fault(struct x86_cpu *cpu, enum decode_result result)
{
	cpu->insn_len = 0;
	return result == DECODE_UD ? raise_ud(cpu) : raise_gp0(cpu);
}

static gva_t linear_rip(const struct x86_cpu *cpu)
{
	return (cpu->segment_base[cpu->code == CODE_64 ? SEG_NONE : SEG_CS] +
		cpu->gpr[GPR_RIP]) &
	       cpu->linear_mask;
}

/* Bytes that may still be fetched before CS ends; 0: none. */
static u64 limit_room(const struct x86_cpu *cpu)
{
	u64 limit = cpu->seg[SEG_CS].limit;

	if (cpu->code == CODE_64)
		return ~0ull;
	return cpu->gpr[GPR_RIP] > limit ? 0 : limit - cpu->gpr[GPR_RIP] + 1;
}

int insn_fetch(struct x86_cpu *cpu, struct insn *ret)
{
	u8 bytes[INSN_LEN_MAX], *host;
	gva_t linear = linear_rip(cpu);
	u64 room = limit_room(cpu);
	u32 have = 0;

	for (;;) {
		enum decode_result result;
		u32 part;
		int rc;

		if (have >= room) {
			cpu->insn_len = 0;
			return raise_gp0(cpu);
		}
		rc = tlb_fetch(cpu, (linear + have) & cpu->linear_mask, &host);
		cpu->insn_len = 0;
		if (rc)
			return rc;
		part = MIN(4096 - (u32)((linear + have) & 4095),
			   INSN_LEN_MAX - have);
		part = (u32)MIN((u64)part, room - have);
		memcpy(bytes + have, host, part);
		have += part;
		result = decode_insn_for(bytes, have, cpu->code,
					 cpu->vendor_amd, ret);
		if (result == DECODE_OK) {
			insn_bind(cpu, ret);
			return X86_OK;
		}
		if (result != DECODE_MORE || have == INSN_LEN_MAX)
			return decode_fault(cpu, result);
	}
}

/*
 * Decodes a block whose first byte is at host. An instruction that does not
 * decode, runs over the page or over CS's limit ends the block before it; when
 * it is the first one the block stays empty and the caller fetches it alone.
 */
static struct block *block_build(struct block_cache *cache, struct x86_cpu *cpu,
				 const u8 *host, u64 room)
{
	size_t most = sizeof(struct block) +
		      BLOCK_INSNS_MAX * sizeof(struct insn) +
		      (BLOCK_WORDS_MAX + 1) * 8;
	u8 source[BLOCK_WORDS_MAX * 8];
	struct block *block;
	u32 at = 0;

	if (cache->used + most > ARENA_BYTES)
		block_cache_clear(cache);
	block = (struct block *)(void *)(cache->arena + cache->used);
	block->host = (u64)(uintptr_t)host;
	block->mode = cpu->block_mode;
	block->count = 0;
	room = MIN(room, (u64)(4096 - ((uintptr_t)host & 4095)));
	room = MIN(room, (u64)sizeof(source));
	memcpy(source, host, room); /* once: another vCPU may be writing it */
	while (block->count < BLOCK_INSNS_MAX && at < room) {
		struct insn *in = &block->insn[block->count];

		if (decode_insn_for(source + at, (u32)room - at, cpu->code,
				    cpu->vendor_amd, in) != DECODE_OK)
			break;
		insn_bind(cpu, in);
		at += in->len;
		block->count++;
		if (ends_block(in))
			break;
	}
	block->bytes = (u16)at;
	memcpy(&block->insn[block->count], source, at);
	cache->used += (sizeof(*block) + block->count * sizeof(struct insn) +
			(at + 7) / 8 * 8 + 63) &
		       ~(size_t)63;
	return block;
}

int block_find(struct block_cache *cache, struct x86_cpu *cpu,
	       const struct block **ret)
{
	struct block **slot, *block;
	u64 room = ~0ull;
	u8 *host;
	int rc;

	if (unlikely(cpu->code != CODE_64)) {
		room = limit_room(cpu);
		if (!room) {
			cpu->insn_len = 0;
			return raise_gp0(cpu);
		}
	}
	rc = tlb_fetch(cpu, linear_rip(cpu), &host);
	if (unlikely(rc)) {
		cpu->insn_len = 0;
		return rc;
	}
	cpu->code_host = (u64)(uintptr_t)host & ~4095ull;
	slot = &cache->index[index_of((u64)(uintptr_t)host, cpu->block_mode)];
	block = *slot;
	if (likely(block && block->host == (u64)(uintptr_t)host &&
		   block->mode == cpu->block_mode && block->bytes <= room &&
		   block_fresh(block, host))) {
		*ret = block;
		return X86_OK;
	}
	block = block_build(cache, cpu, host, room);
	cache->index[index_of((u64)(uintptr_t)host, cpu->block_mode)] =
		block->count ? block : NULL;
	*ret = block;
	return X86_OK;
}
