/* SPDX-License-Identifier: MIT */
/*
 * Operands in all their forms: instructions with general registers, of which
 * four have no home in a translator's, in every place of an address and beside
 * it, under address-size and segment prefixes, with flags that go through; and
 * rows of them whose operands lie in one object that is seen at two addresses.
 * Each is drawn, run until it is hot, and must do each time what it did the
 * first time, when it was interpreted.
 */
#include "tests/guest/code/lib/hot.h"
#include "tests/guest/code/lib/space.h"

#define POOL	(8u << 20)
#define SLOT	512u /* bytes for the code of one test */
#define RUNS	30
#define FS_BASE 0x12340u
#define NONE	16u
#define MSR_FS	0xc0000100u
#define ARITH	0x8d5u
#define AF	0x10u
#define CF_OF	0x801u
#define DATA_AT 64 /* the operands' place in `data`, more or less */
#define ROW_MAX 6  /* instructions in a row */
#define ALL	(ARITH)

enum space { LEGACY, MAP_0F, MAP_0F38, VEX_0F38 };
enum {
	LOCKED = 1,
	BYTE = 2,
	IMM8 = 4,
	MEM_ONLY = 8,
	REG_EXT = 16,
	NO16 = 32,
	READS = 64
};

static const struct op {
	const char *name;
	u8 space, opcode, prefix, how;
	u8 ext;	   /* with REG_EXT: ModRM.reg */
	u16 flags; /* that are defined */
} ops[] = {
	{"add m,r", LEGACY, 0x01, 0, 0, 0, ALL},
	{"add r,m", LEGACY, 0x03, 0, 0, 0, ALL},
	{"adc m,r", LEGACY, 0x11, 0, READS, 0, ALL},
	{"adc r,m", LEGACY, 0x13, 0, READS, 0, ALL},
	{"sbb m,r", LEGACY, 0x19, 0, READS, 0, ALL},
	{"cmp m,r", LEGACY, 0x39, 0, 0, 0, ALL},
	{"cmp r,m", LEGACY, 0x3b, 0, 0, 0, ALL},
	{"test", LEGACY, 0x85, 0, 0, 0, ALL & ~AF},
	{"xchg", LEGACY, 0x87, 0, 0, 0, ALL},
	{"mov m,r", LEGACY, 0x89, 0, 0, 0, ALL},
	{"mov r,m", LEGACY, 0x8b, 0, 0, 0, ALL},
	{"lea", LEGACY, 0x8d, 0, MEM_ONLY, 0, ALL},
	{"add m8,r8", LEGACY, 0x00, 0, BYTE, 0, ALL},
	{"adc r8,m8", LEGACY, 0x12, 0, BYTE | READS, 0, ALL},
	{"mov m8,r8", LEGACY, 0x88, 0, BYTE, 0, ALL},
	{"mov r8,m8", LEGACY, 0x8a, 0, BYTE, 0, ALL},
	{"movsxd", LEGACY, 0x63, 0, NO16, 0, ALL},
	{"not", LEGACY, 0xf7, 0, REG_EXT, 2, ALL},
	{"mul", LEGACY, 0xf7, 0, REG_EXT, 4, CF_OF},
	{"inc", LEGACY, 0xff, 0, REG_EXT, 0, ALL},
	{"shl imm", LEGACY, 0xc1, 0, REG_EXT | IMM8, 4, 0xc5},
	{"rcl cl", LEGACY, 0xd3, 0, REG_EXT | READS, 2, 0xd5},
	{"sar cl", LEGACY, 0xd3, 0, REG_EXT, 7, 0xc5},
	{"cmovo", MAP_0F, 0x40, 0, READS, 0, ALL},
	{"cmovbe", MAP_0F, 0x46, 0, READS, 0, ALL},
	{"setl", MAP_0F, 0x9c, 0, BYTE | READS, 0, ALL},
	{"imul", MAP_0F, 0xaf, 0, 0, 0, CF_OF},
	{"shld imm", MAP_0F, 0xa4, 0, IMM8 | NO16, 0, 0xc5},
	{"shrd cl", MAP_0F, 0xad, 0, NO16, 0, 0},
	{"movzx8", MAP_0F, 0xb6, 0, 0, 0, ALL},
	{"movsx16", MAP_0F, 0xbf, 0, NO16, 0, ALL},
	{"xadd", MAP_0F, 0xc1, 0, 0, 0, ALL},
	{"lock xadd", MAP_0F, 0xc1, 0xf0, LOCKED, 0, ALL},
	{"lock add", LEGACY, 0x01, 0xf0, LOCKED, 0, ALL},
	{"lock cmpxchg", MAP_0F, 0xb1, 0xf0, LOCKED, 0, ALL},
	{"popcnt", MAP_0F, 0xb8, 0xf3, 0, 0, ALL},
	{"adcx", MAP_0F38, 0xf6, 0x66, NO16 | READS, 0, ALL},
	{"movbe", MAP_0F38, 0xf0, 0, MEM_ONLY, 0, ALL},
	{"andn", VEX_0F38, 0xf2, 0, NO16, 0, 0x8c1},
	{"bextr", VEX_0F38, 0xf7, 0, NO16, 0, 0x841},
	{"shlx", VEX_0F38, 0xf7, 1, NO16, 0, ALL},
	{"mulx", VEX_0F38, 0xf6, 3, NO16, 0, ALL},
};

