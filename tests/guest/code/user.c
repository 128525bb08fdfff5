/* SPDX-License-Identifier: MIT */
/*
 * User code as kernels run it: 64-bit, at CPL 3, interrupts on, in pages of its
 * own; what an engine may give to the host's CPU as it stands. Each way out of it,
 * what must be as it was, and what must not be seen of the host.
 *
 * With "direct" on the command line it is a failure if the code is not run so.
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"
#include "tests/guest/priv/lib/apic.h"

#define U_CODE	(VA_ONE + BIT(30))
#define U_DATA	(U_CODE + BIT(24))
#define U_STACK (U_DATA + BIT(24))
#define U_OTHER (U_STACK + BIT(24)) /* what a test maps, moves and takes away */

#define CODE_PAGES  4
#define DATA_PAGES  4
#define OTHER_PAGES 8

#define TICK_VECTOR 0x50

extern u8 user_begin[], user_end[];
static u8 data[DATA_PAGES * PAGE] __attribute__((aligned(4096)));
static u8 stack[2 * PAGE] __attribute__((aligned(4096)));
static u8 other[OTHER_PAGES * PAGE] __attribute__((aligned(4096)));

/* What user code reads its arguments from and puts its answers in. */
struct talk {
	u64 a, b, c;
	u64 answer[8];
};
#define TALK ((volatile struct talk *)(void *)data)

/* Code of the section below is at its offset from U_CODE. */
#define USER(name, text)                                             \
	extern const u8 name[];                                      \
	__asm__(".pushsection .text.user, \"ax\", @progbits\n" #name \
		":\n" text "\n.popsection")
#define LEAVE "\n	int $0x80\n"
#define ARG_A "0(%r15)"
#define ARG_B "8(%r15)"
#define ARG_C "16(%r15)"
#define ANS_0 "24(%r15)"
#define ANS_1 "32(%r15)"
#define ANS_2 "40(%r15)"
/* R15 = the talk. */
#define ENTER             \
	"	movabs $0x1004" \
	"1000000, %r15\n"

#define TALKS(name, text) USER(name, ENTER text)

_Static_assert(U_DATA == 0x10041000000, "ENTER counts on it");

static word code_at(const u8 *code)
{
	return U_CODE + (word)(code - user_begin);
}

static const struct trap *go_flags(const u8 *code, word flags)
{
	return iret_call(code_at(code), SEL_USER_CODE,
			 FLAG_FIXED | FLAG_IF | flags, U_STACK + sizeof(stack),
			 SEL_USER_DATA);
}

static const struct trap *go(const u8 *code)
{
	return go_flags(code, 0);
}

static u64 *pte_of(u64 va)
{
	return space_pte(pml4, va);
}

static void maps_make(u64 *root)
{
	space_map(root, U_CODE, user_begin, CODE_PAGES, PTE_P | PTE_US);
	space_map(root, U_DATA, data, DATA_PAGES, PTE_ALL | PTE_US | PTE_NX);
	space_map(root, U_STACK, stack, 2, PTE_ALL | PTE_US | PTE_NX);
	space_map(root, U_OTHER, other, OTHER_PAGES, PTE_ALL | PTE_US | PTE_NX);
}

/* --- is it run directly? --- */

USER(u_begin, ".balign 4096\n.globl user_begin\nuser_begin:\n");
TALKS(u_limit, "	mov $-1, %ecx\n	lsl " ARG_A ", %ecx\n"
	       "	mov %rcx, " ANS_0 "\n" LEAVE);

#define CPU_SELECTOR 0x7b /* Linux keeps the CPU's number there, as a limit */
#define LIMIT	     0x12345

/*
 * The one thing that shows it on a Linux host: LSL, the selector in memory. (With
 * it in a register, as everybody has it, the guest's own limit is read: below.)
 */
static void test_direct(void)
{
	gdt[CPU_SELECTOR / 8] = segment(0, LIMIT, 0x40f3);
	TALK->a = CPU_SELECTOR;
	for (u32 i = 0; i < hot_rounds; i++)
		(void)go(u_limit);
	if (option("direct"))
		check(TALK->answer[0] != LIMIT, "the host's CPU runs it");
	else
		check_eq(TALK->answer[0], LIMIT, "LSL of a selector in memory");
	gdt[CPU_SELECTOR / 8] = 0;
}

