/* SPDX-License-Identifier: MIT */
/*
 * Saved state: a device names the members that make up its state, and this
 * turns them into bytes and back.
 *
 * A record is a sequence of entries, each: u8 name length, the name, u32
 * size, the bytes; integers little-endian as everywhere on x86. A reader
 * matches by name, so order may change; a field the record lacks keeps the
 * value the device had after reset, which is what guests of that older
 * release saw. A name the reader does not know comes from a newer release
 * and is refused.
 */
#ifndef VMM_SNAPSHOT_FIELDS_H
#define VMM_SNAPSHOT_FIELDS_H

#include "base/buf.h"
#include "base/types.h"

#define FIELD_NAME_BYTES_MAX 63

struct field {
	const char *name; /* never changes once released */
	u32 offset;	  /* in the device's struct */
	u32 size;	  /* bytes */
	u32 since;	  /* version of the class that brought it */
};

#define FIELD(type, member, since_version)                                    \
	{                                                                     \
#member, offsetof(type, member), sizeof(((type *)0)->member), \
			(since_version)                                       \
	}

struct field_table {
	const struct field *fields;
	u32 count;
};

/* Appends the fields of `object`. As buf_append. */
must_check int fields_save(const struct field_table *table, const void *object,
			   struct buf *out);

/*
 * `version` is the saving class's. -EINVAL for a malformed record, a name
 * unknown or given twice, a size that differs, or a missing field that
 * `version` already had; `object` may then be partly written.
 */
must_check int fields_load(const struct field_table *table, void *object,
			   u32 version, const void *data, size_t size);

/* True when all fields of two objects are equal; for tests. */
bool fields_equal(const struct field_table *table, const void *a, const void *b,
		  const char **ret_name);

#endif
