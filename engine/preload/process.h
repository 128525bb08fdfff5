/* SPDX-License-Identifier: MIT */
/*
 * Which process this is. A forked child has copies of everything here and must
 * touch none of its parent's VMs; a child of vfork shares all memory with its
 * parent and must not change what is written there about descriptors, which it
 * has of its own. Neither can be told from the pid alone.
 *
 * A page that the kernel wipes in forked children holds the number of the fork,
 * and beside it, in memory that is copied, the pid: a wiped page is a new
 * process, a whole one with another pid is a borrowed one.
 */
#ifndef ENGINE_PRELOAD_PROCESS_H
#define ENGINE_PRELOAD_PROCESS_H

#include "base/types.h"

struct preload_process {
	u32 *alive; /* atomic pointer; the page; NULL: not started */
	u32 last;   /* the number last given out */
	int pid;
};

/* 0, or -errno of mmap or madvise. Any number of times, from any thread. */
must_check int process_start(struct preload_process *process);
/* The number of this fork, from 1; 0: not started. */
u32 process_id(struct preload_process *process);
/* Descriptors here are not those that the memory tells of: after vfork. */
bool process_is_borrowed(struct preload_process *process);

#endif
