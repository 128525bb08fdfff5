/* SPDX-License-Identifier: MIT */
/*
 * Segments, gates, far transfers, fast system calls and the IDT in long mode.
 * [SDM3 5.8 "Privilege Checking When Transferring Program Control Between Code
 * Segments"] [SDM3 6.14 "Exception and Interrupt Handling in 64-bit Mode"]
 */
#include "tests/guest/priv/lib/priv.h"

#include "tests/guest/priv/lib/tss64.h"

#define ATTR_DATA   0xc093
#define ATTR_CODE64 0xa09b
#define ATTR_CODE32 0xc09b
#define ATTR_LDT    0x0082
#define ATTR_GATE   0x8c00 /* call gate, present, in the high half */
#define DPL(n)	    ((u32)(n) << 5)
#define FREE(n)	    (SEL_FREE + 8 * (n))

static void put(u32 selector, u64 descriptor)
{
	gdt[selector / 8] = descriptor;
}

static void put_data(u32 selector, u32 attr)
{
	put(selector, segment(0, 0xfffff, attr));
}

static const struct trap *at0(const void *code, word a, word b)
{
	return run(0, code, a, b, 0);
}

static const struct trap *at3(const void *code, word a, word b)
{
	return run(3, code, a, b, 0);
}

static const u32 returned = VECTOR_RETURN;

/* --- loading segment registers --- */

SNIPPET(load_ds, "mov %edi, %ds");
SNIPPET(load_es, "mov %edi, %es; mov %es, %eax; xor %ecx, %ecx; mov %ecx, %es");
SNIPPET(load_ss, "mov %edi, %ss; mov %ss, %eax");
SNIPPET(load_fs, "mov %edi, %fs; mov %fs, %eax");
SNIPPET(read_through_fs, "mov %edi, %fs; mov %fs:0, %eax");
SNIPPET(load_ldt, "lldt %di");
SNIPPET(load_tr, "ltr %di");
SNIPPET(pop_fs, "push %rdi; pop %fs; mov %fs, %eax");
SNIPPET(load_lss, "sub $16, %rsp; mov %esp, (%rsp); mov %edi, 4(%rsp); "
		  "lss (%rsp), %esp");

static void test_loads(void)
{
	u32 s = FREE(0);

	put_data(s, ATTR_DATA & ~1u);
	expect(at0(load_ds, s, 0), returned, 0, "load DS");
	check(gdt[s / 8] >> 40 & 1, "it sets the accessed bit");
	put_data(s, ATTR_DATA & ~0x80u);
	expect(at0(load_ds, s, 0), V_NP, s, "DS not present");
	expect(at0(load_ss, s, 0), V_SS, s, "SS not present");
	put_data(s, ATTR_DATA);
	expect(at0(load_ss, s | 1, 0), V_GP, s, "SS with RPL above CPL");
	expect(at0(load_ds, s | 3, 0), V_GP, s, "DS with RPL above DPL");
	expect(at3(load_ds, s | 3, 0), V_GP, s, "DS with CPL above DPL");
	put_data(s, ATTR_DATA | DPL(3));
	expect(at0(load_ss, s, 0), V_GP, s, "SS with DPL above CPL");
	expect(at3(load_ss, s | 3, 0), returned, 0, "SS at CPL 3");
	expect(at3(load_ss, s | 2, 0), V_GP, s, "SS at CPL 3 with RPL 2");
	put_data(s, 0xc091);
	expect(at0(load_ss, s, 0), V_GP, s, "SS read-only");
	expect(at0(load_es, s, 0), returned, 0, "ES read-only");
	check_eq(last_trap()->ax, s, "and the selector is there");
	put_data(s, 0xc099);
	expect(at0(load_es, s, 0), V_GP, s, "ES execute-only");
	put_data(s, 0xc09f);
	expect(at3(load_es, s | 3, 0), returned, 0, "ES conforming code, DPL 0");
	put(s, segment(0, 0xffff, ATTR_LDT));
	expect(at0(load_es, s, 0), V_GP, s, "ES a system segment");
	expect(at0(load_es, 0x200, 0), V_GP, 0x200, "ES beyond the GDT");
	expect(at0(load_es, 0x0c, 0), V_GP, 0x0c, "ES in a null LDT");
	expect(at0(load_es, 3, 0), returned, 0, "ES null");
	check_eq(last_trap()->ax, 3, "with its RPL");
	expect(at0(load_ss, 0, 0), returned, 0, "SS null at CPL 0");
	expect(at0(load_ss, 3, 0), V_GP, 0, "SS null with RPL 3 at CPL 0");
	expect(at3(load_ss, 0, 0), V_GP, 0, "SS null at CPL 3");
	expect(at3(load_ss, 3, 0), V_GP, 0, "SS null with RPL 3 at CPL 3");
	expect(at0(pop_fs, 0x208, 0), V_GP, 0x208, "POP FS beyond the GDT");
	put_data(s, ATTR_DATA & ~0x80u);
	expect(at0(load_lss, s, 0), V_SS, s, "LSS not present");
}

