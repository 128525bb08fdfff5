/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv on this process itself. Where a filter of the client's
 * forbids the call the bytes are moved plainly: a good client works as before,
 * a bad address then is a SIGSEGV.
 */
#include "engine/preload/user.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "base/raw.h"

static long move(long number, void *ours, u64 theirs, size_t size)
{
	struct iovec local = {.iov_base = ours, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)theirs,
			       .iov_len = size};
	long pid = raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);

	return raw_call(number, (u64)pid, raw_address(&local), 1,
			raw_address(&remote), 1, 0);
}

static bool is_forbidden(long rc)
{
	return rc == -EPERM || rc == -ENOSYS || rc == -EACCES;
}

int user_read(void *to, u64 from, size_t size)
{
	long rc = size ? move(SYS_process_vm_readv, to, from, size) : 0;

	if (is_forbidden(rc)) {
		memcpy(to, (const void *)(uintptr_t)from, size);
		return 0;
	}
	return rc == (long)size ? 0 : -EFAULT;
}

int user_write(u64 to, const void *from, size_t size)
{
	void *ours = (void *)(uintptr_t)from; /* only read */
	long rc = size ? move(SYS_process_vm_writev, ours, to, size) : 0;

	if (is_forbidden(rc)) {
		memcpy((void *)(uintptr_t)to, from, size);
		return 0;
	}
	return rc == (long)size ? 0 : -EFAULT;
}
