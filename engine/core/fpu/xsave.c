/* SPDX-License-Identifier: MIT */
/*
 * The XSAVE family for XCR0 bits 0-2. [SDM1 13.4 "XSAVE Area" .. 13.12]
 *
 * An area is built piece by piece in the order of its addresses: legacy x87,
 * MXCSR, XMM, header, upper halves. Bytes that an instruction does not write
 * keep the guest's values, so each piece is one write; the whole range is
 * probed first. AVX is the only component past the header, so the compacted
 * format puts it where the standard one does.
 */
#include "engine/core/fpu/state.h"

#define XSAVE_ALIGN	64u
#define XCOMP_COMPACT	BIT(63)
#define HEADER_XCOMP_BV (XSAVE_HEADER + 8)

/* What differs between the saving instructions. */
enum {
	SAVE_INIT_OPT = 1 << 0, /* components in their initial state are skipped */
	SAVE_COMPACT = 1 << 1,
};

static u32 half_bytes(const struct x86_cpu *cpu)
{
	return cpu->code == CODE_64 ? 256 : 128;
}

static int xsave_gate(struct x86_cpu *cpu, bool supervisor)
{
	if (!(cpu->cr4 & CR4_OSXSAVE))
		return raise_ud(cpu);
	if (cpu->cr0 & CR0_TS)
		return raise_fault(cpu, VECTOR_NM);
	return supervisor && cpu->cpl ? raise_gp0(cpu) : X86_OK;
}

/* Requested-feature bitmap. IA32_XSS is 0 here: no supervisor component. */
static u64 xsave_rfbm(const struct x86_cpu *cpu)
{
	return ((u64)(u32)cpu->gpr[RDX] << 32 | (u32)cpu->gpr[RAX]) & cpu->xcr0;
}

/* How far the area reaches for these components. */
static u32 area_size(u64 components)
{
	return components & XCR0_AVX ? XSAVE_SIZE : XSAVE_YMMH;
}

/* Where the first byte stands that these components need: the x87 part begins
 * the area, MXCSR stands behind its pointers, the header is always there. AMD
 * looks at the area's first byte in any case. */
static u32 area_start(const struct x86_cpu *cpu, u64 components, bool mxcsr)
{
	if (components & XCR0_X87 || cpu->vendor_amd)
		return 0;
	return mxcsr ? XSAVE_MXCSR : XSAVE_HEADER;
}

/* AMD begins with the first byte. */
static int xsave_probe(struct x86_cpu *cpu, const struct insn *in,
		       gva_t address, u32 size, bool write)
{
	int rc = X86_OK;

	if (cpu->vendor_amd)
		rc = linear_probe(cpu, address, 1, write, insn_fault_seg(in));
	return rc ? rc : area_probe(cpu, in, address, size, write);
}

static int area_begin(struct x86_cpu *cpu, const struct insn *in, u32 size,
		      bool write, gva_t *ret_address)
{
	int rc = vec_align(cpu, in, size, XSAVE_ALIGN, write);

	return rc ? rc : area_linear(cpu, in, size, write, ret_address);
}

static int save_legacy(struct x86_cpu *cpu, gva_t area, u64 parts, bool mxcsr,
		       bool wide, u32 seg)
{
	u8 image[XSAVE_XMM];
	int rc = X86_OK;

	if (parts & XCR0_X87) {
		x87_store_image(cpu, image, wide);
		rc = area_write(cpu, area, image, XSAVE_MXCSR, seg);
	}
	if (!rc && mxcsr) {
		u32 both[2] = {*mxcsr_of(cpu), mxcsr_valid(cpu)};

		rc = area_write(cpu, area + XSAVE_MXCSR, both, 8, seg);
	}
	if (!rc && parts & XCR0_X87)
		rc = area_write(cpu, area + XSAVE_ST, image + XSAVE_ST, 128,
				seg);
	if (!rc && parts & XCR0_SSE)
		rc = area_write(cpu, area + XSAVE_XMM, xmm(cpu, 0),
				half_bytes(cpu), seg);
	return rc;
}

static int save_standard(struct x86_cpu *cpu, const struct insn *in, gva_t area,
			 u64 rfbm, u32 how)
{
	u32 seg = insn_fault_seg(in);
	u64 in_use = fpu_in_use(cpu) & rfbm;
	u64 parts = how & SAVE_INIT_OPT ? in_use : rfbm;
	u64 old_bv, bv;
	int rc = area_read(cpu, area + XSAVE_HEADER, &old_bv, 8, seg);

	if (rc)
		return rc;
	bv = (old_bv & ~rfbm) | in_use;
	rc = save_legacy(cpu, area, parts, rfbm & (XCR0_SSE | XCR0_AVX),
			 in->flags & INSN_W, seg);
	if (!rc)
		rc = area_write(cpu, area + XSAVE_HEADER, &bv, 8, seg);
	if (!rc && parts & XCR0_AVX)
		rc = area_write(cpu, area + XSAVE_YMMH, ymm_high(cpu, 0),
				half_bytes(cpu), seg);
	return rc;
}

