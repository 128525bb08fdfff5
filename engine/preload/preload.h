/* SPDX-License-Identifier: MIT */
/*
 * libkeel-kvm.so: what the names that a program calls have in common. The state
 * of the library is in preload.c and nowhere else; the other files of this room
 * are given what they work on.
 */
#ifndef ENGINE_PRELOAD_PRELOAD_H
#define ENGINE_PRELOAD_PRELOAD_H

#include <sys/types.h>

#include "base/types.h"

/* syscall(2) for the numbers that syscall.S does not make itself. */
long preload_syscall(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);

#endif