static u64 magic_word = 0x5ca1ab1e;

static void test_bases(void)
{
	u32 s = FREE(0);

	put(s, segment((u32)(word)&magic_word, 0xfffff, ATTR_DATA));
	expect(at0(read_through_fs, s, 0), returned, 0, "FS has a base");
	check_eq(last_trap()->ax, 0x5ca1ab1e, "and reads through it");
	check_eq(read_msr(MSR_FS_BASE), (u32)(word)&magic_word,
		 "the MSR shows it");
	expect(at0(load_fs, 0, 0), returned, 0, "FS null");
	check_eq(read_msr(MSR_FS_BASE), 0, "clears the base");
	write_msr(MSR_FS_BASE, BIT(39) + 8);
	check_eq(read_msr(MSR_FS_BASE), BIT(39) + 8, "a base of 64 bits");
	write_msr(MSR_FS_BASE, 0);
}

/* --- LDT, TR --- */

static u64 ldt[8];

static void put_system(u32 selector, u64 base, u32 limit, u32 attr)
{
	put(selector, segment((u32)base, limit, attr));
	put(selector + 8, base >> 32);
}

static void test_ldt(void)
{
	u32 s = FREE(2);

	put_system(s, (u64)ldt, sizeof(ldt) - 1, ATTR_LDT);
	ldt[1] = segment(0, 0xfffff, ATTR_DATA);
	expect(at0(load_ldt, s, 0), returned, 0, "LLDT");
	expect(at0(load_es, 0x0c, 0), returned, 0, "ES from the LDT");
	expect(at0(load_es, 0x44, 0), V_GP, 0x44, "ES beyond the LDT");
	put_system(s, BIT(39) + (u64)ldt, sizeof(ldt) - 1, ATTR_LDT);
	expect(at0(load_ldt, s, 0), returned, 0, "LLDT with a high base");
	expect(at0(load_es, 0x0c, 0), returned, 0, "and ES from it");
	gdt[s / 8 + 1] |= BIT(40);
	expect(at0(load_ldt, s, 0), V_GP, s, "LLDT: type in the high half");
	put_system(s, BIT(47), 63, ATTR_LDT);
	expect(at0(load_ldt, s, 0), V_GP, s, "LLDT: non-canonical base");
	put_system(s, (u64)ldt, 63, ATTR_LDT & ~0x80u);
	expect(at0(load_ldt, s, 0), V_NP, s, "LLDT: not present");
	put_system(s, (u64)ldt, 63, 0x89);
	expect(at0(load_ldt, s, 0), V_GP, s, "LLDT: a TSS");
	expect(at0(load_ldt, 4, 0), V_GP, 4, "LLDT: in the LDT");
	expect(at0(load_ldt, 0x1f8, 0), V_GP, 0x1f8, "LLDT: half outside");
	expect(at0(load_ldt, 0, 0), returned, 0, "LLDT: null");
	expect(at0(load_es, 0x0c, 0), V_GP, 0x0c, "then there is none");
	expect(at3(load_ldt, 0, 0), V_GP, 0, "LLDT at CPL 3");

	put_system(s, (u64)ldt, 103, 0x89 & ~0x80u);
	expect(at0(load_tr, s, 0), V_NP, s, "LTR: not present");
	put_system(s, (u64)ldt, 103, 0x8b);
	expect(at0(load_tr, s, 0), V_GP, s, "LTR: busy");
	put_system(s, (u64)ldt, 103, 0x81);
	expect(at0(load_tr, s, 0), V_GP, s, "LTR: 16 bits");
	expect(at0(load_tr, 0, 0), V_GP, 0, "LTR: null");
	expect(at0(load_tr, 4, 0), V_GP, 4, "LTR: in the LDT");
	expect(at3(load_tr, 0, 0), V_GP, 0, "LTR at CPL 3");
	check_eq(gdt[SEL_TSS / 8] >> 40 & 15, 0xb, "our own TSS is busy");
}

/* --- looking at descriptors --- */

SNIPPET(do_lar, "xor %eax, %eax; lar %edi, %eax; setz %dl; movzx %dl, %edx");
SNIPPET(do_lsl, "xor %eax, %eax; lsl %edi, %eax; setz %dl; movzx %dl, %edx");
SNIPPET(do_verr, "verr %di; setz %dl; movzx %dl, %edx");
SNIPPET(do_verw, "verw %di; setz %dl; movzx %dl, %edx");

