/* SPDX-License-Identifier: MIT */
/*
 * A guest that means harm, or is merely broken. "what=ports|mmio|msr|tables|
 * code" by name on the command line, "seed=N", "rounds=N". The guest may get
 * any answer and may end in any way that is the guest's own; the runner looks
 * at the process. What comes back at all is one check.
 */
#include "tests/guest/priv/lib/apic.h"

#include "tests/guest/priv/lib/tss64.h"

#define P	BIT(0)
#define RW	BIT(1)
#define US	BIT(2)
#define PS	BIT(7)
#define VA	BIT(40)
#define V_TIMER 0x91

static u64 state = 1;
static u32 rounds;

/* xorshift64* [PRNG of Marsaglia and Vigna]: any would do. */
static u64 draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 2685821657736338717ull;
}

static bool ignore(struct frame *f)
{
	apic_eoi();
	(void)f;
	return true;
}

static bool ignore_nmi(struct frame *f)
{
	(void)f;
	return true;
}

static void ignore_all(void)
{
	/* A LAPIC takes vectors from 16 on; of these only #MF, #AC and #XM are
	 * exceptions that occur here. */
	for (u32 i = V_AC + 1; i < 256; i++)
		if (i != VECTOR_RETURN && i != V_XM)
			hook(i, ignore);
	hook(V_NMI, ignore_nmi);
	gate_ist(V_DF);
}

/* --- ports --- */

/* What ends the machine by right. */
static bool port_ends(u32 port)
{
	return port == 0xcf9 || port == 0xcf8 || port == 0x92 || port == 0x64 ||
	       (port >= PORT_TEST_EXIT && port < PORT_TEST_EXIT + 4) ||
	       (port >= 0x600 && port < 0x610) ||
	       (port >= 0x3f8 && port < 0x400);
}

static void port_touch(u32 port, u64 r)
{
	u32 value = (u32)r, width = r >> 33 & 3;
	static u8 buffer[64];
	word count = r >> 36 & 15;

	for (u32 i = 0; i < 4; i++)
		if (port_ends(port + i))
			return;
	switch (width) {
	case 0:
		outb((u16)port, (u8)value);
		(void)inb((u16)port);
		break;
	case 1:
		outw((u16)port, (u16)value);
		break;
	case 2:
		outl((u16)port, value);
		(void)inl((u16)port);
		break;
	default:
		__asm__ volatile("mov %2, %%edx; rep insl"
				 : "=D"((word){0}), "=c"((word){0})
				 : "r"(port), "0"(buffer), "1"(count)
				 : "memory", "rdx");
	}
}

static void attack_ports(void)
{
	for (u32 port = 0; port < 0x10000; port += 1 + ((u32)draw() & 3))
		port_touch(port, draw());
	for (u32 i = 0; i < rounds; i++) /* where the devices are */
		port_touch((u32)draw() & 0x7ff, draw());
}

/* Nothing is spared: whatever comes of it. */
static void attack_all_ports(void)
{
	for (;;) {
		u64 r = draw();

		outb((u16)((u32)r & 0x7ff), (u8)(r >> 32));
		outw((u16)((u32)r >> 16), (u16)(r >> 40));
		outl((u16)((u32)r & 0xfff), (u32)(r >> 20));
	}
}

/* --- device memory --- */

typedef u64 table[512] __attribute__((aligned(4096)));
extern table pml4;
static table pdpt, pd, pt;

static void touch(word at, word value, u32 how)
{
	switch (how & 7) {
	case 0:
		*(volatile u8 *)at = (u8)value;
		break;
	case 1:
		*(volatile u16 *)at = (u16)value;
		break;
	case 2:
		*(volatile u32 *)at = (u32)value;
		break;
	case 3:
		*(volatile u64 *)at = value;
		break;
	case 4:
		(void)*(volatile u64 *)at;
		break;
	case 5:
		__asm__ volatile("lock addq %1, (%0)"
				 :
				 : "r"(at), "r"(value)
				 : "memory", "cc");
		break;
	case 6:
		memset((void *)at, (int)value, 32);
		break;
	default:
		memcpy((void *)at, (void *)(at ^ 64), 32);
	}
}

static void touch_one(word at, word r)
{
	touch(at, r >> 8, (u32)r);
}

