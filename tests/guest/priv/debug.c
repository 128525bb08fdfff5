/* SPDX-License-Identifier: MIT */
/*
 * Single-stepping and breakpoints, and the exceptions and permissions of
 * single instructions, in 64-bit mode. [SDM3 17.2 "Debug Registers"]
 * [SDM3 17.3.1 "Debug Exception (#DB)—Interrupt Vector 1"]
 * [SDM1 19.5 "Protected-Mode I/O"]
 */
#include "tests/guest/priv/lib/priv.h"

#include "tests/guest/priv/lib/tss64.h"

#define DR6_BD	  BIT(13)
#define DR6_BS	  BIT(14)
#define DR6_FIXED 0xffff0ff0ul
#define DR7_FIXED 0x400ul
#define DR7_GD	  BIT(13)
#define CODE	  0ul
#define STORE	  1ul
#define IO	  2ul
#define ACCESS	  3ul
#define LEN1	  0ul
#define LEN2	  1ul
#define LEN8	  2ul
#define LEN4	  3ul

static const u32 returned = VECTOR_RETURN;

static word dr7_of(u32 n, u64 kind, u64 length)
{
	return DR7_FIXED | 2ul << (2 * n) | kind << (16 + 4 * n) |
	       length << (18 + 4 * n);
}

/* --- a log of the #DBs --- */

static struct {
	u64 ip, dr6, cx, flags;
} logged[64];
static u32 log_count;
static bool resume_over; /* RF in the image */
static bool stop_stepping;

static bool log_db(struct frame *f)
{
	if (log_count < ARRAY_SIZE(logged)) {
		logged[log_count].ip = f->ip;
		logged[log_count].dr6 = read_dr6();
		logged[log_count].cx = f->cx;
		logged[log_count].flags = f->flags;
	}
	log_count++;
	write_dr6(DR6_FIXED);
	if (resume_over)
		f->flags |= FLAG_RF;
	if (stop_stepping)
		f->flags &= ~FLAG_TF;
	return log_count < 10000;
}

static const struct trap *logged_run(u32 cpl, const char *code, word a, word b,
				     word flags)
{
	log_count = 0;
	memset(logged, 0, sizeof(logged));
	hook(V_DB, log_db);
	write_dr6(DR6_FIXED);
	return run(cpl, code, a, b, flags);
}

/* The logged RIPs as offsets from the snippet, against a list. */
static void expect_steps(u32 cpl, const char *code, const u8 *offset, u32 count,
			 const char *name)
{
	u64 base = cpl ? user_address(code) : (u64)code;
	bool ok = log_count == count;

	for (u32 i = 0; i < count && i < log_count; i++)
		ok = ok && logged[i].ip == base + offset[i] &&
		     logged[i].dr6 == (DR6_FIXED | DR6_BS);
	check(ok, "%s", name);
	if (ok)
		return;
	for (u32 i = 0; i < log_count && i < 16; i++)
		print("  +%llx dr6 %llx\n", logged[i].ip - base, logged[i].dr6);
}

#define STEPS(cpl, code, name, ...)                                      \
	do {                                                             \
		static const u8 offsets[] = {__VA_ARGS__};               \
		expect_steps(cpl, code, offsets, sizeof(offsets), name); \
	} while (0)

/* --- single-stepping --- */

SNIPPET(two_nops, "nop; nop; nop");
SNIPPET(rep_three, "lea -128(%rsp), %rdi; mov $3, %ecx; rep stosb; nop");
SNIPPET(over_ss, "mov %ss, %eax; mov %eax, %ss; nop; nop");
SNIPPET(set_tf, "pushf; orl $0x100, (%rsp); popf; nop; nop; "
		"pushf; andl $~0x100, (%rsp); popf; nop");
SNIPPET(pushed_tf, "pushf; pop %rax; nop");
SNIPPET(taken, "jmp 1f; nop; 1: nop; call 2f; jmp 3f; 2: ret; 3: nop");
SNIPPET(step_int, "int $0x90; nop");
SNIPPET(step_cpuid, "xor %eax, %eax; cpuid; nop");

static bool skip_int(struct frame *f)
{
	(void)f;
	return true;
}