static u64 zf_of(const void *code, u32 cpl, u32 selector)
{
	return run(cpl, code, selector, 0, 0)->dx;
}

static void test_looks(void)
{
	u32 s = FREE(4);

	put(s, segment(0x12345678, 0xabcde, ATTR_DATA));
	check_eq(zf_of(do_lar, 0, s), 1, "LAR");
	check_eq(last_trap()->ax & 0xf0ff00, 0xc09300, "its rights");
	check_eq(zf_of(do_lsl, 0, s), 1, "LSL");
	check_eq(last_trap()->ax, 0xabcdefff, "in bytes");
	check_eq(zf_of(do_lar, 3, s | 3), 0, "LAR of an inner segment");
	check_eq(zf_of(do_verr, 3, s), 0, "VERR of an inner segment");
	check_eq(zf_of(do_verr, 0, s), 1, "VERR");
	check_eq(zf_of(do_verw, 0, s), 1, "VERW");
	check_eq(zf_of(do_verw, 0, SEL_CODE), 0, "VERW of code");
	check_eq(zf_of(do_verr, 0, SEL_CODE), 1, "VERR of readable code");
	check_eq(zf_of(do_lar, 0, 0), 0, "LAR of null");
	check_eq(zf_of(do_lar, 0, 0x300), 0, "LAR beyond the GDT");
	check_eq(zf_of(do_lar, 0, SEL_TSS), 1, "LAR of a TSS");
	check_eq(zf_of(do_lsl, 0, SEL_TSS), 1, "LSL of a TSS");
	check_eq(last_trap()->ax, sizeof(struct tss64) - 1, "its limit");
	put_system(s, 0, 0, 0x8c);
	check_eq(zf_of(do_lar, 0, s), 1, "LAR of a call gate");
	check_eq(zf_of(do_lsl, 0, s), 0, "LSL of a call gate");
	put_system(s, 0, 0, 0x8e);
	check_eq(zf_of(do_lar, 0, s), 0, "LAR of an interrupt gate");
}

/* --- call gates and far transfers --- */

/* AMD's far pointers have offsets of 32 bits only. [APM3 "CALL (Far)"] */
static union {
	struct {
		u64 offset;
		u16 selector;
	} __attribute__((packed)) wide;
	struct {
		u32 offset;
		u16 selector;
	} __attribute__((packed)) narrow;
} pointer;

static bool is_intel(void)
{
	u32 r[4];

	cpuid(0, 0, r);
	return r[1] == 0x756e6547;
}

/* AX: what stood at the callee's stack top, or CS. */
SNIPPET(far_call_wide, "mov %rsp, %rbp; mov $77, %ebx; "
		       ".byte 0x48; lcall *(%rdi); mov %cs, %ecx");
SNIPPET(far_jump_wide, ".byte 0x48; ljmp *(%rdi)");
SNIPPET(far_call_narrow, "mov %rsp, %rbp; mov $77, %ebx; "
			 "lcall *(%rdi); mov %cs, %ecx");
SNIPPET(far_jump_narrow, "ljmp *(%rdi)");
void gate_target(void), gate_target_user(void);
__asm__("gate_target: mov %rsp, %rdx; mov %cs, %eax; mov %ss, %ebx\n"
	"shl $32, %rax; mov 8(%rsp), %r8d; or %r8, %rax\n"
	"shl $32, %rbx; mov 24(%rsp), %r8d; or %r8, %rbx; lretq\n"
	"gate_target_user: mov %cs, %eax; lretq");

static void put_gate(u32 selector, const void *to, u32 target, u32 attr)
{
	u64 at = (u64)to;

	put(selector, (at & 0xffff) | (u64)target << 16 | (u64)attr << 40 |
			      (at & 0xffff0000) << 32);
	put(selector + 8, at >> 32);
}

static const struct trap *far_run(u32 cpl, const void *wide, const void *narrow,
				  u32 selector, word offset)
{
	const void *code = wide;

	pointer.wide.offset = offset;
	pointer.wide.selector = (u16)selector;
	if (!is_intel()) {
		code = narrow;
		pointer.narrow.offset = (u32)offset;
		pointer.narrow.selector = (u16)selector;
	}
	return run(cpl, code, cpl ? user_address(&pointer) : (word)&pointer, 0,
		   0);
}

static const struct trap *gate_call(u32 cpl, u32 selector)
{
	return far_run(cpl, far_call_wide, far_call_narrow, selector, 0x1111);
}

static const struct trap *gate_jump(u32 cpl, u32 selector)
{
	return far_run(cpl, far_jump_wide, far_jump_narrow, selector, 0x1111);
}