/* A page of all of physical memory, at VA. */
static void window_to(u64 gpa)
{
	pt[0] = (gpa & (BIT(52) - 1) & ~0xfffull) | P | RW;
	invlpg((void *)VA);
}

static u64 hole(void)
{
	u64 r = draw();

	switch (r & 7) {
	case 0:
		return APIC_BASE;
	case 1:
		return IOAPIC_BASE;
	case 2:
		return 0xfed00000 | (r >> 8 & 0xff000);
	case 3:
		return 0xc0000000 | (r >> 8 & 0x3ffff000);
	case 4:
		return 0xf0000 | (r >> 8 & 0xf000);
	case 5:
		return BIT(32) + (r >> 8 & 0xfffff000);
	default:
		return r >> 8;
	}
}

static void attack_mmio(void)
{
	hook(VECTOR_RETURN, ignore); /* nobody is at CPL 3 */
	/* The LAPIC may send vectors from 16 on, without an error code. */
	for (u32 i = 16; i < 32; i++)
		gate_set(i, trap_stubs + 16 * 32, SEL_CODE, 0x8e, 0);
	pml4[2] = (u64)pdpt | P | RW;
	pdpt[0] = (u64)pd | P | RW;
	pd[0] = (u64)pt | P | RW;
	for (u32 i = 0; i < rounds; i++) {
		u64 gpa = hole(), r = draw();

		/* Not the INIT that would end this CPU's run. */
		if (gpa == APIC_BASE && (r >> 24 & 0xff0) == 0x300)
			continue;
		window_to(gpa);
		(void)catch_call((void *)touch_one,
				 VA + (r >> 24 & 0xff8) + (r >> 60 & 7), r);
	}
	/* The LAPIC's registers, dense. */
	window_to(APIC_BASE);
	for (u32 i = 0; i < rounds; i++) {
		u32 reg = (u32)draw() & 0x3f0;
		u64 r = draw();

		if (reg == APIC_ICR)
			r &= ~0x700ull; /* fixed: neither INIT nor SIPI */
		*(volatile u32 *)(VA + reg) = (u32)r;
		(void)*(volatile u32 *)(VA + reg);
		if (i % 64 == 0) {
			irq_on();
			cpu_relax();
			irq_off();
		}
	}
	apic_write(APIC_TMICT, 0);
}

/* --- MSRs --- */

static void write_msr_at(word index, word value)
{
	write_msr((u32)index, value);
}

static void read_msr_at(word index)
{
	(void)read_msr((u32)index);
}

static void attack_msr(void)
{
	static const u32 base[] = {
		0,	    0x10,	0x174,	    0x1a0,	0x200,
		0x250,	    0x277,	0x400,	    0x6e0,	0x800,
		0x11,	    0x12,	0x4b564d00, 0xc0000080, 0xc0000100,
		0xc0010000, 0xc0010100, 0x40000000};

	for (u32 i = 0; i < rounds; i++) {
		u64 r = draw();
		u32 index = base[r % ARRAY_SIZE(base)] + (r >> 32 & 0x3f);

		/* EFER and APIC_BASE would end us, ICR may INIT us. */
		if (index == MSR_EFER || index == MSR_APIC_BASE ||
		    index == 0x830)
			continue;
		(void)catch_call((void *)read_msr_at, index, 0);
		(void)catch_call((void *)write_msr_at, index, draw());
		(void)catch_call((void *)write_msr_at, index, draw() & 0xfff);
	}
}

/* --- tables that lie outside of memory --- */

static void read_at(word at)
{
	(void)*(volatile u8 *)at;
}

/* An LDT there, and a segment of it. */
static void load_ldt(word base)
{
	gdt[SEL_FREE / 8] = segment((u32)base, 0xfff, 0x82);
	gdt[SEL_FREE / 8 + 1] = base >> 32;
	__asm__ volatile("lldt %w0; mov %1, %%es"
			 :
			 : "r"(SEL_FREE), "r"(0x0c)
			 : "memory");
}