static void test_step(u32 cpl)
{
	logged_run(cpl, two_nops, 0, 0, FLAG_TF);
	STEPS(cpl, two_nops, "step over three NOPs", 1, 2, 3);
	check_eq(logged[0].flags & FLAG_TF, FLAG_TF, "TF is in the image");
	check_eq(logged[0].flags & FLAG_RF, 0, "RF is not");
	logged_run(cpl, rep_three, 0, 0, FLAG_TF);
	STEPS(cpl, rep_three, "step over REP STOSB", 5, 10, 10, 10, 12, 13);
	check_eq(logged[2].cx, 2, "RCX after the first");
	logged_run(cpl, over_ss, 0, 0, FLAG_TF);
	STEPS(cpl, over_ss, "step over MOV SS", 2, 5, 6);
	logged_run(cpl, set_tf, 0, 0, 0);
	STEPS(cpl, set_tf, "POPF sets and clears TF", 10, 11, 12, 19, 20);
	check_eq(log_count, 5, "TF of POPF");
	logged_run(cpl, pushed_tf, 0, 0, FLAG_TF);
	STEPS(cpl, pushed_tf, "step over PUSHF", 1, 2, 3);
	check_eq(last_trap()->ax & FLAG_TF, FLAG_TF, "PUSHF shows TF");
	logged_run(cpl, taken, 0, 0, FLAG_TF);
	STEPS(cpl, taken, "step over branches", 3, 4, 11, 9, 12, 13);
	gate_set(0x90, trap_stubs + 16 * 0x90, SEL_CODE, 0xee, 0);
	hook(0x90, skip_int);
	logged_run(cpl, step_int, 0, 0, FLAG_TF);
	STEPS(cpl, step_int, "INT n does not trap, the next does", 3);
	gate_reset(0x90);
	logged_run(cpl, step_cpuid, 0, 0, FLAG_TF);
	STEPS(cpl, step_cpuid, "step over CPUID", 2, 4, 5);
	hooks_clear();
}

/* Stepping into the kernel. */
SNIPPET(step_syscall, "nop; syscall; nop; nop");
SNIPPET(step_sysenter, "mov %rsp, %rcx; lea 1f(%rip), %rdx; sysenter; 1: nop");
void db_syscall_entry(void), db_sysenter_entry(void);
__asm__("db_syscall_entry: nop; nop; sysretq\n"
	"db_sysenter_entry: nop; sysexitq\n");

static void test_step_syscall(void)
{
	u64 base = user_address(step_syscall);
	u32 r[4];

	write_msr(MSR_STAR, (u64)SEL_CODE << 32 | (u64)(0x20 | 3) << 48);
	write_msr(MSR_LSTAR, (u64)db_syscall_entry);
	write_msr(MSR_SFMASK, FLAG_TF);
	logged_run(3, step_syscall, 0, 0, FLAG_TF);
	check_eq(logged[0].ip, base + 1, "step before SYSCALL");
	check_eq(logged[1].ip, base + 3,
		 "SYSCALL that masks TF does not trap, SYSRET does");
	check_eq(logged[2].ip, base + 4, "and on");
	write_msr(MSR_SFMASK, 0);
	gate_ist(V_DB);
	logged_run(3, step_syscall, 0, 0, FLAG_TF);
	check_eq(logged[1].ip, (u64)db_syscall_entry,
		 "SYSCALL that keeps TF traps at the entry");
	check_eq(logged[2].ip, (u64)db_syscall_entry + 1, "and goes on there");
	cpuid(0, 0, r);
	if (r[1] != 0x756e6547) { /* Intel's alone has it in long mode */
		gate_reset(V_DB);
		hooks_clear();
		return;
	}
	write_msr(MSR_SYSENTER_CS, SEL_CODE);
	write_msr(MSR_SYSENTER_EIP, (u64)db_sysenter_entry);
	write_msr(MSR_SYSENTER_ESP, tss[0].rsp[0]);
	logged_run(3, step_sysenter, 0, 0, FLAG_TF);
	check_eq(logged[2].ip, (u64)db_sysenter_entry,
		 "SYSENTER keeps TF and traps at the entry");
	gate_reset(V_DB);
	hooks_clear();
}