static void test_call_gate(void)
{
	const struct trap *t;
	u32 s = FREE(6), code = FREE(8);

	put_gate(s, (void *)gate_target, SEL_CODE, 0x8c | DPL(3));
	t = gate_call(3, s | 3);
	expect(t, returned, 0, "a call gate from CPL 3");
	check_eq(t->ax >> 32, SEL_CODE, "runs at CPL 0");
	check_eq(t->bx >> 32, 0, "with a null SS");
	check_eq(t->dx, tss[0].rsp[0] - 32, "on RSP0's stack, four pushed");
	check_eq(t->cx, SEL_USER_CODE, "and comes back");
	check_eq(t->sp, t->bp, "to the old stack");
	check_eq((u32)t->ax, SEL_USER_CODE, "the CS that was pushed");
	check_eq((u32)t->bx, SEL_USER_DATA, "the SS that was pushed");
	t = gate_call(0, s);
	expect(t, returned, 0, "a call gate without a change of CPL");
	check_eq(t->bp - t->dx, 16, "two pushed");
	put_gate(s, (void *)gate_target, SEL_CODE, 0x8c);
	expect(gate_call(3, s | 3), V_GP, s, "gate's DPL");
	put_gate(s, (void *)gate_target, SEL_CODE, 0x8c | DPL(3));
	expect(gate_call(0, s), returned, 0, "gate, RPL 0");
	put_gate(s, (void *)gate_target, SEL_CODE, (0x8c | DPL(3)) & ~0x80u);
	expect(gate_call(3, s | 3), V_NP, s, "gate not present");
	put_gate(s, (void *)gate_target, SEL_CODE, 0x8c | DPL(3));
	gdt[s / 8 + 1] |= BIT(40);
	expect(gate_call(3, s | 3), V_GP, s,
	       "gate with a type in the high half");
	put_gate(s, (void *)gate_target, SEL_DATA, 0x8c | DPL(3));
	expect(gate_call(3, s | 3), V_GP, SEL_DATA, "gate to data");
	put_gate(s, (void *)gate_target, 0, 0x8c | DPL(3));
	expect(gate_call(3, s | 3), V_GP, 0, "gate to null");
	put_gate(s, (void *)gate_target, SEL_CODE_OTHER, 0x8c | DPL(3));
	expect(gate_call(3, s | 3), V_GP, SEL_CODE_OTHER, "gate to 32-bit code");
	put(code, segment(0, 0xfffff, ATTR_CODE64 & ~0x80u));
	put_gate(s, (void *)gate_target, code, 0x8c | DPL(3));
	expect(gate_call(3, s | 3), V_NP, code, "gate to absent code");
	put_gate(s, (void *)BIT(47), SEL_CODE, 0x8c | DPL(3));
	expect(gate_call(3, s | 3), V_GP, 0, "gate to a non-canonical address");
	put_gate(s, (void *)gate_target, SEL_CODE, 0x8c | DPL(3));
	expect(gate_jump(3, s | 3), V_GP, SEL_CODE,
	       "a jump through a gate to inner code");
	put_gate(s, (void *)gate_target, SEL_CODE, 0x84 | DPL(3));
	expect(gate_call(3, s | 3), V_GP, s, "a 16-bit call gate");
	put_system(s, (u64)ldt, 103, 0x89 | DPL(3));
	expect(gate_call(3, s | 3), V_GP, s, "a far call to a TSS");
}

static const struct trap *call_code(u32 cpl, u32 selector, word offset)
{
	return far_run(cpl, far_call_wide, far_call_narrow, selector, offset);
}

static void test_direct(void)
{
	word there = user_address((void *)gate_target_user);
	u32 s = FREE(8);

	put(s, segment(0, 0xfffff, ATTR_CODE64 | 4));
	if (is_intel()) { /* an offset of 64 bits */
		expect(call_code(3, s | 3, there), returned, 0,
		       "a call to conforming code");
		check_eq(last_trap()->ax, s | 3, "keeps CPL 3");
		expect(call_code(3, s, there), returned, 0, "whatever the RPL");
		check_eq(last_trap()->ax, s | 3, "keeps CPL 3");
	}
	put(s, segment(0, 0xfffff, (ATTR_CODE64 | 4) | DPL(3)));
	expect(call_code(0, s, there), V_GP, s, "conforming with DPL above CPL");
	put(s, segment(0, 0xfffff, ATTR_CODE64));
	expect(call_code(3, s | 3, there), V_GP, s, "a call inwards");
	put(s, segment(0, 0xfffff, ATTR_CODE64 | DPL(3)));
	expect(call_code(0, s, there), V_GP, s, "a call outwards");
	put(s, segment(0, 0xfffff, ATTR_CODE64));
	expect(call_code(0, s | 3, there), V_GP, s, "RPL above CPL");
	put(s, segment(0, 0xfffff, (ATTR_CODE64 | 0x4000)));
	expect(call_code(0, s, there), V_GP, s, "L and D");
	put(s, segment(0, 0xfffff, ATTR_CODE64 & ~0x80u));
	expect(call_code(0, s, there), V_NP, s, "absent code");
	expect(call_code(0, SEL_DATA, there), V_GP, SEL_DATA, "data");
	expect(call_code(0, 0, there), V_GP, 0, "null");
	expect(call_code(0, 0x400, there), V_GP, 0x400, "beyond the GDT");
	if (is_intel())
		expect(call_code(0, SEL_CODE, BIT(47)), V_GP, 0,
		       "non-canonical");
}

