/* SPDX-License-Identifier: MIT */
/*
 * Every vector and MMX row against the CPU this runs on: the row is encoded in
 * every length and width it has, as a register and as a memory form, and run on
 * random operands both ways. State, flags, faults and memory must agree.
 *
 * Rows of features that this host lacks are counted and named, not compared.
 */
#include "engine/soft/thunk/native.h"

#define RUNS_PER_FORM 60

struct form {
	const struct insn_row *row;
	bool w, l, memory;
};

static bool has_operand(const struct insn_row *row, enum operand kind)
{
	for (u32 i = 0; i < 4; i++)
		if (row->op[i] == kind)
			return true;
	return false;
}

static bool vsib(const struct insn_row *row)
{
	return has_operand(row, OP_VSIBd) || has_operand(row, OP_VSIBq);
}

static bool implied_memory(const struct insn_row *row)
{
	return row->id == INSN_MASKMOVQ || row->id == INSN_MASKMOVDQU ||
	       row->id == INSN_VMASKMOVDQU;
}

static u32 encode_prefix(const struct form *f, u32 reg, u32 rm, u32 vvvv, u8 *to)
{
	static const u8 bytes[] = {
		[PFX_66] = 0x66, [PFX_F3] = 0xf3, [PFX_F2] = 0xf2};
	static const u8 pp[] = {
		[PFX_NONE] = 0, [PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3};
	const struct insn_row *row = f->row;
	u32 n = 0;

	if (row->space == SPACE_VEX) {
		u32 v = row->attr & ROW_NO_VVVV ? 15 : ~vvvv & 15;

		to[n++] = 0xc4;
		to[n++] = (u8)((reg & 8 ? 0 : 0x80) | 0x40 |
			       (rm & 8 ? 0 : 0x20) | row->map);
		to[n++] = (u8)(f->w << 7 | v << 3 | f->l << 2 | pp[row->prefix]);
		to[n++] = row->opcode;
		return n;
	}
	if (row->prefix > PFX_NONE)
		to[n++] = bytes[row->prefix];
	to[n++] = (u8)(0x40 | f->w << 3 | (reg & 8) >> 1 | (rm & 8) >> 3);
	to[n++] = 0x0f;
	if (row->map == MAP_0F38)
		to[n++] = 0x38;
	if (row->map == MAP_0F3A)
		to[n++] = 0x3a;
	to[n++] = row->opcode;
	return n;
}

/* Memory operands are [rbx] or, with a vector index, [rbx + index * 4]. */
static u32 encode(const struct form *f, u32 reg, u32 rm, u32 vvvv, u8 *to)
{
	const struct insn_row *row = f->row;
	u32 field = row->ext >= 0 ? (u32)row->ext : reg;
	u32 n = encode_prefix(f, row->ext >= 0 ? 0 : reg, f->memory ? 3 : rm,
			      vvvv, to);

	if (vsib(row)) {
		if (rm & 8) /* VEX.X extends the index */
			to[1] &= (u8)~0x40;
		to[n++] = (u8)((field & 7) << 3 | 4);
		to[n++] = (u8)(2 << 6 | (rm & 7) << 3 | 3);
	} else {
		to[n++] = (u8)((f->memory ? 0 : 0xc0) | (field & 7) << 3 |
			       (f->memory ? 3 : rm & 7));
	}
	if (has_operand(row, OP_Ib) || has_operand(row, OP_Lx))
		to[n++] =
			(u8)(random_below(2) ? random_u64() : random_below(40));
	return n;
}

/* Where the operand starts: mostly aligned, sometimes not, sometimes faulting. */
static u64 random_address(void)
{
	switch (random_below(12)) {
	case 0:
		return TEST_DATA + random_below(NATIVE_DATA_SIZE - 64);
	case 1:
		return TEST_DATA + NATIVE_DATA_SIZE - random_below(40);
	case 2:
		return TEST_DATA + 0x1000 - random_below(40);
	case 3:
		return TEST_DATA + NATIVE_DATA_SIZE + random_below(0x1000);
	default:
		return TEST_DATA + 64 * random_below(60);
	}
}

/* Indices that mostly hit the data pages. */
static void make_indices(struct native_state *s, u32 reg, bool quad)
{
	bool faults = !random_below(4);

	for (u32 i = 0; i < 8; i++) {
		u8 *to = s->xsave + (i < 4 ? XSAVE_XMM : XSAVE_YMMH) +
			 16 * reg + 4 * (i & 3);
		s32 index = (s32)random_below(faults && !random_below(3) ? 4000
									 : 900);

		if (quad && i & 1)
			index = 0;
		memcpy(to, &index, 4);
	}
}

struct one_case {
	u8 code[16];
	u32 size;
	struct native_state state;
	struct native_result native, machine;
	u8 memory[NATIVE_DATA_SIZE];
};

static void case_prepare(const struct form *f, struct one_case *c)
{
	bool mmx = f->row->attr & ROW_MMX;
	u32 reg = random_below(mmx ? 8 : 16), rm = random_below(mmx ? 8 : 16);
	u32 vvvv = random_below(16);

	random_state(&c->state);
	if (f->memory && (reg == 3 || rm == 3))
		reg = rm = 5;
	c->size = encode(f, reg, rm, vvvv, c->code);
	if (f->memory)
		c->state.gpr[RBX] = random_address();
	if (implied_memory(f->row))
		c->state.gpr[RDI] = random_address();
	if (vsib(f->row)) {
		c->state.gpr[RBX] = TEST_DATA;
		make_indices(&c->state, rm, has_operand(f->row, OP_VSIBq));
	}
	random_vector(c->memory, sizeof(c->memory));
}

static void case_run(struct one_case *c)
{
	u8 *native_data = (u8 *)TEST_DATA;

	memcpy(native_data, c->memory, sizeof(c->memory));
	memcpy(native_machine.memory + TEST_DATA, c->memory, sizeof(c->memory));
	native_step(&c->state, c->code, c->size, &c->native);
	machine_step(&c->state, c->code, c->size, &c->machine);
}

static void case_print(const struct one_case *c, const char *name,
		       const char *what)
{
	printf("  %s:", name);
	for (u32 i = 0; i < c->size; i++)
		printf(" %02x", c->code[i]);
	printf(" mxcsr %08x: %s\n",
	       *(const u32 *)(const void *)(c->state.xsave + 24), what);
}

/* Compares one random run; NULL or what differs. */
static const char *case_compare(const struct form *f, const struct one_case *c)
{
	u64 flags = FLAG_ARITH & ~(u64)f->row->flags_undefined;
	struct native_result native = c->native, machine = c->machine;
	const char *what;

	/* Which byte of a masked store CR2 names is not architecture. */
	if (f->row->attr & ROW_MASKED && f->row->attr & ROW_MEM_WRITE) {
		native.cr2 &= ~0xfffull;
		machine.cr2 &= ~0xfffull;
	}
	what = state_difference(&native, &machine, flags);
	if (what)
		return what;
	if (memcmp((u8 *)TEST_DATA, native_machine.memory + TEST_DATA,
		   NATIVE_DATA_SIZE))
		return "memory differs";
	return NULL;
}

static struct one_case now;

static u32 form_failures(const struct form *f)
{
	u32 failures = 0;

	for (u32 i = 0; i < RUNS_PER_FORM; i++) {
		const char *what;

		case_prepare(f, &now);
		case_run(&now);
		what = case_compare(f, &now);
		if (what && failures++ < 2)
			case_print(&now, f->row->name, what);
	}
	return failures;
}

static bool form_exists(const struct form *f)
{
	u32 attr = f->row->attr;

	if (f->row->space != SPACE_VEX && f->l)
		return false;
	if ((attr & ROW_VEX_L0 && f->l) || (attr & ROW_VEX_L1 && !f->l) ||
	    (attr & ROW_VEX_W0 && f->w) || (attr & ROW_VEX_W1 && !f->w))
		return false;
	if (f->row->id == INSN_EMMS || f->row->id == INSN_VZEROALL ||
	    f->row->id == INSN_VZEROUPPER || f->row->id == INSN_LDMXCSR ||
	    f->row->id == INSN_VLDMXCSR)
		return false; /* state_test.c */
	return f->memory ? !(attr & ROW_REG_ONLY) : !(attr & ROW_MEM_ONLY);
}

static u32 row_failures(const struct insn_row *row)
{
	u32 failures = 0;

	for (u32 i = 0; i < 8; i++) {
		struct form f = {row, i & 1, i & 2, i & 4};

		if (form_exists(&f))
			failures += form_failures(&f);
	}
	return failures;
}

static void rows_compare(bool vex)
{
	u32 failures = 0, lacking = 0;

	if (!native_start())
		skip("no executable or low memory, or no AVX");
	native_machine_start();
	for (u32 i = 0; i < insn_row_count; i++) {
		const struct insn_row *row = &insn_rows[i];

		if (!(row->attr & (ROW_VEC | ROW_MMX)) ||
		    (row->space == SPACE_VEX) != vex)
			continue;
		if (!thunk_host_has((enum insn_feature)row->feature))
			lacking++;
		else
			failures += row_failures(row);
	}
	if (lacking)
		printf("%u rows not compared: this CPU lacks them\n", lacking);
	check_eq(failures, 0);
}

TEST(mmx_and_sse_rows_do_what_silicon_does)
{
	rows_compare(false);
}

TEST(vex_rows_do_what_silicon_does)
{
	rows_compare(true);
}
