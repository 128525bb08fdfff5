/* SPDX-License-Identifier: MIT */
/* Guest RAM: the mapping and its bounded accessors. */
#include "vmm/memory/guest_mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void add_range(struct guest_mem *mem, gpa_t start, gpa_t end, u64 offset)
{
	if (end <= start)
		return;
	assert(mem->range_count < GUEST_MEM_RANGE_MAX);
	mem->range[mem->range_count++] = (struct guest_mem_range){
		.start = start,
		.size = end - start,
		.offset = offset,
	};
}

static void lay_out(struct guest_mem *mem)
{
	u64 low = MIN(mem->size, GUEST_MEM_LOW_END_MAX);

	mem->range_count = 0;
	add_range(mem, 0, GUEST_MEM_WINDOW_START, 0);
	add_range(mem, GUEST_MEM_WINDOW_END, low, GUEST_MEM_WINDOW_END);
	add_range(mem, GUEST_MEM_HIGH_START,
		  GUEST_MEM_HIGH_START + (mem->size - low), low);
}

static int check_size(u64 size, struct fault *fault)
{
	u64 host = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);

	if (size < GUEST_MEM_SIZE_MIN || size > GUEST_MEM_SIZE_MAX ||
	    !is_aligned(size, GUEST_PAGE_BYTES))
		return fault_set(fault, FAULT_INVALID, -EINVAL,
				 "guest memory of %llu bytes: give 2M to 512G "
				 "in steps of 4K",
				 (unsigned long long)size);
	if (size > host)
		return fault_set(fault, FAULT_INVALID, -EINVAL,
				 "guest memory of %llu MiB is more than this "
				 "host has: give at most %lluM",
				 (unsigned long long)(size / MiB),
				 (unsigned long long)(host / MiB));
	return 0;
}

int guest_mem_init(struct guest_mem *mem, u64 size, struct fault *fault)
{
	int err = check_size(size, fault);

	if (err)
		return trace_err(err);
	*mem = (struct guest_mem){.size = size, .fd = -1};
	mem->base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->base == MAP_FAILED) {
		err = -errno;
		mem->base = NULL;
		return fault_set(fault, FAULT_NO_MEMORY, err,
				 "cannot map %llu MiB of guest memory",
				 (unsigned long long)(size / MiB));
	}
	/* Fewer faults, and fewer misses of the processor's TLB, where the host
	 * has huge pages; elsewhere no harm. */
	(void)madvise(mem->base, size, MADV_HUGEPAGE);
	lay_out(mem);
	return 0;
}

int guest_mem_share(struct guest_mem *mem)
{
	int fd = memfd_create("keel-ram", MFD_CLOEXEC), err;

	assert(mem->base && mem->fd < 0);
	if (fd < 0)
		return trace_err(-errno);
	if (!ftruncate(fd, (off_t)mem->size) &&
	    mmap(mem->base, mem->size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == mem->base) {
		mem->fd = fd;
		(void)madvise(mem->base, mem->size, MADV_HUGEPAGE);
		return 0;
	}
	err = trace_err(-errno);
	(void)close(fd); /* nothing was written */
	return err;
}

void guest_mem_release(struct guest_mem *mem)
{
	if (mem->base && mem->fd >= 0)
		(void)close(mem->fd); /* nobody reads it again */
	if (mem->base)
		munmap(mem->base, mem->size);
	*mem = (struct guest_mem){};
}

gpa_t guest_mem_low_end(const struct guest_mem *mem)
{
	return MIN(mem->size, GUEST_MEM_LOW_END_MAX);
}

gpa_t guest_mem_high_end(const struct guest_mem *mem)
{
	return GUEST_MEM_HIGH_START + (mem->size - guest_mem_low_end(mem));
}

void *guest_mem_at(const struct guest_mem *mem, gpa_t gpa, u64 size)
{
	for (u32 i = 0; i < mem->range_count; i++) {
		const struct guest_mem_range *range = &mem->range[i];

		/* A gpa below the range wraps to a huge offset. */
		if (gpa - range->start < range->size &&
		    size <= range->size - (gpa - range->start))
			return mem->base + range->offset + (gpa - range->start);
	}
	return NULL;
}

void guest_mem_tell_written(struct guest_mem *mem, gpa_t gpa, u64 size)
{
	if (mem->written && size)
		mem->written(mem->written_ctx, gpa, size);
}

void guest_mem_tell_written_at(struct guest_mem *mem, const void *at, u64 size)
{
	u64 offset = (u64)((const u8 *)at - mem->base);

	for (u32 i = 0; i < mem->range_count; i++) {
		const struct guest_mem_range *range = &mem->range[i];

		if (offset - range->offset < range->size)
			guest_mem_tell_written(
				mem, range->start + (offset - range->offset),
				size);
	}
}

bool guest_mem_read(const struct guest_mem *mem, gpa_t gpa, void *data, u64 size)
{
	const void *from = guest_mem_at(mem, gpa, size);

	if (!from)
		return false;
	memcpy(data, from, size);
	return true;
}

bool guest_mem_write(struct guest_mem *mem, gpa_t gpa, const void *data,
		     u64 size)
{
	void *to = guest_mem_at(mem, gpa, size);

	if (!to)
		return false;
	memcpy(to, data, size);
	guest_mem_tell_written(mem, gpa, size);
	return true;
}

bool guest_mem_zero(struct guest_mem *mem, gpa_t gpa, u64 size)
{
	void *to = guest_mem_at(mem, gpa, size);

	if (!to)
		return false;
	memset(to, 0, size);
	guest_mem_tell_written(mem, gpa, size);
	return true;
}