/* MXCSR belongs to SSE here, and counts as in use when it is not 1F80H. */
static int save_compact(struct x86_cpu *cpu, const struct insn *in, gva_t area,
			u64 rfbm)
{
	u32 seg = insn_fault_seg(in);
	u64 parts = fpu_in_use(cpu);
	u64 header[2];
	int rc;

	if (*mxcsr_of(cpu) != MXCSR_RESET)
		parts |= XCR0_SSE;
	parts &= rfbm;
	header[0] = parts;
	header[1] = rfbm | XCOMP_COMPACT;
	rc = save_legacy(cpu, area, parts, parts & XCR0_SSE, in->flags & INSN_W,
			 seg);
	if (!rc)
		rc = area_write(cpu, area + XSAVE_HEADER, header, 16, seg);
	if (!rc && parts & XCR0_AVX)
		rc = area_write(cpu, area + XSAVE_YMMH, ymm_high(cpu, 0),
				half_bytes(cpu), seg);
	return rc;
}

static int xsave_common(struct x86_cpu *cpu, const struct insn *in, u32 how,
			bool supervisor)
{
	u64 rfbm = xsave_rfbm(cpu);
	u32 size = area_size(rfbm), start;
	gva_t area;
	int rc = xsave_gate(cpu, supervisor);

	start = area_start(
		cpu, rfbm,
		rfbm & (how & SAVE_COMPACT ? XCR0_SSE : XCR0_SSE | XCR0_AVX));
	if (!rc)
		rc = area_begin(cpu, in, size, true, &area);
	if (!rc)
		rc = xsave_probe(cpu, in, area + start, size - start, true);
	if (rc)
		return rc;
	return how & SAVE_COMPACT ? save_compact(cpu, in, area, rfbm)
				  : save_standard(cpu, in, area, rfbm, how);
}

static int exec_xsave(struct x86_cpu *cpu, const struct insn *in)
{
	return xsave_common(cpu, in, 0, false);
}

static int exec_xsaveopt(struct x86_cpu *cpu, const struct insn *in)
{
	return xsave_common(cpu, in, SAVE_INIT_OPT, false);
}

static int exec_xsavec(struct x86_cpu *cpu, const struct insn *in)
{
	return xsave_common(cpu, in, SAVE_COMPACT, false);
}

static int exec_xsaves(struct x86_cpu *cpu, const struct insn *in)
{
	return xsave_common(cpu, in, SAVE_COMPACT, true);
}

struct restore {
	u64 rfbm;
	u64 bv;
	bool compact;
	u32 mxcsr;
	u8 area[XSAVE_SIZE] __attribute__((aligned(16)));
};

static u64 area_u64(const struct restore *r, u32 offset)
{
	u64 value;

	__builtin_memcpy(&value, r->area + offset, 8);
	return value;
}

static bool header_zero(const struct restore *r, u32 from, u32 to)
{
	u64 any = 0;

	for (u32 at = from; at < to; at += 8)
		any |= area_u64(r, XSAVE_HEADER + at);
	return any == 0;
}

/* [SDM1 13.8 "Operation of XRSTOR", 13.12 "Operation of XRSTORS"] */
static bool header_valid(const struct x86_cpu *cpu, const struct restore *r)
{
	u64 xcomp = area_u64(r, HEADER_XCOMP_BV);

	if (!r->compact)
		return !(r->bv & ~cpu->xcr0) && header_zero(r, 8, 24);
	return !(xcomp & ~XCOMP_COMPACT & ~cpu->xcr0) && !(r->bv & ~xcomp) &&
	       header_zero(r, 16, 64);
}

/*
 * Which MXCSR the instruction loads; false: none. The standard form takes it
 * from memory whenever SSE or AVX is asked for, whatever XSTATE_BV says.
 */
static bool restore_mxcsr(struct restore *r)
{
	__builtin_memcpy(&r->mxcsr, r->area + XSAVE_MXCSR, 4);
	if (!r->compact)
		return r->rfbm & (XCR0_SSE | XCR0_AVX);
	if (!(r->rfbm & XCR0_SSE))
		return false;
	if (!(r->bv & XCR0_SSE))
		r->mxcsr = MXCSR_RESET;
	return true;
}