static const u8 bases[] = {NONE, 0, 5, 7, 12, 13, 14};
static const u8 indexes[] = {NONE, 1, 12, 13, 15};
static const u8 regs[] = {0, 3, 5, 12, 13, 14, 15};

static u8 pool[POOL] __attribute__((aligned(4096)));
/* With pages on both sides, where what goes wrong is not seen as a fault. */
static u8 around[3][PAGE] __attribute__((aligned(4096)));
static u8 *const data = around[1];
static u64 in[16], in_flags, out[16], out_flags;
static u32 state = 11;
static bool bmi;

struct form {
	const struct op *op;
	u8 reg, rm, base, index, scale, vvvv, size; /* size: 1, 2, 3 as in KVM */
	s8 offset; /* of the operand from DATA_AT */
	bool memory, narrow, fs;
	u64 page; /* the linear address of the data, as this form has it */
};

static u8 pick(const u8 *from, u32 count)
{
	return from[next_random(&state) % count];
}

static bool offered(const struct op *op)
{
	if (op->space == VEX_0F38)
		return bmi && has_avx();
	if (op->opcode == 0xb8)
		return has_bit(1, 2, 23);
	if (op->space == MAP_0F38)
		return op->opcode == 0xf6 ? has_bit(7, 1, 19)
					  : has_bit(1, 2, 22);
	return true;
}

static struct form draw(void)
{
	struct form f = {.op = &ops[next_random(&state) % ARRAY_SIZE(ops)],
			 .page = (u64)(word)data};

	f.reg = pick(regs, ARRAY_SIZE(regs));
	f.rm = pick(regs, ARRAY_SIZE(regs));
	f.vvvv = pick(regs, ARRAY_SIZE(regs));
	f.base = pick(bases, ARRAY_SIZE(bases));
	f.index = pick(indexes, ARRAY_SIZE(indexes));
	f.scale = next_random(&state) & 3;
	f.size = (u8)(1 + next_random(&state) % 3);
	if (f.size == 1 && (f.op->how & NO16))
		f.size = 3;
	f.memory = (f.op->how & (MEM_ONLY | LOCKED)) || next_random(&state) % 4;
	f.narrow = f.memory && next_random(&state) % 4 == 0;
	f.fs = f.memory && next_random(&state) % 4 == 0;
	return f;
}

/* ---- code ---- */

/* One of the sixteen to or from a place below 2 GiB. */
static u8 *move_abs(u8 *at, u8 opcode, u8 reg, const u64 *place)
{
	at = EMIT(at, (u8)(0x48 | reg >> 3 << 2), opcode,
		  4 | (u8)((reg & 7) << 3), 0x25);
	return emit_u32(at, (u32)(word)place);
}

static u8 *push_abs(u8 *at, u8 opcode, u8 ext, const u64 *place)
{
	return emit_u32(EMIT(at, opcode, 4 | (u8)(ext << 3), 0x25),
			(u32)(word)place);
}

