/* SPDX-License-Identifier: MIT */
/* Copies and dependent loads over more memory than caches and TLBs hold. */
#define _GNU_SOURCE
#include "tests/perf/guest/wl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define AREA_BYTES ((size_t)32 << 20)
#define LINE_BYTES 64

static void shuffle(uint32_t *order, size_t count)
{
	uint64_t seed = 88172645463325252ULL;

	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	for (size_t i = count - 1; i > 0; i--) {
		size_t j;
		uint32_t swapped;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		j = seed % i;
		swapped = order[i];
		order[i] = order[j];
		order[j] = swapped;
	}
}

/* n steps along a random cycle through all lines of 32 MiB. */
uint64_t wl_chase(long n)
{
	size_t count = AREA_BYTES / LINE_BYTES;
	char *area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *order = malloc(count * sizeof(*order));
	void **at = (void **)area;

	shuffle(order, count);
	for (size_t i = 0; i < count; i++)
		*(void **)(area + (size_t)LINE_BYTES * order[i]) =
			area + (size_t)LINE_BYTES * order[(i + 1) % count];
	for (long i = 0; i < n; i++)
		at = *at;
	return (uint64_t)((char *)at - area);
}

static void two_areas(char **to, char **from)
{
	*to = malloc(AREA_BYTES);
	*from = malloc(AREA_BYTES);
	memset(*to, 1, AREA_BYTES);
	memset(*from, 2, AREA_BYTES);
}

/* n copies of 32 MiB by the C library. */
uint64_t wl_memcpy(long n)
{
	char *to, *from;

	two_areas(&to, &from);
	while (n--) {
		memcpy(to, from, AREA_BYTES);
		from[n]++;
	}
	return (uint64_t)to[5];
}

/* n copies of 32 MiB by one instruction. */
uint64_t wl_repmovs(long n)
{
	char *to, *from;

	two_areas(&to, &from);
	while (n--) {
		void *d = to, *s = from;
		size_t count = AREA_BYTES;

		__asm__ volatile("rep movsb"
				 : "+D"(d), "+S"(s), "+c"(count)
				 :
				 : "memory");
		from[n]++;
	}
	return (uint64_t)to[1];
}

/* n copies of 32 MiB by a loop of eight bytes at a time. */
uint64_t wl_copy8(long n)
{
	char *to, *from;

	two_areas(&to, &from);
	while (n--) {
		for (size_t i = 0; i < AREA_BYTES; i += 8) {
			*(uint64_t *)(to + i) = *(uint64_t *)(from + i);
			__asm__ volatile("" : : : "memory");
		}
		from[n]++;
	}
	return (uint64_t)to[5];
}
