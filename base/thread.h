/* SPDX-License-Identifier: MIT */
/*
 * Threads and locks: pthreads with every result checked. A lock misused is a
 * bug of ours and asserts; only starting a thread can fail for the host's
 * reasons.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <semaphore.h>

#include "base/types.h"

#define THREAD_NAME_BYTES_MAX 16

struct thread {
	pthread_t id;
	void (*run)(void *ctx);
	void *ctx; /* borrowed: must outlive the thread */
	char name[THREAD_NAME_BYTES_MAX];
	sem_t begun; /* with thread_begin_set(): begin() is through */
	int begin_err;
};

/*
 * From now on each new thread calls begin(ctx, its name) first, on itself, and
 * does nothing more unless that returns 0. NULL: they begin at once again. To be
 * called while there is one thread.
 */
void thread_begin_set(int (*begin)(void *ctx, const char *name), void *ctx);

/*
 * Starts run(ctx) under `name` (cut at 15 bytes). `thread` must stay in place
 * until thread_join. -EAGAIN or -EPERM as pthread_create says, or what begin()
 * has returned; there is no thread then.
 */
must_check int thread_start(struct thread *thread, const char *name,
			    void (*run)(void *ctx), void *ctx);
void thread_join(struct thread *thread);
bool thread_is_self(const struct thread *thread);

/* Not recursive: a second lock by its holder asserts. */
struct mutex {
	pthread_mutex_t pthread;
};

void mutex_init(struct mutex *mutex);
void mutex_release(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* Held by many readers or one writer; not recursive. */
struct rwlock {
	pthread_rwlock_t pthread;
};

void rwlock_init(struct rwlock *rwlock);
void rwlock_release(struct rwlock *rwlock);
void rwlock_read(struct rwlock *rwlock);
void rwlock_write(struct rwlock *rwlock);
void rwlock_unlock(struct rwlock *rwlock);

/* A condition, waited for with its mutex held. Wakes may be spurious. */
struct cond {
	pthread_cond_t pthread;
};

void cond_init(struct cond *cond);
void cond_release(struct cond *cond);
void cond_wait(struct cond *cond, struct mutex *mutex);
/* Until clock_now_ns() reaches `deadline_ns`; false when it did. */
bool cond_wait_until(struct cond *cond, struct mutex *mutex, u64 deadline_ns);
void cond_wake_one(struct cond *cond);
void cond_wake_all(struct cond *cond);

#endif
