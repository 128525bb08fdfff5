/* SPDX-License-Identifier: MIT */
/*
 * What needs no bare CPU beside it: every row has a handler, the gates and
 * their order, alignment, layouts of real mode, the client's structures.
 * Values are compared with silicon in engine/soft/thunk.
 */
#include "engine/core/fpu/fpu.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "engine/core/exec/harness.h"
#include "engine/core/fpu/state.h"
#include "engine/soft/thunk/thunk.h"

static struct test_machine m;
static struct x86_ops ops;
static struct fpu_host *host;

static void start(void)
{
	if (!host)
		check_eq(thunk_host_create(&host), 0);
	ops = *m.cpu.ops;
	ops.fpu = host;
	m.cpu.ops = &ops;
	m.cpu.cr0 |= CR0_NE;
	m.cpu.cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	m.cpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fpu_reset(&m.cpu, false);
	x87_init(&m.cpu);
	m.cpu.gpr[RBX] = TEST_DATA;
}

static void start_long(void)
{
	test_machine_init(&m);
	test_long(&m, 3);
	start();
}

/* --- every row ------------------------------------------------------------- */

static bool mine(const struct insn_row *row)
{
	switch ((enum insn_id)row->id) {
	case INSN_FXSAVE:
	case INSN_FXRSTOR:
	case INSN_XSAVE:
	case INSN_XSAVEOPT:
	case INSN_XSAVEC:
	case INSN_XSAVES:
	case INSN_XRSTOR:
	case INSN_XRSTORS:
		return true;
	default:
		return row->attr & (ROW_VEC | ROW_MMX | ROW_X87);
	}
}

/* The insn of one form as the decoder would fill it, as far as binding looks. */
static bool form_of(u32 index, u32 form, struct insn *ret)
{
	const struct insn_row *row = &insn_rows[index];
	bool w = form & 1, l = form & 2, memory = form & 4;

	memset(ret, 0, sizeof(*ret));
	ret->row = (u16)index;
	ret->id = row->id;
	ret->opcode = row->opcode;
	ret->modrm =
		(u8)((memory ? 0 : 0xc0) | (row->ext > 0 ? row->ext : 0) << 3 |
		     (row->rm > 0 ? row->rm : 0));
	ret->flags = (u16)((w ? INSN_W : 0) | (l ? INSN_VEX_L : 0) |
			   (memory ? INSN_MEM : 0) |
			   (row->space == SPACE_VEX ? INSN_VEX : 0));
	if ((l && row->space != SPACE_VEX) || (row->attr & ROW_VEX_L0 && l) ||
	    (row->attr & ROW_VEX_L1 && !l) || (row->attr & ROW_VEX_W0 && w) ||
	    (row->attr & ROW_VEX_W1 && !w))
		return false;
	return memory ? !(row->attr & ROW_REG_ONLY)
		      : !(row->attr & ROW_MEM_ONLY);
}

TEST(every_vector_x87_and_state_row_has_a_handler)
{
	struct insn in;
	u32 rows = 0;

	for (u32 i = 0; i < insn_row_count; i++) {
		if (!mine(&insn_rows[i]))
			continue;
		rows++;
		for (u32 form = 0; form < 8; form++)
			if (form_of(i, form, &in) && !fpu_bind(&in))
				test_fail("no handler for %s (%u)",
					  insn_rows[i].name, i);
	}
	check(rows > 700);
}

TEST(every_row_that_needs_a_thunk_has_one)
{
	struct insn in;

	start_long();
	for (u32 i = 0; i < insn_row_count; i++) {
		const struct insn_row *row = &insn_rows[i];

		if (!mine(row) ||
		    !thunk_host_has((enum insn_feature)row->feature) ||
		    (row->space == SPACE_VEX && !thunk_host_has(FEAT_AVX)))
			continue;
		for (u32 form = 0; form < 8; form++) {
			if (!form_of(i, form, &in) || fxsave_bind(&in) ||
			    xsave_bind(&in) || x87_bind(&in) ||
			    vec_masked_bind(&in) || vec_move_bind(&in))
				continue;
			if (!host->thunk[i][in.flags / INSN_VEX_L & 3])
				test_fail("no thunk for %s (row %u, form %u)",
					  row->name, i, form);
		}
	}
}

