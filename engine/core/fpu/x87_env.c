/* SPDX-License-Identifier: MIT */
/*
 * FNSTENV, FLDENV, FNSAVE, FRSTOR: the environment in its four layouts.
 * [SDM1 8.1.10 "Saving the x87 FPU's State with FSTENV/FNSTENV and
 * FSAVE/FNSAVE", figures 8-9 to 8-12]
 *
 * FCS and FDS are zero but on AMD (see fpu.h). In real and virtual-8086 mode
 * FIP and FDP are linear addresses of 20 or 32 bits cut in two.
 */
#include "engine/core/fpu/state.h"

#define ENV_MAX	       28
#define REGISTERS_SIZE 80

static bool env_wide(const struct insn *in)
{
	return in->op_size != 1;
}

static u32 env_size(const struct insn *in)
{
	return env_wide(in) ? 28 : 14;
}

/* The tag a register's content has. [SDM1 8.1.7 "x87 FPU Tag Word"] */
static u32 tag_of(const u8 *st)
{
	u64 mantissa;
	u32 exponent = (st[8] | (u32)st[9] << 8) & 0x7fff;

	bytes_copy(&mantissa, st, 8);
	if (!exponent && !mantissa)
		return 1; /* zero */
	if (!exponent || exponent == 0x7fff || !(mantissa >> 63))
		return 2; /* special */
	return 0;
}

static u16 tag_word(struct x86_cpu *cpu)
{
	u32 top = *fx_u16(cpu, FX_FSW) >> FSW_TOP_SHIFT & 7;
	u32 full = *fx_u16(cpu, FX_FTW) & 0xff;
	u32 tags = 0;

	for (u32 i = 0; i < 8; i++) {
		const u8 *st =
			cpu->xsave.bytes + XSAVE_ST + 16 * ((i - top) & 7);

		tags |= (full >> i & 1 ? tag_of(st) : 3) << 2 * i;
	}
	return (u16)tags;
}

static void put_word(u8 *env, bool wide, u32 index, u32 value)
{
	u32 with_ones = value | 0xffff0000;

	if (wide)
		bytes_copy(env + 4 * index, &with_ones, 4);
	else
		bytes_copy(env + 2 * index, &value, 2);
}

/* Fields 3 to 6 in the protected-mode layouts. */
static void put_pointers(struct x86_cpu *cpu, u8 *env, bool wide)
{
	u64 fip = *fx_u64(cpu, FX_FIP), fdp = *fx_u64(cpu, FX_FDP);
	u32 cs_fop = (u32)*fx_u16(cpu, FX_FOP) << 16 | cpu->fcs;

	if (wide) {
		bytes_copy(env + 12, &fip, 4);
		bytes_copy(env + 16, &cs_fop, 4);
		bytes_copy(env + 20, &fdp, 4);
		put_word(env, true, 6, cpu->fds);
	} else {
		put_word(env, false, 3, (u32)fip);
		put_word(env, false, 4, cpu->fcs);
		put_word(env, false, 5, (u32)fdp);
		put_word(env, false, 6, cpu->fds);
	}
}

static void put_real_pointers(struct x86_cpu *cpu, u8 *env, bool wide)
{
	u32 fip = (u32)*fx_u64(cpu, FX_FIP), fdp = (u32)*fx_u64(cpu, FX_FDP);
	u32 fop = *fx_u16(cpu, FX_FOP);
	u32 fip_high = (fip >> 16) << 12, fdp_high = (fdp >> 16) << 12;

	put_word(env, wide, 3, fip & 0xffff);
	put_word(env, wide, 5, fdp & 0xffff);
	if (wide) {
		fip_high |= fop;
		bytes_copy(env + 16, &fip_high, 4);
		bytes_copy(env + 24, &fdp_high, 4);
	} else {
		put_word(env, false, 4, (fip_high & 0xf000) | fop);
		put_word(env, false, 6, fdp_high & 0xf000);
	}
}

static void env_build(struct x86_cpu *cpu, const struct insn *in, u8 *env)
{
	bool wide = env_wide(in);

	put_word(env, wide, 0, *fx_u16(cpu, FX_FCW));
	put_word(env, wide, 1, *fx_u16(cpu, FX_FSW));
	put_word(env, wide, 2, tag_word(cpu));
	if (protected_mode(cpu))
		put_pointers(cpu, env, wide);
	else
		put_real_pointers(cpu, env, wide);
}

static u32 take_word(const u8 *env, bool wide, u32 index)
{
	u16 value;

	bytes_copy(&value, env + (wide ? 4 : 2) * index, 2);
	return value;
}

static u32 take_u32(const u8 *at)
{
	u32 value;

	bytes_copy(&value, at, 4);
	return value;
}

static void take_pointers(struct x86_cpu *cpu, const u8 *env, bool wide)
{
	if (wide) {
		*fx_u64(cpu, FX_FIP) = take_u32(env + 12);
		*fx_u16(cpu, FX_FOP) = take_u32(env + 16) >> 16 & FOP_MASK;
		*fx_u64(cpu, FX_FDP) = take_u32(env + 20);
	} else {
		*fx_u64(cpu, FX_FIP) = take_word(env, false, 3);
		*fx_u16(cpu, FX_FOP) = 0;
		*fx_u64(cpu, FX_FDP) = take_word(env, false, 5);
	}
	if (!cpu->vendor_amd)
		return;
	cpu->fcs = (u16)take_word(env, wide, 4);
	cpu->fds = (u16)take_word(env, wide, 6);
}

