/* SPDX-License-Identifier: MIT */
/* The 64-bit images' GDT, IDT and task-state segments. */
#include "tests/guest/priv/lib/priv.h"

#include "tests/guest/priv/lib/tss64.h"

#define USER_BASE BIT(39)
#define GATE_ATTR 0x8e

u64 gdt[GDT_ENTRIES] = {
	[1] = 0x00cf9b000000ffff, [2] = 0x00af9b000000ffff,
	[3] = 0x00cf93000000ffff, [4] = 0x00cffb000000ffff,
	[5] = 0x00cff3000000ffff, [6] = 0x00affb000000ffff,
	[7] = 0x00cff3000000ffff,
};
u64 idt[256 * 2];
struct tss64 tss[CPUS_MAX];

/* [1]: IST 1 */
static u8 stacks[2][CPUS_MAX][16384] __attribute__((aligned(16)));
extern char user_stack[];

u64 segment(u32 base, u32 limit, u32 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 |
	       (u64)(attr & 0xf0ff) << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)(base >> 24) << 56;
}

void gate_set(u32 vector, void *fn, u32 selector, u32 attr, u32 ist)
{
	u64 at = (u64)fn;

	idt[vector * 2] = (at & 0xffff) | (u64)selector << 16 | (u64)ist << 32 |
			  (u64)attr << 40 | (at & 0xffff0000) << 32;
	idt[vector * 2 + 1] = at >> 32;
}

void gate_reset(u32 vector)
{
	gate_set(vector, trap_stubs + 16 * vector, SEL_CODE,
		 vector == VECTOR_RETURN ? GATE_ATTR | 0x60 : GATE_ATTR, 0);
}

void gate_ist(u32 vector)
{
	gate_set(vector, trap_stubs + 16 * vector, SEL_CODE, GATE_ATTR, 1);
}

static void tss_descriptor(u32 cpu)
{
	u64 at = (u64)&tss[cpu];

	gdt[SEL_TSS / 8 + 2 * cpu] = segment((u32)at, sizeof(tss[0]) - 1, 0x89);
	gdt[SEL_TSS / 8 + 2 * cpu + 1] = at >> 32;
}

void tables_init(void)
{
	for (u32 i = 0; i < 256; i++)
		gate_reset(i);
	for (u32 i = 0; i < CPUS_MAX; i++) {
		tss[i].rsp[0] = (u64)(stacks[0] + i + 1);
		tss[i].ist[0] = (u64)(stacks[1] + i + 1);
		tss[i].iomap = TSS64_BYTES;
		memset(tss[i].bitmap, 0xff, sizeof(tss[i].bitmap));
		tss_descriptor(i);
	}
}

void tables_load(u32 cpu)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) table = {sizeof(gdt) - 1, (u64)gdt};

	__asm__ volatile("lgdt %0" : : "m"(table) : "memory");
	table.limit = sizeof(idt) - 1;
	table.base = (u64)idt;
	__asm__ volatile("lidt %0" : : "m"(table) : "memory");
	tss_descriptor(cpu);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS + 16 * cpu) : "memory");
}

u32 cpu_index(void)
{
	u32 selector;

	__asm__ volatile("str %0" : "=r"(selector));
	selector &= 0xffff;
	return selector < SEL_TSS || selector > SEL_TSS + 48
		       ? 0
		       : (selector - SEL_TSS) / 16;
}

word user_address(const void *p)
{
	return (word)p + USER_BASE;
}

word user_stack_top(void)
{
	return user_address(user_stack) - 64;
}