TEST(a_general_register_row_has_no_handler_here)
{
	struct insn in = {0};

	for (in.row = 0; in.row < insn_row_count; in.row++)
		if (insn_rows[in.row].id == INSN_ADD)
			break;
	in.id = INSN_ADD;
	check(!fpu_bind(&in));
}

/* --- gates ----------------------------------------------------------------- */

static const u8 addps[] = {0x0f, 0x58, 0xc1};
static const u8 vaddps[] = {0xc5, 0xf0, 0x58, 0xc2};
static const u8 paddb[] = {0x0f, 0xfc, 0xc1};
static const u8 fadd[] = {0xd8, 0xc1};
static const u8 fwait[] = {0x9b};
static const u8 fxsave[] = {0x0f, 0xae, 0x03};
static const u8 xsave[] = {0x0f, 0xae, 0x23};
static const u8 ldmxcsr[] = {0x0f, 0xae, 0x13};

struct gate {
	const u8 *code;
	u32 size;
	u64 cr0_set, cr4_clear;
	u32 vector; /* 0: runs */
};

#define GATE(code, cr0, cr4, vector)                 \
	{                                            \
		code, sizeof(code), cr0, cr4, vector \
	}

TEST(gates_stand_in_the_manual_s_order)
{
	static const struct gate gates[] = {
		GATE(addps, 0, 0, 0),
		GATE(addps, CR0_TS, 0, VECTOR_NM),
		GATE(addps, CR0_EM, 0, VECTOR_UD),
		GATE(addps, CR0_EM | CR0_TS, 0, VECTOR_UD),
		GATE(addps, CR0_TS, CR4_OSFXSR, VECTOR_UD),
		GATE(vaddps, CR0_TS, 0, VECTOR_NM),
		GATE(vaddps, CR0_EM, 0, 0),
		GATE(vaddps, CR0_TS, CR4_OSXSAVE, VECTOR_UD),
		GATE(vaddps, 0, CR4_OSFXSR, 0),
		GATE(paddb, CR0_TS, 0, VECTOR_NM),
		GATE(paddb, CR0_EM | CR0_TS, 0, VECTOR_UD),
		GATE(paddb, 0, CR4_OSFXSR, 0),
		GATE(fadd, CR0_EM, 0, VECTOR_NM),
		GATE(fadd, CR0_TS, 0, VECTOR_NM),
		GATE(fwait, CR0_TS, 0, 0),
		GATE(fwait, CR0_TS | CR0_MP, 0, VECTOR_NM),
		GATE(fwait, CR0_EM, 0, 0),
		GATE(fxsave, CR0_EM, 0, VECTOR_UD),
		GATE(fxsave, CR0_TS, 0, VECTOR_NM),
		GATE(xsave, CR0_TS, CR4_OSXSAVE, VECTOR_UD),
		GATE(xsave, CR0_TS, 0, VECTOR_NM),
		GATE(xsave, CR0_EM, 0, 0),
		GATE(ldmxcsr, CR0_EM, 0, VECTOR_UD),
		GATE(ldmxcsr, CR0_TS, 0, VECTOR_NM),
	};

	for (u32 i = 0; i < ARRAY_SIZE(gates); i++) {
		const struct gate *g = &gates[i];
		int rc;

		start_long();
		if (g->code == vaddps && !thunk_host_has(FEAT_AVX))
			continue;
		m.cpu.cr0 = (m.cpu.cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) |
			    g->cr0_set;
		m.cpu.cr4 &= ~g->cr4_clear;
		m.cpu.gpr[RAX] = 7;
		rc = test_insn(&m, g->code, g->size);
		if ((rc == X86_FAULT ? m.cpu.exception.vector : 0u) != g->vector ||
		    (rc != X86_FAULT && rc != X86_OK))
			test_fail("gate %u: result %d, vector %u, not %u", i,
				  rc, m.cpu.exception.vector, g->vector);
	}
}

