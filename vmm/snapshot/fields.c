/* SPDX-License-Identifier: MIT */
/* Field tables to bytes and back: see fields.h for the format. */
#include "vmm/snapshot/fields.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

/* A table is at most this long, so that one word notes what was seen. */
#define FIELD_COUNT_MAX 256

static int save_one(const struct field *field, const void *object,
		    struct buf *out)
{
	size_t length = strlen(field->name);
	int err;

	assert(length && length <= FIELD_NAME_BYTES_MAX);
	err = buf_append_byte(out, (u8)length);
	if (!err)
		err = buf_append(out, field->name, length);
	if (!err)
		err = buf_append(out, &field->size, sizeof(field->size));
	if (!err)
		err = buf_append(out, (const u8 *)object + field->offset,
				 field->size);
	return err;
}

int fields_save(const struct field_table *table, const void *object,
		struct buf *out)
{
	assert(table->count <= FIELD_COUNT_MAX);
	for (u32 i = 0; i < table->count; i++) {
		int err = save_one(&table->fields[i], object, out);

		if (err)
			return trace_err(err);
	}
	return 0;
}

/* What is left of a record while it is read. */
struct reader {
	const u8 *data;
	size_t left;
};

static const u8 *take(struct reader *r, size_t size)
{
	const u8 *data = r->data;

	if (size > r->left)
		return NULL;
	r->data += size;
	r->left -= size;
	return data;
}

static int find(const struct field_table *table, const u8 *name, size_t length)
{
	for (u32 i = 0; i < table->count; i++)
		if (strlen(table->fields[i].name) == length &&
		    !memcmp(table->fields[i].name, name, length))
			return (int)i;
	return -EINVAL;
}

/* Returns the field's index, or -EINVAL. */
static int load_one(const struct field_table *table, void *object,
		    struct reader *r)
{
	const u8 *length = take(r, 1);
	const u8 *name = length ? take(r, *length) : NULL;
	const u8 *size_bytes = name ? take(r, sizeof(u32)) : NULL;
	const u8 *content;
	u32 size;
	int index;

	if (!size_bytes)
		return trace_err(-EINVAL);
	memcpy(&size, size_bytes, sizeof(size));
	index = find(table, name, *length);
	if (index < 0 || table->fields[index].size != size)
		return trace_err(-EINVAL);
	content = take(r, size);
	if (!content)
		return trace_err(-EINVAL);
	memcpy((u8 *)object + table->fields[index].offset, content, size);
	return index;
}

int fields_load(const struct field_table *table, void *object, u32 version,
		const void *data, size_t size)
{
	struct reader r = {.data = data, .left = size};
	bool seen[FIELD_COUNT_MAX] = {};

	assert(table->count <= FIELD_COUNT_MAX);
	while (r.left) {
		int index = load_one(table, object, &r);

		if (index < 0)
			return index;
		if (seen[index])
			return trace_err(-EINVAL);
		seen[index] = true;
	}
	for (u32 i = 0; i < table->count; i++)
		if (!seen[i] && table->fields[i].since <= version)
			return trace_err(-EINVAL);
	return 0;
}

bool fields_equal(const struct field_table *table, const void *a, const void *b,
		  const char **ret_name)
{
	for (u32 i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		if (!memcmp((const u8 *)a + field->offset,
			    (const u8 *)b + field->offset, field->size))
			continue;
		if (ret_name)
			*ret_name = field->name;
		return false;
	}
	return true;
}
