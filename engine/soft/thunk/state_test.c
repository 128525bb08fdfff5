/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, FXRSTOR, the XSAVE family, MXCSR, EMMS and VZERO* against the CPU this
 * runs on: every byte they write, every byte they leave, every #GP.
 *
 * The host's XCR0 has more components than the guest's; requests stay within
 * the guest's three, and bad XSTATE_BV bits are ones that neither has.
 */
#include "engine/soft/thunk/native.h"

#define RUNS 4000

static struct native_state state;
static struct native_result native, machine;
static u8 memory[NATIVE_DATA_SIZE];

/* Makes some components initial, and MXCSR too. */
static void some_initial(struct native_state *s)
{
	static const u8 mxcsr[4] = {0x80, 0x1f, 0, 0};

	if (random_below(2)) {
		memset(s->xsave, 0, XSAVE_MXCSR);
		memset(s->xsave + XSAVE_ST, 0, 128);
		s->xsave[0] = 0x7f;
		s->xsave[1] = 3;
		if (!random_below(4))
			s->xsave[8] = 1; /* only FIP is in use */
	}
	if (random_below(2))
		memset(s->xsave + XSAVE_XMM, 0, 256);
	if (random_below(2))
		memset(s->xsave + XSAVE_YMMH, 0, 256);
	if (random_below(2))
		memcpy(s->xsave + XSAVE_MXCSR, mxcsr, 4);
}

static void put_u64(u8 *to, u64 value)
{
	memcpy(to, &value, 8);
}

/* An area that the restoring instructions mostly accept. */
static void make_area(u8 *area)
{
	u32 mxcsr = random_mxcsr();
	u64 bv = random_below(8), xcomp = 0;

	random_vector(area, XSAVE_SIZE);
	memset(area + XSAVE_HEADER, 0, 64);
	if (random_below(2))
		xcomp = BIT(63) | (random_below(3) ? 7 : random_below(8));
	if (!random_below(12))
		bv |= BIT(random_below(2) ? 3 : 10);
	if (!random_below(12))
		xcomp |= BIT(random_below(2) ? 4 : 62);
	if (!random_below(12))
		area[XSAVE_HEADER + 8 + random_below(56)] |= 1;
	if (!random_below(12))
		mxcsr |= 1u << (16 + random_below(16));
	memcpy(area + XSAVE_MXCSR, &mxcsr, 4);
	put_u64(area + XSAVE_HEADER, bv);
	if (xcomp)
		put_u64(area + XSAVE_HEADER + 8, xcomp);
}

static u64 area_address(void)
{
	switch (random_below(10)) {
	case 0:
		return TEST_DATA + random_below(4096);
	case 1:
		return TEST_DATA + 0x1000 - 64 * random_below(14);
	case 2:
		return TEST_DATA + NATIVE_DATA_SIZE - 64 * random_below(14);
	case 3:
		return TEST_DATA + 16 * random_below(200);
	default:
		return TEST_DATA + 64 * random_below(50);
	}
}

/*
 * A compacted restore that ends in #GP for MXCSR's reserved bits: silicon has
 * loaded some components by then, ours none. The manual promises neither.
 */
static bool half_restored(void)
{
	u64 at = state.gpr[RBX] - TEST_DATA;
	const u8 *area;
	u32 mxcsr;

	if (at > NATIVE_DATA_SIZE - XSAVE_SIZE)
		return false;
	area = memory + at;
	memcpy(&mxcsr, area + XSAVE_MXCSR, 4);
	return native.vector == VECTOR_GP && machine.vector == VECTOR_GP &&
	       area[XSAVE_HEADER + 15] & 0x80 && mxcsr >> 16;
}

static const char *step_both(const u8 *code, u32 size)
{
	const char *what;

	memcpy((u8 *)TEST_DATA, memory, sizeof(memory));
	memcpy(native_machine.memory + TEST_DATA, memory, sizeof(memory));
	native_step(&state, code, size, &native);
	machine_step(&state, code, size, &machine);
	if (half_restored())
		memcpy(native.state.xsave, machine.state.xsave, XSAVE_SIZE);
	what = state_difference(&native, &machine, FLAG_ARITH);
	for (u32 i = 0; !what && i < NATIVE_DATA_SIZE; i++) {
		static char text[80];

		if (((u8 *)TEST_DATA)[i] == native_machine.memory[TEST_DATA + i])
			continue;
		snprintf(text, sizeof(text),
			 "area byte %lld is %02x, silicon says %02x",
			 (long long)(TEST_DATA + i - state.gpr[RBX]),
			 native_machine.memory[TEST_DATA + i],
			 ((u8 *)TEST_DATA)[i]);
		what = text;
	}
	return what;
}

