/* SPDX-License-Identifier: MIT */
/* Any file as a kernel: every loader refuses it or loads it within bounds. */
#include "vmm/firmware/boot/boot.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct guest_mem mem;
	struct boot_entry entry;
	struct fault fault = {};
	struct boot boot;
	int err;

	if (!mem.size) {
		err = guest_mem_init(&mem, 32 * MiB, NULL);
		assert(!err);
	}
	if (!size)
		return 0;
	err = boot_from_memory(&boot, data, size, data, size, "cmdline", &fault);
	if (!err)
		err = boot_load(&boot, &mem, &entry, &fault);
	/* Whatever is refused is refused with a sentence. */
	assert(!err || fault_is_set(&fault));
	return 0;
}
