/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <errno.h>

#include "base/clock.h"
#include "base/test.h"

static struct {
	struct mutex lock;
	struct cond changed;
	u32 count; /* guarded by lock */
	char name[THREAD_NAME_BYTES_MAX];
} shared;

static void add(void *ctx)
{
	u32 times = *(const u32 *)ctx;

	for (u32 i = 0; i < times; i++) {
		mutex_lock(&shared.lock);
		shared.count++;
		cond_wake_all(&shared.changed);
		mutex_unlock(&shared.lock);
	}
}

static void start(void)
{
	memset(&shared, 0, sizeof(shared));
	mutex_init(&shared.lock);
	cond_init(&shared.changed);
}

static void end(void)
{
	cond_release(&shared.changed);
	mutex_release(&shared.lock);
}

TEST(a_mutex_makes_increments_whole_and_a_condition_wakes)
{
	struct thread a, b;
	u32 times = 10000;

	start();
	check_eq(thread_start(&a, "a", add, &times), 0);
	check_eq(thread_start(&b, "b", add, &times), 0);
	mutex_lock(&shared.lock);
	while (shared.count < 2 * times)
		cond_wait(&shared.changed, &shared.lock);
	mutex_unlock(&shared.lock);
	thread_join(&a);
	thread_join(&b);
	check_eq(shared.count, 2 * times);
	end();
}

TEST(a_wait_ends_at_its_deadline)
{
	u64 deadline_ns = clock_now_ns() + 2 * NS_PER_MS;

	start();
	mutex_lock(&shared.lock);
	while (cond_wait_until(&shared.changed, &shared.lock, deadline_ns))
		continue;
	mutex_unlock(&shared.lock);
	check(clock_now_ns() >= deadline_ns);
	end();
}

static void read_name(void *ctx)
{
	struct thread *self = ctx;

	check(thread_is_self(self));
	pthread_getname_np(pthread_self(), shared.name, sizeof(shared.name));
}

TEST(a_thread_carries_its_name_cut_to_what_linux_takes)
{
	struct thread thread;

	start();
	check_eq(thread_start(&thread, "a-name-much-too-long", read_name,
			      &thread),
		 0);
	check(!thread_is_self(&thread));
	thread_join(&thread);
	check_str_eq(shared.name, "a-name-much-too");
	end();
}

TEST(a_held_mutex_cannot_be_tried)
{
	start();
	check(mutex_try_lock(&shared.lock));
	check(!mutex_try_lock(&shared.lock));
	mutex_unlock(&shared.lock);
	end();
}

/* ---- many readers or one writer ---- */

static struct {
	struct rwlock lock;
	u64 value[2]; /* equal whenever the lock is not held to write */
	u32 torn;
} both;

static void write_both(void *ctx)
{
	(void)ctx;
	for (u32 i = 0; i < 20000; i++) {
		rwlock_write(&both.lock);
		both.value[0]++;
		both.value[1]++;
		rwlock_unlock(&both.lock);
	}
}

TEST(a_reader_sees_nothing_half_written)
{
	struct thread thread;
	u64 last = 0;

	rwlock_init(&both.lock);
	check_eq(thread_start(&thread, "writer", write_both, NULL), 0);
	while (last < 20000) {
		rwlock_read(&both.lock);
		both.torn += both.value[0] != both.value[1];
		last = both.value[0];
		rwlock_unlock(&both.lock);
	}
	thread_join(&thread);
	check_eq(both.torn, 0);
	rwlock_release(&both.lock);
}

/* ---- what is asked before a thread begins ---- */

static bool has_run;

static void note_run(void *ctx)
{
	(void)ctx;
	has_run = true;
}

static int begin_as_told(void *ctx, const char *name)
{
	check_str_eq(name, "worker");
	return *(int *)ctx;
}

TEST(a_thread_that_may_not_begin_does_not_run)
{
	struct thread thread;
	int answer = -EPERM;

	thread_begin_set(begin_as_told, &answer);
	has_run = false;
	check_eq(thread_start(&thread, "worker", note_run, NULL), -EPERM);
	check(!has_run);
	answer = 0;
	check_eq(thread_start(&thread, "worker", note_run, NULL), 0);
	thread_join(&thread);
	check(has_run);
	thread_begin_set(NULL, NULL);
}
