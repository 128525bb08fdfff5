/* SPDX-License-Identifier: MIT */
/*
 * The MMX view of the x87 registers. [SDM1 9.2.2 "MMX Registers"], [SDM1 9.5]
 *
 * MMX register n is the physical register n; the FXSAVE image keeps registers
 * by distance from TOP. An MMX instruction sets TOP to 0, so the image turns.
 */
#include "engine/core/fpu/state.h"

void mmx_enter(struct x86_cpu *cpu)
{
	u32 top = *fx_u16(cpu, FX_FSW) >> FSW_TOP_SHIFT & 7;

	*fx_u16(cpu, FX_FTW) = 0xff;
	*fx_u16(cpu, FX_FSW) &= (u16) ~(7u << FSW_TOP_SHIFT);
	x87_turn(cpu, top);
}

void mmx_enter_store(struct x86_cpu *cpu, int rc)
{
	u16 tags = *fx_u16(cpu, FX_FTW);

	if (rc != X86_OK && (rc != X86_FAULT || cpu->vendor_amd))
		return;
	mmx_enter(cpu);
	if (rc)
		*fx_u16(cpu, FX_FTW) = tags;
}

u64 mmx_get(struct x86_cpu *cpu, u32 reg)
{
	u32 top = *fx_u16(cpu, FX_FSW) >> FSW_TOP_SHIFT & 7;

	return *mmx(cpu, reg - top);
}

void mmx_set(struct x86_cpu *cpu, u32 reg, u64 value)
{
	u64 *to = mmx(cpu, reg);

	to[0] = value;
	to[1] = 0xffff;
}
