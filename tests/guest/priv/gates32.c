/* SPDX-License-Identifier: MIT */
/*
 * Protected mode without paging: segment limits and types, call gates with
 * parameters, virtual-8086 mode and hardware task switches.
 * [SDM3 5 "Protection"] [SDM3 7 "Task Management"] [SDM3 20.2 "Virtual-8086
 * Mode"]
 */
#include "tests/guest/priv/lib/priv.h"

#include "tests/guest/priv/lib/tss32.h"

#define ATTR_DATA 0x4093 /* 32 bits, counted in bytes */
#define ATTR_CODE 0xc09b
#define BIG	  0x8000
#define DPL(n)	  ((u32)(n) << 5)
#define FREE(n)	  (SEL_FREE + 8 * (n))

static const u32 returned = VECTOR_RETURN;
static u8 buffer[8192] __attribute__((aligned(4096)));

static void put(u32 selector, u64 descriptor)
{
	gdt[selector / 8] = descriptor;
}

static u64 gate(const void *to, u32 selector, u32 attr, u32 params)
{
	u32 at = (u32)to;

	return (at & 0xffff) | (u64)selector << 16 | (u64)params << 32 |
	       (u64)attr << 40 | (u64)(at >> 16) << 48;
}

static const struct trap *at0(const void *code, word a, word b)
{
	return run(0, code, a, b, 0);
}

static const struct trap *at3(const void *code, word a, word b)
{
	return run(3, code, a, b, 0);
}

/* --- limits and types --- */

/* EAX: selector, EDX: offset. */
SNIPPET(fs_load4, "mov %eax, %fs; mov %fs:(%edx), %eax");
SNIPPET(fs_load1, "mov %eax, %fs; mov %fs:(%edx), %al");
SNIPPET(fs_store4, "mov %eax, %fs; mov %eax, %fs:(%edx)");
SNIPPET(fs_movs, "mov %eax, %fs; mov %edx, %esi; lea -64(%esp), %edi; "
		 "fs movsl");
SNIPPET(ss_push, "mov %eax, %ss; mov %edx, %esp; push %eax");
SNIPPET(ss_pop, "mov %eax, %ss; mov %edx, %esp; pop %ecx");
SNIPPET(ss_bp, "mov %eax, %ss; mov %edx, %ebp; mov (%ebp), %ecx");
SNIPPET(ss_enter, "mov %eax, %ss; mov %edx, %esp; call 1f; 1:");
SNIPPET(cs_store, "mov %eax, %cs:(%edx)");
SNIPPET(load_es, "mov %eax, %es; mov %es, %eax");
SNIPPET(do_les, "mov %edx, %ecx; les (%ecx), %eax");
SNIPPET(do_bound, "bound %edx, (%eax)");
SNIPPET(do_into, "into");
SNIPPET(do_arpl, "arpl %dx, %ax; setz %bl; movzx %bl, %ebx");
SNIPPET(do_aam, "aam $0");

static void expect_access(u32 selector, u32 offset, u32 vector, const char *name)
{
	expect(at0(fs_load4, selector, offset), vector, 0, name);
}

