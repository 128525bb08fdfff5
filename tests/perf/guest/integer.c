/* SPDX-License-Identifier: MIT */
/* Integer arithmetic, branches and calls, in plain C. */
#include "tests/perf/guest/wl.h"

#include <stdlib.h>
#include <string.h>

#define SIEVE_SIZE 2000000

/* n sieves of Eratosthenes. */
uint64_t wl_sieve(long n)
{
	static unsigned char is_prime[SIEVE_SIZE];
	uint64_t count = 0;

	while (n--) {
		memset(is_prime, 1, SIEVE_SIZE);
		for (long i = 2; i * i < SIEVE_SIZE; i++) {
			if (!is_prime[i])
				continue;
			for (long j = i * i; j < SIEVE_SIZE; j += i)
				is_prime[j] = 0;
		}
		for (long i = 2; i < SIEVE_SIZE; i++)
			count += is_prime[i];
	}
	return count;
}

/* The constants of SHA-256: fractional parts of the cube roots of the first
 * 64 primes (FIPS 180-4, 4.2.2). */
static const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define ROTATE(x, count) (((x) >> (count)) | ((x) << (32 - (count))))

static void sha256_schedule(uint32_t w[64], const unsigned char *block)
{
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 |
		       block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (ROTATE(a, 7) ^ ROTATE(a, 18) ^ (a >> 3)) +
		       w[i - 7] + (ROTATE(b, 17) ^ ROTATE(b, 19) ^ (b >> 10));
	}
}

NOINLINE void sha256_block(uint32_t *state, const unsigned char *block)
{
	uint32_t w[64];
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

	sha256_schedule(w, block);
	for (int i = 0; i < 64; i++) {
		uint32_t t = h + (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) +
			     ((e & f) ^ (~e & g)) + sha256_k[i] + w[i];
		uint32_t u = (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) +
			     ((a & b) ^ (a & c) ^ (b & c));

		h = g, g = f, f = e, e = d + t;
		d = c, c = b, b = a, a = t + u;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* n MiB hashed. */
uint64_t wl_sha(long n)
{
	static unsigned char text[65536];
	uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7);
	for (long k = 0; k < n * 16; k++)
		for (size_t i = 0; i < sizeof(text); i += 64)
			sha256_block(state, text + i);
	return state[0];
}

static NOINLINE long fib(long n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

/* The nth Fibonacci number, by calls. */
uint64_t wl_fib(long n)
{
	return (uint64_t)fib(n);
}

/* n rounds of an interpreter of threaded code: one indirect jump for each of
 * 16 operations. */
uint64_t wl_interp(long n)
{
	static const unsigned char program[] = {0, 1, 2, 3, 0, 1, 4, 2,
						1, 0, 3, 4, 1, 2, 0, 5};
	static void *const handler[] = {&&add, &&mix, &&turn,
					&&sub, &&mul, &&again};
	uint64_t x = 1, y = 2;
	int pc = 0;

#define NEXT goto *handler[program[pc++]]
	NEXT;
add:
	x += y;
	NEXT;
mix:
	y ^= x << 1;
	NEXT;
turn:
	x = x >> 3 | x << 61;
	NEXT;
sub:
	y -= x;
	NEXT;
mul:
	x *= 3;
	NEXT;
again:
	pc = 0;
	if (--n <= 0)
		return x + y;
	NEXT;
#undef NEXT
}

static uint64_t called;

#define CALLEE(i)                                   \
	static NOINLINE void callee_##i(uint64_t x) \
	{                                           \
		called += x * i + 1;                \
	}
CALLEE(0)
CALLEE(1)
CALLEE(2)
CALLEE(3)
CALLEE(4)
CALLEE(5)
CALLEE(6)
CALLEE(7)
CALLEE(8)
CALLEE(9)
CALLEE(10)
CALLEE(11)
CALLEE(12)
CALLEE(13)
CALLEE(14)
CALLEE(15)

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* n times: 4096 calls through a random one of 16 pointers, and a qsort. */
uint64_t wl_icall(long n)
{
	void (*const callee[])(uint64_t) = {
		callee_0,  callee_1,  callee_2,	 callee_3,
		callee_4,  callee_5,  callee_6,	 callee_7,
		callee_8,  callee_9,  callee_10, callee_11,
		callee_12, callee_13, callee_14, callee_15,
	};
	static uint32_t value[4096];

	for (long k = 0; k < n; k++) {
		uint32_t seed = (uint32_t)k + 1;

		for (int i = 0; i < 4096; i++) {
			seed = seed * 1664525 + 1013904223;
			value[i] = seed;
			callee[(seed >> 20) & 15](seed);
		}
		qsort(value, 4096, sizeof(value[0]), compare_u32);
	}
	return called + value[7];
}
