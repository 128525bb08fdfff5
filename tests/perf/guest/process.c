/* SPDX-License-Identifier: MIT */
/* Page faults, fork and exec. */
#define _GNU_SOURCE
#include "tests/perf/guest/wl.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES  4096
#define FRESH_BYTES ((size_t)16 << 20)
#define COW_BYTES   ((size_t)8 << 20)

/* Memory in small pages. */
static char *map_small(size_t bytes)
{
	char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(area, bytes, MADV_NOHUGEPAGE);
	return area;
}

/* n times: 4096 fresh pages are touched and given back. */
uint64_t wl_pf(long n)
{
	uint64_t sum = 0;

	while (n--) {
		char *area = map_small(FRESH_BYTES);

		for (size_t i = 0; i < FRESH_BYTES; i += PAGE_BYTES) {
			area[i] = 1;
			sum += (uint64_t)area[i];
		}
		munmap(area, FRESH_BYTES);
	}
	return sum;
}

static uint64_t wait_for(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status == 0;
}

/* n children that write to each of 2048 pages shared with their parent. */
uint64_t wl_cow(long n)
{
	char *area = map_small(COW_BYTES);
	uint64_t count = 0;

	memset(area, 1, COW_BYTES);
	while (n--) {
		pid_t pid = fork();

		if (!pid) {
			for (size_t i = 0; i < COW_BYTES; i += PAGE_BYTES)
				area[i] = 2;
			_exit(area[0] != 2);
		}
		count += wait_for(pid);
	}
	return count + (uint64_t)area[0];
}

/* n children that end at once. */
uint64_t wl_fork(long n)
{
	uint64_t count = 0;

	while (n--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		count += wait_for(pid);
	}
	return count;
}

static pid_t start_true(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/busybox", "true", (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* n children that run a static program which does nothing. */
uint64_t wl_forkexec(long n)
{
	uint64_t count = 0;

	while (n--)
		count += wait_for(start_true());
	return count;
}
