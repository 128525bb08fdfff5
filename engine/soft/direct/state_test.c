/* SPDX-License-Identifier: MIT */
#include "engine/soft/direct/state.h"

#include <ucontext.h>

#include "base/test.h"

static struct soft_vcpu vcpu;

TEST(what_no_cpu_leaves_behind_is_not_taken)
{
	static const u64 bad[] = {BIT(47), BIT(63), 0x7fffull << 48};
	struct stub_guest guest = {.signal = SIGUSR1};
	s64 gregs[23] = {[REG_RIP] = 0x1000, [REG_RAX] = 7};
	u8 xsave[1024] = {0};
	struct stub_frame frame = {&guest, gregs, xsave, sizeof(xsave)};
	struct state_end end;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		gregs[REG_RIP] = (s64)bad[i];
		check(!state_take(&vcpu, &frame, &end));
		gregs[REG_RIP] = 0x1000;
		guest.fs_base = bad[i];
		check(!state_take(&vcpu, &frame, &end));
		guest.fs_base = 0;
		guest.gs_base = bad[i];
		check(!state_take(&vcpu, &frame, &end));
		guest.gs_base = 0;
	}
	frame.xsave_bytes = 512;
	check(!state_take(&vcpu, &frame, &end));
	check_eq(vcpu.cpu.gpr[RAX], 0);
}