/* --- returns --- */

SNIPPET(segments_after, "mov %ds, %eax; mov %es, %edx");
SNIPPET(plain, "mov %cs, %eax; pushf; pop %rbx; mov %ss, %ecx");
SNIPPET(far_return_to, "pushq %rdi; pushq %rsi; lretq");
SNIPPET(far_return_out, "pushq $0x2b; pushq %rbx; pushq %rdi; pushq %rsi; "
			"lretq");

static void lret_out(word ip, word sp)
{
	__asm__ volatile("push %0; push %1; push %2; push %3; lretq"
			 :
			 : "r"((word)SEL_USER_DATA), "r"(sp),
			   "r"((word)SEL_USER_CODE), "r"(ip)
			 : "memory");
}

static void load_data(u32 ds, u32 es)
{
	__asm__ volatile("mov %0, %%ds; mov %1, %%es" : : "r"(ds), "r"(es));
}

static void test_returns(void)
{
	word ip = user_address(plain), sp = user_stack_top();
	word here = (word)plain;
	const struct trap *t;

	load_data(SEL_DATA, SEL_USER_DATA);
	t = user_call((void *)(word)segments_after, 0, 0);
	expect(t, returned, 0, "IRET to CPL 3");
	check_eq(t->ax, 0, "nulls DS of DPL 0");
	check_eq(t->dx, SEL_USER_DATA, "keeps ES of DPL 3");
	load_data(SEL_DATA, SEL_DATA);
	t = catch_call((void *)lret_out, user_address(segments_after), sp);
	expect(t, returned, 0, "RETF to CPL 3");
	check_eq(t->ax, 0, "nulls DS of DPL 0");
	check_eq(t->cs, SEL_USER_CODE, "CPL 3 indeed");
	load_data(SEL_DATA, SEL_DATA);

	expect(iret_call(BIT(47), SEL_USER_CODE, 2, sp, SEL_USER_DATA), V_GP, 0,
	       "IRET to a non-canonical address");
	check_eq(last_trap()->cs, SEL_CODE, "the fault is IRET's");
	expect(iret_call(ip, SEL_USER_CODE, 2, sp, SEL_DATA), V_GP, SEL_DATA,
	       "IRET with SS of CPL 0");
	expect(iret_call(ip, SEL_USER_CODE, 2, sp, 0), V_GP, 0,
	       "IRET to CPL 3 with a null SS");
	expect(iret_call(ip, SEL_CODE | 3, 2, sp, SEL_USER_DATA), V_GP,
	       SEL_CODE, "IRET with RPL above DPL");
	expect(iret_call(ip, SEL_DATA, 2, sp, SEL_DATA), V_GP, SEL_DATA,
	       "IRET to data");
	expect(iret_call(ip, 0, 2, sp, SEL_DATA), V_GP, 0, "IRET to null");
	expect(iret_call(here, SEL_CODE, 2, sp, 0), returned, 0,
	       "IRET to CPL 0 with a null SS");
	check_eq(last_trap()->cx, 0, "it is null");
	write_flags(read_flags() | FLAG_NT);
	t = iret_call(here, SEL_CODE, 2, sp, SEL_DATA);
	write_flags(read_flags() & ~FLAG_NT);
	expect(t, V_GP, 0, "IRET with NT in long mode");
	t = iret_call(ip, SEL_USER_CODE, 0x3202, sp, SEL_USER_DATA);
	check_eq(t->bx, 0x3202, "IRET loads IOPL and IF");
	expect(run(3, far_return_to, SEL_CODE, (word)plain, 0), V_GP, SEL_CODE,
	       "RETF inwards");
	expect(run(0, far_return_to, SEL_CODE, (word)plain, 0), returned, 0,
	       "RETF to CPL 0");
}

/* --- compatibility mode --- */

__asm__(".pushsection .text.snippets\n.code32\n"
	"compat_plain: mov %cs, %eax; mov %esp, %ebx; int $0x80\n"
	"compat_syscall: syscall; int $0x80\n"
	"compat_sysenter: mov %esp, %ecx; mov $compat_after, %edx; sysenter\n"
	"compat_after: mov %cs, %eax; int $0x80\n"
	"compat_far: ljmp $0x33, $plain\n"
	"compat_bound: int3; int $0x80\n"
	"compat_limit: mov %fs:0x1000, %eax; int $0x80\n"
	".code64\n.popsection");
