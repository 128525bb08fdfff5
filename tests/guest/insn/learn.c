/* SPDX-License-Identifier: MIT */
#include "tests/guest/insn/learn.h"

#include <string.h>

#define TOP_MASK 0x3800

static void print_hex(const u8 *bytes, u32 size, FILE *file)
{
	fprintf(file, "0x");
	for (u32 i = size; i-- > 0;)
		fprintf(file, "%02x%s", bytes[i],
			i && i % 8 == 0 && size > 10 ? "_" : "");
}

static void print_address(u64 value, FILE *file)
{
	if (value >= INSN_DATA && value < INSN_DATA + INSN_DATA_BYTES)
		fprintf(file, "data+0x%llx",
			(unsigned long long)(value - INSN_DATA));
	else if (value >= INSN_STACK_PAGE && value < INSN_STACK)
		fprintf(file, "stack-0x%llx",
			(unsigned long long)(INSN_STACK - value));
	else if (value >= INSN_STACK && value < INSN_STACK + 0x800)
		fprintf(file, "stack+0x%llx",
			(unsigned long long)(value - INSN_STACK));
	else if (value >= INSN_CODE && value < INSN_CODE + INSN_CODE_BYTES)
		fprintf(file, "code+0x%llx",
			(unsigned long long)(value - INSN_CODE));
	else
		fprintf(file, "0x%llx", (unsigned long long)value);
}

static void print_gprs(const struct insn_state *in,
		       const struct insn_state *out, FILE *file)
{
	for (u32 i = 0; i < INSN_GPRS; i++) {
		if (in->gpr[i] == out->gpr[i])
			continue;
		fprintf(file, " %s=", insn_gpr_name[i]);
		if (i == RSP || i == RBP || i == RSI || i == RDI)
			print_address(out->gpr[i], file);
		else
			fprintf(file, "0x%llx", (unsigned long long)out->gpr[i]);
	}
}

/* In use from ST(0) on; 8 when there are holes, so that all are printed. */
static u32 stack_depth(const struct insn_state *state)
{
	u32 top = state->fsw >> 11 & 7;
	u32 used = (u32)__builtin_popcount(state->ftw);

	for (u32 i = 0; i < used; i++)
		if (!(state->ftw & BIT((top + i) & 7)))
			return 8;
	return used;
}

static void print_stack(const struct insn_state *out, FILE *file)
{
	u32 top = out->fsw >> 11 & 7;
	u32 depth = stack_depth(out);

	fprintf(file, " st=");
	for (u32 i = 0; i < depth; i++) {
		fprintf(file, i ? "," : "");
		print_hex(out->st[i], 10, file);
	}
	if (top != ((8 - depth) & 7))
		fprintf(file, " top=%u", top);
	if (depth == 8 && out->ftw != 0xff)
		fprintf(file, " ftw=0x%x", out->ftw);
}

static void print_x87(const struct insn_state *in, const struct insn_state *out,
		      FILE *file)
{
	if (in->fcw != out->fcw)
		fprintf(file, " fcw=0x%x", out->fcw);
	if ((in->fsw ^ out->fsw) & ~TOP_MASK)
		fprintf(file, " fsw=0x%x", out->fsw & ~TOP_MASK);
	if (in->ftw != out->ftw || ((in->fsw ^ out->fsw) & TOP_MASK) ||
	    memcmp(in->st, out->st, sizeof(in->st)) != 0)
		print_stack(out, file);
}

static void print_vectors(const struct insn_state *in,
			  const struct insn_state *out, FILE *file)
{
	if (in->mxcsr != out->mxcsr)
		fprintf(file, " mxcsr=0x%x", out->mxcsr);
	for (u32 i = 0; i < 16; i++) {
		bool is_high = memcmp(in->ymm[i] + 16, out->ymm[i] + 16, 16);

		if (memcmp(in->ymm[i], out->ymm[i], 32) == 0)
			continue;
		fprintf(file, " %cmm%u=", is_high ? 'y' : 'x', i);
		print_hex(out->ymm[i], is_high ? 32 : 16, file);
	}
}

static void print_memory(const char *name, const u8 *in, const u8 *out,
			 u32 bytes, s32 base, FILE *file)
{
	for (u32 i = 0; i < bytes; i += 8) {
		if (memcmp(in + i, out + i, 8) == 0)
			continue;
		fprintf(file, " [%s%+d]=", name, base + (s32)i);
		print_hex(out + i, 8, file);
	}
}

void insn_learn_print(const struct insn_state *in, const struct insn_state *out,
		      u32 code_bytes, FILE *file)
{
	bool is_fault = out->vector != INSN_NO_VECTOR;
	char flags[8];

	fprintf(file, " * out:");
	print_gprs(in, out, file);
	if (in->rflags != out->rflags) {
		insn_flags_format(out->rflags, flags);
		fprintf(file, " flags=%s", flags);
	}
	print_x87(in, out, file);
	print_vectors(in, out, file);
	print_memory("data", in->data, out->data, INSN_DATA_BYTES, 0, file);
	print_memory("stack", in->stack, out->stack, INSN_STACK_BYTES,
		     INSN_STACK_PAGE - INSN_STACK, file);
	if (is_fault)
		fprintf(file, " fault=%u", out->vector);
	if (out->error)
		fprintf(file, " error=0x%x", out->error);
	if (out->cr2) {
		fprintf(file, " cr2=");
		print_address(out->cr2, file);
	}
	if (out->rip != INSN_CODE + (is_fault ? 0 : code_bytes)) {
		fprintf(file, " rip=");
		print_address(out->rip, file);
	}
	fprintf(file, "\n");
}
