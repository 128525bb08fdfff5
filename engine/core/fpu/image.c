/* SPDX-License-Identifier: MIT */
/*
 * The guest's state as others see it: reset, the FXSAVE image's x87 part, and
 * the client's KVM structures.
 */
#include "engine/core/fpu/state.h"

#include <linux/kvm.h>

#define EINVAL_ERRNO 22 /* core has no <errno.h> */

static u64 load_u64(const void *from)
{
	u64 value;

	__builtin_memcpy(&value, from, 8);
	return value;
}

static u32 load_u32(const void *from)
{
	u32 value;

	__builtin_memcpy(&value, from, 4);
	return value;
}

static u16 load_u16(const void *from)
{
	u16 value;

	__builtin_memcpy(&value, from, 2);
	return value;
}

void x87_update_es(struct x86_cpu *cpu)
{
	u16 fsw = *fx_u16(cpu, FX_FSW) & (u16) ~(FSW_ES | FSW_B);

	if (fsw & FSW_EXCEPTIONS & ~*fx_u16(cpu, FX_FCW))
		fsw |= FSW_ES | FSW_B;
	*fx_u16(cpu, FX_FSW) = fsw;
}

void x87_turn(struct x86_cpu *cpu, u32 old_top)
{
	u32 top = *fx_u16(cpu, FX_FSW) >> FSW_TOP_SHIFT & 7;
	u8 *st = cpu->xsave.bytes + XSAVE_ST;
	u64 old[8][2];

	if (likely(top == old_top))
		return;
	bytes_copy(old, st, sizeof(old));
	for (u32 i = 0; i < 8; i++) /* ST(i) is physical register top + i */
		bytes_copy(st + 16 * i, old[(top + i - old_top) & 7], 16);
}

static void x87_clear(struct x86_cpu *cpu)
{
	bytes_zero(cpu->xsave.bytes, XSAVE_MXCSR);
	*fx_u16(cpu, FX_FCW) = FCW_RESET;
	cpu->fcs = cpu->fds = 0;
}

/* [SDM2 "FINIT/FNINIT"] */
void x87_reinit(struct x86_cpu *cpu)
{
	u32 top = *fx_u16(cpu, FX_FSW) >> FSW_TOP_SHIFT & 7;

	x87_clear(cpu);
	x87_turn(cpu, top);
}

void x87_init(struct x86_cpu *cpu)
{
	x87_clear(cpu);
	bytes_zero(cpu->xsave.bytes + XSAVE_ST, 128);
}

u64 x87_pointer(const struct x86_cpu *cpu, u64 value)
{
	u32 unused = cpu->linear_bits > 48 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(value << unused) >> unused);
}

/* Intel keeps all of FDP, and no selectors. */
static void load_pointers(struct x86_cpu *cpu, const u8 *image, bool wide)
{
	u64 fip = load_u64(image + FX_FIP), fdp = load_u64(image + FX_FDP);

	cpu->fcs = cpu->fds = 0;
	if (cpu->vendor_amd) {
		cpu->fcs = wide ? 0 : load_u16(image + FX_FIP + 4);
		cpu->fds = wide ? 0 : load_u16(image + FX_FDP + 4);
		fdp = x87_pointer(cpu, fdp);
	}
	*fx_u64(cpu, FX_FIP) = wide ? x87_pointer(cpu, fip) : (u32)fip;
	*fx_u64(cpu, FX_FDP) = wide ? fdp : (u32)fdp;
}

void x87_load_image(struct x86_cpu *cpu, const u8 *image, bool wide)
{
	*fx_u16(cpu, FX_FCW) = (load_u16(image + FX_FCW) & FCW_VALID) |
			       FCW_FIXED;
	*fx_u16(cpu, FX_FSW) = load_u16(image + FX_FSW);
	*fx_u16(cpu, FX_FTW) = image[FX_FTW];
	*fx_u16(cpu, FX_FOP) = load_u16(image + FX_FOP) & FOP_MASK;
	load_pointers(cpu, image, wide);
	for (u32 i = 0; i < 8; i++) {
		u8 *to = cpu->xsave.bytes + XSAVE_ST + 16 * i;

		bytes_copy(to, image + XSAVE_ST + 16 * i, 10);
		bytes_zero(to + 10, 6);
	}
	x87_update_es(cpu);
}

void x87_store_image(struct x86_cpu *cpu, u8 *image, bool wide)
{
	bytes_copy(image, cpu->xsave.bytes, XSAVE_MXCSR);
	bytes_copy(image + XSAVE_ST, cpu->xsave.bytes + XSAVE_ST, 128);
	if (cpu->vendor_amd && !(load_u16(image + FX_FSW) & FSW_ES)) {
		/* [APM2 11.4.4.3 "FXSAVE and FXRSTOR Instructions"] */
		bytes_zero(image + FX_FOP, 2);
		bytes_zero(image + FX_FIP, 16);
	} else if (!wide) { /* on Intel, both are deprecated: zero */
		u32 fcs = cpu->fcs, fds = cpu->fds;

		bytes_copy(image + FX_FIP + 4, &fcs, 4);
		bytes_copy(image + FX_FDP + 4, &fds, 4);
	}
}