extern const char compat_plain[], compat_syscall[], compat_sysenter[];
extern const char compat_far[], compat_limit[];

/* CPL 0's own addresses: compatibility mode cannot see the users'. */
static const struct trap *compat(u32 cpl, const char *code, word fs)
{
	__asm__ volatile("mov %0, %%fs" : : "r"((u32)fs));
	return iret_call((word)code, cpl ? SEL_USER_32 : SEL_CODE_OTHER, 2,
			 cpl ? 0x12345000 : 0x9000,
			 cpl ? SEL_USER_DATA : SEL_DATA);
}

static void test_compat(void)
{
	u32 s = FREE(0);

	expect(compat(0, compat_plain, 0), returned, 0, "compatibility mode");
	check_eq(last_trap()->ax, SEL_CODE_OTHER, "its CS");
	check_eq(last_trap()->bx, 0x9000, "its stack");
	expect(compat(3, compat_plain, 0), V_PF, 0x15,
	       "CPL 3 has no right to that page");
	put(s, segment(0, 0xfff, 0x4093));
	expect(compat(0, compat_limit, s), V_GP, 0,
	       "a limit holds in compatibility mode");
}

/* --- the IDT --- */

SNIPPET(int_90, "int $0x90");
SNIPPET(int3, "int3; mov $1, %eax");
SNIPPET(int1, ".byte 0xf1");
SNIPPET(ud, "ud2");
SNIPPET(into, ".byte 0xce");
SNIPPET(bound, ".byte 0x62, 0x07");
SNIPPET(push_es, ".byte 0x06");
SNIPPET(divide, "xor %eax, %eax; xor %edx, %edx; div %eax");
SNIPPET(set_if, "sti; int $0x90");

static u64 seen_flags, seen_sp;

static bool note(struct frame *f)
{
	seen_flags = read_flags();
	seen_sp = (u64)f;
	return false;
}

static void test_idt(void)
{
	u32 code = 0x90 * 8 + 2;

	expect(at0(int_90, 0, 0), 0x90, 0, "INT n at CPL 0");
	expect(at3(int_90, 0, 0), V_GP, code, "INT n at CPL 3, gate of DPL 0");
	check_eq(last_trap()->ip, user_address(int_90), "is the INT's fault");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0xee, 0);
	expect(at3(int_90, 0, 0), 0x90, 0, "INT n at CPL 3, gate of DPL 3");
	check_eq(last_trap()->ip, user_address(int_90) + 2, "RIP is past it");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0x6e, 0);
	expect(at3(int_90, 0, 0), V_NP, code, "a gate not present");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0xe5, 0);
	expect(at3(int_90, 0, 0), V_GP, code, "a task gate in long mode");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0xe6, 0);
	expect(at3(int_90, 0, 0), V_GP, code, "a 16-bit gate in long mode");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_DATA, 0xee, 0);
	expect(at3(int_90, 0, 0), V_GP, SEL_DATA, "a gate to data");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE_OTHER, 0xee, 0);
	expect(at3(int_90, 0, 0), V_GP, SEL_CODE_OTHER, "a gate to 32-bit code");
	gate_set(0x90, trap_stubs + 16 * 0x90, 0, 0xee, 0);
	expect(at3(int_90, 0, 0), V_GP, 0, "a gate to null");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_USER_CODE & ~3u, 0xee, 0);
	expect(at0(int_90, 0, 0), V_GP, SEL_USER_CODE & ~3u,
	       "a gate to outer code");

	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0xee, 0);
	hook(0x90, note);
	(void)run(3, int_90, 0, 0, FLAG_IF | FLAG_DF);
	check_eq(seen_flags & (FLAG_IF | FLAG_TF), 0, "an interrupt gate: IF");
	check_eq(last_trap()->flags & (FLAG_IF | FLAG_DF), FLAG_IF | FLAG_DF,
		 "but not in the frame");
	check_eq(seen_sp & 15, (tss[0].rsp[0] - sizeof(struct frame) + 32) & 15,
		 "the frame is aligned");
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0xef, 0);
	(void)run(3, int_90, 0, 0, FLAG_IF);
	check_eq(seen_flags & FLAG_IF, FLAG_IF, "a trap gate: IF");
	gate_ist(0x90);
	(void)at0(int_90, 0, 0);
	check(tss[0].ist[0] - seen_sp < 256, "IST at CPL 0");
	hooks_clear();
	gate_reset(0x90);

	gate_set(V_BP, trap_stubs + 16 * V_BP, SEL_CODE, 0xee, 0);
	expect(at3(int3, 0, 0), V_BP, 0, "INT3 at CPL 3");
	check_eq(last_trap()->ip, user_address(int3) + 1, "RIP is past it");
	gate_reset(V_BP);
	expect(at3(int3, 0, 0), V_GP, V_BP * 8 + 2, "INT3, gate of DPL 0");
	expect(at3(int1, 0, 0), V_DB, 0, "INT1 does not look at the DPL");
	check_eq(last_trap()->ip, user_address(int1) + 1, "RIP is past it");
	expect(at3(into, 0, 0), V_UD, 0, "INTO in 64-bit mode");
	expect(at3(push_es, 0, 0), V_UD, 0, "PUSH ES in 64-bit mode");
	expect(at3(divide, 0, 0), V_DE, 0, "#DE at CPL 3, gate of DPL 0");
	check_eq(last_trap()->flags & FLAG_RF, FLAG_RF, "a fault's RF");

	gate_set(V_UD, trap_stubs + 16 * V_UD, SEL_CODE, 0x0e, 0);
	expect(at0(ud, 0, 0), V_NP, V_UD * 8 + 3, "#UD without a gate: EXT");
	gate_set(V_UD, trap_stubs + 16 * V_UD, SEL_DATA, 0x8e, 0);
	expect(at0(ud, 0, 0), V_GP, SEL_DATA + 1, "#UD into data: EXT");
	gate_reset(V_UD);
}