/* --- registers --- */

/* Sets everything from the page at U_OTHER, meets a page that was never asked
 * for, and writes everything to the one behind. */
USER(u_registers,
     "	movabs $"
     "0x10043000000, %r15\n"
     "	ldmxcsr 128(%r15)\n"
     "	fninit\n"
     "	fldcw 132(%r15)\n"
     "	fldl 136(%r15)\n	fldl 144(%r15)\n"
     "	.set i, 0\n"
     "	.rept 16\n"
     "	.set j, 256 + 32 * i\n"
     "	.if i < 8\n	.byte 0xc4, 0xc1, 0x7d, 0x10, 0x87 + 8 * i\n"
     "	.else\n	.byte 0xc4, 0x41, 0x7d, 0x10, 0x87 + 8 * (i - 8)\n"
     "	.endif\n"
     "	.long j\n"
     "	.set i, i + 1\n"
     "	.endr\n"
     "	pushq 152(%r15)\n	popfq\n"
     "	mov 0(%r15), %rax\n	mov 8(%r15), %rcx\n"
     "	mov 16(%r15), %rdx\n	mov 24(%r15), %rbx\n"
     "	mov 40(%r15), %rbp\n	mov 48(%r15), %rsi\n"
     "	mov 56(%r15), %rdi\n	mov 64(%r15), %r8\n"
     "	mov 72(%r15), %r9\n	mov 80(%r15), %r10\n"
     "	mov 88(%r15), %r11\n	mov 96(%r15), %r12\n"
     "	mov 104(%r15), %r13\n	mov 112(%r15), %r14\n"
     "	mov 8192(%r15), %r15\n"	      /* a page that nobody has read */
     "	movabs %rax, 0x10043001000\n" /* and one that nobody has written */
     "	movabs $0x10043001000, %rax\n"
     "	mov %rcx, 8(%rax)\n	mov %rdx, 16(%rax)\n"
     "	mov %rbx, 24(%rax)\n	mov %rbp, 40(%rax)\n"
     "	mov %rsi, 48(%rax)\n	mov %rdi, 56(%rax)\n"
     "	mov %r8, 64(%rax)\n	mov %r9, 72(%rax)\n"
     "	mov %r10, 80(%rax)\n	mov %r11, 88(%rax)\n"
     "	mov %r12, 96(%rax)\n	mov %r13, 104(%rax)\n"
     "	mov %r14, 112(%rax)\n	mov %r15, 120(%rax)\n"
     "	pushfq\n	popq 152(%rax)\n"
     "	mov %rax, %r15\n"
     "	.set i, 0\n"
     "	.rept 16\n"
     "	.set j, 256 + 32 * i\n"
     "	.if i < 8\n	.byte 0xc4, 0xc1, 0x7d, 0x11, 0x87 + 8 * i\n"
     "	.else\n	.byte 0xc4, 0x41, 0x7d, 0x11, 0x87 + 8 * (i - 8)\n"
     "	.endif\n"
     "	.long j\n"
     "	.set i, i + 1\n"
     "	.endr\n"
     "	stmxcsr 128(%r15)\n	fnstcw 132(%r15)\n"
     "	fstpl 144(%r15)\n	fstpl 136(%r15)\n" LEAVE);

