/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of 4-KiB pages for the 64-bit images, with tables from a pool
 * of which nothing is given back.
 */
#ifndef TESTS_GUEST_CODE_LIB_SPACE_H
#define TESTS_GUEST_CODE_LIB_SPACE_H

#include "tests/guest/priv/lib/priv.h"

#define PTE_P	BIT(0)
#define PTE_RW	BIT(1)
#define PTE_US	BIT(2)
#define PTE_A	BIT(5)
#define PTE_D	BIT(6)
#define PTE_PS	BIT(7)
#define PTE_G	BIT(8)
#define PTE_NX	BIT(63)
#define PTE_ALL (PTE_P | PTE_RW)

#define ERR_P 1
#define ERR_W 2
#define ERR_U 4
#define ERR_I 16

/* Where images map: PML4 entries 2 and 3. */
#define VA_ONE BIT(40)
#define VA_TWO (BIT(40) + BIT(39) + 0x7000)

#define PAGE 4096u

/* The root that runs. */
extern u64 pml4[512];

/* A new root with everything of `pml4` as it is now. */
u64 *space_new(void);
/* The PTE of va; its tables are made. */
u64 *space_pte(u64 *root, u64 va);
/* Maps `count` pages from `memory` on; `bits` are the leaf's. No INVLPG. */
void space_map(u64 *root, u64 va, const volatile void *memory, u32 count,
	       u64 bits);
void flush_all(void);

#endif