static u8 *modrm(u8 *at, const struct form *f, u8 reg)
{
	u64 sum =
		f->page + DATA_AT + (u64)(s64)f->offset - (f->fs ? FS_BASE : 0);
	u8 low = f->index == NONE && f->base != NONE ? f->base & 7 : 4;

	if (!f->memory)
		return EMIT(at, 0xc0 | (u8)((reg & 7) << 3) | (f->rm & 7));
	if (f->base != NONE)
		sum -= in[f->base];
	if (f->index != NONE)
		sum -= in[f->index] << f->scale;
	at = EMIT(at, (f->base == NONE ? 0 : 0x80) | (u8)((reg & 7) << 3) | low);
	if (low == 4)
		at = EMIT(at, (u8)(f->scale << 6 |
				   (f->index == NONE ? 4 : f->index & 7) << 3 |
				   (f->base == NONE ? 5 : f->base & 7)));
	return emit_u32(at, (u32)sum);
}

static u8 *vex(u8 *at, const struct form *f, u8 r, u8 x, u8 b)
{
	return EMIT(at, 0xc4, (u8)(!r << 7 | !x << 6 | !b << 5 | 2),
		    (u8)((f->size == 3) << 7 | (~f->vvvv & 15) << 3 |
			 f->op->prefix),
		    f->op->opcode);
}

static u8 *legacy(u8 *at, const struct form *f, u8 r, u8 x, u8 b)
{
	const struct op *op = f->op;
	u8 rex = (u8)(0x40 | (f->size == 3) << 3 | r << 2 | x << 1 | b);

	if (f->size == 1 && !(op->how & BYTE))
		at = EMIT(at, 0x66);
	if (op->prefix)
		at = EMIT(at, op->prefix);
	at = EMIT(at, rex);
	if (op->space != LEGACY)
		at = EMIT(at, 0x0f);
	if (op->space == MAP_0F38)
		at = EMIT(at, 0x38);
	return EMIT(at, op->opcode);
}

static u8 *instruction(u8 *at, const struct form *f)
{
	u8 reg = f->op->how & REG_EXT ? f->op->ext : f->reg;
	u8 r = f->op->how & REG_EXT ? 0 : f->reg >> 3;
	u8 x = f->memory && f->index != NONE ? f->index >> 3 : 0;
	u8 b = !f->memory ? f->rm >> 3 : f->base == NONE ? 0 : f->base >> 3;

	if (f->fs)
		at = EMIT(at, 0x64);
	if (f->narrow)
		at = EMIT(at, 0x67);
	at = f->op->space == VEX_0F38 ? vex(at, f, r, x, b)
				      : legacy(at, f, r, x, b);
	at = modrm(at, f, reg);
	return f->op->how & IMM8 ? EMIT(at, 3) : at;
}

static void function(u8 *at, const struct form *f, u32 count)
{
	at = EMIT(at, 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41,
		  0x57); /* push rbx, rbp, r12 … r15 */
	at = EMIT(push_abs(at, 0xff, 6, &in_flags), 0x9d);
	for (u8 reg = 0; reg < 16; reg++)
		if (reg != 4)
			at = move_abs(at, 0x8b, reg, &in[reg]);
	for (u32 i = 0; i < count; i++)
		at = instruction(at, &f[i]);
	for (u8 reg = 0; reg < 16; reg++)
		if (reg != 4)
			at = move_abs(at, 0x89, reg, &out[reg]);
	at = push_abs(EMIT(at, 0x9c), 0x8f, 0, &out_flags);
	at = EMIT(at, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d,
		  0x5b);
	emit_ret(at);
}

/* ---- running ---- */

struct outcome {
	u64 regs[16], flags, memory[2 * DATA_AT / 8];
};

static void run_once(const u8 *code, u64 flags, struct outcome *o)
{
	for (u32 i = 0; i < 2 * DATA_AT; i++)
		((volatile u8 *)data)[i] = (u8)(i * 37 + 5);
	(void)call_code(code, 0, 0);
	for (u32 i = 0; i < 16; i++)
		o->regs[i] = i == 4 ? 0 : ((volatile u64 *)out)[i];
	o->flags = *(volatile u64 *)&out_flags & flags;
	for (u32 i = 0; i < ARRAY_SIZE(o->memory); i++)
		o->memory[i] = ((volatile u64 *)(void *)data)[i];
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	bool equal = a->flags == b->flags;

	for (u32 i = 0; i < 16; i++)
		equal &= a->regs[i] == b->regs[i];
	for (u32 i = 0; i < ARRAY_SIZE(a->memory); i++)
		equal &= a->memory[i] == b->memory[i];
	return equal;
}

