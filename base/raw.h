/* SPDX-License-Identifier: MIT */
/*
 * System calls past libc: where its names are taken, or its memory must not be
 * touched. Each returns what the kernel does: a result, or -errno; errno is left
 * alone, and a signal handler or a forked child may make them.
 */
#ifndef BASE_RAW_H
#define BASE_RAW_H

#include <sys/syscall.h>

#include "base/types.h"

static inline long raw_call(long number, u64 a, u64 b, u64 c, u64 d, u64 e,
			    u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

static inline u64 raw_address(const volatile void *at)
{
	return (u64)(uintptr_t)at;
}

#endif
