/* SPDX-License-Identifier: MIT */
/*
 * The client's memory, read and written as the kernel does it: an address where
 * nothing is gives -EFAULT, no signal.
 */
#ifndef ENGINE_PRELOAD_USER_H
#define ENGINE_PRELOAD_USER_H

#include "base/types.h"

static inline u64 user_address(const volatile void *client)
{
	return (u64)(uintptr_t)client;
}

/* 0 or -EFAULT. */
must_check int user_read(void *to, u64 from, size_t size);
must_check int user_write(u64 to, const void *from, size_t size);

#endif
