/* SPDX-License-Identifier: MIT */
#include "engine/preload/process.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/raw.h"

#define PAGE_BYTES 4096

static int current_pid(void)
{
	return (int)raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

int process_start(struct preload_process *process)
{
	u32 *none = NULL, *page;
	long at, err;

	if (__atomic_load_n(&process->alive, __ATOMIC_ACQUIRE))
		return 0;
	at = raw_call(SYS_mmap, 0, PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, (u64)-1, 0);
	if (at < 0 && at > -4096)
		return trace_err((int)at);
	err = raw_call(SYS_madvise, (u64)at, PAGE_BYTES, MADV_WIPEONFORK, 0, 0,
		       0);
	page = (u32 *)(uintptr_t)at;
	*page = 1;
	process->last = 1;
	process->pid = current_pid();
	if (!err &&
	    __atomic_compare_exchange_n(&process->alive, &none, page, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return 0;
	(void)raw_call(SYS_munmap, (u64)at, PAGE_BYTES, 0, 0, 0, 0); /* ours */
	return err ? trace_err((int)err) : 0;
}

u32 process_id(struct preload_process *process)
{
	u32 *alive = __atomic_load_n(&process->alive, __ATOMIC_ACQUIRE);
	u32 id, wiped = 0;

	if (!alive)
		return 0;
	id = __atomic_load_n(alive, __ATOMIC_ACQUIRE);
	if (likely(id))
		return id;
	id = process->last + 1;
	process->pid = current_pid(); /* several threads write the same */
	if (!__atomic_compare_exchange_n(alive, &wiped, id, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return wiped;
	process->last = id;
	return id;
}

bool process_is_borrowed(struct preload_process *process)
{
	return process_id(process) && current_pid() != process->pid;
}