static void test_iret_tf(void)
{
	log_count = 0;
	hook(V_DB, log_db);
	iret_call((word)two_nops, SEL_CODE, FLAG_TF | 2, tss[0].rsp[0] - 4096,
		  SEL_DATA);
	STEPS(0, two_nops, "IRET that sets TF: the next traps", 1, 2, 3);
	hooks_clear();
}

/* --- breakpoints --- */

static u64 watched[4] __attribute__((aligned(64)));

SNIPPET(store8, "movq $1, (%rdi); nop");
SNIPPET(load8, "mov (%rdi), %rax; nop");
SNIPPET(store1, "movb $1, (%rdi); nop");
SNIPPET(add8, "lock addq $1, (%rdi); nop");
SNIPPET(rep_over, "mov $4, %ecx; rep stosq; nop");
SNIPPET(push_on, "mov %rsp, %rdx; mov %rdi, %rsp; push %rax; mov %rdx, %rsp");
SNIPPET(store_ss, "mov (%rdi), %ss; nop; nop");
SNIPPET(fault_then, "mov (%rdi), %eax; nop");
SNIPPET(port_out, "mov $0x80, %edx; out %al, %dx; nop");
SNIPPET(port_imm, "in $0x80, %al; nop");
SNIPPET(three, "nop; nop; nop; nop");

static void off(void)
{
	write_dr7(DR7_FIXED);
	hooks_clear();
	resume_over = false;
}

/* How often did it hit, and was it as a trap after the first instruction? */
static void expect_hit(const char *code, u32 bits, u32 offset, const char *name)
{
	bool ok = bits ? log_count == 1 && logged[0].ip == (u64)code + offset &&
				  (logged[0].dr6 & 0xf) == bits &&
				  !(logged[0].dr6 & (DR6_BS | DR6_BD))
		       : log_count == 0;

	check(ok, "%s", name);
	if (!ok)
		print("  %u hits, +%llx dr6 %llx\n", log_count,
		      logged[0].ip - (u64)code, logged[0].dr6);
}

static void test_data_breaks(void)
{
	word at = (word)watched;

	write_dr0(at);
	write_dr7(dr7_of(0, STORE, LEN8));
	logged_run(0, store8, at, 0, 0);
	expect_hit(store8, 1, 7, "a store to the watched 8 bytes");
	logged_run(0, load8, at, 0, 0);
	expect_hit(load8, 0, 0, "a load is none");
	logged_run(0, store1, at + 7, 0, 0);
	expect_hit(store1, 1, 3, "a store to the last of them");
	logged_run(0, store1, at + 8, 0, 0);
	expect_hit(store1, 0, 0, "a store behind");
	logged_run(0, store8, at - 7, 0, 0);
	expect_hit(store8, 1, 7, "a store that reaches in");
	logged_run(0, store8, at - 8, 0, 0);
	expect_hit(store8, 0, 0, "a store before");
	logged_run(0, add8, at, 0, 0);
	expect_hit(add8, 1, 5, "a locked add");
	logged_run(0, push_on, at + 8, 0, 0);
	expect_hit(push_on, 1, 7, "a push");
	write_dr7(dr7_of(0, ACCESS, LEN4));
	logged_run(0, load8, at, 0, 0);
	expect_hit(load8, 1, 3, "a load of the watched 4 bytes");
	logged_run(0, store1, at + 4, 0, 0);
	expect_hit(store1, 0, 0, "a store behind");
	write_dr0(at + 1); /* the low bits do not count */
	write_dr7(dr7_of(0, ACCESS, LEN2));
	logged_run(0, store1, at, 0, 0);
	expect_hit(store1, 1, 3, "an address is aligned to its length");
	write_dr0(at);
	write_dr1(at);
	write_dr2(at + 4);
	write_dr7(dr7_of(0, STORE, LEN1) | dr7_of(1, ACCESS, LEN1) |
		  dr7_of(2, STORE, LEN4));
	logged_run(0, store8, at, 0, 0);
	expect_hit(store8, 7, 7, "three at once");
	write_dr7(dr7_of(0, STORE, LEN1));
	logged_run(0, rep_over, at - 8, 0, 0);
	expect_hit(rep_over, 1, 5, "inside of REP STOS");
	check_eq(logged[0].cx, 2, "after the iteration that hit");
	write_dr7(dr7_of(0, ACCESS, LEN1));
	watched[0] = SEL_DATA;
	logged_run(0, store_ss, at, 0, 0);
	expect_hit(store_ss, 1, 3, "by MOV SS: after the next instruction");
	write_dr7(DR7_FIXED | STORE << 16);
	logged_run(0, store8, at, 0, 0);
	expect_hit(store8, 0, 0, "not enabled");
	write_dr7(DR7_FIXED | 1 | STORE << 16);
	logged_run(0, store1, at, 0, 0);
	expect_hit(store1, 1, 3, "enabled locally");
	/* A page that is watched and left again. */
	write_dr7(DR7_FIXED);
	logged_run(0, store1, at, 0, 0);
	expect_hit(store1, 0, 0, "switched off");
	off();
}

