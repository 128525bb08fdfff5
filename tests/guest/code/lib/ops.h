/* SPDX-License-Identifier: MIT */
/* What ops.S offers. */
#ifndef TESTS_GUEST_CODE_LIB_OPS_H
#define TESTS_GUEST_CODE_LIB_OPS_H

#include "tests/guest/code/lib/hot.h"

enum op_kind { OP_READS = 1, OP_WRITES = 2, OP_PARTS = 4, OP_OWN = 8 };
enum op_need { OP_MOVBE = 2, OP_AVX = 3 };

struct op {
	const char *name;
	const u8 *code, *at; /* called with RDI; the instruction under test */
	u64 pointer;	     /* 0, or what memory must begin with */
	u32 size, kind, mask, need;
};

enum op_register { OP_AX, OP_CX, OP_DX, OP_BX, OP_SP, OP_BP, OP_SI, OP_DI };

struct op_result {
	u64 gpr[16];	  /* RAX RCX RDX RBX RSP RBP RSI RDI R8 ... */
	u64 flags, stack; /* RSP's usual value */
	u64 vectors[8];
	u8 stored[64]; /* what the op moved elsewhere */
};

extern const struct op ops[], ops_end[];
extern struct op_result op_result;
/* What registers hold before; RSP and RDI apart. */
extern const u64 op_registers[16];

bool op_offered(const struct op *op);

#endif
