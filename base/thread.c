/* SPDX-License-Identifier: MIT */
/* Threads and locks: see thread.h. */
#include "base/thread.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	/* The name is for people reading ps; running without it is fine. */
	(void)pthread_setname_np(pthread_self(), thread->name);
	thread->run(thread->ctx);
	return NULL;
}

int thread_start(struct thread *thread, const char *name,
		 void (*run)(void *ctx), void *ctx)
{
	int err;

	assert(name && run);
	*thread = (struct thread){.run = run, .ctx = ctx};
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	return err ? trace_err(-err) : 0;
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