static void test_code_breaks(void)
{
	write_dr3((word)three + 1);
	write_dr7(dr7_of(3, CODE, LEN1));
	resume_over = true;
	logged_run(0, three, 0, 0, 0);
	expect_hit(three, 8, 1, "an instruction breakpoint is a fault");
	check_eq(logged[0].flags & FLAG_RF, 0, "without RF in its image");
	check_eq((u32)last_trap()->vector, VECTOR_RETURN, "RF goes over it");
	write_dr3((word)three);
	log_count = 0;
	hook(V_DB, log_db);
	iret_call((word)three, SEL_CODE, FLAG_RF | 2, tss[0].rsp[0] - 4096,
		  SEL_DATA);
	expect_hit(three, 0, 0, "IRET with RF goes over it");
	write_dr3((word)rep_three + 10);
	resume_over = true;
	logged_run(0, rep_three, 0, 0, 0);
	expect_hit(rep_three, 8, 10, "REP: once, not each iteration");
	write_dr3((word)over_ss + 4);
	logged_run(0, over_ss, 0, 0, 0);
	expect_hit(over_ss, 0, 0, "behind MOV SS: held back");
	write_dr3((word)three + 1);
	write_dr7(dr7_of(3, STORE, LEN1));
	logged_run(0, three, 0, 0, 0);
	expect_hit(three, 0, 0, "a data breakpoint does not see fetches");
	write_dr3(user_address(three) + 2);
	write_dr7(dr7_of(3, CODE, LEN1));
	logged_run(3, three, 0, 0, 0);
	check_eq(log_count, 1, "at CPL 3");
	check_eq(logged[0].ip, user_address(three) + 2, "its RIP");
	off();
}

/* RF of an earlier IRET must be gone when a breakpoint is set. */
SNIPPET(set_and_run, "mov %rdi, %dr7; nop; nop");

static void test_old_rf(void)
{
	u64 dr7 = dr7_of(0, CODE, LEN1);

	write_dr0((word)set_and_run + 3);
	resume_over = true;
	logged_run(0, set_and_run, dr7, 0, FLAG_RF);
	expect_hit(set_and_run, 1, 3, "the instruction after MOV DR7");
	off();
}

static void test_io_breaks(void)
{
	write_dr1(0x80);
	write_cr4(read_cr4() | CR4_DE);
	write_dr7(dr7_of(1, IO, LEN1));
	logged_run(0, port_out, 0, 0, 0);
	expect_hit(port_out, 2, 6, "OUT to the watched port");
	logged_run(0, port_imm, 0, 0, 0);
	expect_hit(port_imm, 2, 2, "IN from it");
	write_dr1(0x81);
	logged_run(0, port_out, 0, 0, 0);
	expect_hit(port_out, 0, 0, "another port");
	off();
	write_cr4(read_cr4() & ~CR4_DE);
}

/* --- the debug registers themselves --- */

SNIPPET(move_dr7, "mov %dr7, %rax");
SNIPPET(move_dr4, "mov %dr4, %rax");
SNIPPET(set_dr5, "mov %rdi, %dr5");
SNIPPET(set_dr6, "mov %rdi, %dr6");
SNIPPET(set_dr7, "mov %rdi, %dr7");
SNIPPET(set_dr0, "mov %rdi, %dr0");

