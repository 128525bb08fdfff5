/* SPDX-License-Identifier: MIT */
/*
 * Errors of the host: negative errno values, where they began, and, for those
 * who must explain them to a person or a client, a fault with its causes.
 *
 * Errors that are our own bugs are asserts; what a guest or a client does
 * wrong is answered as its hardware or protocol says. Neither comes here.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>

#include "base/types.h"

/* Where this thread's latest trace_err() happened. */
struct err_origin {
	int err; /* negative errno; 0 = none yet */
	int line;
	const char *file; /* static storage */
};

/* Records the place and returns `err` unchanged: return trace_err(-EINVAL); */
#define trace_err(err) trace_err_at((err), __FILE__, __LINE__)
int trace_err_at(int err, const char *file, int line);

/* Never NULL; belongs to the calling thread. */
const struct err_origin *err_last(void);

/* What kind of trouble, in words a client's protocol can map. */
enum fault_class {
	FAULT_NONE,
	FAULT_INTERNAL,	   /* a broken promise of our own or of the system */
	FAULT_INVALID,	   /* a value or combination that cannot be */
	FAULT_UNSUPPORTED, /* sensible, but not on this host or build */
	FAULT_NOT_FOUND,
	FAULT_EXISTS,
	FAULT_BUSY,
	FAULT_DENIED,
	FAULT_NO_MEMORY,
	FAULT_IO,
	FAULT_TIMEOUT,
	FAULT_CLASS_COUNT,
};

#define FAULT_TEXT_BYTES_MAX 256
#define FAULT_CHAIN_MAX	     6

/*
 * One failure: its class and a chain of messages from the root cause (index
 * 0) outwards. Storage is bounded: a message is cut at FAULT_TEXT_BYTES_MAX-1
 * bytes, and wrapping a full chain replaces the outermost message.
 * All-zero is an empty fault. It owns nothing: no release is needed.
 */
struct fault {
	enum fault_class class;
	int err; /* negative errno of the root cause */
	u32 count;
	struct err_origin origin;
	char text[FAULT_CHAIN_MAX][FAULT_TEXT_BYTES_MAX];
};

/*
 * Both accept f == NULL and return the fault's error, so that a constructor
 * can say: return fault_set(f, FAULT_IO, -EIO, "cannot read '%s'", path);
 * fault_set starts the chain anew and returns `err`. fault_wrap adds an outer
 * message, keeps class and causes, and returns `err`.
 */
int fault_set(struct fault *f, enum fault_class class, int err, const char *fmt,
	      ...) printf_like(4, 5);
int fault_wrap(struct fault *f, int err, const char *fmt, ...) printf_like(3, 4);

void fault_clear(struct fault *f);
bool fault_is_set(const struct fault *f);
const char *fault_class_name(enum fault_class class);

/*
 * "outer: inner: root cause: No such file or directory" into `text`, always
 * terminated. Returns the length the whole would have. The errno's own words
 * are left out when err is 0.
 */
size_t fault_format(const struct fault *f, char *text, size_t size);

/* One line "prefix: …" to standard error. */
void fault_print(const struct fault *f, const char *prefix);

#endif
