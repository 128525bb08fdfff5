/* SPDX-License-Identifier: MIT */
/*
 * Making the host fail, for tests: the nth allocation from now on returns
 * nothing, and everything else goes on as ever. A constructor is tested by
 * letting each of its allocations fail in turn:
 *
 *	for (u32 n = 1; alloc_fail_at(n), (err = thing_create(&thing)); n++)
 *		check_eq(err, -ENOMEM);
 *	alloc_fail_off();
 *
 * Counted are malloc, calloc, realloc, strdup and mmap called by our own code
 * (the linker wraps them in test binaries); the C library's own calls are not.
 * Run under MODE=asan this shows what a half-built object leaks.
 */
#ifndef BASE_HARNESS_FAULT_H
#define BASE_HARNESS_FAULT_H

#include "base/types.h"

/* The nth call from now fails, once; n >= 1. */
void alloc_fail_at(u32 n);
void alloc_fail_off(void);

/* Whether the failure asked for has happened. */
bool alloc_has_failed(void);

#endif