static void test_registers(void)
{
	write_dr7(DR7_FIXED | DR7_GD);
	expect(run(0, move_dr7, 0, 0, 0), V_DB, 0, "GD: MOV from DR7");
	check_eq(last_trap()->dr6 & (DR6_BD | DR6_BS), DR6_BD, "BD");
	check_eq(last_trap()->ip, (u64)move_dr7, "is a fault");
	check_eq(read_dr7(), DR7_FIXED, "GD is off in the handler");
	write_dr6(DR6_FIXED);
	write_dr7(~0ul >> 32 & ~DR7_GD & ~0xfful);
	check_eq(read_dr7(), (0xffff0300ul | DR7_FIXED), "DR7's fixed bits");
	write_dr7(DR7_FIXED);
	write_dr6(0xffffffff);
	check_eq(read_dr6() & ~0x800ul, 0xffffe7fful & ~0x800ul & read_dr6(),
		 "DR6's fixed bits (1)");
	check_eq(read_dr6() & 0x1000, 0, "DR6 bit 12");
	write_dr6(0);
	check_eq(read_dr6(), DR6_FIXED, "DR6's fixed bits (0)");
	expect(run(0, set_dr6, BIT(32), 0, 0), V_GP, 0, "DR6 bit 32");
	expect(run(0, set_dr7, BIT(32), 0, 0), V_GP, 0, "DR7 bit 32");
	expect(run(3, move_dr7, 0, 0, 0), V_GP, 0, "MOV DR at CPL 3");
	expect(run(3, set_dr0, 0, 0, 0), V_GP, 0, "MOV to DR at CPL 3");
	write_dr6(DR6_FIXED | 1);
	expect(run(0, move_dr4, 0, 0, 0), returned, 0, "DR4");
	check_eq(last_trap()->ax, DR6_FIXED | 1, "is DR6");
	expect(run(0, set_dr5, 0x600, 0, 0), returned, 0, "DR5");
	check_eq(read_dr7(), 0x600, "is DR7");
	write_dr7(DR7_FIXED);
	write_cr4(read_cr4() | CR4_DE);
	expect(run(0, move_dr4, 0, 0, 0), V_UD, 0, "DR4 with DE");
	expect(run(0, set_dr5, 0, 0, 0), V_UD, 0, "DR5 with DE");
	write_cr4(read_cr4() & ~CR4_DE);
	write_dr0(BIT(47) + 5);
	check_eq(read_dr0(), BIT(47) + 5, "DR0 has 64 bits");
	write_dr0(0);
}

/* --- #AC --- */

SNIPPET(load4, "mov (%rdi), %eax");
SNIPPET(load2, "mov (%rdi), %ax");
SNIPPET(load1, "mov (%rdi), %al");
SNIPPET(store4, "mov %eax, (%rdi)");
SNIPPET(push8, "mov %rsp, %rdx; mov %rdi, %rsp; push %rax; mov %rdx, %rsp");

static void test_alignment(void)
{
	word at = user_address(watched), ac = FLAG_AC;

	write_cr0(read_cr0() | CR0_AM);
	expect(run(3, load4, at + 1, 0, ac), V_AC, 0, "#AC: 4 bytes at 1");
	expect(run(3, load4, at + 2, 0, ac), V_AC, 0, "#AC: 4 bytes at 2");
	expect(run(3, load4, at + 4, 0, ac), returned, 0, "4 bytes at 4");
	expect(run(3, load2, at + 1, 0, ac), V_AC, 0, "#AC: 2 bytes at 1");
	expect(run(3, load1, at + 1, 0, ac), returned, 0, "1 byte at 1");
	expect(run(3, store4, at + 3, 0, ac), V_AC, 0, "#AC: a store");
	expect(run(3, load8, at + 4, 0, ac), V_AC, 0, "#AC: 8 bytes at 4");
	expect(run(3, push8, at + 12, 0, ac), V_AC, 0, "#AC: a push");
	expect(run(3, load4, at + 1, 0, 0), returned, 0, "not without AC");
	expect(run(0, load4, (word)watched + 1, 0, ac), returned, 0,
	       "not at CPL 0");
	write_cr0(read_cr0() & ~CR0_AM);
	expect(run(3, load4, at + 1, 0, ac), returned, 0, "not without AM");
}

