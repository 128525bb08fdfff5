/* SPDX-License-Identifier: MIT */
#include "tests/guest/code/lib/ops.h"

bool op_offered(const struct op *op)
{
	switch (op->need) {
	case OP_MOVBE:
		return has_bit(1, 2, 22);
	case OP_AVX:
		return has_avx();
	default:
		return true;
	}
}