/* 0F `opcode` /ext on [rbx], with REX.W at random. */
static void compare(u8 opcode, u8 ext, bool area)
{
	u32 failures = 0;

	if (!native_start())
		skip("no executable or low memory, or no AVX");
	native_machine_start();
	for (u32 i = 0; i < RUNS; i++) {
		u8 code[] = {(u8)(random_below(2) ? 0x48 : 0x40), 0x0f, opcode,
			     (u8)(ext << 3 | 3)};
		u64 bv, xcomp;
		const char *what;

		random_state(&state);
		some_initial(&state);
		put_u64(state.xsave + 8, random_u64() >> random_below(64));
		put_u64(state.xsave + 16, random_u64() >> random_below(64));
		random_vector(memory, sizeof(memory));
		state.gpr[RBX] = area_address();
		state.gpr[RAX] = random_below(8);
		state.gpr[RDX] = 0;
		if (area &&
		    state.gpr[RBX] + XSAVE_SIZE < TEST_DATA + NATIVE_DATA_SIZE)
			make_area(memory + (state.gpr[RBX] - TEST_DATA));
		if (area &&
		    state.gpr[RBX] + XSAVE_SIZE >= TEST_DATA + NATIVE_DATA_SIZE)
			memset(memory, 0, sizeof(memory));
		state.xsave[14] &= state.xsave[15] =
			0; /* FIP as silicon holds it */
		state.xsave[7] &= 7;
		what = step_both(code, sizeof(code));
		memcpy(&bv, memory + (state.gpr[RBX] - TEST_DATA) % 4096 + 512,
		       8);
		memcpy(&xcomp,
		       memory + (state.gpr[RBX] - TEST_DATA) % 4096 + 520, 8);
		if (what && failures++ < 5)
			printf("  %02x /%u rex %02x rbx %llx rfbm %llx header %llx "
			       "%llx: %s\n",
			       opcode, ext, code[0],
			       (unsigned long long)state.gpr[RBX],
			       (unsigned long long)state.gpr[RAX],
			       (unsigned long long)bv,
			       (unsigned long long)xcomp, what);
	}
	check_eq(failures, 0);
}

TEST(fxsave_writes_what_silicon_writes)
{
	compare(0xae, 0, false);
}
TEST(fxrstor_loads_what_silicon_loads)
{
	compare(0xae, 1, true);
}
TEST(xsave_writes_what_silicon_writes)
{
	compare(0xae, 4, true);
}
TEST(xrstor_loads_what_silicon_loads)
{
	compare(0xae, 5, true);
}
TEST(xsaveopt_writes_what_silicon_writes)
{
	compare(0xae, 6, true);
}
TEST(xsavec_writes_what_silicon_writes)
{
	compare(0xc7, 4, true);
}
TEST(xsaves_is_refused_to_the_user)
{
	compare(0xc7, 5, true);
}
TEST(xrstors_is_refused_to_the_user)
{
	compare(0xc7, 3, true);
}
TEST(ldmxcsr_refuses_reserved_bits_as_silicon_does)
{
	compare(0xae, 2, false);
}
TEST(stmxcsr_stores_what_silicon_stores)
{
	compare(0xae, 3, false);
}

static void compare_plain(const u8 *code, u32 size)
{
	u32 failures = 0;

	if (!native_start())
		skip("no executable or low memory, or no AVX");
	native_machine_start();
	for (u32 i = 0; i < RUNS / 10; i++) {
		const char *what;

		random_state(&state);
		what = step_both(code, size);
		if (what && failures++ < 5)
			printf("  %02x %02x %02x: %s\n", code[0], code[1],
			       code[2], what);
	}
	check_eq(failures, 0);
}

TEST(emms_empties_the_tags_only)
{
	static const u8 code[] = {0x0f, 0x77, 0x90};

	compare_plain(code, 2);
}

TEST(vzeroupper_clears_upper_halves)
{
	static const u8 code[] = {0xc5, 0xf8, 0x77};

	compare_plain(code, sizeof(code));
}

TEST(vzeroall_clears_everything)
{
	static const u8 code[] = {0xc5, 0xfc, 0x77};

	compare_plain(code, sizeof(code));
}
