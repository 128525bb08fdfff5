/* SPDX-License-Identifier: MIT */
/*
 * Hot accesses over the edge of a page. The pages are neighbours in the linear
 * address space only. Each op must do there what it does within a page; and
 * when one of the pages is missing or read-only, it must fault with nothing
 * done, and start again. [SDM3 6.15 "Interrupt 14--Page-Fault Exception (#PF)"]
 */
#include "tests/guest/code/lib/ops.h"
#include "tests/guest/code/lib/space.h"

#define WINDOW_MAX 576 /* bytes looked at, from 32 before the address on */

static u8 first[PAGE] __attribute__((aligned(4096)));
static u8 inner[2 * PAGE] __attribute__((aligned(4096)));
static u8 second[PAGE] __attribute__((aligned(4096)));

static u8 before[WINDOW_MAX], expected[WINDOW_MAX];
static struct op_result wanted;

/* --- faults --- */

static struct {
	u32 count, wrong;
	volatile u64 *pte;
	u64 repair, cr2, error;
	const struct op *op;
	u64 address; /* RDI at the op */
} fault;

static u32 window; /* of the op */

static u32 memory_differs(u64 address, const u8 *image)
{
	u32 left = (u32)(VA_ONE + PAGE - address) + 32;

	for (u32 i = 0; i < left; i++)
		if (((volatile u8 *)first)[PAGE - left + i] != image[i])
			return 1;
	for (u32 i = left; i < window; i++)
		if (((volatile u8 *)second)[i - left] != image[i])
			return 1;
	return 0;
}

static u32 registers_differ(const struct frame *f)
{
	const u64 now[16] = {f->ax,  f->cx,  f->dx,  f->bx, 0,	    f->bp,
			     f->si,  0,	     f->r8,  f->r9, f->r10, f->r11,
			     f->r12, f->r13, f->r14, f->r15};
	u32 differ = 0;

	if (fault.op->kind & OP_PARTS)
		return 0;
	for (u32 i = 0; i < 16; i++) {
		bool own = i == OP_SP || i == OP_DI;

		if (fault.op->kind & OP_OWN)
			own = own || i == OP_SI || i == OP_BP || i == OP_BX;
		differ += !own && now[i] != op_registers[i];
	}
	return differ;
}

/* The first byte that was missing. FXSAVE and its like may look at their last
 * byte first, and may have stored some before. */
static bool address_right(u64 cr2)
{
	if (fault.op->kind & OP_PARTS)
		return cr2 >= fault.cr2 && cr2 < fault.address + fault.op->size;
	return cr2 == fault.cr2;
}

static bool on_fault(struct frame *f)
{
	fault.count++;
	fault.wrong += f->ip != (word)fault.op->at;
	fault.wrong += !address_right(read_cr2()) || f->error != fault.error;
	fault.wrong += registers_differ(f);
	/* What the instruction would have overwritten is nobody's: a
	 * translator need not keep it (docs/decisions/0013). */
	fault.wrong += !fault.op->mask && (f->flags & 0x8d5) != 0x8d5;
	if (!(fault.op->kind & OP_PARTS))
		fault.wrong += memory_differs(fault.address, before);
	*fault.pte = fault.repair;
	invlpg((void *)(fault.cr2 & ~0xfffull));
	return true;
}

/* --- one op --- */

static void image_make(const struct op *op)
{
	u32 state = 99;

	for (u32 i = 0; i < window; i++)
		before[i] = (u8)next_random(&state);
	if (op->pointer)
		memcpy(before + 32, &op->pointer, 8);
}

/* The image around an address whose page ends `left` bytes behind it. */
static void fill(u64 address)
{
	u32 left = (u32)(VA_ONE + PAGE - address) + 32;

	memcpy(first + PAGE - left, before, left);
	memcpy(second, before + left, window - left);
}

/* An address as a distance from what it points to. */
static u64 relative(u64 value, u64 address, u64 stack)
{
	if (value + PAGE - address < 2 * PAGE)
		return value - address;
	if (value + PAGE - stack < 2 * PAGE)
		return value - stack;
	return value;
}

static u32 result_differs(const struct op *op, u64 address, u64 reference)
{
	u32 differ = 0;

	for (u32 i = 0; i < 16; i++)
		differ += relative(op_result.gpr[i], address, op_result.stack) !=
			  relative(wanted.gpr[i], reference, wanted.stack);
	differ += (op_result.flags & op->mask) != (wanted.flags & op->mask);
	for (u32 i = 0; i < 8; i++)
		differ += op_result.vectors[i] != wanted.vectors[i];
	for (u32 i = 0; i < 64; i++)
		differ += op_result.stored[i] != wanted.stored[i];
	return differ + memory_differs(address, expected);
}

static u32 again(const struct op *op, u64 address, u64 reference)
{
	fill(address);
	call_code(op->code, address, 0);
	return result_differs(op, address, reference);
}

/* The page at `at` loses its right; one fault, and all is as it should be. */
static u32 try_fault(const struct op *op, u64 address, u64 reference, u64 page,
		     u64 bits)
{
	u32 wrong = 0, others = fault.count;
	u64 all;

	fault.pte = space_pte(pml4, page);
	all = (*fault.pte & ~0xfffull) | PTE_ALL;
	fault.repair = all;
	fault.op = op;
	fault.address = address;
	fault.cr2 = page > address ? page : address;
	fault.error = (op->kind & OP_WRITES ? ERR_W : 0) | (bits ? ERR_P : 0);
	fill(address);
	*fault.pte = bits ? (all & ~(u64)PTE_RW) : 0;
	invlpg((void *)page);
	call_code(op->code, address, 0);
	wrong += fault.count != others + 1;
	return wrong + result_differs(op, address, reference);
}

