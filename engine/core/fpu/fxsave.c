/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, EMMS, VZEROALL, VZEROUPPER.
 *
 * Fields beyond what the manual fixes follow current Intel parts: FXSAVE leaves
 * bytes 416-511 alone, and XMM state alone too while CR4.OSFXSR is clear.
 */
#include "engine/core/fpu/state.h"

#define FXSAVE_ALIGN 16u
#define FXSAVE_SIZE  512u

/* How many XMM registers this mode reaches. */
static u32 xmm_count(const struct x86_cpu *cpu)
{
	return cpu->code == CODE_64 ? 16 : 8;
}

/* [SDM2 "FXSAVE", "FXRSTOR"]: CR0.EM is #UD here, unlike the x87 rows. */
static int fxsave_begin(struct x86_cpu *cpu, const struct insn *in, bool write,
			gva_t *ret_address)
{
	int rc;

	if (cpu->cr0 & CR0_EM)
		return raise_ud(cpu);
	if (cpu->cr0 & CR0_TS)
		return raise_fault(cpu, VECTOR_NM);
	rc = vec_align(cpu, in, FXSAVE_SIZE, FXSAVE_ALIGN, write);
	if (!rc)
		rc = area_linear(cpu, in, FXSAVE_SIZE, write, ret_address);
	return rc ? rc : area_probe(cpu, in, *ret_address, FXSAVE_SIZE, write);
}

static int exec_fxsave(struct x86_cpu *cpu, const struct insn *in)
{
	u8 image[XSAVE_XMM + 256] __attribute__((aligned(16)));
	u32 seg = insn_fault_seg(in);
	u32 mask = mxcsr_valid(cpu);
	u32 size = XSAVE_XMM;
	gva_t address;
	int rc = fxsave_begin(cpu, in, true, &address);

	if (rc)
		return rc;
	x87_store_image(cpu, image, in->flags & INSN_W);
	bytes_copy(image + XSAVE_MXCSR, mxcsr_of(cpu), 4);
	bytes_copy(image + XSAVE_MXCSR + 4, &mask, 4);
	bytes_copy(image + XSAVE_XMM, xmm(cpu, 0), 256);
	if (cpu->cr4 & CR4_OSFXSR)
		size += 16 * xmm_count(cpu);
	return area_write(cpu, address, image, size, seg);
}

static int exec_fxrstor(struct x86_cpu *cpu, const struct insn *in)
{
	u8 image[FXSAVE_SIZE] __attribute__((aligned(16)));
	gva_t address;
	u32 mxcsr;
	int rc = fxsave_begin(cpu, in, false, &address);

	if (!rc)
		rc = area_read(cpu, address, image, FXSAVE_SIZE,
			       insn_fault_seg(in));
	if (rc)
		return rc;
	bytes_copy(&mxcsr, image + XSAVE_MXCSR, 4);
	if (mxcsr & ~mxcsr_valid(cpu))
		return raise_gp0(cpu);
	x87_load_image(cpu, image, in->flags & INSN_W);
	*mxcsr_of(cpu) = mxcsr;
	if (cpu->cr4 & CR4_OSFXSR)
		bytes_copy(xmm(cpu, 0), image + XSAVE_XMM, 16 * xmm_count(cpu));
	return X86_OK;
}

static int exec_ldmxcsr(struct x86_cpu *cpu, const struct insn *in)
{
	u32 mxcsr;
	int rc = gate_vec(cpu, in);

	if (!rc)
		rc = operand_read(cpu, in, &mxcsr, 4);
	if (rc)
		return rc;
	if (mxcsr & ~mxcsr_valid(cpu))
		return raise_gp0(cpu);
	*mxcsr_of(cpu) = mxcsr;
	return X86_OK;
}

static int exec_stmxcsr(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_vec(cpu, in);

	return rc ? rc : operand_write(cpu, in, mxcsr_of(cpu), 4);
}

static int exec_emms(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_mmx(cpu);

	(void)in;
	if (rc)
		return rc;
	mmx_enter(cpu); /* for TOP */
	*fx_u16(cpu, FX_FTW) = 0;
	return X86_OK;
}

static int exec_vzeroall(struct x86_cpu *cpu, const struct insn *in)
{
	u32 size = 16 * xmm_count(cpu);
	int rc = gate_avx(cpu);

	(void)in;
	if (rc)
		return rc;
	bytes_zero(xmm(cpu, 0), size);
	bytes_zero(ymm_high(cpu, 0), size);
	return X86_OK;
}

static int exec_vzeroupper(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = gate_avx(cpu);

	(void)in;
	if (rc)
		return rc;
	bytes_zero(ymm_high(cpu, 0), 16 * xmm_count(cpu));
	return X86_OK;
}

insn_exec_fn fxsave_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_FXSAVE:
		return exec_fxsave;
	case INSN_FXRSTOR:
		return exec_fxrstor;
	case INSN_LDMXCSR:
	case INSN_VLDMXCSR:
		return exec_ldmxcsr;
	case INSN_STMXCSR:
	case INSN_VSTMXCSR:
		return exec_stmxcsr;
	case INSN_EMMS:
		return exec_emms;
	case INSN_VZEROALL:
		return exec_vzeroall;
	case INSN_VZEROUPPER:
		return exec_vzeroupper;
	default:
		return NULL;
	}
}
