/* SPDX-License-Identifier: MIT */
#include "tests/guest/code/lib/space.h"

#define POOL 96

typedef u64 table[512] __attribute__((aligned(4096)));

static table pool[POOL];
static u32 used;

static u64 *table_new(void)
{
	if (used == POOL)
		die("no page table left");
	return pool[used++];
}

u64 *space_new(void)
{
	u64 *root = table_new();

	memcpy(root, pml4, PAGE);
	return root;
}

u64 *space_pte(u64 *root, u64 va)
{
	u64 *entry = &root[va >> 39 & 511];

	for (u32 shift = 30; shift >= 12; shift -= 9) {
		if (!(*entry & PTE_P))
			*entry = (u64)table_new() | PTE_ALL | PTE_US;
		entry = (u64 *)(*entry & ~0xfffull) + (va >> shift & 511);
	}
	return entry;
}

void space_map(u64 *root, u64 va, const volatile void *memory, u32 count,
	       u64 bits)
{
	for (u32 i = 0; i < count; i++)
		*space_pte(root, va + i * PAGE) = ((u64)memory + i * PAGE) |
						  bits;
}

void flush_all(void)
{
	word cr4 = read_cr4();

	write_cr4(cr4 ^ CR4_PGE);
	write_cr4(cr4);
}