static bool all_zero(const u8 *bytes, u32 size)
{
	u64 any = 0;

	for (u32 i = 0; i < size; i += 8)
		any |= load_u64(bytes + i);
	return any == 0;
}

u64 fpu_in_use(const struct x86_cpu *cpu)
{
	const u8 *x = cpu->xsave.bytes;
	bool pointers = load_u16(x + FX_FOP) || !all_zero(x + FX_FIP, 16);
	bool x87 = (load_u64(x) & (BIT(48) - 1)) != FCW_RESET ||
		   !all_zero(x + XSAVE_ST, 128) ||
		   (pointers && !cpu->vendor_amd);

	return (x87 ? XCR0_X87 : 0) |
	       (all_zero(x + XSAVE_XMM, 256) ? 0 : XCR0_SSE) |
	       (all_zero(x + XSAVE_YMMH, 256) ? 0 : XCR0_AVX);
}

void fpu_reset(struct x86_cpu *cpu, bool init)
{
	if (init)
		return; /* INIT keeps x87, MXCSR and the vector registers */
	bytes_zero(cpu->xsave.bytes, XSAVE_SIZE);
	*fx_u16(cpu, FX_FCW) = FCW_RESET;
	*mxcsr_of(cpu) = MXCSR_RESET;
}

void fpu_get_kvm(const struct x86_cpu *cpu, struct kvm_fpu *ret)
{
	const u8 *x = cpu->xsave.bytes;

	bytes_zero(ret, sizeof(*ret));
	bytes_copy(ret->fpr, x + XSAVE_ST, 128);
	ret->fcw = load_u16(x + FX_FCW);
	ret->fsw = load_u16(x + FX_FSW);
	ret->ftwx = x[FX_FTW];
	ret->last_opcode = load_u16(x + FX_FOP);
	ret->last_ip = load_u64(x + FX_FIP);
	ret->last_dp = load_u64(x + FX_FDP);
	bytes_copy(ret->xmm, x + XSAVE_XMM, 256);
}

int fpu_set_kvm(struct x86_cpu *cpu, const struct kvm_fpu *fpu)
{
	u8 image[XSAVE_XMM];

	bytes_zero(image, sizeof(image));
	bytes_copy(image + XSAVE_ST, fpu->fpr, 128);
	bytes_copy(image + FX_FCW, &fpu->fcw, 2);
	bytes_copy(image + FX_FSW, &fpu->fsw, 2);
	image[FX_FTW] = fpu->ftwx;
	bytes_copy(image + FX_FOP, &fpu->last_opcode, 2);
	bytes_copy(image + FX_FIP, &fpu->last_ip, 8);
	bytes_copy(image + FX_FDP, &fpu->last_dp, 8);
	x87_load_image(cpu, image, true);
	bytes_copy(cpu->xsave.bytes + XSAVE_XMM, fpu->xmm, 256);
	return 0;
}

void xsave_get(const struct x86_cpu *cpu, struct kvm_xsave *ret)
{
	u8 *to = (u8 *)ret->region;
	u64 in_use = fpu_in_use(cpu);
	u32 valid = mxcsr_valid(cpu);

	bytes_zero(to, sizeof(ret->region));
	bytes_copy(to, cpu->xsave.bytes, XSAVE_XMM + 256);
	bytes_copy(to + 28, &valid, 4);
	bytes_copy(to + XSAVE_HEADER, &in_use, 8);
	bytes_copy(to + XSAVE_YMMH, cpu->xsave.bytes + XSAVE_YMMH, 256);
}

int xsave_set(struct x86_cpu *cpu, const struct kvm_xsave *xsave)
{
	const u8 *from = (const u8 *)xsave->region;
	u64 bv = load_u64(from + XSAVE_HEADER);
	u64 allowed = (cpu->xcr0_allowed | XCR0_X87 | XCR0_SSE) &
		      (XCR0_X87 | XCR0_SSE | XCR0_AVX);

	if (bv & ~allowed || !all_zero(from + XSAVE_HEADER + 8, 56))
		return -EINVAL_ERRNO;
	if (bv && load_u32(from + XSAVE_MXCSR) & ~mxcsr_valid(cpu))
		return -EINVAL_ERRNO;
	if (bv & XCR0_X87)
		x87_load_image(cpu, from, true);
	else
		x87_init(cpu);
	*mxcsr_of(cpu) = bv & XCR0_SSE ? load_u32(from + XSAVE_MXCSR)
				       : MXCSR_RESET;
	bytes_zero(cpu->xsave.bytes + XSAVE_XMM, 256);
	bytes_zero(cpu->xsave.bytes + XSAVE_YMMH, 256);
	if (bv & XCR0_SSE)
		bytes_copy(cpu->xsave.bytes + XSAVE_XMM, from + XSAVE_XMM, 256);
	if (bv & XCR0_AVX)
		bytes_copy(cpu->xsave.bytes + XSAVE_YMMH, from + XSAVE_YMMH,
			   256);
	return 0;
}