static void test_limits(void)
{
	u32 s = FREE(0);

	put(s, segment((u32)buffer, 0xfff, ATTR_DATA));
	expect_access(s, 0xffc, returned, "the last four bytes");
	expect_access(s, 0xffd, V_GP, "one byte over the limit");
	expect_access(s, 0xffffffff, V_GP, "an offset that wraps");
	expect(at0(fs_load1, s, 0xfff), returned, 0, "the last byte");
	expect(at0(fs_load1, s, 0x1000), V_GP, 0, "the byte behind it");
	expect(at0(fs_movs, s, 0xffd), V_GP, 0, "MOVS over the limit");
	put(s, segment((u32)buffer, 0xfff, ATTR_DATA | 4));
	expect_access(s, 0xfff, V_GP, "expand-down: at the limit");
	expect_access(s, 0x1000, returned, "expand-down: above it");
	put(s, segment((u32)buffer - 0x1000, 0xfff, (ATTR_DATA | 4) & ~0x4000u));
	expect_access(s, 0x2ffc, returned, "expand-down, 16 bits: inside");
	expect_access(s, 0xfffd, V_GP, "expand-down, 16 bits: over the top");
	expect_access(s, 0x10000, V_GP, "expand-down, 16 bits: above the top");
	put(s, segment(0, 0, ATTR_DATA | BIG));
	expect_access(s, 0xffc, returned, "a limit in pages");
	expect_access(s, 0xffe, V_GP, "over it");
	put(s, segment((u32)buffer, 0xfff, 0x4091));
	expect_access(s, 0, returned, "read-only: a load");
	expect(at0(fs_store4, s, 0), V_GP, 0, "read-only: a store");
	put(s, segment((u32)buffer, 0xfff, 0x409b));
	expect_access(s, 0, returned, "code: a load");
	expect(at0(fs_store4, s, 0), V_GP, 0, "code: a store");
	expect(at0(cs_store, 0, (word)buffer), V_GP, 0, "a store through CS");
	expect_access(0, 0, V_GP, "a null segment");
	/* At CPL 3: the handler has a stack of its own there. */
	put(s, segment((u32)buffer, 0xfff, ATTR_DATA | DPL(3)));
	expect(at3(ss_push, s | 3, 4), returned, 0, "a push at the bottom");
	expect(at3(ss_push, s | 3, 2), V_SS, 0, "a push below it");
	check_eq(last_trap()->sp, 2, "leaves ESP");
	expect(at3(ss_push, s | 3, 0x1000), returned, 0, "a push at the top");
	expect(at3(ss_push, s | 3, 0x1001), V_SS, 0, "a push over the limit");
	expect(at3(ss_pop, s | 3, 0xffd), V_SS, 0, "a pop over the limit");
	expect(at3(ss_bp, s | 3, 0xffd), V_SS, 0, "EBP means SS");
	expect(at3(ss_enter, s | 3, 3), V_SS, 0, "a call without room");
	check_eq(last_trap()->ip, (u32)ss_enter + 4, "is the call's fault");
	put(s, segment((u32)buffer, 0xfff, (ATTR_DATA | DPL(3)) & ~0x4000u));
	expect(at3(ss_push, s | 3, 0x55550004), returned, 0,
	       "a stack of 16 bits");
	check_eq(last_trap()->sp, 0x55550000, "the upper half of ESP stays");
	expect(at3(ss_push, s | 3, 0), V_SS, 0, "SP wraps out of the limit");
}

static void test_loads(void)
{
	u32 s = FREE(0);

	put(s, segment(0, 0xfff, ATTR_DATA & ~0x80u));
	expect(at0(load_es, s, 0), V_NP, s, "ES not present");
	put(s, segment(0, 0xfff, ATTR_DATA));
	expect(at3(load_es, s | 3, 0), V_GP, s, "ES of DPL 0 at CPL 3");
	expect(at0(load_es, s | 3, 0), V_GP, s, "ES of DPL 0 with RPL 3");
	put(s, segment(0, 0xfff, 0x4099));
	expect(at0(load_es, s, 0), V_GP, s, "ES execute-only");
	put(s, segment(0, 0xfff, 0x409e));
	expect(at3(load_es, s | 3, 0), returned, 0, "ES conforming code");
	expect(at0(load_es, 3, 0), returned, 0, "ES null");
	expect(at0(load_es, 0x200, 0), V_GP, 0x200, "ES beyond the GDT");
	expect(at0(load_es, 0xc, 0), V_GP, 0xc, "ES in a null LDT");
	*(u32 *)buffer = 5;
	*(u32 *)(buffer + 4) = 0x208;
	expect(at0(do_les, 0, (word)buffer), V_GP, 0x208, "LES");
	check_eq(last_trap()->ax, 0, "and EAX is as it was");
	*(u32 *)(buffer + 4) = 9;
	expect(at0(do_bound, (word)buffer, 5), returned, 0, "BOUND: lowest");
	expect(at0(do_bound, (word)buffer, 9), returned, 0, "BOUND: highest");
	expect(at0(do_bound, (word)buffer, 4), V_BR, 0, "BOUND: below");
	expect(at0(do_bound, (word)buffer, 10), V_BR, 0, "BOUND: above");
	check_eq(last_trap()->ip, (u32)do_bound, "#BR is a fault");
	expect(at0(do_into, 0, 0), returned, 0, "INTO without OF");
	expect(run(0, do_into, 0, 0, FLAG_OF), V_OF, 0, "INTO with OF");
	check_eq(last_trap()->ip, (u32)do_into + 1, "#OF is a trap");
	gate_set(V_OF, trap_stubs + 16 * V_OF, SEL_CODE, 0x8e, 0);
	expect(run(3, do_into, 0, 0, FLAG_OF), V_GP, V_OF * 8 + 2,
	       "INTO at CPL 3, gate of DPL 0");
	expect(at0(do_arpl, 0x10, 3), returned, 0, "ARPL");
	check_eq(last_trap()->ax & 0xffff, 0x13, "raises");
	check_eq(last_trap()->bx, 1, "and sets ZF");
	expect(at0(do_aam, 0, 0), V_DE, 0, "AAM 0");
}

/* --- call gates with parameters --- */

