/* SPDX-License-Identifier: MIT */
/*
 * For tests only: what the CPU they run on does that no CPUID bit tells.
 *
 * Static functions in a header because a test is one translation unit.
 */
#ifndef ENGINE_SOFT_THUNK_REFEREE_H
#define ENGINE_SOFT_THUNK_REFEREE_H

#include <cpuid.h>
#include <string.h>

#include "engine/core/cpuid/cpuid.h"
#include "engine/core/types.h"

static inline bool referee_is_amd(void)
{
	struct kvm_cpuid_entry2 vendor = {0};
	u32 most;

	__cpuid(0, most, vendor.ebx, vendor.ecx, vendor.edx);
	return most && cpuid_vendor_amd(&vendor, 1);
}

/*
 * How many bits of FIP are kept: those of the widest linear address, though a
 * hypervisor may have hidden LA57. An exception is pending, so that AMD saves
 * the pointer at all.
 */
static inline u8 referee_pointer_bits(void)
{
	static const u32 mxcsr = 0x1f80;
	static const u16 fcw = 0x037e, fsw = 0x8081;
	u8 image[512] __attribute__((aligned(16))) = {0};
	u64 fip = BIT(50);

	memcpy(image, &fcw, sizeof(fcw));
	memcpy(image + 2, &fsw, sizeof(fsw));
	memcpy(image + 8, &fip, sizeof(fip));
	memcpy(image + 24, &mxcsr, sizeof(mxcsr));
	__asm__ volatile("fxrstor64 %0; fxsave64 %0; fninit" : "+m"(image));
	memcpy(&fip, image + 8, sizeof(fip));
	return fip & BIT(50) ? 57 : 48;
}

/* The x87 part of an image as XSAVE stores it: AMD's has the pointers of a
 * pending exception only. [APM2 11.4.4.3 "FXSAVE and FXRSTOR Instructions"] */
static inline void referee_as_saved(u8 *xsave, bool amd)
{
	if (!amd || xsave[2] & 0x80) /* FSW.ES */
		return;
	memset(xsave + 6, 0, 2);
	memset(xsave + 8, 0, 16);
}

#endif
