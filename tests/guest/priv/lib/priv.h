/* SPDX-License-Identifier: MIT */
/*
 * What every privileged-architecture image stands on: checks and their
 * report, exceptions that are caught and recorded, code at CPL 3, and the
 * instructions that C has no words for. The 64-bit and the 32-bit images share
 * this header; "word" is the register of either.
 *
 * One vCPU's state is found by its task register, so a handler needs no GS.
 */
#ifndef TESTS_GUEST_PRIV_LIB_PRIV_H
#define TESTS_GUEST_PRIV_LIB_PRIV_H

#include "base/types.h"

typedef unsigned long word;

#define CPUS_MAX 4

/* Selectors of lib/table*.c; SYSRET and SYSEXIT want this order. */
#define SEL_CODE_OTHER 0x08 /* 64-bit images: 32-bit code, CPL 0 */
#define SEL_CODE       0x10
#define SEL_DATA       0x18
#define SEL_USER_32    0x23
#define SEL_USER_DATA  0x2b
#define SEL_USER_CODE  0x33
#define SEL_USER_DATA2 0x3b
#define SEL_TSS	       0x40 /* 16 bytes for each CPU */
#define SEL_FREE       0x80 /* to 0x1f8: the test's */
#define GDT_ENTRIES    64

/* Vectors of the runtime: from CPL 3 back, and of other images' use. */
#define VECTOR_RETURN 0x80
#define NO_TRAP	      (-1)

enum vector {
	V_DE,
	V_DB,
	V_NMI,
	V_BP,
	V_OF,
	V_BR,
	V_UD,
	V_NM,
	V_DF,
	V_TS = 10,
	V_NP,
	V_SS,
	V_GP,
	V_PF,
	V_MF = 16,
	V_AC,
	V_XM = 19,
};

#define REG(n) ((word)1 << (n))

#define CR0_PE REG(0)
#define CR0_MP REG(1)
#define CR0_EM REG(2)
#define CR0_TS REG(3)
#define CR0_NE REG(5)
#define CR0_WP REG(16)
#define CR0_AM REG(18)
#define CR0_PG REG(31)

#define CR4_TSD	     REG(2)
#define CR4_DE	     REG(3)
#define CR4_PSE	     REG(4)
#define CR4_PAE	     REG(5)
#define CR4_PGE	     REG(7)
#define CR4_PCE	     REG(8)
#define CR4_OSFXSR   REG(9)
#define CR4_UMIP     REG(11)
#define CR4_LA57     REG(12)
#define CR4_FSGSBASE REG(16)
#define CR4_PCIDE    REG(17)
#define CR4_OSXSAVE  REG(18)
#define CR4_SMEP     REG(20)
#define CR4_SMAP     REG(21)

#define FLAG_FIXED REG(1)
#define FLAG_CF	   REG(0)
#define FLAG_ZF	   REG(6)
#define FLAG_TF	   REG(8)
#define FLAG_IF	   REG(9)
#define FLAG_DF	   REG(10)
#define FLAG_OF	   REG(11)
#define FLAG_IOPL  REG(12)
#define FLAG_NT	   REG(14)
#define FLAG_RF	   REG(16)
#define FLAG_VM	   REG(17)
#define FLAG_AC	   REG(18)

#define MSR_APIC_BASE	 0x1b
#define MSR_SYSENTER_CS	 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER	 0xc0000080
#define MSR_STAR	 0xc0000081
#define MSR_LSTAR	 0xc0000082
#define MSR_CSTAR	 0xc0000083
#define MSR_SFMASK	 0xc0000084
#define MSR_FS_BASE	 0xc0000100
#define MSR_GS_BASE	 0xc0000101
#define EFER_SCE	 BIT(0)
#define EFER_NXE	 BIT(11)

/* Board facts: vmm/machine/board.c. */
#define PORT_TEST_EXIT 0xf4
#define PORT_PM1_CNT   0x604
#define PORT_PM_TIMER  0x608

/* The stack as lib/trap*.S leaves it. `sp` and `ss` are only there in 64-bit
 * images or when CPL changed; the four selectors only on leaving V86 mode. */
struct frame {
#ifdef __x86_64__
	word r15, r14, r13, r12, r11, r10, r9, r8;
#else
	word gs, fs, es, ds;
#endif
	word di, si, bp, not_sp, bx, dx, cx, ax;
	word vector, error;
	word ip, cs, flags, sp, ss;
	word v86_es, v86_ds, v86_fs, v86_gs;
};

/* What catch_call() and user_call() found. */
struct trap {
	int vector; /* NO_TRAP: it returned */
	u64 error, cr2, ip, cs, flags, sp, ss, ax, bx, cx, dx, bp, dr6;
};

/* --- runtime.c --- */

/* An image's program, on the first CPU, interrupts off. */
void image_main(void);

void put_char(char c);
/* %s %c, %d %u %x of 32 bits, %llx of a u64; no widths. The compiler cannot
 * check that: u64 is long in the one kind of image, long long in the other. */
void print(const char *format, ...);

/* One check, one line; both return whether it passed. */
bool check(bool ok, const char *format, ...);
bool check_eq(u64 got, u64 expected, const char *format, ...);
/* Counts checks that are not worth a line each: print nothing when ok. */
bool quiet_eq(u64 got, u64 expected, const char *format, ...);
void skip(const char *format, ...);
/* How many failed so far. */
u32 failures(void);
/* Does the command line have this word? */
bool option(const char *name);
/* The number after "name=" on the command line, or the default. */
u32 option_number(const char *name, u32 normal);
/* Prints the last line and ends by port 0xf4: 0 when all passed. */
no_return void finish(void);
no_return void die(const char *why);