static void test_registers(void)
{
	static const u32 plain[] = {0,	8,  16, 24, 40, 48,  56,
				    64, 72, 80, 88, 96, 104, 112};
	u32 wrong = 0, state = 77;

	for (u32 round = 0; round < hot_rounds; round++) {
		u64 *in = (u64 *)(void *)other,
		    *out = (u64 *)(void *)(other + PAGE);

		for (u32 i = 0; i < PAGE / 8; i++) {
			in[i] = (u64)next_random(&state) << 32 |
				next_random(&state);
			out[i] = 0;
		}
		*(u32 *)(void *)(other + 128) = 0x1f80 | (round & 3) << 13;
		*(u32 *)(void *)(other + 132) = 0x37f | (round & 3) << 10;
		in[17] = 0x3ff8000000000000u + round; /* 1.5 and more */
		in[18] = 0xc008000000000000u + round;
		in[19] = 0x202 | (in[19] & 0xcd5); /* DF, too */
		*(u64 *)(void *)(other + 2 * PAGE) = round;
		for (u32 i = 1; i < 3; i++) {
			*pte_of(U_OTHER + i * PAGE) &= ~(PTE_A | PTE_D);
			invlpg((void *)(U_OTHER + i * PAGE));
		}
		quiet_eq((u32)go(u_registers)->vector, VECTOR_RETURN,
			 "registers: the way out");
		for (u32 i = 0; i < ARRAY_SIZE(plain); i++)
			wrong += in[plain[i] / 8] != out[plain[i] / 8];
		wrong += out[15] != round;
		wrong += in[16] != out[16]; /* MXCSR, the control word */
		wrong += in[17] != out[17] || in[18] != out[18];
		wrong += (in[19] ^ out[19]) & 0xcd5;
		for (u32 i = 32; has_avx() && i < 32 + 64; i++)
			wrong += in[i] != out[i];
	}
	check_eq(wrong, 0, "registers over two page faults");
}

TALKS(u_bases, "	mov " ARG_A ", %rax\n	wrfsbase %rax\n"
	       "	mov " ARG_B ", %rax\n	wrgsbase %rax\n"
	       "	mov %fs:0, %rax\n	mov %rax, " ANS_0 "\n"
	       "	mov %gs:8, %rax\n	mov %rax, " ANS_1 "\n" LEAVE);
TALKS(u_bases_again, "	mov %fs:0, %rax\n	mov %rax, " ANS_0 "\n"
		     "	mov %gs:8, %rax\n	mov %rax, " ANS_1 "\n" LEAVE);

static void test_bases(void)
{
	u64 *at = (u64 *)(void *)other;

	if (!(read_cr4() & CR4_FSGSBASE)) {
		skip("FSGSBASE: not offered");
		return;
	}
	at[0] = 0x1111, at[5] = 0x2222, at[513] = 0x3333;
	TALK->a = U_OTHER;
	TALK->b = U_OTHER + 32;
	(void)go(u_bases);
	check_eq(TALK->answer[0] << 16 | TALK->answer[1], 0x11112222,
		 "FS and GS");
	check_eq(read_msr(MSR_FS_BASE), U_OTHER, "FS base after it");
	write_msr(MSR_GS_BASE, U_OTHER + PAGE);
	(void)go(u_bases_again);
	check_eq(TALK->answer[0] << 16 | TALK->answer[1], 0x11113333,
		 "FS and GS as the kernel left them");
}

/* --- ways out --- */

TALKS(u_read, "	mov " ARG_A ", %rax\n	mov (%rax), %rax\n"
	      "	mov %rax, " ANS_0 "\n" LEAVE);
TALKS(u_write, "	mov " ARG_A ", %rax\n	mov " ARG_B ", %rbx\n"
	       "	mov %rbx, (%rax)\n" LEAVE);
TALKS(u_jump, "	mov " ARG_A ", %rax\n	call *%rax\n" LEAVE);
USER(u_ud2, "	ud2\n");
USER(u_hlt, "	hlt\n");
USER(u_cr0, "	mov %cr0, %rax\n");
USER(u_in, "	in $0x80, %al\n");
USER(u_cli, "	cli\n");
USER(u_int3, "	int3\n");
USER(u_cd03, "	.byte 0xcd, 3\n");
USER(u_int4, "	int $4\n");
USER(u_int81, "	int $0x81\n");
USER(u_icebp, "	.byte 0xf1\n");
USER(u_divide, "	cltd\n	xor %ecx, %ecx\n	div %ecx\n");
TALKS(u_syscall, "	mov " ARG_A ", %rax\n	syscall\n");
USER(u_int80c, "	.byte 0xcd, 0x82\n");
TALKS(u_movaps, "	movaps 1(%r15), %xmm0\n");
TALKS(u_sse, "	ldmxcsr " ARG_A "\n	xorps %xmm0, %xmm0\n"
	     "	divss %xmm0, %xmm0\n");