/* --- the FPU's gates, and what is not offered --- */

SNIPPET(x87, "fnop");
SNIPPET(wait, "fwait");
SNIPPET(sse, "xorps %xmm0, %xmm0");
SNIPPET(mmx, "emms");
SNIPPET(get_xcr, "xor %ecx, %ecx; xgetbv");
SNIPPET(vmx, ".byte 0xf3, 0x0f, 0xc7, 0x37"); /* vmxon (%rdi) */
SNIPPET(svm, ".byte 0x0f, 0x01, 0xd8");	      /* vmrun */
SNIPPET(smm, "rsm");
SNIPPET(bad_lock, ".byte 0xf0, 0x89, 0xc0"); /* lock mov */
SNIPPET(load_cs, ".byte 0x8e, 0xc8");
SNIPPET(cr1, ".byte 0x0f, 0x20, 0xc8");
SNIPPET(ud1, ".byte 0x0f, 0xb9, 0xc0");
SNIPPET(too_long, ".fill 15, 1, 0x66; nop");
SNIPPET(fsgs, "rdfsbase %rax");

static void write_cr0_bits(word set, word clear)
{
	write_cr0((read_cr0() & ~clear) | set);
}

static void test_fpu_gates(void)
{
	word cr4 = read_cr4();

	write_cr4(cr4 & ~CR4_OSFXSR);
	expect(run(0, sse, 0, 0, 0), V_UD, 0, "SSE without OSFXSR");
	write_cr4(cr4 | CR4_OSFXSR);
	expect(run(0, sse, 0, 0, 0), returned, 0, "SSE with it");
	write_cr0_bits(CR0_TS | CR0_MP, CR0_EM);
	expect(run(3, x87, 0, 0, 0), V_NM, 0, "x87 with TS");
	expect(run(3, sse, 0, 0, 0), V_NM, 0, "SSE with TS");
	expect(run(3, mmx, 0, 0, 0), V_NM, 0, "MMX with TS");
	expect(run(3, wait, 0, 0, 0), V_NM, 0, "WAIT with TS and MP");
	write_cr0_bits(0, CR0_MP);
	expect(run(3, wait, 0, 0, 0), returned, 0, "WAIT with TS only");
	write_cr0_bits(CR0_EM, CR0_TS);
	expect(run(3, x87, 0, 0, 0), V_NM, 0, "x87 with EM");
	expect(run(3, sse, 0, 0, 0), V_UD, 0, "SSE with EM");
	expect(run(3, mmx, 0, 0, 0), V_UD, 0, "MMX with EM");
	expect(run(3, wait, 0, 0, 0), returned, 0, "WAIT with EM");
	write_cr0_bits(CR0_MP | CR0_TS, CR0_EM);
	__asm__ volatile("clts");
	expect(run(3, x87, 0, 0, 0), returned, 0, "x87 after CLTS");
	write_cr4(cr4);
	expect(run(0, get_xcr, 0, 0, 0), V_UD, 0, "XGETBV without OSXSAVE");
	expect(run(0, vmx, (word)watched, 0, 0), V_UD, 0, "VMXON");
	expect(run(0, svm, 0, 0, 0), V_UD, 0, "VMRUN");
	expect(run(0, smm, 0, 0, 0), V_UD, 0, "RSM");
	expect(run(0, bad_lock, 0, 0, 0), V_UD, 0, "LOCK MOV");
	expect(run(0, load_cs, 0, 0, 0), V_UD, 0, "MOV to CS");
	expect(run(0, cr1, 0, 0, 0), V_UD, 0, "MOV from CR1");
	expect(run(0, ud1, 0, 0, 0), V_UD, 0, "UD1");
	expect(run(0, too_long, 0, 0, 0), V_GP, 0, "16 bytes");
	expect(run(0, fsgs, 0, 0, 0), V_UD, 0, "RDFSBASE without FSGSBASE");
}