static void restore_half(struct x86_cpu *cpu, const struct restore *r, u64 bit,
			 u64 *to, u32 offset)
{
	if (!(r->rfbm & bit))
		return;
	if (r->bv & bit)
		bytes_copy(to, r->area + offset, half_bytes(cpu));
	else
		bytes_zero(to, half_bytes(cpu));
}

static void restore_load(struct x86_cpu *cpu, const struct restore *r, bool wide)
{
	if (r->rfbm & r->bv & XCR0_X87)
		x87_load_image(cpu, r->area, wide);
	else if (r->rfbm & XCR0_X87)
		x87_init(cpu);
	restore_half(cpu, r, XCR0_SSE, xmm(cpu, 0), XSAVE_XMM);
	restore_half(cpu, r, XCR0_AVX, ymm_high(cpu, 0), XSAVE_YMMH);
}

/* The area as far as the request reaches, in the compacted form as far as its
 * layout does, or on AMD what it holds; the header is there already. */
static int restore_read(struct x86_cpu *cpu, const struct insn *in,
			struct restore *r, gva_t area)
{
	u32 seg = insn_fault_seg(in);
	u64 parts = r->compact ? r->rfbm & area_u64(r, HEADER_XCOMP_BV)
			       : r->rfbm;
	u32 size = area_size(cpu->vendor_amd && r->compact ? parts & r->bv
							   : parts);
	u32 start = area_start(
		cpu, parts,
		parts & (r->compact ? XCR0_SSE : XCR0_SSE | XCR0_AVX));
	int rc = area_begin(cpu, in, size, false, &area);

	if (!rc)
		rc = xsave_probe(cpu, in, area + start, size - start, false);
	if (!rc)
		rc = area_read(cpu, area + start, r->area + start,
			       XSAVE_HEADER - start, seg);
	if (!rc && r->rfbm & r->bv & XCR0_AVX)
		rc = area_read(cpu, area + XSAVE_YMMH, r->area + XSAVE_YMMH,
			       half_bytes(cpu), seg);
	return rc;
}

static int xrstor_common(struct x86_cpu *cpu, const struct insn *in,
			 bool supervisor)
{
	u64 rfbm = xsave_rfbm(cpu);
	struct restore r;
	u32 seg = insn_fault_seg(in);
	gva_t area = 0;
	bool mxcsr;
	int rc = xsave_gate(cpu, supervisor);

	if (!rc)
		rc = area_begin(cpu, in, XSAVE_YMMH, false, &area);
	if (!rc) /* Intel: its second word first; CR2 shows it */
		rc = linear_probe(
			cpu, cpu->vendor_amd ? area : area + HEADER_XCOMP_BV, 8,
			false, seg);
	if (!rc)
		rc = area_read(cpu, area + XSAVE_HEADER, r.area + XSAVE_HEADER,
			       64, seg);
	if (rc)
		return rc;
	r.rfbm = rfbm;
	r.bv = area_u64(&r, XSAVE_HEADER);
	r.compact = area_u64(&r, HEADER_XCOMP_BV) & XCOMP_COMPACT;
	if ((supervisor && !r.compact) ||
	    (r.compact && !x86_has(cpu, FEAT_XSAVEC)) || !header_valid(cpu, &r))
		return raise_gp0(cpu);
	rc = restore_read(cpu, in, &r, area);
	if (rc)
		return rc;
	mxcsr = restore_mxcsr(&r);
	if (mxcsr && r.mxcsr & ~mxcsr_valid(cpu))
		return raise_gp0(cpu);
	if (mxcsr)
		*mxcsr_of(cpu) = r.mxcsr;
	restore_load(cpu, &r, in->flags & INSN_W);
	return X86_OK;
}

static int exec_xrstor(struct x86_cpu *cpu, const struct insn *in)
{
	return xrstor_common(cpu, in, false);
}

static int exec_xrstors(struct x86_cpu *cpu, const struct insn *in)
{
	return xrstor_common(cpu, in, true);
}

insn_exec_fn xsave_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_XSAVE:
		return exec_xsave;
	case INSN_XSAVEOPT:
		return exec_xsaveopt;
	case INSN_XSAVEC:
		return exec_xsavec;
	case INSN_XSAVES:
		return exec_xsaves;
	case INSN_XRSTOR:
		return exec_xrstor;
	case INSN_XRSTORS:
		return exec_xrstors;
	default:
		return NULL;
	}
}
