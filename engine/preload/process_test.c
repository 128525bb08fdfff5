/* SPDX-License-Identifier: MIT */
#include "engine/preload/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

static struct preload_process process;

static int status_of(pid_t pid)
{
	int status = -1;

	check(pid > 0);
	check_eq(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(it_is_zero_before_the_start_and_one_after)
{
	check_eq(process_id(&process), 0);
	check(!process_is_borrowed(&process));
	check_eq(process_start(&process), 0);
	check_eq(process_start(&process), 0);
	check_eq(process_id(&process), 1);
	check(!process_is_borrowed(&process));
}

TEST(each_fork_has_a_number_of_its_own)
{
	pid_t pid;

	check_eq(process_start(&process), 0);
	pid = fork();
	if (!pid) {
		if (process_id(&process) != 2 || process_is_borrowed(&process))
			_exit(1);
		pid = fork();
		if (!pid)
			_exit(process_id(&process) != 3);
		_exit(status_of(pid) != 0 || process_id(&process) != 2);
	}
	check_eq(status_of(pid), 0);
	check_eq(process_id(&process), 1);
}

TEST(a_vfork_child_is_on_borrowed_memory)
{
	volatile bool borrowed = false;
	pid_t pid;

	check_eq(process_start(&process), 0);
	pid = vfork();
	if (!pid) {
		borrowed = process_is_borrowed(&process);
		_exit(0);
	}
	check_eq(status_of(pid), 0);
	check(borrowed);
	check(!process_is_borrowed(&process));
	check_eq(process_id(&process), 1);
}