/* --- what CPL 3 may not --- */

SNIPPET(p_cli, "cli");
SNIPPET(p_sti, "sti");
SNIPPET(p_hlt, "hlt");
SNIPPET(p_clts, "clts");
SNIPPET(p_invlpg, "invlpg (%rdi)");
SNIPPET(p_wbinvd, "wbinvd");
SNIPPET(p_invd, "invd");
SNIPPET(p_rdmsr, "mov $0x1b, %ecx; rdmsr");
SNIPPET(p_wrmsr, "mov $0x1b, %ecx; wrmsr");
SNIPPET(p_cr0, "mov %cr0, %rax");
SNIPPET(p_cr3, "mov %rdi, %cr3");
SNIPPET(p_cr8, "mov %cr8, %rax");
SNIPPET(p_lgdt, "lgdt (%rdi)");
SNIPPET(p_lidt, "lidt (%rdi)");
SNIPPET(p_lmsw, "lmsw %di");
SNIPPET(p_swapgs, "swapgs");
SNIPPET(p_xsetbv, "xsetbv");
SNIPPET(p_rdpmc, "xor %ecx, %ecx; rdpmc");
SNIPPET(p_rdtsc, "rdtsc");
SNIPPET(p_sgdt, "sgdt -64(%rsp)");
SNIPPET(p_sldt, "sldt %eax");
SNIPPET(p_str, "str %eax");
SNIPPET(p_smsw, "smsw %eax");
SNIPPET(p_stac, ".byte 0x0f, 0x01, 0xcb");
SNIPPET(p_popf, "pushq %rdi; popf; pushf; pop %rax");

static void test_privileged(void)
{
	static const struct {
		const char *code, *name;
	} list[] = {
		{p_cli, "CLI"},	      {p_sti, "STI"},
		{p_hlt, "HLT"},	      {p_clts, "CLTS"},
		{p_invlpg, "INVLPG"}, {p_wbinvd, "WBINVD"},
		{p_invd, "INVD"},     {p_rdmsr, "RDMSR"},
		{p_wrmsr, "WRMSR"},   {p_cr0, "MOV CR0"},
		{p_cr3, "MOV CR3"},   {p_cr8, "MOV CR8"},
		{p_lgdt, "LGDT"},     {p_lidt, "LIDT"},
		{p_lmsw, "LMSW"},     {p_swapgs, "SWAPGS"},
		{p_rdpmc, "RDPMC"},
	};
	word at = user_address(watched);

	for (u32 i = 0; i < ARRAY_SIZE(list); i++)
		check(run(3, list[i].code, at, 0, 0)->vector == V_GP &&
			      !last_trap()->error,
		      "%s at CPL 3", list[i].name);
	expect(run(3, p_stac, 0, 0, 0), V_UD, 0, "STAC at CPL 3");
	expect(run(3, p_rdtsc, 0, 0, 0), returned, 0, "RDTSC at CPL 3");
	write_cr4(read_cr4() | CR4_TSD);
	expect(run(3, p_rdtsc, 0, 0, 0), V_GP, 0, "RDTSC with TSD");
	expect(run(0, p_rdtsc, 0, 0, 0), returned, 0, "RDTSC with TSD, CPL 0");
	write_cr4(read_cr4() & ~CR4_TSD);
	run(3, p_popf, FLAG_IF | 3 * FLAG_IOPL | FLAG_CF, 0, 0);
	check_eq(last_trap()->ax & (FLAG_IF | 3 * FLAG_IOPL | FLAG_CF), FLAG_CF,
		 "POPF at CPL 3 keeps IF and IOPL");
	run(3, p_popf, FLAG_IF, 0, 3 * FLAG_IOPL);
	check_eq(last_trap()->ax & (FLAG_IF | 3 * FLAG_IOPL),
		 FLAG_IF | 3 * FLAG_IOPL, "with IOPL 3 it sets IF");
	expect(run(3, p_cli, 0, 0, 3 * FLAG_IOPL), returned, 0,
	       "CLI with IOPL 3");
	expect(run(3, p_cli, 0, 0, 2 * FLAG_IOPL), V_GP, 0, "CLI with IOPL 2");
	if (!HAS_UMIP) {
		skip("UMIP: not offered");
		return;
	}
	expect(run(3, p_sldt, 0, 0, 0), returned, 0, "SLDT without UMIP");
	write_cr4(read_cr4() | CR4_UMIP);
	expect(run(3, p_sgdt, 0, 0, 0), V_GP, 0, "SGDT with UMIP");
	expect(run(3, p_sldt, 0, 0, 0), V_GP, 0, "SLDT with UMIP");
	expect(run(3, p_str, 0, 0, 0), V_GP, 0, "STR with UMIP");
	expect(run(3, p_smsw, 0, 0, 0), V_GP, 0, "SMSW with UMIP");
	expect(run(0, p_smsw, 0, 0, 0), returned, 0, "SMSW with UMIP, CPL 0");
	write_cr4(read_cr4() & ~CR4_UMIP);
}

