/* SPDX-License-Identifier: MIT */
/* Threads and locks: see thread.h. */
#include "base/thread.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"

/* Set while there is one thread, read by all of them. */
static struct {
	int (*fn)(void *ctx, const char *name);
	void *ctx;
} begin;

void thread_begin_set(int (*fn)(void *ctx, const char *name), void *ctx)
{
	begin.fn = fn;
	begin.ctx = ctx;
}

/* Whether the thread may go on. Whoever starts it waits for this. */
static bool begins(struct thread *thread)
{
	int err;

	if (!begin.fn)
		return true;
	err = begin.fn(begin.ctx, thread->name);
	thread->begin_err = err;
	(void)sem_post(&thread->begun); /* its count is 0: cannot overflow */
	return !err;
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	/* The name is for people reading ps; running without it is fine. */
	(void)pthread_setname_np(pthread_self(), thread->name);
	if (begins(thread))
		thread->run(thread->ctx);
	return NULL;
}

/* 0, or the error of the thread that has not begun, and is gone. */
static int begin_wait(struct thread *thread)
{
	int err;

	while (sem_wait(&thread->begun))
		assert(errno == EINTR);
	err = thread->begin_err;
	if (err)
		thread_join(thread);
	return err;
}

int thread_start(struct thread *thread, const char *name,
		 void (*run)(void *ctx), void *ctx)
{
	int err;

	assert(name && run);
	*thread = (struct thread){.run = run, .ctx = ctx};
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	(void)sem_init(&thread->begun, 0, 0); /* cannot fail */
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	if (err)
		return trace_err(-err);
	return begin.fn ? begin_wait(thread) : 0;
}

void thread_join(struct thread *thread)
{
	int err = pthread_join(thread->id, NULL);

	assert(!err);
}

bool thread_is_self(const struct thread *thread)
{
	return pthread_equal(thread->id, pthread_self());
}

void mutex_init(struct mutex *mutex)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	assert(!err);
	err = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	assert(!err);
	err = pthread_mutex_init(&mutex->pthread, &attr);
	assert(!err);
	err = pthread_mutexattr_destroy(&attr);
	assert(!err);
}

void mutex_release(struct mutex *mutex)
{
	int err = pthread_mutex_destroy(&mutex->pthread);

	assert(!err);
}

void mutex_lock(struct mutex *mutex)
{
	int err = pthread_mutex_lock(&mutex->pthread);

	assert(!err);
}

bool mutex_try_lock(struct mutex *mutex)
{
	int err = pthread_mutex_trylock(&mutex->pthread);

	assert(!err || err == EBUSY);
	return !err;
}

void mutex_unlock(struct mutex *mutex)
{
	int err = pthread_mutex_unlock(&mutex->pthread);

	assert(!err);
}

void rwlock_init(struct rwlock *rwlock)
{
	int err = pthread_rwlock_init(&rwlock->pthread, NULL);

	assert(!err);
}

void rwlock_release(struct rwlock *rwlock)
{
	int err = pthread_rwlock_destroy(&rwlock->pthread);

	assert(!err);
}

void rwlock_read(struct rwlock *rwlock)
{
	int err = pthread_rwlock_rdlock(&rwlock->pthread);

	assert(!err);
}

void rwlock_write(struct rwlock *rwlock)
{
	int err = pthread_rwlock_wrlock(&rwlock->pthread);

	assert(!err);
}

void rwlock_unlock(struct rwlock *rwlock)
{
	int err = pthread_rwlock_unlock(&rwlock->pthread);

	assert(!err);
}

void cond_init(struct cond *cond)
{
	pthread_condattr_t attr;
	int err = pthread_condattr_init(&attr);

	assert(!err);
	err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	assert(!err);
	err = pthread_cond_init(&cond->pthread, &attr);
	assert(!err);
	err = pthread_condattr_destroy(&attr);
	assert(!err);
}

void cond_release(struct cond *cond)
{
	int err = pthread_cond_destroy(&cond->pthread);

	assert(!err);
}

void cond_wait(struct cond *cond, struct mutex *mutex)
{
	int err = pthread_cond_wait(&cond->pthread, &mutex->pthread);

	assert(!err);
}

bool cond_wait_until(struct cond *cond, struct mutex *mutex, u64 deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};
	int err =
		pthread_cond_timedwait(&cond->pthread, &mutex->pthread, &until);

	assert(!err || err == ETIMEDOUT);
	return !err;
}

void cond_wake_one(struct cond *cond)
{
	int err = pthread_cond_signal(&cond->pthread);

	assert(!err);
}

void cond_wake_all(struct cond *cond)
{
	int err = pthread_cond_broadcast(&cond->pthread);

	assert(!err);
}
