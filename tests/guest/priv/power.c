/* SPDX-License-Identifier: MIT */
/*
 * The ends of a machine, by the first word of the command line. None of these
 * comes back: the runner looks at how the process ended.
 */
#include "tests/guest/priv/lib/priv.h"

#include "tests/guest/priv/lib/tss64.h"

static void no_idt(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none;

	__asm__ volatile("lidt %0; ud2" : : "m"(none) : "memory");
}

/* Every handler is missing: #NP, then #DF, then the end. */
static void no_handlers(void)
{
	for (u32 i = 0; i < 256; i++)
		gate_set(i, NULL, SEL_CODE, 0x0e, 0);
	__asm__ volatile("int $0x21" : : : "memory");
}

static void no_stack(void)
{
	__asm__ volatile("mov %0, %%rsp; push $0" : : "r"(BIT(41)) : "memory");
}

static void no_tables(void)
{
	write_cr3(BIT(36));
	__asm__ volatile("int $0x21" : : : "memory");
}

static void reset_cf9(void)
{
	outb(0xcf9, 2);
	outb(0xcf9, 6);
}

static void reset_8042(void)
{
	outb(0x64, 0xfe);
}

static void reset_92(void)
{
	outb(0x92, (u8)(inb(0x92) & ~1));
	outb(0x92, (u8)(inb(0x92) | 1));
}

static void power_off(void)
{
	outw(PORT_PM1_CNT, 5 << 10 | 1 << 13);
}

static const struct {
	const char *name;
	void (*fn)(void);
} ends[] = {
	{"no-idt", no_idt},	  {"no-handlers", no_handlers},
	{"no-stack", no_stack},	  {"no-tables", no_tables},
	{"reset-cf9", reset_cf9}, {"reset-8042", reset_8042},
	{"reset-92", reset_92},	  {"power-off", power_off},
};

void image_main(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!option(ends[i].name))
			continue;
		print("now: %s\n", ends[i].name);
		ends[i].fn();
		for (;;) /* the end may take a moment */
			cpu_relax();
	}
	die("no end was asked for");
}
