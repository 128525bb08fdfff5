/* SPDX-License-Identifier: MIT */
/*
 * From a decoded vector, x87 or state instruction to its handler.
 */
#include "engine/core/exec/exec.h"
#include "engine/core/fpu/state.h"

typedef insn_exec_fn (*binder)(const struct insn *in);

insn_exec_fn fpu_bind(const struct insn *in)
{
	static const binder binders[] = {
		fxsave_bind,	 xsave_bind,	x87_bind,
		vec_masked_bind, vec_move_bind, vec_run_bind,
	};

	for (u32 i = 0; i < ARRAY_SIZE(binders); i++) {
		insn_exec_fn fn = binders[i](in);

		if (fn)
			return fn;
	}
	return NULL;
}