static void take_real_pointers(struct x86_cpu *cpu, const u8 *env, bool wide)
{
	u32 fip_high = wide ? take_u32(env + 16) : take_word(env, false, 4);
	u32 fdp_high = wide ? take_u32(env + 24) : take_word(env, false, 6);

	*fx_u64(cpu, FX_FIP) = take_word(env, wide, 3) | (fip_high & 0x0ffff000)
								 << 4;
	*fx_u64(cpu, FX_FDP) = take_word(env, wide, 5) | (fdp_high & 0x0ffff000)
								 << 4;
	*fx_u16(cpu, FX_FOP) = fip_high & FOP_MASK;
}

static void env_load(struct x86_cpu *cpu, const struct insn *in, const u8 *env)
{
	bool wide = env_wide(in);
	u32 tags = take_word(env, wide, 2);
	u16 full = 0;

	for (u32 i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != 3)
			full |= (u16)(1u << i);
	*fx_u16(cpu, FX_FCW) =
		(u16)((take_word(env, wide, 0) & FCW_VALID) | FCW_FIXED);
	*fx_u16(cpu, FX_FSW) = (u16)take_word(env, wide, 1);
	*fx_u16(cpu, FX_FTW) = full;
	if (protected_mode(cpu))
		take_pointers(cpu, env, wide);
	else
		take_real_pointers(cpu, env, wide);
	x87_update_es(cpu);
}

/* The first field, then the last byte: the order CR2 shows. Alignment is that of
 * the fields, and of the first one checked. */
static int env_probe(struct x86_cpu *cpu, const struct insn *in, gva_t address,
		     u32 size, bool write)
{
	int rc = linear_probe(cpu, address, env_wide(in) ? 4 : 2, write,
			      insn_fault_seg(in));

	return rc ? rc : area_probe(cpu, in, address, size, write);
}

static int env_write(struct x86_cpu *cpu, const struct insn *in, const u8 *data,
		     u32 size)
{
	struct x86_tlb *tlb;
	gva_t address;
	int rc = vec_linear(cpu, in, size, true, &address);

	if (!rc)
		rc = env_probe(cpu, in, address, size, true);
	if (rc)
		return rc;
	tlb = alignment_ignore(cpu);
	rc = area_write(cpu, address, data, size, insn_fault_seg(in));
	alignment_restore(cpu, tlb);
	return rc;
}

static int env_read(struct x86_cpu *cpu, const struct insn *in, u8 *data,
		    u32 size)
{
	struct x86_tlb *tlb;
	gva_t address;
	int rc = vec_linear(cpu, in, size, false, &address);

	if (!rc)
		rc = env_probe(cpu, in, address, size, false);
	if (rc)
		return rc;
	tlb = alignment_ignore(cpu);
	rc = area_read(cpu, address, data, size, insn_fault_seg(in));
	alignment_restore(cpu, tlb);
	return rc;
}

static int exec_fnstenv(struct x86_cpu *cpu, const struct insn *in)
{
	u8 env[ENV_MAX];
	int rc = gate_x87(cpu);

	if (rc)
		return rc;
	env_build(cpu, in, env);
	rc = env_write(cpu, in, env, env_size(in));
	if (rc)
		return rc;
	*fx_u16(cpu, FX_FCW) |= FSW_EXCEPTIONS; /* all masked */
	x87_update_es(cpu);
	return X86_OK;
}

static int exec_fnsave(struct x86_cpu *cpu, const struct insn *in)
{
	u8 area[ENV_MAX + REGISTERS_SIZE];
	u32 size = env_size(in);
	int rc = gate_x87(cpu);

	if (rc)
		return rc;
	env_build(cpu, in, area);
	for (u32 i = 0; i < 8; i++)
		bytes_copy(area + size + 10 * i,
			   cpu->xsave.bytes + XSAVE_ST + 16 * i, 10);
	rc = env_write(cpu, in, area, size + REGISTERS_SIZE);
	if (rc)
		return rc;
	x87_reinit(cpu);
	return X86_OK;
}

static int gate_waiting(struct x86_cpu *cpu)
{
	int rc = gate_x87(cpu);

	return rc ? rc : gate_pending(cpu);
}

static int exec_fldenv(struct x86_cpu *cpu, const struct insn *in)
{
	u8 env[ENV_MAX];
	u32 top = *fx_u16(cpu, FX_FSW) >> FSW_TOP_SHIFT & 7;
	int rc = gate_waiting(cpu);

	if (!rc)
		rc = env_read(cpu, in, env, env_size(in));
	if (rc)
		return rc;
	env_load(cpu, in, env);
	x87_turn(cpu, top);
	return X86_OK;
}

static int exec_frstor(struct x86_cpu *cpu, const struct insn *in)
{
	u8 area[ENV_MAX + REGISTERS_SIZE];
	u32 size = env_size(in);
	int rc = gate_waiting(cpu);

	if (!rc)
		rc = env_read(cpu, in, area, size + REGISTERS_SIZE);
	if (rc)
		return rc;
	env_load(cpu, in, area);
	for (u32 i = 0; i < 8; i++) {
		u8 *to = cpu->xsave.bytes + XSAVE_ST + 16 * i;

		bytes_copy(to, area + size + 10 * i, 10);
		bytes_zero(to + 10, 6);
	}
	return X86_OK;
}

insn_exec_fn x87_env_bind(const struct insn *in)
{
	switch ((enum insn_id)in->id) {
	case INSN_FNSTENV:
		return exec_fnstenv;
	case INSN_FLDENV:
		return exec_fldenv;
	case INSN_FNSAVE:
		return exec_fnsave;
	default:
		return exec_frstor;
	}
}