static u32 try_at(const struct op *op, u32 before_edge)
{
	u64 address = VA_ONE + PAGE - before_edge, bits;
	u64 reference = (u64)inner + PAGE / 2 - before_edge % 64;
	u32 wrong = 0;

	image_make(op);
	memcpy((void *)(reference - 32), before, window);
	for (u32 i = 0; i < 64; i++)
		op_result.stored[i] = 0;
	call_code(op->code, reference, 0);
	wanted = op_result;
	memcpy(expected, (void *)(reference - 32), window);
	for (u32 i = 0; i < hot_rounds / 5; i++)
		wrong += again(op, address, reference);
	for (u32 i = 0; i < 8; i++) {
		bits = i & 1 && op->kind & OP_WRITES ? PTE_P : 0;
		wrong += try_fault(op, address, reference, VA_ONE + PAGE, bits);
		for (u32 k = 0; k < 20; k++)
			wrong += again(op, address, reference);
		wrong += try_fault(op, address, reference, VA_ONE, bits);
	}
	return wrong;
}

static void test_op(const struct op *op)
{
	u32 wrong = 0, last = 0;

	window = op->size + 64;
	fault.wrong = fault.count = 0;
	for (u32 i = 1; i <= 4; i++) {
		/* near either end and in the middle; FXSAVE is aligned */
		u32 at = i == 1	  ? 1
			 : i == 2 ? op->size / 2
			 : i == 3 ? op->size - 1
				  : op->size / 4;

		if (op->size == 512)
			at = i * 112;
		if (!at || at == last)
			continue;
		last = at;
		wrong += try_at(op, at);
	}
	check(!wrong && !fault.wrong,
	      "%s over a page's edge: %u wrong, %u wrong faults of %u",
	      op->name, wrong, fault.wrong, fault.count);
}

/* --- code --- */

/*
 * A jump of which three bytes lie in a page where nothing else is executed.
 * When that page changes, whoever remembers the jump must be told.
 */
static void test_code(void)
{
	static u8 answers[PAGE] __attribute__((aligned(4096)));
	u8 *at = (u8 *)VA_TWO + PAGE - 2;
	u32 wrong = 0;

	space_map(pml4, VA_TWO, inner, 1, PTE_ALL);
	space_map(pml4, VA_TWO + PAGE, first, 1, PTE_ALL);
	space_map(pml4, VA_TWO + 2 * PAGE, answers, 1, PTE_ALL);
	emit_answer(answers + 0x42, 1); /* the jump's low byte is the same */
	emit_answer(answers + 0x142, 2);
	inner[PAGE - 2] = 0xe9;
	inner[PAGE - 1] = 0x42 - 3;
	for (u32 i = 0; i < 2; i++) {
		u8 *page = i ? second : first;

		page[0] = (u8)(0x10 + i); /* from behind the jump on */
		page[1] = page[2] = 0;
	}
	for (u32 i = 0; i < 12; i++) {
		space_map(pml4, VA_TWO + PAGE, i & 1 ? second : first, 1,
			  PTE_ALL);
		invlpg((void *)(VA_TWO + PAGE));
		wrong += hot_calls(at, 0, 0, 1 + (i & 1));
	}
	check(!wrong, "a jump over a page's edge: %u went elsewhere", wrong);
}

/* Straight on to where no address is: a fault there, all before it done once. */
static struct {
	u32 count, wrong;
	word next;
} gone;

static bool on_gone(struct frame *f)
{
	gone.count++;
	gone.wrong += f->ip != BIT(47) || f->error;
	f->ip = gone.next;
	return true;
}

static void test_end_of_space(void)
{
	u64 page = BIT(47) - PAGE;
	u32 wrong = 0;

	/* add $1, %rax; add $2, %rax */
	EMIT(first + PAGE - 8, 0x48, 0x83, 0xc0, 1, 0x48, 0x83, 0xc0, 2);
	space_map(pml4, page, first, 1, PTE_ALL);
	hook(V_GP, on_gone);
	for (u32 i = 0; i < hot_rounds; i++) {
		word sum = i;

		__asm__ volatile("lea 1f(%%rip), %%rcx\n\t"
				 "mov %%rcx, %1\n\t"
				 "jmp *%2\n"
				 "1:"
				 : "+a"(sum), "=m"(gone.next)
				 : "r"(page + PAGE - 8)
				 : "rcx", "memory", "cc");
		wrong += sum != i + 3u;
	}
	hook(V_GP, NULL);
	check(!wrong && !gone.wrong && gone.count == hot_rounds,
	      "over the end of the lower half: %u sums wrong, %u faults of %u",
	      wrong, gone.wrong, gone.count);
}

void image_main(void)
{
	hot_init();
	__asm__ volatile("fninit");
	space_map(pml4, VA_ONE, first, 1, PTE_ALL);
	space_map(pml4, VA_ONE + PAGE, second, 1, PTE_ALL);
	gate_ist(V_PF); /* RSP is on the edge at times */
	hook(V_PF, on_fault);
	for (const struct op *op = ops; op < ops_end; op++)
		if (op_offered(op))
			test_op(op);
	test_code();
	test_end_of_space();
}
