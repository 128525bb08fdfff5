/* SPDX-License-Identifier: MIT */
/*
 * A byte buffer that grows up to a stated maximum. Callers that feed it from
 * a client or a file choose the maximum; it is never "as much as they send".
 * Appends return 0, -ENOBUFS over the maximum, or -ENOMEM, and change nothing
 * when they fail. No locks.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/types.h"

struct buf {
	u8 *data; /* owned; NULL while empty */
	size_t size;
	size_t capacity;
	size_t max;
};

void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);

/* Size 0, memory kept. */
void buf_truncate(struct buf *buf);

must_check int buf_reserve(struct buf *buf, size_t more);
must_check int buf_append(struct buf *buf, const void *data, size_t size);
must_check int buf_append_byte(struct buf *buf, u8 byte);
must_check int buf_append_str(struct buf *buf, const char *text);
must_check int buf_printf(struct buf *buf, const char *fmt, ...)
	printf_like(2, 3);

/* Drops the first `size` bytes; size <= buf->size. */
void buf_consume(struct buf *buf, size_t size);

/* The content as a C string (a NUL follows it), or NULL without memory. */
const char *buf_cstr(struct buf *buf);

#endif
