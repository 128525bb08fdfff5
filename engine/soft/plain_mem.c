/* SPDX-License-Identifier: MIT */
/*
 * The C library's memory functions use the vector registers, where translated
 * code keeps the guest's state. The Makefile gives the four that a compiler may
 * call by itself other names in the objects of engine/core and engine/soft
 * (memcpy becomes keel_memcpy), this one included, so that those land here.
 * Sanitizers want theirs: in such builds PLAIN_MEM is not defined, and the
 * guest's vector state stays out of the host's registers.
 */
#include <string.h>

#include "base/types.h"

#ifdef PLAIN_MEM /* else the library's serve */

#define SMALL 64 /* bytes: below, a loop beats the start of REP */

typedef u64 __attribute__((may_alias, aligned(1))) word_t;

/* Without this compilers see a memcpy in the loops, and call it. */
#define AS_WRITTEN __asm__ volatile("" : : : "memory")

void *memcpy(void *to, const void *from, size_t bytes)
{
	u8 *t = to;
	const u8 *f = from;

	if (bytes >= SMALL) {
		__asm__ volatile("rep movsb"
				 : "+D"(t), "+S"(f), "+c"(bytes)
				 :
				 : "memory");
		return to;
	}
	for (; bytes >= 8; bytes -= 8, t += 8, f += 8) {
		*(word_t *)(void *)t = *(const word_t *)(const void *)f;
		AS_WRITTEN;
	}
	while (bytes--) {
		*t++ = *f++;
		AS_WRITTEN;
	}
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	u8 *t = to;
	const u8 *f = from;

	if (t <= f || t >= f + bytes)
		return memcpy(to, from, bytes);
	while (bytes--) {
		t[bytes] = f[bytes];
		AS_WRITTEN;
	}
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	u8 *t = to;

	if (bytes >= SMALL) {
		__asm__ volatile("rep stosb"
				 : "+D"(t), "+c"(bytes)
				 : "a"(value)
				 : "memory");
		return to;
	}
	while (bytes--) {
		*t++ = (u8)value;
		AS_WRITTEN;
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const u8 *x = a, *y = b;

	for (; bytes >= 8; bytes -= 8, x += 8, y += 8)
		if (*(const word_t *)(const void *)x !=
		    *(const word_t *)(const void *)y)
			break;
	for (; bytes; bytes--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

#endif