TEST(a_pending_x87_exception_stops_mmx_after_nm_and_before_memory)
{
	static const u8 paddb_bad[] = {0x0f, 0xfc, 0x03};

	start_long();
	*fx_u16(&m.cpu, FX_FCW) = 0x037e;
	*fx_u16(&m.cpu, FX_FSW) = FSW_ES | FSW_B | FSW_IE;
	m.cpu.gpr[RBX] = BIT(47); /* not canonical */
	check_eq(test_insn(&m, paddb_bad, sizeof(paddb_bad)), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_MF);
	m.cpu.cr0 |= CR0_TS;
	check_eq(test_insn(&m, paddb_bad, sizeof(paddb_bad)), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_NM);
}

TEST(an_unmasked_simd_exception_without_osxmmexcpt_is_ud)
{
	static const u8 divps[] = {0x0f, 0x5e, 0xc1};

	start_long();
	*mxcsr_of(&m.cpu) = 0;
	xmm(&m.cpu, 0)[0] = 0x3f8000003f800000;
	check_eq(test_insn(&m, divps, sizeof(divps)), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_XM);
	check_eq(xmm(&m.cpu, 0)[0], 0x3f8000003f800000);
	m.cpu.cr4 &= ~CR4_OSXMMEXCPT;
	check_eq(test_insn(&m, divps, sizeof(divps)), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_UD);
}

/* --- memory ---------------------------------------------------------------- */

TEST(misalignment_comes_before_a_page_fault)
{
	static const u8 movaps_load[] = {0x0f, 0x28, 0x03};
	static const u8 movups_load[] = {0x0f, 0x10, 0x03};
	static const u8 paddb_load[] = {0x66, 0x0f, 0xfc, 0x03};

	start_long();
	test_map(&m, TEST_DATA, 0);
	m.cpu.gpr[RBX] = TEST_DATA + 8;
	check_eq(test_insn(&m, movaps_load, 3), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_GP);
	check_eq(test_insn(&m, paddb_load, 4), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_GP);
	check_eq(test_insn(&m, movups_load, 3), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_PF);
	m.cpu.gpr[RBX] = TEST_DATA;
	check_eq(test_insn(&m, movaps_load, 3), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_PF);
}

/* Measured: alignment comes first, whatever segment the address speaks of. */
TEST(a_misaligned_stack_operand_that_is_not_canonical_is_gp)
{
	static const u8 movaps_rbp[] = {0x0f, 0x28, 0x45, 0x00};

	start_long();
	m.cpu.gpr[RBP] = BIT(62) + 8;
	check_eq(test_insn(&m, movaps_rbp, sizeof(movaps_rbp)), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_GP);
}

TEST(a_store_that_faults_leaves_the_x87_stack)
{
	static const u8 fstp[] = {0xdd, 0x1b};
	static const u8 fld1[] = {0xd9, 0xe8};
	struct x86_xsave before;

	start_long();
	check_eq(test_insn(&m, fld1, 2), X86_OK);
	test_map(&m, TEST_DATA, 0);
	before = m.cpu.xsave;
	check_eq(test_insn(&m, fstp, 2), X86_FAULT);
	check_mem_eq(&before, &m.cpu.xsave, sizeof(before));
}

TEST(compatibility_mode_keeps_the_upper_eight_registers)
{
	static const u8 vzeroall[] = {0xc5, 0xfc, 0x77};

	test_machine_init(&m);
	test_compat(&m, 3);
	start();
	memset(m.memory + TEST_DATA, 0xee, 512);
	memset(xmm(&m.cpu, 0), 0x11, 256);
	check_eq(test_insn(&m, fxsave, 3), X86_OK);
	check_eq(m.memory[TEST_DATA + XSAVE_XMM + 127], 0x11);
	check_eq(m.memory[TEST_DATA + XSAVE_XMM + 128], 0xee);
	check_eq(test_insn(&m, vzeroall, 3), X86_OK);
	check_eq(xmm(&m.cpu, 7)[0], 0);
	check_eq(xmm(&m.cpu, 8)[0], 0x1111111111111111);
}

