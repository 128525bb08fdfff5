/* SPDX-License-Identifier: MIT */
/* Any bytes as a saved record: load refuses or fills, never overruns. */
#include "vmm/snapshot/fields.h"

struct thing {
	u8 a;
	u32 b;
	u8 c[16];
};

static const struct field fields[] = {
	FIELD(struct thing, a, 1),
	FIELD(struct thing, b, 1),
	FIELD(struct thing, c, 2),
};
static const struct field_table table = {fields, ARRAY_SIZE(fields)};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct thing thing = {};

	if (!size ||
	    fields_load(&table, &thing, data[0] & 3, data + 1, size - 1))
		return -1; /* not worth keeping */
	return 0;
}
