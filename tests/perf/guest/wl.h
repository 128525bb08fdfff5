/* SPDX-License-Identifier: MIT */
/*
 * Small programs to measure, one per subcommand of `wl`. Each does its work
 * `n` times, in the unit its comment names, and returns a result that depends
 * on the work and is the same on every correct machine; 0 where the work has
 * no such result.
 */
#ifndef TESTS_PERF_GUEST_WL_H
#define TESTS_PERF_GUEST_WL_H

#include <stddef.h>
#include <stdint.h>

#define NOINLINE __attribute__((noinline))

/* integer.c */
uint64_t wl_sieve(long n);
uint64_t wl_sha(long n);
uint64_t wl_fib(long n);
uint64_t wl_interp(long n);
uint64_t wl_icall(long n);
void sha256_block(uint32_t *state, const unsigned char *block);

/* core.c */
uint64_t wl_core(long n);

/* float.c */
uint64_t wl_matmul(long n);
uint64_t wl_nbody(long n);
uint64_t wl_x87(long n);
uint64_t wl_ssei(long n);
uint64_t wl_libm(long n);

/* memory.c */
uint64_t wl_chase(long n);
uint64_t wl_memcpy(long n);
uint64_t wl_repmovs(long n);
uint64_t wl_copy8(long n);

/* code.c */
uint64_t wl_smc(long n);
uint64_t wl_cold(long n);

/* calls.c */
uint64_t wl_getppid(long n);
uint64_t wl_gettime(long n);
uint64_t wl_rdtsc(long n);
uint64_t wl_pipe(long n);
uint64_t wl_yield(long n);
uint64_t wl_mprot(long n);
uint64_t wl_signal(long n);
uint64_t wl_segv(long n);

/* process.c */
uint64_t wl_pf(long n);
uint64_t wl_cow(long n);
uint64_t wl_fork(long n);
uint64_t wl_forkexec(long n);

/* files.c */
uint64_t wl_gen(long n);
uint64_t wl_files(long n);
uint64_t wl_rm(long n);

/* parallel.c */
uint64_t wl_par_sha(long n);
uint64_t wl_par_atomic(long n);
uint64_t wl_par_mutex(long n);
uint64_t wl_atomic1(long n);

#endif