/* --- double faults --- */

SNIPPET(touch, "mov (%rdi), %eax");
SNIPPET(bad_segment, "mov $0x300, %eax; mov %eax, %ds");

static void test_double(void)
{
	u64 rsp0 = tss[0].rsp[0];

	gate_ist(V_DF);
	gate_set(V_GP, trap_stubs + 16 * V_GP, SEL_CODE, 0x0e, 0);
	expect(at0(bad_segment, 0, 0), V_DF, 0, "#NP on the way of #GP");
	gate_reset(V_GP);
	gate_set(V_PF, trap_stubs + 16 * V_PF, SEL_CODE, 0x0e, 0);
	expect(at0(touch, BIT(41), 0), V_DF, 0, "#NP on the way of #PF");
	check_eq(last_trap()->cr2, BIT(41), "CR2 is the page fault's");
	gate_reset(V_PF);
	gate_set(V_DE, trap_stubs + 16 * V_DE, SEL_DATA, 0x8e, 0);
	expect(at0(divide, 0, 0), V_DF, 0, "#GP on the way of #DE");
	gate_reset(V_DE);
	tss[0].rsp[0] = BIT(41) + 4096;
	expect(at3(ud, 0, 0), V_DF, 0, "a stack that is not there, by #UD");
	check_eq(last_trap()->cr2, BIT(41) + 4096 - 8, "CR2 is the stack's");
	check_eq(last_trap()->cs, SEL_USER_CODE, "the frame is the user's");
	check_eq(last_trap()->ip, user_address(ud), "at the instruction");
	tss[0].rsp[0] = BIT(47) + 4096;
	expect(at3(ud, 0, 0), V_DF, 0, "a non-canonical stack");
	gate_ist(V_SS);
	expect(at3(ud, 0, 0), V_SS, 1, "with #SS on another stack");
	gate_reset(V_SS);
	gate_ist(V_PF);
	tss[0].rsp[0] = BIT(41) + 4096;
	expect(at3(bad_segment, 0, 0), V_PF, 2,
	       "#PF on the way of #GP comes after it");
	gate_reset(V_PF);
	tss[0].rsp[0] = rsp0;
	gate_reset(V_DF);
}

/* --- SYSCALL, SYSRET, SYSENTER, SYSEXIT --- */

SNIPPET(do_syscall, "mov %rsp, %rbp; syscall; mov %cs, %eax; mov %ss, %edx");
SNIPPET(do_sysret, "sysretq");
SNIPPET(do_sysenter, "mov %rsp, %rcx; lea 1f(%rip), %rdx; sysenter\n"
		     "1: mov %cs, %eax; mov %ss, %edx");
SNIPPET(do_sysexit, "sysexitl");
void syscall_entry(void), sysenter_entry(void), sysret32_entry(void);
extern struct {
	u64 rcx, r11, flags, cs, ss, rsp;
} syscall_seen;
__asm__("syscall_entry: mov %rcx, syscall_seen; mov %r11, syscall_seen + 8\n"
	"mov $boot_stack_top - 8192, %esp; pushf; popq syscall_seen + 16\n"
	"mov %cs, syscall_seen + 24; mov %ss, syscall_seen + 32\n"
	"mov %rbp, %rsp; sysretq\n"
	"sysenter_entry: mov %cs, syscall_seen + 24\n"
	"mov %ss, syscall_seen + 32; mov %rsp, syscall_seen + 40\n"
	"pushf; popq syscall_seen + 16\n"
	"sysexitq\n"
	".bss\n.balign 8\nsyscall_seen: .skip 48\n.text\n");

