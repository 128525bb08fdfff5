/* SPDX-License-Identifier: MIT */
/* Chips to slots: see flash.h. */
#include "vmm/machine/flash.h"

#include "vmm/machine/machine_internal.h"

/* There is no ROM then. */
static u32 slot_of(const struct machine *m, const struct pflash *flash)
{
	return MACHINE_SLOT_FIRMWARE + (u32)(flash - m->board.flash);
}

/*
 * On the thread of a vCPU, whose engine is outside guest code then, or on the
 * loop's. A slot of size 0 is none. [KVM-API 4.35 "KVM_SET_USER_MEMORY_REGION"]
 */
static bool show(void *ctx, const struct pflash *flash, bool shown, u64 at,
		 u64 changed)
{
	struct machine *m = ctx;
	const struct pflash_config *config = &flash->config;
	const struct kvm_userspace_memory_region region = {
		.slot = slot_of(m, flash),
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = config->base_gpa,
		.memory_size = shown ? config->size : 0,
		.userspace_addr = (uintptr_t)config->data,
	};

	if (m->vm->ops->set_user_memory_region(m->vm, &region))
		return false;
	/* What was executed there may be other code now. */
	if (shown && changed)
		m->vm->ops->memory_written(m->vm, config->base_gpa + at,
					   changed);
	return true;
}

/* Ending at 4 GiB: the code, whose last bytes are the reset vector. */
u32 flash_describe(struct machine *m, struct pflash_config *ret)
{
	struct uefi *uefi = m->config.uefi;

	if (!uefi)
		return 0;
	ret[0] = (struct pflash_config){
		.base_gpa = UEFI_END_GPA - uefi->code_bytes - uefi->store_bytes,
		.size = uefi->store_bytes,
		.data = uefi->store,
		.written = uefi_store_written,
		.written_ctx = uefi,
	};
	ret[1] = (struct pflash_config){
		.base_gpa = UEFI_END_GPA - uefi->code_bytes,
		.size = uefi->code_bytes,
		.data = uefi->code,
		.read_only = true,
	};
	for (u32 i = 0; i < 2; i++) {
		ret[i].show = show;
		ret[i].show_ctx = m;
	}
	return 2;
}

bool flash_is_hidden(const struct machine *m)
{
	for (u32 i = 0; m->config.uefi && i < BOARD_FLASH_MAX; i++)
		if (!m->board.flash[i].shown)
			return true;
	return false;
}
