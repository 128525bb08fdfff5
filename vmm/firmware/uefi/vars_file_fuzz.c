/* SPDX-License-Identifier: MIT */
/*
 * A file of UEFI variables with any header and any copies' heads: it is refused, or
 * opened and then as good as any other. Checksums are put right when the input asks
 * for it, since it would never guess them.
 */
#include "vmm/firmware/uefi/vars_file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

#define STORE ((u64)4096)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	struct vars_header header;
	struct vars_copy copy[VARS_FILE_COPIES];
	u8 mend; /* bit 0: header; bits 1 and 2: copies; bit 3: no size of a file */
	u8 fill;
};

static void write_file(int fd, struct input *in)
{
	u64 bytes = vars_copy_offset(STORE, VARS_FILE_COPIES);
	u8 store[STORE];

	memset(store, in->fill, sizeof(store));
	if (in->mend & 1)
		in->header.checksum = vars_header_checksum(&in->header);
	assert(!ftruncate(fd, (off_t)(bytes - (in->mend >> 3 & 1))));
	assert(!pwrite_full(fd, &in->header, sizeof(in->header), 0));
	for (u32 i = 0; i < VARS_FILE_COPIES; i++) {
		u64 at = vars_copy_offset(STORE, i);

		if (in->mend & 2 << i)
			in->copy[i].checksum =
				vars_copy_checksum(&in->copy[i], store, STORE);
		assert(!pwrite_full(fd, &in->copy[i], sizeof(in->copy[i]), at));
		assert(!pwrite_full(fd, store, STORE - 1, at + VARS_FILE_PAGE));
		store[STORE - 1] ^= in->mend >> 7;
		assert(!pwrite_full(fd, store + STORE - 1, 1,
				    at + VARS_FILE_PAGE + STORE - 1));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {};
	struct vars_file vars;
	u8 store[STORE] = {};
	char path[64];
	int fd = memfd_create("vars", MFD_CLOEXEC);

	assert(fd >= 0);
	memcpy(&in, data, MIN(size, sizeof(in)));
	write_file(fd, &in);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!vars_file_open(&vars, path, store, STORE, NULL)) {
		u64 sequence = vars.sequence;

		store[7] ^= 1;
		assert(!vars_file_put(&vars, store));
		vars_file_close(&vars);
		memset(store, 0, sizeof(store));
		assert(!vars_file_open(&vars, path, store, STORE, NULL));
		assert(vars.sequence == sequence + 1);
		vars_file_close(&vars);
	}
	close(fd);
	return 0;
}
