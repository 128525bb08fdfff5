/* SPDX-License-Identifier: MIT */
/* Code that is written while the program runs, as by a JIT compiler. */
#define _GNU_SOURCE
#include "tests/perf/guest/wl.h"

#include <string.h>
#include <sys/mman.h>

#define SLOTS	   256
#define SLOT_BYTES 256
#define AREA_BYTES ((size_t)4 << 20)
#define FUNCTIONS  8000
#define STEPS	   60
#define STEP_BYTES 8

typedef int (*function_t)(int x);

/* lea IMMEDIATE(%rdi), %eax and then `second`, two bytes; returns the end. */
static unsigned char *put_step(unsigned char *at, int32_t immediate,
			       const unsigned char *second)
{
	*at++ = 0x8d;
	*at++ = 0x87;
	memcpy(at, &immediate, sizeof(immediate));
	at += sizeof(immediate);
	*at++ = second[0];
	*at++ = second[1];
	return at;
}

static int call(unsigned char *code, int x)
{
	return ((function_t)(uintptr_t)code)(x);
}

/* n times: a function of eight steps is written over an old one and called
 * four times. */
uint64_t wl_smc(long n)
{
	static const unsigned char mov_eax_to_edi[] = {0x89, 0xc7};
	unsigned char *area = mmap(NULL, SLOTS * SLOT_BYTES,
				   PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t sum = 0;

	for (long i = 0; i < n; i++) {
		unsigned char *code = area + (i % SLOTS) * SLOT_BYTES;
		unsigned char *at = code;

		for (int k = 0; k < 8; k++)
			at = put_step(at, (int32_t)(i + k), mov_eax_to_edi);
		*at = 0xc3; /* ret */
		for (int k = 0; k < 4; k++)
			sum += (uint64_t)call(code, k);
	}
	return sum;
}

/* n times: 8000 functions of 480 bytes, each of which runs once. */
uint64_t wl_cold(long n)
{
	static const unsigned char xor_eax_into_edi[] = {0x31, 0xc7};
	size_t stride = (STEPS * STEP_BYTES + 1 + 15) & ~(size_t)15;
	uint64_t sum = 0;

	while (n--) {
		unsigned char *area = mmap(NULL, AREA_BYTES,
					   PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int i = 0; i < FUNCTIONS; i++) {
			unsigned char *at = area + i * stride;

			for (int k = 0; k < STEPS; k++)
				at = put_step(at, (int32_t)(i * 7 + k + n),
					      xor_eax_into_edi);
			*at = 0xc3; /* ret */
		}
		mprotect(area, AREA_BYTES, PROT_READ | PROT_EXEC);
		for (int i = 0; i < FUNCTIONS; i++)
			sum += (uint64_t)call(area + i * stride, i);
		munmap(area, AREA_BYTES);
	}
	return sum;
}
