/* SPDX-License-Identifier: MIT */
/* The 32-bit images' GDT, IDT and task-state segments. */
#include "tests/guest/priv/lib/priv.h"

#include "tests/guest/priv/lib/tss32.h"

#define GATE_ATTR 0x8e

/* [1] is 16-bit code here. */
u64 gdt[GDT_ENTRIES] = {
	[1] = 0x00009b000000ffff, [2] = 0x00cf9b000000ffff,
	[3] = 0x00cf93000000ffff, [4] = 0x00cffb000000ffff,
	[5] = 0x00cff3000000ffff, [6] = 0x00cffb000000ffff,
	[7] = 0x00cff3000000ffff,
};
u64 idt[256 * 2]; /* the second half is not used */
struct tss32 tss[CPUS_MAX];

static u8 stacks[CPUS_MAX][16384] __attribute__((aligned(16)));
extern char user_stack[];

u64 segment(u32 base, u32 limit, u32 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 |
	       (u64)(attr & 0xf0ff) << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)(base >> 24) << 56;
}

void gate_set(u32 vector, void *fn, u32 selector, u32 attr, u32 ist)
{
	u32 at = (u32)fn;

	(void)ist;
	idt[vector] = (at & 0xffff) | (u64)selector << 16 | (u64)attr << 40 |
		      (u64)(at >> 16) << 48;
}

void gate_reset(u32 vector)
{
	gate_set(vector, trap_stubs + 16 * vector, SEL_CODE,
		 vector == VECTOR_RETURN ? GATE_ATTR | 0x60 : GATE_ATTR, 0);
}

void tables_init(void)
{
	for (u32 i = 0; i < 256; i++)
		gate_reset(i);
	for (u32 i = 0; i < CPUS_MAX; i++) {
		tss[i].stack[0].esp = (u32)(stacks + i + 1);
		tss[i].stack[0].ss = SEL_DATA;
		tss[i].iomap = TSS32_BYTES;
		memset(tss[i].bitmap, 0xff, sizeof(tss[i].bitmap));
	}
}

void tables_load(u32 cpu)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) table = {sizeof(gdt) - 1, (u32)gdt};

	__asm__ volatile("lgdt %0" : : "m"(table) : "memory");
	table.limit = 256 * 8 - 1;
	table.base = (u32)idt;
	__asm__ volatile("lidt %0" : : "m"(table) : "memory");
	gdt[SEL_TSS / 8 + 2 * cpu] =
		segment((u32)&tss[cpu], sizeof(tss[0]) - 1, 0x89);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS + 16 * cpu) : "memory");
}

/* One CPU is what 32-bit images have: task switches change TR. */
u32 cpu_index(void)
{
	return 0;
}

word user_address(const void *p)
{
	return (word)p;
}

word user_stack_top(void)
{
	return (word)user_stack - 64;
}