/* Registers of an address have few bits, others all. */
static void draw_registers(const struct form *f, u32 count)
{
	for (u32 i = 0; i < 16; i++)
		in[i] = (u64)next_random(&state) << 32 | next_random(&state);
	for (u32 i = 0; i < count; i++) {
		if (f[i].narrow)
			continue;
		if (f[i].base != NONE)
			in[f[i].base] = (in[f[i].base] & 0xffffff) +
					(f[i].page & ~0xffffffffull);
		if (f[i].index != NONE)
			in[f[i].index] &= 0xffffff;
	}
	in_flags = 2 | (next_random(&state) & ARITH);
}

/* ---- one, and several that share an address ---- */

static bool is_of(const struct form *f, u8 reg)
{
	return reg == f->base || reg == f->index;
}

/* Would it change an address like f's? */
static bool disturbs(const struct form *next, const struct form *f)
{
	bool rax = next->op->opcode == 0xb1 ||
		   ((next->op->how & REG_EXT) && next->op->ext == 4);

	return is_of(f, next->reg) || is_of(f, next->vvvv) ||
	       (!next->memory && is_of(f, next->rm)) || (rax && is_of(f, 0));
}

/*
 * Returns how many: a row through two addresses of one page, each operand with
 * its place. What is undefined is not read.
 */
static u32 draw_row(struct form *row)
{
	u32 wanted = 2 + next_random(&state) % (ROW_MAX - 1), count = 0;
	struct form way[2] = {draw(), draw()};
	u32 defined = ALL;

	if (next_random(&state) & 1)
		way[0].index = NONE;
	do {
		way[0].base = pick(bases, ARRAY_SIZE(bases));
		way[1].base = pick(bases, ARRAY_SIZE(bases));
	} while (way[0].base == NONE || way[1].base == NONE ||
		 way[0].base == way[0].index || is_of(&way[0], way[1].base));
	way[1].index = NONE;
	while (count < wanted) {
		u32 second = next_random(&state) & 1;
		struct form f = draw();

		f.base = way[second].base;
		f.index = way[second].index;
		f.scale = way[second].scale;
		f.page = VA_ONE + second * PAGE;
		f.narrow = f.fs = false;
		f.offset = (s8)(next_random(&state) % 48) - 24;
		if (!offered(f.op) || disturbs(&f, &way[0]) ||
		    disturbs(&f, &way[1]) ||
		    (defined != ALL && (f.op->how & READS)))
			continue;
		defined &= f.op->flags;
		row[count++] = f;
	}
	return count;
}

static void say(const struct form *f)
{
	print("%s: reg %u rm %u base %u index %u vvvv %u size %u memory %u "
	      "narrow %u fs %u offset %x\n",
	      f->op->name, f->reg, f->rm, f->base, f->index, f->vvvv, f->size,
	      f->memory, f->narrow, f->fs, (u32)f->offset);
}

/* Whether each run did what the first one did. */
static bool agrees(u8 *code, const struct form *row, u32 count)
{
	struct outcome first, later;
	u64 flags = ALL;

	draw_registers(row, count);
	for (u32 i = 0; i < count; i++)
		flags &= row[i].op->flags;
	function(code, row, count);
	run_once(code, flags, &first);
	for (u32 i = 0; i < RUNS; i++) {
		run_once(code, flags, &later);
		if (same(&first, &later))
			continue;
		print("run %u:\n", i);
		for (u32 k = 0; k < count; k++)
			say(&row[k]);
		return false;
	}
	return true;
}

static void test(bool rows, const char *name)
{
	u32 drawn = 0, wrong = 0;

	for (u32 n = 0; n < 8000 * hot_scale && wrong < 20; n++) {
		u8 *code = pool + n % (POOL / SLOT) * SLOT;
		struct form row[ROW_MAX];
		u32 count = 1;

		if (rows)
			count = draw_row(row);
		else
			row[0] = draw();
		if (!offered(row[0].op))
			continue;
		drawn++;
		wrong += !agrees(code, row, count);
	}
	check_eq(wrong, 0, "%u %s do hot what they do cold", drawn, name);
}

void image_main(void)
{
	hot_init();
	write_msr(MSR_FS, FS_BASE);
	bmi = has_bit(7, 1, 3) && has_bit(7, 1, 8);
	for (u32 i = 0; i < 2; i++)
		space_map(pml4, VA_ONE + i * PAGE, data, 1, PTE_ALL);
	test(false, "forms");
	test(true, "rows of forms");
}
