/* SPDX-License-Identifier: MIT */
/*
 * Every x87 row against the CPU this runs on, with masked and unmasked
 * exceptions, full, empty and mixed stacks, exceptions already pending, and
 * memory operands that fault. Pointers (FIP, FDP, FOP) are compared too.
 */
#include "engine/soft/thunk/native.h"

#define RUNS_PER_FORM 300

struct one_case {
	const struct insn_row *row;
	u8 code[16];
	u32 size;
	struct native_state state;
	struct native_result native, machine;
	u8 memory[NATIVE_DATA_SIZE];
};

static struct one_case now;

/* A pending exception: a flag whose mask is clear, ES and B. */
static void make_pending(struct native_state *s)
{
	s->xsave[0] &= (u8)~1;
	s->xsave[2] |= 0x81;
	s->xsave[3] |= 0x80;
}

static u64 operand_address(void)
{
	switch (random_below(16)) {
	case 0:
		return TEST_DATA + NATIVE_DATA_SIZE - random_below(30);
	case 1:
		return TEST_DATA + 0x1000 - random_below(120);
	default:
		return TEST_DATA + random_below(4000);
	}
}

/* What loads read: a float of the width, an integer, BCD, an environment. */
static void fill_operand(struct one_case *c)
{
	u8 *at = c->memory + (c->state.gpr[RBX] - TEST_DATA) % NATIVE_DATA_SIZE;
	u32 room = (u32)(c->memory + NATIVE_DATA_SIZE - at);
	u8 value[16] = {0};
	u64 bits = random_below(2) ? random_double() : random_single();

	memcpy(value, &bits, 8);
	if (!random_below(3))
		random_extended(value);
	if (!random_below(4))
		for (u32 i = 0; i < 10; i++)
			value[i] =
				(u8)(random_below(10) << 4 | random_below(10));
	memcpy(at, value, MIN(room, 10u));
}

static void prepare(struct one_case *c, bool opsize)
{
	const struct insn_row *row = c->row;
	u32 n = 0;

	random_state(&c->state);
	if (!random_below(16))
		make_pending(&c->state);
	random_vector(c->memory, sizeof(c->memory));
	if (opsize)
		c->code[n++] = 0x66;
	c->code[n++] = row->opcode;
	if (row->id == INSN_FWAIT) {
		c->size = n;
		return;
	}
	if (row->attr & ROW_MEM_ONLY) {
		c->code[n++] = (u8)(row->ext << 3 | 3);
		c->state.gpr[RBX] = operand_address();
		if (row->op[0] != OP_M)
			fill_operand(c);
	} else {
		u32 rm = row->rm >= 0 ? (u32)row->rm : random_below(8);

		c->code[n++] = (u8)(0xc0 | row->ext << 3 | rm);
	}
	c->size = n;
}

static const char *run_and_compare(struct one_case *c)
{
	u64 flags = FLAG_ARITH & ~(u64)c->row->flags_undefined;
	const char *what;

	memcpy((u8 *)TEST_DATA, c->memory, sizeof(c->memory));
	memcpy(native_machine.memory + TEST_DATA, c->memory, sizeof(c->memory));
	native_step(&c->state, c->code, c->size, &c->native);
	machine_step(&c->state, c->code, c->size, &c->machine);
	what = state_difference(&c->native, &c->machine, flags);
	/* Silicon makes a ten-byte store in two parts: over a page's end the
	 * first may be done when the second faults. Ours does neither. */
	if (c->native.vector == VECTOR_PF && c->row->op[0] == OP_Mt)
		return what;
	if (!what && memcmp((u8 *)TEST_DATA, native_machine.memory + TEST_DATA,
			    NATIVE_DATA_SIZE))
		what = "memory differs";
	return what;
}

static void print_case(const struct one_case *c, const char *what)
{
	u16 fcw, fsw;

	memcpy(&fcw, c->state.xsave, 2);
	memcpy(&fsw, c->state.xsave + 2, 2);
	printf("  %s:", c->row->name);
	for (u32 i = 0; i < c->size; i++)
		printf(" %02x", c->code[i]);
	printf(" fcw %04x fsw %04x ftw %02x: %s\n", fcw, fsw, c->state.xsave[4],
	       what);
}

static u32 row_failures(const struct insn_row *row)
{
	u32 failures = 0;

	now.row = row;
	for (u32 i = 0; i < RUNS_PER_FORM; i++) {
		const char *what;

		prepare(&now, row->op[0] == OP_M && i & 1);
		what = run_and_compare(&now);
		if (what && failures++ < 3)
			print_case(&now, what);
	}
	return failures;
}

TEST(x87_rows_do_what_silicon_does)
{
	u32 failures = 0;

	if (!native_start())
		skip("no executable or low memory, or no AVX");
	native_machine_start();
	for (u32 i = 0; i < insn_row_count; i++)
		if (insn_rows[i].attr & ROW_X87)
			failures += row_failures(&insn_rows[i]);
	check_eq(failures, 0);
}

TEST(the_host_s_own_x87_state_survives)
{
	u8 image[512] __attribute__((aligned(64)));
	u16 fcw = 0x027f, after_fcw, after_fsw;
	u32 mxcsr = 0x7f80, after_mxcsr;
	struct fpu_host *host;

	check_eq(thunk_host_create(&host), 0);
	memset(image, 0, sizeof(image));
	image[0] = 0x40; /* everything unmasked */
	image[24] = 0x80;
	image[25] = 0x1f;
	__asm__ volatile("fninit; fldcw %0; ldmxcsr %1"
			 :
			 : "m"(fcw), "m"(mxcsr));
	/* ST0 is empty: an unmasked stack fault. */
	host->x87(image, 0xd8, 0xc1, NULL, 0);
	__asm__ volatile("fnstcw %0; fnstsw %1; stmxcsr %2; fninit"
			 : "=m"(after_fcw), "=m"(after_fsw), "=m"(after_mxcsr));
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	thunk_host_free(host);
	check_eq(image[2] & 0xc1, 0xc1); /* IE, SF, ES */
	check_eq(after_fcw, fcw);
	check_eq(after_fsw, 0);
	check_eq(after_mxcsr, 0x7f80);
}