static void attack_tables(void)
{
	static const u64 outside[] = {0xd0000000, BIT(36), BIT(51), APIC_BASE,
				      0xfffff000};

	for (u32 i = 0; i < ARRAY_SIZE(outside); i++) {
		u64 at = outside[i];

		pml4[2] = at | P | RW;
		invlpg((void *)VA);
		(void)catch_call((void *)read_at, VA, 0);
		pml4[2] = (u64)pdpt | P | RW;
		pdpt[0] = at | P | RW;
		invlpg((void *)VA);
		(void)catch_call((void *)read_at, VA, 0);
		pdpt[0] = (u64)pd | P | RW;
		pd[0] = at | P | RW;
		invlpg((void *)VA);
		(void)catch_call((void *)read_at, VA, 0);
		pd[0] = (u64)pt | P | RW;
		window_to(at);
		(void)catch_call((void *)read_at, VA, 0);
		(void)catch_call((void *)load_ldt, VA, 0);
	}
	for (u32 i = 0; i < rounds; i++) {
		pt[0] = draw() | P;
		pd[0] = i & 1 ? (u64)pt | P | RW | US : draw() | P;
		pdpt[0] = i & 2 ? (u64)pd | P | RW | US : draw() | P;
		pml4[2] = i & 4 ? (u64)pdpt | P | RW | US : draw() | P;
		invlpg((void *)VA);
		(void)catch_call((void *)read_at, VA + (draw() & 0xfff), 0);
	}
}

/* --- random code --- */

static u8 code[4096] __attribute__((aligned(4096)));
void kernel_jump(void);
__asm__("kernel_jump: jmp *%rdi");

static void fill_code(void)
{
	for (u32 i = 0; i < sizeof(code); i += 8)
		*(u64 *)(void *)(code + i) = draw();
}

static void user_page(u64 at)
{
	if (at >> 21 != (u64)code >> 21)
		die("the image is too large for one table");
	pt[at >> 12 & 511] = at | P | RW | US;
}

/* CPL 3 sees the code and its stack only. */
static void user_narrow(void)
{
	extern char user_stack[];

	user_page((u64)code);
	for (u32 i = 1; i <= 4; i++)
		user_page((u64)user_stack - i * 4096);
	pd[(u64)code >> 21] = (u64)pt | P | RW | US;
	pdpt[0] = (u64)pd | P | RW | US;
	pml4[1] = (u64)pdpt | P | RW | US;
	write_cr3(read_cr3());
}

/* Ends what loops at CPL 3. */
static bool on_time(struct frame *f)
{
	apic_eoi();
	return (f->cs & 3) != 3;
}

/* At CPL 3, where it can hurt itself and its data only. */
static void attack_user_code(void)
{
	write_msr(MSR_EFER, read_msr(MSR_EFER) & ~EFER_SCE); /* no way in */
	user_narrow();
	hook(V_TIMER, on_time);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVT_TIMER, V_TIMER | LVT_PERIODIC);
	apic_write(APIC_TMICT, 2000000);
	for (u32 i = 0; i < rounds / 20; i++) {
		fill_code();
		for (u32 k = 0; k < 16; k++)
			(void)run(3, code + (draw() & 0xfff), draw(), draw(),
				  (draw() & 0xed5) | FLAG_IF);
	}
	apic_write(APIC_TMICT, 0);
}

/* At CPL 0: this may end anywhere. */
static void attack_kernel_code(void)
{
	for (;;) {
		fill_code();
		for (u32 k = 0; k < 16; k++)
			(void)catch_call((void *)kernel_jump,
					 (word)code + (draw() & 0xfff), 0);
	}
}

static const struct {
	const char *name;
	void (*fn)(void);
} attacks[] = {
	{"ports", attack_ports},
	{"all-ports", attack_all_ports},
	{"mmio", attack_mmio},
	{"msr", attack_msr},
	{"tables", attack_tables},
	{"user-code", attack_user_code},
	{"kernel-code", attack_kernel_code},
};

void image_main(void)
{
	state = option_number("seed", 1) * 0x9e3779b97f4a7c15ull | 1;
	rounds = option_number("rounds", 20000);
	pic_mask_all();
	apic_enable();
	ignore_all();
	for (u32 i = 0; i < ARRAY_SIZE(attacks); i++) {
		if (!option(attacks[i].name))
			continue;
		print("now: %s\n", attacks[i].name);
		attacks[i].fn();
		check(true, "%s: survived", attacks[i].name);
		finish();
	}
	die("no attack was asked for");
}