USER(u_x87, "	fninit\n	push $0x37b\n	fldcw (%rsp)\n	fld1\n"
	    "	fldz\n	fdivrp\n	fwait\n");
USER(u_step, "	pushf\n	orl $0x100, (%rsp)\n	popf\nu_stepped: nop\n"
	     "	nop\n");
USER(u_evex, "	.byte 0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc0\n");

extern const u8 u_stepped[];

struct way {
	const u8 *code;
	u32 vector;
	u64 error;
	u32 offset; /* of the address that is pushed */
	const char *name;
};

static const struct way ways[] = {
	{u_ud2, V_UD, 0, 0, "UD2"},
	{u_hlt, V_GP, 0, 0, "HLT"},
	{u_cr0, V_GP, 0, 0, "MOV from CR0"},
	{u_in, V_GP, 0, 0, "IN"},
	{u_cli, V_GP, 0, 0, "CLI"},
	{u_int3, V_BP, 0, 1, "INT3"},
	{u_cd03, V_BP, 0, 2, "INT 3 in two bytes"},
	{u_int4, V_GP, 4 * 8 + 2, 0, "INT 4, gate of the kernel"},
	{u_int81, V_GP, 0x81 * 8 + 2, 0, "INT 81h, gate of the kernel"},
	{u_int80c, V_GP, 0x82 * 8 + 2, 0, "INT 82h, gate of the kernel"},
	{u_icebp, V_DB, 0, 1, "ICEBP"},
	{u_divide, V_DE, 0, 3, "DIV by 0"},
	{u_movaps, V_GP, 0, 10, "MOVAPS, not aligned"},
};

static void test_ways(void)
{
	gate_set(V_BP, trap_stubs + 16 * V_BP, SEL_CODE, 0xee, 0);
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++)
		for (u32 n = 0; n < 3; n++) {
			const struct trap *t = go(ways[i].code);

			expect(t, ways[i].vector, ways[i].error, ways[i].name);
			check_eq(t->ip, code_at(ways[i].code) + ways[i].offset,
				 "%s: address", ways[i].name);
			check_eq(t->flags & (FLAG_IF | FLAG_TF), FLAG_IF,
				 "%s: IF", ways[i].name);
		}
}

static void test_numbers(void)
{
	static const u64 calls[] = {9,	 10,  11, 15, 56,  59,
				    202, 231, 0,  1,  335, 0x4b454c};
	word efer = read_msr(MSR_EFER);

	write_msr(MSR_EFER, efer & ~EFER_SCE);
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct trap *t;

		TALK->a = calls[i];
		t = go(u_syscall);
		expect(t, V_UD, 0, "SYSCALL that the guest has switched off");
		quiet_eq(t->ax, calls[i], "RAX of it");
		quiet_eq(t->ip, code_at(u_syscall) + 13, "address of it");
	}
	write_msr(MSR_EFER, efer);
}

static void test_floating(void)
{
	TALK->a = 0x1f80 & ~(word)BIT(7); /* invalid operation unmasked */
	expect(go(u_sse), V_XM, 0, "SSE, unmasked");
	expect(go(u_x87), V_MF, 0, "x87, unmasked");
}

static void test_step(void)
{
	const struct trap *t = go(u_step);

	expect(t, V_DB, 0, "TF set by POPF");
	check_eq(t->ip, code_at(u_stepped) + 1, "TF: address");
	t = go_flags(u_stepped, FLAG_TF);
	expect(t, V_DB, 0, "TF set by IRET");
	check_eq(t->ip, code_at(u_stepped) + 1, "TF by IRET: address");
}

/* --- paging --- */

static void page_fault(const u8 *code, u64 address, u64 error, const char *name)
{
	TALK->a = address;
	for (u32 n = 0; n < 2; n++) {
		const struct trap *t = go(code);

		expect(t, V_PF, error, name);
		check_eq(t->cr2, address, "%s: CR2", name);
	}
}