void gate_callee(void), gate_callee16(void);
__asm__("gate_callee: mov %esp, callee_seen\n"
	"mov 8(%esp), %eax; mov %eax, callee_seen + 4\n"
	"mov 12(%esp), %eax; mov %eax, callee_seen + 8\n"
	"mov 16(%esp), %eax; mov %eax, callee_seen + 12\n"
	"mov 20(%esp), %eax; mov %eax, callee_seen + 16\n"
	"mov 24(%esp), %eax; mov %eax, callee_seen + 20\n"
	"mov %ss, callee_seen + 24\n"
	"lret $12\n"
	"gate_callee16: movzwl 4(%esp), %eax; mov %eax, callee_seen\n"
	"int $0x80\n"
	".bss\n.balign 4\ncallee_seen: .skip 32\n.text\n");
extern volatile u32 callee_seen[8];

static struct {
	u32 offset;
	u16 selector;
} __attribute__((packed)) pointer;

SNIPPET(call_far3, "mov %esp, %ebp; push $0x333; push $0x222; push $0x111; "
		   "lcall *(%eax); mov %esp, %ecx; mov %cs, %edx");
SNIPPET(call_far1, "mov %esp, %ebp; pushw $0x1616; lcall *(%eax); "
		   "mov %esp, %ecx; mov %cs, %edx");
SNIPPET(jump_far, "ljmp *(%eax)");

static const struct trap *far(u32 cpl, u32 selector, const void *code)
{
	pointer.offset = 0x1234;
	pointer.selector = (u16)selector;
	return run(cpl, code, (word)&pointer, 0, 0);
}

static void test_call_gates(void)
{
	u32 s = FREE(2), stack = FREE(4), top = tss[0].stack[0].esp;
	const struct trap *t;

	put(s, gate((void *)gate_callee, SEL_CODE, 0x8c | DPL(3), 3));
	t = far(3, s | 3, call_far3);
	expect(t, returned, 0, "a call gate with three parameters");
	check_eq(callee_seen[0], top - 7 * 4, "seven pushed on ESP0's stack");
	check_eq(callee_seen[1], 0x111, "the first");
	check_eq(callee_seen[2], 0x222, "the second");
	check_eq(callee_seen[3], 0x333, "the third");
	check_eq(callee_seen[4], t->bp - 12, "the caller's ESP");
	check_eq(callee_seen[5] & 0xffff, SEL_USER_DATA, "its SS");
	check_eq(callee_seen[6] & 0xffff, SEL_DATA, "SS is SS0");
	check_eq(t->cx, t->bp, "RET n releases them on both");
	check_eq(t->dx, SEL_USER_CODE, "and returns to CPL 3");
	t = far(0, s, call_far3);
	expect(t, returned, 0, "the same from CPL 0: nothing is copied");
	check_eq(callee_seen[0], t->bp - 20, "no other stack");
	check_eq(t->cx, t->bp, "released");
	/* A 16-bit gate reaches 64 KiB: the code segment is moved there. */
	put(FREE(3), segment((u32)gate_callee16 & ~0xfffu, 0xfffff, ATTR_CODE));
	put(s, ((u32)gate_callee16 & 0xfff) | (u64)FREE(3) << 16 | 1ull << 32 |
		       (u64)(0x84 | DPL(3)) << 40);
	t = far(3, s | 3, call_far1);
	expect(t, returned, 0, "a 16-bit call gate");
	check_eq(callee_seen[0], 0x1616, "one parameter of a word");

	put(s, gate((void *)gate_callee, SEL_CODE, 0x8c, 3));
	expect(far(3, s | 3, call_far3), V_GP, s, "gate's DPL");
	put(s, gate((void *)gate_callee, SEL_CODE, 0x0c | DPL(3), 3));
	expect(far(3, s | 3, call_far3), V_NP, s, "gate not present");
	put(s, gate((void *)gate_callee, SEL_DATA, 0x8c | DPL(3), 3));
	expect(far(3, s | 3, call_far3), V_GP, SEL_DATA, "gate to data");
	put(s, gate((void *)gate_callee, SEL_CODE, 0x8c | DPL(3), 3));
	expect(far(3, s | 3, jump_far), V_GP, SEL_CODE, "JMP inwards");
	put(s, gate((void *)0xfffffff0, FREE(5), 0x8c | DPL(3), 3));
	put(FREE(5), segment(0, 0xfff, 0x409b));
	expect(far(3, s | 3, call_far3), V_GP, 0, "gate beyond CS's limit");

	put(s, gate((void *)gate_callee, FREE(5), 0x8c | DPL(3), 3));
	put(FREE(5), segment(0, 0xfffff, ATTR_CODE | DPL(1)));
	tss[0].stack[1].esp = (u32)buffer + sizeof(buffer);
	tss[0].stack[1].ss = stack | 1;
	put(stack, segment(0, 0xfffff, ATTR_DATA | BIG));
	expect(far(3, s | 3, call_far3), V_TS, stack, "SS1 with DPL 0");
	put(stack, segment(0, 0xfffff, (ATTR_DATA | BIG | DPL(1)) & ~0x80u));
	expect(far(3, s | 3, call_far3), V_SS, stack, "SS1 not present");
	put(stack, segment(0, 0xfffff, 0xc091 | DPL(1)));
	expect(far(3, s | 3, call_far3), V_TS, stack, "SS1 read-only");
	put(stack, segment(0, 0xfffff, ATTR_DATA | BIG | DPL(1)));
	tss[0].stack[1].ss = stack;
	expect(far(3, s | 3, call_far3), V_TS, stack, "SS1 with RPL 0");
	tss[0].stack[1].ss = 1;
	expect(far(3, s | 3, call_far3), V_TS, 0, "SS1 null");
	tss[0].stack[1].ss = 0x301;
	expect(far(3, s | 3, call_far3), V_TS, 0x300, "SS1 beyond the GDT");
	tss[0].stack[1].ss = stack | 1;
	put(stack, segment(0, (u32)buffer, ATTR_DATA | DPL(1)));
	expect(far(3, s | 3, call_far3), V_SS, stack, "no room on SS1");
}

