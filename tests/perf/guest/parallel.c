/* SPDX-License-Identifier: MIT */
/* Work in two threads, and the locked instruction in one. */
#include "tests/perf/guest/wl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static long times;
static uint64_t shared;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *hash(void *ret_state)
{
	uint32_t *state = ret_state;
	unsigned char *text = malloc(65536);

	memset(text, 3, 65536);
	for (long k = 0; k < times * 16; k++)
		for (int i = 0; i < 65536; i += 64)
			sha256_block(state, text + i);
	free(text);
	return NULL;
}

static void *add(void *unused)
{
	for (long i = 0; i < times; i++)
		__atomic_fetch_add(&shared, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void *lock_and_add(void *unused)
{
	for (long i = 0; i < times; i++) {
		pthread_mutex_lock(&mutex);
		shared++;
		pthread_mutex_unlock(&mutex);
	}
	return unused;
}

static void run_two(void *(*run)(void *), void *first, void *second)
{
	pthread_t thread[2];

	pthread_create(&thread[0], NULL, run, first);
	pthread_create(&thread[1], NULL, run, second);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
}

/* n MiB hashed in each thread. */
uint64_t wl_par_sha(long n)
{
	uint32_t state[2][8] = {{1, 2, 3, 4, 5, 6, 7, 8},
				{8, 7, 6, 5, 4, 3, 2, 1}};

	times = n;
	run_two(hash, state[0], state[1]);
	return (uint64_t)state[0][0] << 32 | state[1][0];
}

/* n locked additions to one counter in each thread. */
uint64_t wl_par_atomic(long n)
{
	times = n;
	run_two(add, NULL, NULL);
	return shared;
}

/* n additions under a mutex in each thread. */
uint64_t wl_par_mutex(long n)
{
	times = n;
	run_two(lock_and_add, NULL, NULL);
	return shared;
}

/* n locked additions in one thread. */
uint64_t wl_atomic1(long n)
{
	times = n;
	add(NULL);
	return shared;
}