static void test_faults(void)
{
	u64 at = U_OTHER + 3 * PAGE;

	*pte_of(at) = 0;
	invlpg((void *)at);
	page_fault(u_read, at + 5, ERR_U, "read of nothing");
	page_fault(u_write, at + 5, ERR_U | ERR_W, "write of nothing");
	page_fault(u_jump, at, ERR_U | ERR_I, "fetch of nothing");
	*pte_of(at) = (u64)(other + 3 * PAGE) | PTE_ALL | PTE_NX;
	page_fault(u_read, at, ERR_U | ERR_P, "read of the kernel's");
	page_fault(u_write, at, ERR_U | ERR_P | ERR_W, "write of the kernel's");
	*pte_of(at) = (u64)(other + 3 * PAGE) | PTE_P | PTE_US | PTE_NX;
	TALK->a = at;
	expect(go(u_read), VECTOR_RETURN, 0, "read of read-only");
	page_fault(u_write, at, ERR_U | ERR_P | ERR_W, "write of read-only");
	page_fault(u_jump, at, ERR_U | ERR_P | ERR_I, "fetch of data");
	page_fault(u_read, ~0xfffull, ERR_U, "read of the upper half");
	TALK->a = BIT(50);
	expect(go(u_read), V_GP, 0, "read of no address");
	TALK->a = 0x600;
	(void)go(u_read); /* the image's own user mapping, or nothing */
	space_map(pml4, U_OTHER, other, OTHER_PAGES, PTE_ALL | PTE_US | PTE_NX);
	flush_all();
}

static u64 bits_of(u64 va)
{
	return *(volatile u64 *)pte_of(va) & (PTE_A | PTE_D);
}

static void test_accessed(void)
{
	u64 at = U_OTHER + 4 * PAGE;
	u32 wrong = 0;

	for (u32 i = 0; i < 20; i++) {
		*pte_of(at) &= ~(PTE_A | PTE_D);
		invlpg((void *)at);
		TALK->a = at;
		wrong += bits_of(at) != 0;
		(void)go(u_read);
		wrong += bits_of(at) != PTE_A;
		(void)go(u_write);
		wrong += bits_of(at) != (PTE_A | PTE_D);
	}
	check_eq(wrong, 0, "accessed and dirty");
}

/* A page is replaced by another, each way to flush; then taken away. */
static void test_remap(void)
{
	u64 at = U_OTHER + 5 * PAGE;
	u32 wrong = 0;

	*(u64 *)(void *)(other + 5 * PAGE) = 5;
	*(u64 *)(void *)(other + 6 * PAGE) = 6;
	TALK->a = at;
	TALK->b = 7;
	for (u32 i = 0; i < hot_rounds; i++) {
		u32 page = 5 + (i & 1);

		*pte_of(at) = (u64)(other + page * PAGE) | PTE_ALL | PTE_US |
			      PTE_NX;
		if (i % 3 == 0)
			invlpg((void *)at);
		else if (i % 3 == 1)
			write_cr3(read_cr3());
		else
			flush_all();
		(void)go(u_read);
		wrong += TALK->answer[0] != page;
		/* The kernel's stores are seen, and the user's. */
		*(volatile u64 *)(void *)(other + page * PAGE) = i + 100;
		(void)go(u_read);
		wrong += TALK->answer[0] != i + 100;
		(void)go(u_write);
		wrong += *(volatile u64 *)(void *)(other + page * PAGE) != 7;
		*(volatile u64 *)(void *)(other + page * PAGE) = page;
	}
	check_eq(wrong, 0, "a page that is replaced");
}

/* Two spaces with other data at one place, alternating by PCID or without. */
static void alternate(bool pcid)
{
	static u64 *roots[2];
	word old = read_cr3();
	u32 wrong = 0;

	for (u32 i = 0; i < 2; i++) {
		if (!roots[i])
			roots[i] = space_new();
		roots[i][U_OTHER >> 39 & 511] = 0;
		maps_make(roots[i]);
		*space_pte(roots[i], U_OTHER) = (u64)(other + i * PAGE) |
						PTE_ALL | PTE_US | PTE_NX;
		*(u64 *)(void *)(other + i * PAGE) = i + 40;
	}
	TALK->a = U_OTHER;
	for (u32 i = 0; i < hot_rounds; i++) {
		u64 cr3 = (u64)roots[i & 1];

		if (pcid)
			cr3 |= ((i & 1) + 1) | (i > 3 ? BIT(63) : 0);
		write_cr3(cr3);
		(void)go(u_read);
		wrong += TALK->answer[0] != 40 + (i & 1);
	}
	write_cr3(old);
	check_eq(wrong, 0, "two address spaces, %s",
		 pcid ? "PCIDs" : "no PCIDs");
}