/* --- virtual-8086 mode --- */

#define V86_CODE 0x7000u
#define V86_SEG	 0x700u

/* Runs bytes at 0x700:0 with `flags`; ends by INT 0x80 (IOPL 3) or a fault. */
static const struct trap *v86(const void *code, u32 size, word flags)
{
	static word frame[9];

	memset((void *)V86_CODE, 0xcc, 256);
	memcpy((void *)V86_CODE, code, size);
	frame[0] = 0;
	frame[1] = V86_SEG;
	frame[2] = flags | FLAG_VM | FLAG_FIXED;
	frame[3] = 0xf00;
	frame[4] = V86_SEG;
	frame[5] = 0x701;
	frame[6] = 0x702;
	frame[7] = 0x703;
	frame[8] = 0x704;
	__asm__ volatile("" : : : "memory");
	return catch_call((void *)({
				  extern char v86_go[];
				  v86_go;
			  }),
			  (word)frame, 0);
}
__asm__("v86_go: mov 4(%esp), %esp; iret");

/* Named bytes of 16-bit code. */
#define V86(name, text)                                                 \
	extern const char name[], name##_end[];                         \
	__asm__(".pushsection .text.snippets\n.code16\n" #name ":" text \
		"\n" #name "_end:\n.code32\n.popsection");              \
	static const struct trap *go_##name(word flags)                 \
	{                                                               \
		return v86(name, (u32)(name##_end - name), flags);      \
	}

V86(v_cli, "cli")
V86(v_sti, "sti")
V86(v_pushf, "pushf; pop %ax; int $0x80")
V86(v_popf, "push $0x7202; popf; pushf; pop %ax; int $0x80")
V86(v_int, "int $0x80")
V86(v_int_90, "int $0x90")
V86(v_int3, "int3")
V86(v_iret, "push $0x202; push $0x700; push $1f - v_iret; iret; 1: int $0x80")
V86(v_hlt, "hlt")
V86(v_cr0, "mov %cr0, %eax")
V86(v_lldt, "lldt %ax")
V86(v_str, "str %ax")
V86(v_lar, "lar %ax, %ax")
V86(v_arpl, ".byte 0x63, 0xc0")
V86(v_sgdt, "sgdt 0x100; mov 0x100, %ax; int $0x80")
V86(v_segments, "mov %cs, %ax; mov %ds, %bx; mov %es, %cx; int $0x80")
V86(v_load, "mov $0x710, %ax; mov %ax, %ds; mov 0, %ax; int $0x80")
V86(v_over, "mov $0xffff, %bx; mov (%bx), %ax")
V86(v_over_ss, "mov $0xffff, %bp; mov (%bp), %ax")
V86(v_in, "in $0x80, %al; int $0x80")
V86(v_far, "ljmp $0x6f0, $0x100 + 1f - v_far; 1: mov %cs, %ax; int $0x80")
V86(v_wide, "mov $0x10000, %ebx; mov (%ebx), %al")
V86(v_step, "nop; nop; int $0x80")

#define IOPL3 (3 * FLAG_IOPL)

static void port_allow(u32 port, bool allow)
{
	if (allow)
		tss[0].bitmap[port / 8] &= (u8) ~(1u << port % 8);
	else
		tss[0].bitmap[port / 8] |= (u8)(1u << port % 8);
}

static void test_v86_sensitive(void)
{
	expect(go_v_cli(0), V_GP, 0, "V86, IOPL 0: CLI");
	check(last_trap()->flags & FLAG_VM, "VM is in the frame");
	check_eq(last_trap()->cs, V86_SEG, "and CS as in real mode");
	expect(go_v_sti(0), V_GP, 0, "V86, IOPL 0: STI");
	expect(go_v_pushf(0), V_GP, 0, "V86, IOPL 0: PUSHF");
	expect(go_v_popf(0), V_GP, 0, "V86, IOPL 0: POPF");
	expect(go_v_int(0), V_GP, 0, "V86, IOPL 0: INT n");
	expect(go_v_iret(0), V_GP, 0, "V86, IOPL 0: IRET");
	gate_set(V_BP, trap_stubs + 16 * V_BP, SEL_CODE, 0xee, 0);
	expect(go_v_int3(0), V_BP, 0, "V86, IOPL 0: INT3 is free");
	gate_reset(V_BP);
	expect(go_v_int3(IOPL3), V_GP, V_BP * 8 + 2, "V86: INT3's gate, DPL 0");
	expect(go_v_cli(IOPL3), V_GP, V_BP * 8 + 2, "V86, IOPL 3: CLI");
	expect(go_v_pushf(IOPL3 | FLAG_IF), returned, 0, "V86, IOPL 3: PUSHF");
	check_eq(last_trap()->ax & 0xffff, 0x3202, "what it pushed");
	expect(go_v_popf(IOPL3), returned, 0, "V86, IOPL 3: POPF");
	check_eq(last_trap()->ax & 0x7200, 0x7200, "IF and NT, IOPL stays");
	expect(go_v_iret(IOPL3), returned, 0, "V86, IOPL 3: IRET");
	check_eq(last_trap()->flags & (FLAG_IF | IOPL3 | FLAG_VM),
		 FLAG_IF | IOPL3 | FLAG_VM, "IOPL and VM stay");
	expect(go_v_hlt(IOPL3), V_GP, 0, "V86: HLT");
	expect(go_v_cr0(IOPL3), V_GP, 0, "V86: MOV CR0");
	expect(go_v_lldt(IOPL3), V_UD, 0, "V86: LLDT");
	expect(go_v_str(IOPL3), V_UD, 0, "V86: STR");
	expect(go_v_lar(IOPL3), V_UD, 0, "V86: LAR");
	expect(go_v_arpl(IOPL3), V_UD, 0, "V86: ARPL");
	expect(go_v_sgdt(IOPL3), returned, 0, "V86: SGDT");
	expect(go_v_in(IOPL3), V_GP, 0, "V86: IN looks at the bitmap");
	port_allow(0x80, true);
	expect(go_v_in(IOPL3), returned, 0, "V86: IN with its bit clear");
	expect(go_v_in(0), V_GP, 0, "then INT, IOPL 0");
	check_eq(last_trap()->ip, 2, "is behind the IN");
	port_allow(0x80, false);
}

static struct frame v86_frame;

static bool keep_frame(struct frame *f)
{
	v86_frame = *f;
	return false;
}

static void test_v86(void)
{
	hook(VECTOR_RETURN, keep_frame);
	expect(go_v_segments(IOPL3), returned, 0, "V86: segments");
	check_eq(last_trap()->ax & 0xffff, V86_SEG, "CS");
	check_eq(last_trap()->bx & 0xffff, 0x702, "DS");
	check_eq(last_trap()->cx & 0xffff, 0x701, "ES");
	check_eq(v86_frame.v86_es, 0x701, "ES in the frame");
	check_eq(v86_frame.v86_ds, 0x702, "DS in the frame");
	check_eq(v86_frame.v86_fs, 0x703, "FS in the frame");
	check_eq(v86_frame.v86_gs, 0x704, "GS in the frame");
	check_eq(v86_frame.ss, V86_SEG, "SS in the frame");
	check_eq(v86_frame.sp, 0xf00, "SP in the frame");
	/* A 32-bit push of a selector writes 16 bits. */
	check_eq((v86_frame.gs | v86_frame.fs | v86_frame.es | v86_frame.ds) &
			 0xffff,
		 0, "the handler finds them null");
	hooks_clear();
	*(u16 *)0x7100 = 0xbeef;
	expect(go_v_load(IOPL3), returned, 0, "V86: MOV DS");
	check_eq(last_trap()->ax & 0xffff, 0xbeef, "base is selector * 16");
	expect(go_v_over(IOPL3), V_GP, 0, "V86: a word at FFFF");
	expect(go_v_over_ss(IOPL3), V_SS, 0, "V86: a word at SS:FFFF");
	expect(go_v_wide(IOPL3), V_GP, 0, "V86: an offset of 10000");
	expect(go_v_far(IOPL3), returned, 0, "V86: a far jump");
	check_eq(last_trap()->ax & 0xffff, 0x6f0, "its CS");
	expect(go_v_int_90(IOPL3), V_GP, 0x90 * 8 + 2, "V86: a gate of DPL 0");
	put(FREE(5), segment(0, 0xfffff, ATTR_CODE | DPL(1)));
	gate_set(0x90, trap_stubs + 16 * 0x90, FREE(5), 0xee, 0);
	expect(go_v_int_90(IOPL3), V_GP, FREE(5), "V86: a gate to CPL 1");
	put(FREE(5), segment(0, 0xfffff, ATTR_CODE | 4));
	expect(go_v_int_90(IOPL3), V_GP, FREE(5), "V86: a gate to conforming");
	gate_reset(0x90);
	expect(go_v_step(IOPL3 | FLAG_TF), V_DB, 0, "V86: single step");
	check_eq(last_trap()->ip, 1, "after the first instruction");
}

/* --- tasks --- */

static volatile struct tss32 other __attribute__((aligned(128)));
static u8 other_stack[4096] __attribute__((aligned(16)));
volatile u32 seen_tr, seen_flags, seen_cr0, seen_error, seen_sp, runs;

#define MAIN  SEL_TSS
#define OTHER FREE(8)
#define GATE  FREE(9)
#define OLD   FREE(10)

/* Runs as the other task; comes back by IRET, and again from there. */
__asm__("task_iret: incl runs; str seen_tr; pushf; pop seen_flags\n"
	"mov %cr0, %eax; mov %eax, seen_cr0; mov %esp, seen_sp\n"
	"iret; jmp task_iret\n"
	"task_error: pop seen_error; incl runs; str seen_tr\n"
	"iret; jmp task_error\n"
	"task_jump: incl runs; str seen_tr; pushf; pop seen_flags\n"
	"ljmp $0x40, $0; jmp task_jump\n"
	"task_direct: ljmp $0xc0, $0; int $0x80\n");
extern char task_iret[], task_error[], task_jump[];

SNIPPET(call_task, "lcall $0xc0, $0; str %eax; pushf; pop %ebx");
SNIPPET(jump_task, "ljmp $0xc0, $0; str %eax; pushf; pop %ebx");
SNIPPET(call_gate, "lcall $0xc8, $0; str %eax; pushf; pop %ebx");
SNIPPET(int_91, "int $0x91; str %eax; pushf; pop %ebx");
SNIPPET(nt_iret, "pushf; orl $0x4000, (%esp); popf; iret");
SNIPPET(bad_load, "mov $0x300, %eax; mov %eax, %es");
SNIPPET(stack_gone, "mov %esp, %ebp; mov %eax, %ss; mov %edx, %esp; push %eax");

static u32 type_of(u32 selector)
{
	return (u32)(gdt[selector / 8] >> 40) & 15;
}

static void task_reset(const void *entry)
{
	memset((void *)(u32)&other, 0, sizeof(other));
	other.eip = (u32)entry;
	other.eflags = FLAG_FIXED;
	other.esp = (u32)(other_stack + sizeof(other_stack));
	other.cs = SEL_CODE;
	other.ss = other.ds = other.es = SEL_DATA;
	other.iomap = TSS32_BYTES;
	other.cr3 = read_cr3();
	put(OTHER, segment((u32)&other, sizeof(other) - 1, 0x89));
	put(GATE, gate(0, OTHER, 0x85 | DPL(3), 0));
	runs = seen_tr = seen_flags = seen_error = 0;
	__asm__ volatile("clts" : : : "memory");
}

/* Back on the main task after a fault inside the other. */
static void main_again(void)
{
	write_flags(read_flags() & ~FLAG_NT);
	gdt[MAIN / 8] = segment((u32)&tss[0], sizeof(tss[0]) - 1, 0x89);
	__asm__ volatile("ltr %w0" : : "r"(MAIN) : "memory");
}

static void test_task_call(void)
{
	const struct trap *t;

	task_reset(task_iret);
	t = at0(call_task, 0, 0);
	expect(t, returned, 0, "CALL to a TSS and IRET back");
	check_eq(runs, 1, "it ran");
	check_eq(seen_tr & 0xffff, OTHER, "with its TR");
	check_eq(seen_flags & FLAG_NT, FLAG_NT, "with NT");
	check_eq(seen_cr0 & CR0_TS, CR0_TS, "with TS");
	check_eq(seen_sp, (u32)(other_stack + sizeof(other_stack)), "its stack");
	check_eq(other.link, MAIN, "the link");
	check_eq(type_of(OTHER), 9, "afterwards it is not busy");
	check_eq(type_of(MAIN), 11, "and the main one is");
	check_eq(t->ax & 0xffff, MAIN, "TR is back");
	check_eq(t->bx & FLAG_NT, 0, "without NT");
	check(other.eip > (u32)task_iret, "its EIP is saved");
	check_eq(other.eflags & FLAG_NT, 0, "IRET saves flags without NT");
	check_eq(other.cs, SEL_CODE, "its CS is saved");
	t = at0(call_task, 0, 0);
	expect(t, returned, 0, "again");
	check_eq(runs, 2, "from where it stopped");
	task_reset(task_jump);
	t = at0(jump_task, 0, 0);
	expect(t, returned, 0, "JMP there and JMP back");
	check_eq(seen_flags & FLAG_NT, 0, "without NT");
	check_eq(other.link, 0, "nor link");
	check_eq(type_of(OTHER), 9, "not busy");
	check_eq(type_of(MAIN), 11, "busy");
	task_reset(task_iret);
	t = at3(call_gate, 0, 0);
	expect(t, returned, 0, "CALL through a task gate at CPL 3");
	check_eq(t->cs, SEL_USER_CODE, "and back to CPL 3");
	expect(at3(call_task, 0, 0), V_GP, OTHER, "CALL to a TSS at CPL 3");
}

static void test_task_refused(void)
{
	task_reset(task_iret);
	put(OTHER, segment((u32)&other, sizeof(other) - 1, 0x8b));
	expect(at0(call_task, 0, 0), V_GP, OTHER, "a busy TSS");
	expect(at0(jump_task, 0, 0), V_GP, OTHER, "a busy TSS, JMP");
	put(OTHER, segment((u32)&other, sizeof(other) - 1, 0x09));
	expect(at0(call_task, 0, 0), V_NP, OTHER, "a TSS not present");
	put(OTHER, segment((u32)&other, 0x66, 0x89));
	expect(at0(call_task, 0, 0), V_TS, OTHER, "a TSS too small");
	put(OTHER, segment((u32)&other, 0x67, 0x89));
	expect(at0(call_task, 0, 0), returned, 0, "just large enough");
	put(GATE, gate(0, OTHER, 0x05, 0));
	expect(at0(call_gate, 0, 0), V_NP, GATE, "a task gate not present");
	put(GATE, gate(0, OTHER | 4, 0x85, 0));
	expect(at0(call_gate, 0, 0), V_GP, OTHER | 4, "a task gate to the LDT");
	put(GATE, gate(0, SEL_DATA, 0x85, 0));
	expect(at0(call_gate, 0, 0), V_GP, SEL_DATA, "a task gate to data");
	tss[0].link = OTHER;
	task_reset(task_iret);
	expect(at0(nt_iret, 0, 0), V_TS, OTHER, "IRET to a TSS not busy");
	tss[0].link = SEL_DATA;
	expect(at0(nt_iret, 0, 0), V_TS, SEL_DATA, "IRET to no TSS");
	tss[0].link = OTHER | 4;
	expect(at0(nt_iret, 0, 0), V_TS, OTHER | 4, "IRET to the LDT");
	check_eq(type_of(MAIN), 11, "the main task is still busy");
}

static void refused_inside(volatile u32 *field, u32 value, u32 vector,
			   u32 error, const char *name)
{
	const struct trap *t;

	task_reset(task_iret);
	*field = value;
	t = at0(call_task, 0, 0);
	expect(t, vector, error, name);
	check(t->ip == (u32)task_iret, "%s: at the new task's EIP (%llx)", name,
	      t->ip);
	main_again();
}

/* The new task's own faults are taken in it. Its stack must be sound. */
static void test_task_inside(void)
{
	put(FREE(5), segment(0, 0xfffff, (ATTR_DATA | BIG) & ~0x80u));
	put(FREE(6), segment(0, 0xfffff, ATTR_CODE & ~0x80u));
	refused_inside(&other.ds, 0x300, V_TS, 0x300, "DS beyond the GDT");
	refused_inside(&other.es, FREE(5), V_NP, FREE(5), "ES not present");
	refused_inside(&other.fs, OTHER, V_TS, OTHER, "FS a TSS");
	task_reset(task_iret);
	other.trap = 1;
	expect(at0(call_task, 0, 0), V_DB, 0, "T in the new TSS");
	check_eq(last_trap()->dr6 & BIT(15), BIT(15), "BT");
	check_eq(last_trap()->ip, (u32)task_iret,
		 "before its first instruction");
	main_again();
	write_dr6(0xffff0ff0);
	task_reset(task_iret);
	write_dr7(0x400 | 0xff | BIT(16));
	at0(call_task, 0, 0);
	check_eq(read_dr7() & 0x3ff, 0xaa, "a task switch clears DR7's L bits");
	write_dr7(0x400);
}

static void test_task_events(void)
{
	const struct trap *t;

	task_reset(task_iret);
	idt[0x91] = gate(0, OTHER, 0xe5, 0);
	t = at3(int_91, 0, 0);
	expect(t, returned, 0, "INT n through a task gate");
	check_eq(runs, 1, "it ran");
	check_eq(seen_flags & FLAG_NT, FLAG_NT, "nested");
	check_eq(t->cs, SEL_USER_CODE, "back at CPL 3");
	idt[0x91] = gate(0, OTHER, 0x85, 0);
	expect(at3(int_91, 0, 0), V_GP, 0x91 * 8 + 2, "its DPL");
	put(OTHER, segment((u32)&other, sizeof(other) - 1, 0x8b));
	idt[0x91] = gate(0, OTHER, 0xe5, 0);
	expect(at3(int_91, 0, 0), V_GP, OTHER, "a busy task");
	gate_reset(0x91);

	/* #GP by a task: the error code is on its stack, IRET runs again. */
	task_reset(task_error);
	idt[V_GP] = gate(0, OTHER, 0x85, 0);
	tss[0].eflags = 0;
	hook(V_NP, NULL);
	put(FREE(5), segment(0, 0xfffff, (ATTR_DATA | BIG) & ~0x80u));
	idt[V_NP] = idt[V_GP];
	gate_reset(V_GP);
	/* The task makes the segment present: what faulted goes through. */
	other.eip = (u32)({
		extern char task_cure[];
		task_cure;
	});
	t = at0(load_es, FREE(5), 0);
	expect(t, returned, 0, "#NP by a task that cures it");
	check_eq(seen_error, FREE(5), "its error code");
	check_eq(t->ax & 0xffff, FREE(5), "the instruction ran again");
	check_eq(tss[0].eflags & FLAG_RF, FLAG_RF, "with RF in the saved flags");
	gate_reset(V_NP);
}
__asm__("task_cure: pop seen_error; orb $0x80, gdt + 0xa8 + 5; iret");

/* --- double fault by a task --- */

static void test_task_double(void)
{
	u32 s = FREE(0);

	put(s, segment((u32)buffer, 0xfff, ATTR_DATA));
	task_reset(({
		extern char task_df[];
		task_df;
	}));
	idt[V_DF] = gate(0, OTHER, 0x85, 0);
	__asm__ volatile("" : : : "memory");
	/* The stack is a page: a push at 0x1008 fails, the frame for #SS, too. */
	expect(at0(stack_gone, s, 0x1008), 0x92, 0, "#DF by a task gate");
	check_eq(seen_error, 0, "its error code");
	check_eq(tss[0].ss, s, "the old TSS holds the broken stack");
	check_eq(tss[0].esp, 0x1008, "and its ESP");
	check_eq(tss[0].eip, (u32)stack_gone + 6, "and the instruction");
	main_again();
	gate_reset(V_DF);
}
__asm__("task_df: pop seen_error; int $0x92");

/* --- SYSENTER --- */

SNIPPET(enter32, "mov %esp, %ecx; mov $1f, %edx; sysenter; 1: mov %cs, %eax; "
		 "mov %ss, %edx");
void sysenter32(void);
__asm__("sysenter32: mov %cs, seen_tr; mov %esp, seen_sp; sysexit");

static void test_sysenter(void)
{
	u32 r[4];
	const struct trap *t;

	cpuid(0, 0, r);
	write_msr(MSR_SYSENTER_CS, SEL_CODE);
	write_msr(MSR_SYSENTER_EIP, (u32)sysenter32);
	write_msr(MSR_SYSENTER_ESP, tss[0].stack[0].esp);
	t = at3(enter32, 0, 0);
	expect(t, returned, 0, "SYSENTER and SYSEXIT");
	check_eq(seen_tr & 0xffff, SEL_CODE, "CS inside");
	check_eq(seen_sp, tss[0].stack[0].esp, "ESP inside");
	check_eq(t->ax, SEL_USER_32, "CS outside");
	check_eq(t->dx, SEL_USER_DATA, "SS outside");
	write_msr(MSR_SYSENTER_CS, 0);
	expect(at3(enter32, 0, 0), V_GP, 0, "SYSENTER without CS");
}

void image_main(void)
{
	test_limits();
	test_loads();
	test_call_gates();
	test_v86_sensitive();
	test_v86();
	test_task_call();
	test_task_refused();
	test_task_inside();
	test_task_events();
	test_task_double();
	test_sysenter();
}