TEST(avx_is_undefined_in_real_mode)
{
	test_machine_init(&m);
	start();
	check_eq(test_insn(&m, vaddps, sizeof(vaddps)), X86_FAULT);
	check_eq(m.cpu.exception.vector, VECTOR_UD);
}

/* --- environments ---------------------------------------------------------- */

static void pointers(void)
{
	*fx_u64(&m.cpu, FX_FIP) = 0x12345678;
	*fx_u64(&m.cpu, FX_FDP) = 0x9abcdef0;
	*fx_u16(&m.cpu, FX_FOP) = 0x2d1;
}

static u32 word16(u32 index)
{
	return (u32)test_read(&m, TEST_DATA + 2 * index, 2);
}

static u32 word32(u32 index)
{
	return (u32)test_read(&m, TEST_DATA + 4 * index, 4);
}

/* [SDM1 8.1.10, figures 8-10 and 8-12] */
TEST(real_mode_environments_hold_linear_pointers)
{
	static const u8 fnstenv16[] = {0xd9, 0x37}; /* [bx] */
	static const u8 fnstenv32[] = {0x66, 0xd9, 0x37};

	test_machine_init(&m);
	start();
	m.cpu.gpr[RBX] = 0;
	m.cpu.seg[SEG_DS].base = TEST_DATA;
	x86_mode_update(&m.cpu);
	pointers();
	check_eq(test_insn(&m, fnstenv16, 2), X86_OK);
	check_eq(word16(0), 0x37f);
	check_eq(word16(2), 0xffff);
	check_eq(word16(3), 0x5678);
	check_eq(word16(4), 0x4000 | 0x2d1);
	check_eq(word16(5), 0xdef0);
	check_eq(word16(6), 0xc000);
	check_eq(test_insn(&m, fnstenv32, 3), X86_OK);
	check_eq(word32(3), 0xffff5678); /* the reserved half is ones */
	check_eq(word32(4), 0x1234000 | 0x2d1);
	check_eq(word32(5), 0xffffdef0);
	check_eq(word32(6), 0x9abc000);
}

TEST(a_real_mode_environment_loads_back)
{
	static const u8 fnstenv32[] = {0x66, 0xd9, 0x37};
	static const u8 fldenv32[] = {0x66, 0xd9, 0x27};
	static const u8 fninit[] = {0xdb, 0xe3};

	test_machine_init(&m);
	start();
	m.cpu.gpr[RBX] = 0;
	m.cpu.seg[SEG_DS].base = TEST_DATA;
	x86_mode_update(&m.cpu);
	pointers();
	check_eq(test_insn(&m, fnstenv32, 3), X86_OK);
	check_eq(test_insn(&m, fninit, 2), X86_OK);
	check_eq(*fx_u64(&m.cpu, FX_FIP), 0);
	check_eq(test_insn(&m, fldenv32, 3), X86_OK);
	check_eq(*fx_u64(&m.cpu, FX_FIP), 0x12345678);
	check_eq(*fx_u64(&m.cpu, FX_FDP), 0x9abcdef0);
	check_eq(*fx_u16(&m.cpu, FX_FOP), 0x2d1);
}

TEST(protected_mode_environments_hold_offsets_and_the_opcode)
{
	static const u8 fnstenv[] = {0xd9, 0x33};

	test_machine_init(&m);
	test_protected(&m, 0);
	start();
	pointers();
	check_eq(test_insn(&m, fnstenv, 2), X86_OK);
	check_eq(word32(3), 0x12345678);
	check_eq(word32(4), 0x2d10000);
	check_eq(word32(5), 0x9abcdef0);
	check_eq(word32(6), 0xffff0000);
}