static void test_spaces(void)
{
	u32 regs[4];

	alternate(false);
	cpuid(1, 0, regs);
	if (!(regs[2] & BIT(17))) {
		skip("PCID: not offered");
		return;
	}
	write_cr4(read_cr4() | CR4_PCIDE);
	alternate(true);
	write_cr4(read_cr4() & ~CR4_PCIDE);
}

/* --- code that changes --- */

/* Writes mov $B, %eax; ret to A and calls it, so often as C says. */
TALKS(u_selfmod,
      "	mov " ARG_A ", %rdi\n	mov " ARG_C ", %rcx\n	xor %ebx, %ebx\n"
      "1:	movb $0xb8, (%rdi)\n"
      "	mov %ecx, 1(%rdi)\n"
      "	movb $0xc3, 5(%rdi)\n"
      "	call *%rdi\n"
      "	cmp %ecx, %eax\n	setne %al\n	movzx %al, %eax\n"
      "	add %rax, %rbx\n"
      "	dec %rcx\n	jnz 1b\n"
      "	mov %rbx, " ANS_0 "\n" LEAVE);
TALKS(u_call, "	mov " ARG_A ", %rax\n	call *%rax\n"
	      "	mov %rax, " ANS_0 "\n" LEAVE);

static void test_changes(void)
{
	u64 at = U_OTHER + 7 * PAGE;
	u8 *page = other + 7 * PAGE;
	u32 wrong = 0;

	*pte_of(at) &= ~PTE_NX;
	invlpg((void *)at);
	TALK->a = at;
	TALK->c = 200;
	(void)go(u_selfmod);
	check_eq(TALK->answer[0], 0, "code that writes its own page");
	TALK->a = at + 64;
	for (u32 i = 0; i < hot_rounds; i++) {
		emit_answer(page + 64, i); /* by the kernel */
		(void)go(u_call);
		wrong += TALK->answer[0] != i;
		wrong += call_code(page + 64, 0, 0) != i;
	}
	check_eq(wrong, 0, "code that the kernel writes");
	*pte_of(at) |= PTE_NX;
	invlpg((void *)at);
}

/* --- what is the guest's own --- */

USER(u_own_page, ".balign 4096\n"); /* it is not run directly */
TALKS(u_cpuid, "	mov " ARG_A ", %eax\n	mov " ARG_B ", %ecx\n"
	       "	cpuid\n"
	       "	mov %eax, 24(%r15)\n	mov %ebx, 28(%r15)\n"
	       "	mov %ecx, 32(%r15)\n	mov %edx, 36(%r15)\n" LEAVE);
TALKS(u_lsl, "	mov " ARG_A ", %eax\n	mov $-1, %ecx\n"
	     "	lsl %eax, %ecx\n	mov %rcx, " ANS_0 "\n" LEAVE);
TALKS(u_rdtsc, "	lfence\n	rdtsc\n	shl $32, %rdx\n"
	       "	or %rdx, %rax\n	mov %rax, " ANS_0 "\n" LEAVE);
TALKS(u_xgetbv, "	xor %ecx, %ecx\n	xgetbv\n"
		"	mov %rax, " ANS_0 "\n" LEAVE);

