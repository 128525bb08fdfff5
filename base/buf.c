/* SPDX-License-Identifier: MIT */
/* The bounded byte buffer: see buf.h. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define BUF_FIRST_BYTES 64

void buf_init(struct buf *buf, size_t max)
{
	assert(max > 0 && max < SIZE_MAX / 4);
	*buf = (struct buf){.max = max};
}

void buf_release(struct buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void buf_truncate(struct buf *buf)
{
	buf->size = 0;
}

/* Keeps one byte beyond the content for the NUL of buf_cstr. */
/* Large ones move, as libc has it. needs: io: mremap? */
static int grow(struct buf *buf, size_t need)
{
	size_t capacity = MAX(buf->capacity, (size_t)BUF_FIRST_BYTES);
	u8 *data;

	if (need + 1 <= buf->capacity)
		return 0;
	while (capacity < need + 1)
		capacity *= 2;
	data = realloc(buf->data, capacity);
	if (!data)
		return trace_err(-ENOMEM);
	buf->data = data;
	buf->capacity = capacity;
	return 0;
}

int buf_reserve(struct buf *buf, size_t more)
{
	assert(buf->size <= buf->max);
	if (more > buf->max - buf->size)
		return trace_err(-ENOBUFS);
	return grow(buf, buf->size + more);
}

int buf_append(struct buf *buf, const void *data, size_t size)
{
	int err = buf_reserve(buf, size);

	if (err)
		return err;
	if (size)
		memcpy(buf->data + buf->size, data, size);
	buf->size += size;
	return 0;
}

int buf_append_byte(struct buf *buf, u8 byte)
{
	return buf_append(buf, &byte, 1);
}

int buf_append_str(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int length, err;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(length >= 0);
	err = buf_reserve(buf, (size_t)length);
	if (err)
		return err;
	va_start(args, fmt);
	vsnprintf((char *)buf->data + buf->size, (size_t)length + 1, fmt, args);
	va_end(args);
	buf->size += (size_t)length;
	return 0;
}

void buf_consume(struct buf *buf, size_t size)
{
	assert(size <= buf->size);
	if (size && size < buf->size)
		memmove(buf->data, buf->data + size, buf->size - size);
	buf->size -= size;
}

const char *buf_cstr(struct buf *buf)
{
	if (grow(buf, buf->size))
		return NULL;
	buf->data[buf->size] = '\0';
	return (const char *)buf->data;
}