static void syscall_setup(void)
{
	write_msr(MSR_STAR, (u64)SEL_CODE << 32 | (u64)(0x20 | 3) << 48);
	write_msr(MSR_LSTAR, (u64)syscall_entry);
	write_msr(MSR_SFMASK, FLAG_IF | FLAG_TF | FLAG_DF);
	write_msr(MSR_SYSENTER_CS, SEL_CODE);
	write_msr(MSR_SYSENTER_EIP, (u64)sysenter_entry);
	write_msr(MSR_SYSENTER_ESP, tss[0].rsp[0]);
}

static void test_syscall(void)
{
	const struct trap *t;

	syscall_setup();
	t = run(3, do_syscall, 0, 0, FLAG_IF | FLAG_DF | FLAG_CF);
	expect(t, returned, 0, "SYSCALL and SYSRET");
	check_eq(syscall_seen.rcx, user_address(do_syscall) + 5, "RCX");
	check_eq(syscall_seen.r11, FLAG_IF | FLAG_DF | FLAG_CF | 2, "R11");
	check_eq(syscall_seen.flags, FLAG_CF | 2, "the mask");
	check_eq(syscall_seen.cs & 0xffff, SEL_CODE, "CS");
	check_eq(syscall_seen.ss & 0xffff, SEL_CODE + 8, "SS");
	check_eq(t->ax, SEL_USER_CODE, "CS after SYSRET");
	check_eq(t->dx, SEL_USER_DATA, "SS after SYSRET");
	check_eq(t->flags & (FLAG_IF | FLAG_DF), FLAG_IF | FLAG_DF, "flags");
	expect(at3(do_sysret, 0, 0), V_GP, 0, "SYSRET at CPL 3");
	__asm__ volatile("" : : : "memory");
	write_msr(MSR_EFER, read_msr(MSR_EFER) & ~EFER_SCE);
	expect(at3(do_syscall, 0, 0), V_UD, 0, "SYSCALL without SCE");
	expect(at0(do_sysret, 0, 0), V_UD, 0, "SYSRET without SCE");
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE);
	if (is_intel())
		expect(compat(0, compat_syscall, 0), V_UD, 0,
		       "SYSCALL in compatibility mode (Intel)");
}

SNIPPET(sysret_far, "mov %rdi, %rcx; mov $2, %r11d; sysretq");

static void test_sysret_canonical(void)
{
	expect(at0(sysret_far, BIT(47), 0), V_GP, 0,
	       "SYSRET to a non-canonical address");
	check_eq(last_trap()->cs, is_intel() ? SEL_CODE : SEL_USER_CODE,
		 "faults at CPL 0 on Intel, at the target on AMD");
}

static void test_sysenter(void)
{
	const struct trap *t = run(3, do_sysenter, 0, 0, FLAG_IF | FLAG_CF);

	if (!is_intel()) {
		expect(t, V_UD, 0, "SYSENTER in long mode (AMD)");
		expect(at0(do_sysexit, 0, 0), V_UD, 0, "SYSEXIT likewise");
		return;
	}
	expect(t, returned, 0, "SYSENTER and SYSEXIT");
	check_eq(syscall_seen.cs & 0xffff, SEL_CODE, "CS");
	check_eq(syscall_seen.ss & 0xffff, SEL_CODE + 8, "SS");
	check_eq(syscall_seen.rsp, tss[0].rsp[0], "RSP");
	check_eq(syscall_seen.flags & (FLAG_IF | FLAG_CF), FLAG_CF, "IF");
	check_eq(t->ax, SEL_USER_CODE, "CS after SYSEXIT");
	check_eq(t->dx, SEL_USER_DATA2, "SS after SYSEXIT");
	expect(at3(do_sysexit, 0, 0), V_GP, 0, "SYSEXIT at CPL 3");
	write_msr(MSR_SYSENTER_CS, 0);
	expect(at3(do_sysenter, 0, 0), V_GP, 0, "SYSENTER without CS");
	expect(at0(do_sysexit, 0, 0), V_GP, 0, "SYSEXIT without CS");
	write_msr(MSR_SYSENTER_CS, SEL_CODE);
	expect(compat(0, compat_sysenter, 0), V_PF, 0x15,
	       "SYSENTER in compatibility mode, SYSEXIT to CPL 3");
}

void image_main(void)
{
	test_loads();
	test_bases();
	test_ldt();
	test_looks();
	test_call_gate();
	test_direct();
	test_returns();
	test_compat();
	test_idt();
	test_double();
	test_syscall();
	test_sysret_canonical();
	test_sysenter();
}