/* --- the client's structures ----------------------------------------------- */

TEST(kvm_fpu_comes_back_as_it_went)
{
	struct kvm_fpu in, out;

	start_long();
	memset(&in, 0, sizeof(in));
	for (u32 i = 0; i < 8; i++)
		memset(in.fpr[i], (int)(i + 1), 10);
	memset(in.xmm, 0x5a, sizeof(in.xmm));
	in.fcw = 0x27f;
	in.fsw = 0x3800;
	in.ftwx = 0x80;
	in.last_opcode = 0x123;
	in.last_ip = 0x1000;
	in.last_dp = 0x2000;
	check_eq(fpu_set_kvm(&m.cpu, &in), 0);
	fpu_get_kvm(&m.cpu, &out);
	check_mem_eq(&in, &out, sizeof(in));
	in.mxcsr = 0x10000; /* Linux does not look at it */
	check_eq(fpu_set_kvm(&m.cpu, &in), 0);
	check_eq(*mxcsr_of(&m.cpu), MXCSR_RESET);
}

static struct kvm_xsave area, back;

TEST(kvm_xsave_comes_back_and_absent_components_are_initial)
{
	u8 *bytes = (u8 *)area.region;

	start_long();
	memset(&area, 0, sizeof(area));
	bytes[0] = 0x7f;
	bytes[1] = 0x02;
	bytes[24] = 0x80;
	bytes[25] = 0x1f;
	memset(bytes + XSAVE_XMM, 0x77, 256);
	memset(bytes + XSAVE_YMMH, 0x66, 256);
	bytes[XSAVE_HEADER] = 7;
	check_eq(xsave_set(&m.cpu, &area), 0);
	xsave_get(&m.cpu, &back);
	bytes[28] = bytes[29] = 0xff; /* MXCSR_MASK of a CPU without MM */
	check_mem_eq(&area, &back, sizeof(area));
	bytes[XSAVE_HEADER] = 1;
	check_eq(xsave_set(&m.cpu, &area), 0);
	check_eq(fpu_in_use(&m.cpu), XCR0_X87);
}

TEST(kvm_xsave_refuses_what_the_guest_may_not_have)
{
	u8 *bytes = (u8 *)area.region;

	start_long();
	memset(&area, 0, sizeof(area));
	bytes[XSAVE_HEADER] = 0x20; /* AVX-512 */
	check_eq(xsave_set(&m.cpu, &area), -EINVAL);
	bytes[XSAVE_HEADER] = 1;
	bytes[XSAVE_HEADER + 15] = 0x80; /* compacted */
	check_eq(xsave_set(&m.cpu, &area), -EINVAL);
	bytes[XSAVE_HEADER + 15] = 0;
	bytes[26] = 1; /* MXCSR bit 16 */
	check_eq(xsave_set(&m.cpu, &area), -EINVAL);
	bytes[26] = 0;
	check_eq(xsave_set(&m.cpu, &area), 0);
}

TEST(reset_is_the_initial_state_and_init_keeps_what_is_there)
{
	start_long();
	memset(xmm(&m.cpu, 3), 1, 16);
	fpu_reset(&m.cpu, true);
	check_eq(xmm(&m.cpu, 3)[0], 0x0101010101010101);
	fpu_reset(&m.cpu, false);
	check_eq(*fx_u16(&m.cpu, FX_FCW), FCW_RESET);
	check_eq(*mxcsr_of(&m.cpu), MXCSR_RESET);
	check_eq(fpu_in_use(&m.cpu), 0);
}

TEST(a_handler_without_a_host_reports_that_it_cannot)
{
	start_long();
	ops.fpu = NULL;
	check_eq(test_insn(&m, addps, sizeof(addps)), X86_UNHANDLED);
	check_eq(test_insn(&m, fadd, sizeof(fadd)), X86_UNHANDLED);
	ops.fpu = host;
}