/* --- ports --- */

SNIPPET(in_b, "mov %edi, %edx; in %dx, %al");
SNIPPET(in_w, "mov %edi, %edx; in %dx, %ax");
SNIPPET(in_l, "mov %edi, %edx; in %dx, %eax");
SNIPPET(out_s, "mov %edi, %edx; mov %rsp, %rsi; outsb");
SNIPPET(in_s, "mov %edi, %edx; lea -64(%rsp), %rdi; insb");

static void port_allow(u32 port, bool allow)
{
	if (allow)
		tss[0].bitmap[port / 8] &= (u8) ~(1u << port % 8);
	else
		tss[0].bitmap[port / 8] |= (u8)(1u << port % 8);
}

static void test_ports(void)
{
	expect(run(3, in_b, 0x80, 0, 0), V_GP, 0, "IN at CPL 3");
	expect(run(3, in_b, 0x80, 0, 3 * FLAG_IOPL), returned, 0, "with IOPL 3");
	expect(run(3, in_b, 0x80, 0, 2 * FLAG_IOPL), V_GP, 0, "with IOPL 2");
	port_allow(0x80, true);
	expect(run(3, in_b, 0x80, 0, 0), returned, 0, "with its bit clear");
	expect(run(3, in_s, 0x80, 0, 0), returned, 0, "INS with its bit clear");
	expect(run(3, out_s, 0x80, 0, 0), returned, 0, "OUTS, too");
	expect(run(3, out_s, 0x81, 0, 0), V_GP, 0, "OUTS to the next port");
	expect(run(3, in_w, 0x80, 0, 0), V_GP, 0, "two ports, one bit set");
	port_allow(0x81, true);
	expect(run(3, in_w, 0x80, 0, 0), returned, 0, "two ports");
	port_allow(0x87, true);
	port_allow(0x88, true);
	expect(run(3, in_w, 0x87, 0, 0), returned, 0, "two ports over bytes");
	port_allow(0x88, false);
	expect(run(3, in_w, 0x87, 0, 0), V_GP, 0, "the second bit set");
	expect(run(3, in_l, 0x7e, 0, 0), V_GP, 0, "four ports, two bits set");
	for (u32 i = 0xfff8; i <= 0xffff; i++)
		port_allow(i, true);
	tss[0].bitmap[8192] = 0xff;
	expect(run(3, in_b, 0xffff, 0, 0), returned, 0, "the last port");
	tss[0].iomap = sizeof(tss[0]) - 0x80 / 8 - 1;
	expect(run(3, in_b, 0x80, 0, 0), V_GP, 0, "bitmap ends at the limit");
	tss[0].iomap = sizeof(tss[0]);
	expect(run(3, in_b, 0x80, 0, 0), V_GP, 0, "bitmap beyond the limit");
	tss[0].iomap = TSS64_BYTES;
	memset(tss[0].bitmap, 0xff, sizeof(tss[0].bitmap));
}

void image_main(void)
{
	test_step(0);
	test_step(3);
	test_step_syscall();
	test_iret_tf();
	test_data_breaks();
	test_code_breaks();
	test_old_rf();
	test_io_breaks();
	test_registers();
	test_alignment();
	test_fpu_gates();
	test_privileged();
	test_ports();
}
