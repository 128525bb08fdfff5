/* SPDX-License-Identifier: MIT */
/* Files into pages: see rom.h. */
#include "vmm/firmware/rom.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/firmware/image.h"

#define PAGE_BYTES ((u64)4096)

static u64 mapping_bytes(const struct rom_kind *kind, u64 file_bytes)
{
	u64 bytes = PAGE_BYTES;

	if (!kind->power_of_two)
		return file_bytes;
	while (bytes < file_bytes)
		bytes *= 2;
	return bytes;
}

static int read_mapping(const struct rom_kind *kind, const struct image *image,
			u8 **ret, u64 *ret_bytes, struct fault *fault)
{
	u64 bytes = mapping_bytes(kind, image->size);
	u8 *data;
	int err;

	if (image->size < kind->bytes_min || image->size > kind->bytes_max ||
	    image->size % kind->bytes_step)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "'%s' is no %s: it has to be a file of %s",
				 image->path, kind->what, kind->sizes);
	data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-errno),
				 "%s '%s'", kind->what, image->path);
	err = image_read(image, 0, data, image->size, fault);
	if (err) {
		munmap(data, bytes);
		return err;
	}
	*ret = data;
	*ret_bytes = bytes;
	return 0;
}

int rom_map(const struct rom_kind *kind, const char *path, u8 **ret,
	    u64 *ret_bytes, struct fault *fault)
{
	struct image image;
	int err = image_open(&image, kind->what, path, fault);

	assert(kind->power_of_two || is_aligned(kind->bytes_step, PAGE_BYTES));
	if (err)
		return err;
	err = read_mapping(kind, &image, ret, ret_bytes, fault);
	image_close(&image);
	return err;
}

int rom_find(const struct rom_kind *kind, const char *const places[], u32 count,
	     const char *advice, struct fault *fault)
{
	for (u32 i = 0; i < count; i++)
		if (!access(places[i], R_OK))
			return (int)i;
	return fault_set(fault, FAULT_NOT_FOUND, trace_err(-ENOENT),
			 "there is no %s at '%s'; %s", kind->what, places[0],
			 advice);
}