static void test_own(void)
{
	static const u32 leaves[] = {0, 1, 7, 0xd, 0x80000001, 0x40000000};
	u32 wrong = 0;

	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++) {
		u32 mine[4];

		TALK->a = leaves[i];
		TALK->b = 0;
		cpuid(leaves[i], 0, mine);
		(void)go(u_cpuid);
		if (leaves[i] == 1) /* the APIC's number is the CPU's, too */
			wrong += mine[0] != (u32)TALK->answer[0];
		for (u32 n = 0; leaves[i] != 1 && n < 4; n++)
			wrong += mine[n] !=
				 (u32)(TALK->answer[n / 2] >> (n % 2 * 32));
	}
	check_eq(wrong, 0, "CPUID");
	TALK->a = CPU_SELECTOR;
	gdt[CPU_SELECTOR / 8] = segment(0, LIMIT, 0x40f3);
	(void)go(u_lsl);
	check_eq(TALK->answer[0], LIMIT, "LSL");
	gdt[CPU_SELECTOR / 8] = 0;
	(void)go(u_xgetbv);
	check_eq(TALK->answer[0], has_avx() ? 7 : 3, "XGETBV");
	wrong = 0;
	for (u32 i = 0; i < hot_rounds; i++) {
		u64 before = rdtsc();

		(void)go(u_rdtsc);
		wrong += TALK->answer[0] < before || TALK->answer[0] > rdtsc();
	}
	check_eq(wrong, 0, "RDTSC between the kernel's");
}

/* --- interrupts --- */

USER(u_next_page, ".balign 4096\n");
TALKS(u_wait, "	xor %eax, %eax\n"
	      "1:	inc %rax\n	cmpq $0, " ARG_A "\n	je 1b\n"
	      "	mov %rax, " ANS_0 "\n" LEAVE);

static u32 ticks;

static bool on_tick(struct frame *frame)
{
	(void)frame;
	if (++ticks == 5)
		TALK->a = 1;
	apic_write(APIC_EOI, 0);
	return true;
}

static void test_interrupts(void)
{
	u32 wrong = 0;

	apic_enable();
	hook(TICK_VECTOR, on_tick);
	apic_write(APIC_TDCR, 0xb);
	for (u32 i = 0; i < 20; i++) {
		ticks = 0;
		TALK->a = 0;
		apic_write(APIC_LVT_TIMER, TICK_VECTOR | LVT_PERIODIC);
		apic_write(APIC_TMICT, 300000);
		quiet_eq((u32)go(u_wait)->vector, VECTOR_RETURN,
			 "waiting for the timer: the way out");
		apic_write(APIC_LVT_TIMER, LVT_MASKED);
		wrong += ticks < 5 || !TALK->answer[0];
	}
	check_eq(wrong, 0, "a loop that waits for the timer");
}

/* --- 32-bit code --- */

TALKS(u_far, "	movl $0x23, -4(%rsp)\n"
	     "	lea u_small(%rip), %eax\n	mov " ARG_A ", %eax\n"
	     "	mov %eax, -8(%rsp)\n	ljmp *-8(%rsp)\n"
	     ".code32\nu_small:\n	inc %eax\n	int $0x80\n.code64\n");
extern const u8 u_small[];

/* Lets CPL 3 see the image where it lies, which 32 bits reach, or no more. */
static void image_open(bool open)
{
	u64 *table = pml4;

	for (u32 shift = 39; shift >= 21; shift -= 9) {
		u64 *entry = &table[(u64)u_small >> shift & 511];

		*entry = open ? *entry | PTE_US : *entry & ~PTE_US;
		table = (u64 *)(*entry & ~0xfffull);
	}
	flush_all();
}

static void test_small(void)
{
	const struct trap *t;

	image_open(true);
	TALK->a = (u64)u_small;
	t = go(u_far);
	expect(t, VECTOR_RETURN, 0, "a far jump to 32-bit code");
	check_eq(t->cs, SEL_USER_32, "its selector");
	check_eq(t->ip, (u64)u_small + 3, "where it left");
	image_open(false);
}

USER(u_last, "	nop\n.globl user_end\nuser_end:\n");

void image_main(void)
{
	u32 regs[4];

	hot_init();
	if ((word)(user_end - user_begin) > CODE_PAGES * PAGE)
		die("user code is too long");
	cpuid(7, 0, regs);
	if (regs[1] & 1)
		write_cr4(read_cr4() | CR4_FSGSBASE);
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE);
	write_cr0(read_cr0() | CR0_NE);
	maps_make(pml4);
	flush_all();
	test_direct();
	test_registers();
	test_bases();
	test_ways();
	test_numbers();
	test_floating();
	test_step();
	test_faults();
	test_accessed();
	test_remap();
	test_spaces();
	test_changes();
	test_own();
	test_interrupts();
	test_small();
	finish();
}
