/* SPDX-License-Identifier: MIT */
/* Lists as a hostile client may set them: apply and query must hold. */
#include <assert.h>
#include <string.h>

#include "engine/core/cpuid/cpuid.h"
#include "engine/core/x86.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct kvm_cpuid_entry2 entries[16];
	static struct x86_cpu cpu;
	struct cpuid_state state = {0};
	u32 question[2] = {0, 0}, regs[4];
	u32 count;

	if (size < sizeof(question))
		return 0;
	memcpy(question, data, sizeof(question));
	data += sizeof(question);
	size -= sizeof(question);
	if (size > sizeof(entries))
		size = sizeof(entries);
	memcpy(entries, data, size);
	count = (u32)(size / sizeof(entries[0]));
	cpuid_apply(&cpu, entries, count);
	assert(cpu.physical_bits >= 32 && cpu.physical_bits <= 52);
	assert(cpu.linear_bits == 48 || cpu.linear_bits == 57);
	assert(!(cpu.xcr0_allowed & ~(u64)7) && cpu.xcr0_allowed & 1);
	state.cr4 = cpu.cr4_allowed;
	state.xcr0 = cpu.xcr0_allowed;
	cpuid_query(entries, count, &state, question[0], question[1], regs);
	return 0;
}
