/* SPDX-License-Identifier: MIT */
/* Floating point by SSE2, libm and x87, and integers in SSE2 registers. */
#include "tests/perf/guest/wl.h"

#include <emmintrin.h>
#include <math.h>

#define SIDE   256
#define BODIES 5

/* n products of matrices of doubles. */
uint64_t wl_matmul(long n)
{
	static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];

	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			a[i][j] = i + j * .5;
			b[i][j] = i - j * .25;
		}
	while (n--) {
		for (int i = 0; i < SIDE; i++)
			for (int k = 0; k < SIDE; k++) {
				double x = a[i][k];

				for (int j = 0; j < SIDE; j++)
					c[i][j] += x * b[k][j];
			}
		a[0][0] += 1e-3 * c[3][5];
	}
	return (uint64_t)fabs(c[7][9]);
}

static void nbody_pull(double place[][3], double speed[][3], const double *mass,
		       int i, int j)
{
	double d[3], square = 0, pull;

	for (int k = 0; k < 3; k++) {
		d[k] = place[i][k] - place[j][k];
		square += d[k] * d[k];
	}
	pull = .01 / (square * sqrt(square));
	for (int k = 0; k < 3; k++) {
		speed[i][k] -= d[k] * mass[j] * pull;
		speed[j][k] += d[k] * mass[i] * pull;
	}
}

/* n steps of the outer solar system, roughly. */
uint64_t wl_nbody(long n)
{
	double place[BODIES][3] = {{0, 0, 0},
				   {4.84, -1.16, -.10},
				   {8.34, 4.12, -.4},
				   {12.89, -15.11, -.22},
				   {15.37, -25.9, .179}};
	double speed[BODIES][3] = {{0},
				   {.6, 2.8, -.02},
				   {-1.01, 1.82, .008},
				   {1.08, .868, -.01},
				   {.979, .594, -.034}};
	static const double mass[BODIES] = {39.4, .037, .011, .0017, .002};

	while (n--) {
		for (int i = 0; i < BODIES; i++)
			for (int j = i + 1; j < BODIES; j++)
				nbody_pull(place, speed, mass, i, j);
		for (int i = 0; i < BODIES; i++)
			for (int k = 0; k < 3; k++)
				place[i][k] += .01 * speed[i][k];
	}
	return (uint64_t)(int64_t)(place[0][0] * 1e6);
}

/* n rounds in extended precision, with a division and a root in each. */
uint64_t wl_x87(long n)
{
	long double x = 1, y = .5L, sum = 0;

	for (long i = 1; i <= n; i++) {
		x = x * 1.0000001L + y / (long double)i;
		y = sqrtl(x * x + y) * .25L;
		sum += x - y;
		if (x > 1e6L)
			x = 1;
	}
	return (uint64_t)fabsl(sum);
}

/* n passes over 64 KiB of packed integers. */
uint64_t wl_ssei(long n)
{
	static __m128i data[4096];
	__m128i sum = _mm_set1_epi32(3);
	const __m128i step = _mm_set1_epi16(77);

	while (n--) {
		for (int i = 0; i < 4096; i++) {
			__m128i t = _mm_add_epi16(data[i], step);

			t = _mm_xor_si128(t, _mm_shuffle_epi32(sum, 0x39));
			sum = _mm_add_epi32(sum, _mm_srli_epi32(t, 3));
			data[i] = _mm_madd_epi16(t, sum);
		}
	}
	return (uint32_t)_mm_cvtsi128_si32(sum);
}

/* n each of sin, exp and log. What libm uses depends on the CPU model, so the
 * last bits do; the result leaves them out. */
uint64_t wl_libm(long n)
{
	double sum = 0;

	for (long i = 0; i < n; i++) {
		double x = (double)i * 1e-3;

		sum += sin(x) + exp(-x * 1e-3) + log(x + 1);
	}
	return (uint64_t)(int64_t)sum;
}