/* A vector's own handler, called first: true continues by IRET, false goes on
 * to the catcher. Cleared by hooks_clear(). */
typedef bool (*trap_hook)(struct frame *frame);
void hook(u32 vector, trap_hook fn);
void hooks_clear(void);

/* Runs fn(a, b) at CPL 0; an exception comes back as its record. */
const struct trap *catch_call(void *fn, word a, word b);
/* The same at CPL 3 with `flags`; int $0x80 there returns (vector 0x80). */
const struct trap *user_call_flags(void *fn, word a, word b, word flags);
const struct trap *user_call(void *fn, word a, word b);
/* Where CPL 3 sees the image's code and data. */
word user_address(const void *p);
word user_stack_top(void);

/* Code made by SNIPPET at CPL 0 or 3, with RDI (EAX) = a, RSI (EDX) = b. */
const struct trap *run(u32 cpl, const void *code, word a, word b, word flags);
/* One check: this vector with this error code. */
bool expect(const struct trap *t, u32 vector, u64 error, const char *name);
/* Instructions that end by returning to run(); they run at two addresses. */
#define SNIPPET(name, text)                                      \
	extern const char name[];                                \
	__asm__(".pushsection .text.snippets\n" #name ":\n" text \
		"\nint $0x80\n.popsection")
/* Goes to a frame of five words (IRET to an outer level), catching. */
const struct trap *iret_call(word ip, word cs, word flags, word sp, word ss);
/* The record of the exception that catch_call() would return. */
const struct trap *last_trap(void);

void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

/* --- table64.c, table32.c --- */

extern u64 gdt[GDT_ENTRIES];
extern u64 idt[256 * 2];

void tables_init(void);
void tables_load(u32 cpu);
/* IDT entry `vector` as at the start, or to fn with type and DPL. */
void gate_reset(u32 vector);
void gate_set(u32 vector, void *fn, u32 selector, u32 attr, u32 ist);
/* The runtime's handler on the stack of IST 1 (64-bit images). */
void gate_ist(u32 vector);
/* A segment descriptor; attr: bits 40..55 as bits 0..15. */
u64 segment(u32 base, u32 limit, u32 attr);
u32 cpu_index(void);

/* --- start*.S, trap*.S --- */

word catch_enter(word *save, void *fn, word a, word b);
no_return void catch_leave(word save);
no_return void enter_frame(word ip, word cs, word flags, word sp, word ss,
			   word a, word b);
extern char trap_stubs[]; /* 16 bytes for each vector */
extern const char *command_line;

/* --- instructions --- */

static inline void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void outw(u16 port, u16 value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void outl(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}
static inline u32 inl(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

#define DEFINE_REGISTER(name, insn)                                            \
	static inline word read_##name(void)                                   \
	{                                                                      \
		word value;                                                    \
                                                                               \
		__asm__ volatile("mov %%" insn ", %0"                          \
				 : "=r"(value)                                 \
				 :                                             \
				 : "memory");                                  \
		return value;                                                  \
	}                                                                      \
	static inline void write_##name(word value)                            \
	{                                                                      \
		__asm__ volatile("mov %0, %%" insn : : "r"(value) : "memory"); \
	}
DEFINE_REGISTER(cr0, "cr0")
DEFINE_REGISTER(cr2, "cr2")
DEFINE_REGISTER(cr3, "cr3")
DEFINE_REGISTER(cr4, "cr4")
DEFINE_REGISTER(dr0, "dr0")
DEFINE_REGISTER(dr1, "dr1")
DEFINE_REGISTER(dr2, "dr2")
DEFINE_REGISTER(dr3, "dr3")
DEFINE_REGISTER(dr6, "dr6")
DEFINE_REGISTER(dr7, "dr7")

static inline u64 read_msr(u32 index)
{
	u32 low, high;

	__asm__ volatile("rdmsr"
			 : "=a"(low), "=d"(high)
			 : "c"(index)
			 : "memory");
	return low | (u64)high << 32;
}
static inline void write_msr(u32 index, u64 value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(index), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
}
static inline void cpuid(u32 leaf, u32 subleaf, u32 ret[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(ret[0]), "=b"(ret[1]), "=c"(ret[2]), "=d"(ret[3])
			 : "a"(leaf), "c"(subleaf));
}
static inline u64 rdtsc(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (u64)high << 32;
}
static inline word read_flags(void)
{
	word flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	return flags;
}
static inline void write_flags(word flags)
{
	__asm__ volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}
static inline void invlpg(const volatile void *p)
{
	__asm__ volatile("invlpg (%0)" : : "r"(p) : "memory");
}
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}
static inline void irq_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}
static inline void irq_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}
/* Sleeps with interrupts on; the shadow of STI closes the gap. */
static inline void irq_on_halt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* CPUID bits that images ask for. */
static inline bool has_bit(u32 leaf, u32 reg, u32 bit)
{
	u32 most[4], r[4];

	cpuid(leaf & 0xffff0000, 0, most);
	if (most[0] < leaf)
		return false;
	cpuid(leaf, 0, r);
	return r[reg] >> bit & 1;
}
#define HAS_PSE36    has_bit(1, 3, 17)
#define HAS_PCID     has_bit(1, 2, 17)
#define HAS_X2APIC   has_bit(1, 2, 21)
#define HAS_DEADLINE has_bit(1, 2, 24)
#define HAS_CX16     has_bit(1, 2, 13)
#define HAS_SMEP     has_bit(7, 1, 7)
#define HAS_INVPCID  has_bit(7, 1, 10)
#define HAS_SMAP     has_bit(7, 1, 20)
#define HAS_UMIP     has_bit(7, 2, 2)
#define HAS_LA57     has_bit(7, 2, 16)
#define HAS_1G	     has_bit(0x80000001, 3, 26)

#endif
