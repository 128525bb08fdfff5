/* SPDX-License-Identifier: MIT */
/* Failing allocations: see harness_fault.h. */
#include "base/harness_fault.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Calls until the one that fails; 0 = none will. Atomic. */
static u32 countdown;
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset);

void alloc_fail_at(u32 n)
{
	__atomic_store_n(&has_failed, false, __ATOMIC_RELAXED);
	__atomic_store_n(&countdown, n, __ATOMIC_RELEASE);
}

void alloc_fail_off(void)
{
	__atomic_store_n(&countdown, 0, __ATOMIC_RELEASE);
}

bool alloc_has_failed(void)
{
	return __atomic_load_n(&has_failed, __ATOMIC_ACQUIRE);
}

static bool fails(void)
{
	u32 left = __atomic_load_n(&countdown, __ATOMIC_ACQUIRE);

	while (left &&
	       !__atomic_compare_exchange_n(&countdown, &left, left - 1, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		continue;
	if (left != 1)
		return false;
	__atomic_store_n(&has_failed, true, __ATOMIC_RELEASE);
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset)
{
	return fails() ? MAP_FAILED
		       : __real_mmap(at, size, protection, flags, fd, offset);
}
