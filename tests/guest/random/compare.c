/* SPDX-License-Identifier: MIT */
/* See compare.h. */
#include "tests/guest/random/compare.h"

#include <string.h>

#if HAVE_ZYDIS
#include <Zydis/Zydis.h>
#endif

#define XSAVE_BV	 512 /* XSTATE_BV, the header's first field */
#define MEMORY_LINES_MAX 12
#define KERNEL_FIRST	 0x7ffffffff000ull /* to Linux, all from here on is */

static const char *const gpr_names[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

static const char *const segment_names[6] = {"es", "cs", "ss",
					     "ds", "fs", "gs"};

/* One comparison under way. */
struct comparison {
	FILE *out; /* NULL: count only */
	u32 differs;
};

static void field(struct comparison *cmp, u32 kind, const char *name, u64 got,
		  u64 want)
{
	if (got == want)
		return;
	cmp->differs |= kind;
	if (cmp->out)
		fprintf(cmp->out, "  %-12s engine %016llx  cpu %016llx\n", name,
			(unsigned long long)got, (unsigned long long)want);
}

static void bytes_print(FILE *out, const u8 *bytes, u32 size)
{
	for (u32 i = size; i--;)
		fprintf(out, "%02x%s", bytes[i], i && i % 8 == 0 ? "_" : "");
}

static void bytes_field(struct comparison *cmp, u32 kind, const char *name,
			u32 index, const u8 *got, const u8 *want, u32 size)
{
	if (!memcmp(got, want, size))
		return;
	cmp->differs |= kind;
	if (!cmp->out)
		return;
	fprintf(cmp->out, "  %s%-*u engine ", name, (int)(12 - strlen(name)),
		index);
	bytes_print(cmp->out, got, size);
	fprintf(cmp->out, "\n               cpu    ");
	bytes_print(cmp->out, want, size);
	fprintf(cmp->out, "\n");
}

/* ---- making the two alike where they may differ ---- */

/* Components that XSAVE left out are in their initial state. */
static void xsave_complete(u8 *xsave)
{
	static const u16 fcw = FCW_RESET;
	u64 present;

	memcpy(&present, xsave + XSAVE_BV, sizeof(present));
	if (!(present & XCR0_X87)) {
		memset(xsave, 0, XSAVE_MXCSR);
		memset(xsave + XSAVE_ST, 0, XSAVE_XMM - XSAVE_ST);
		memcpy(xsave, &fcw, sizeof(fcw));
	}
	if (!(present & XCR0_SSE))
		memset(xsave + XSAVE_XMM, 0, 256);
	if (!(present & XCR0_AVX))
		memset(xsave + XSAVE_YMMH, 0, 256);
}

/*
 * A fault on a kernel address always says "protection" to the process, so that
 * it cannot tell what is mapped there; an interrupt in between makes null
 * selectors 0; and what 64-bit registers hold beyond 32-bit code's is open.
 */
static void outcome_normalize(struct state *state)
{
	if (state->vector == VECTOR_PF && state->cr2 >= KERNEL_FIRST)
		state->error |= PF_PRESENT;
	for (u32 i = 0; i < 6; i++)
		if (!(state->seg[i] & ~3))
			state->seg[i] = 0;
	for (u32 i = 0; state->seg[SEG_CS] == SELECTOR_CODE32 && i < 16; i++)
		state->gpr[i] = i < 8 ? (u32)state->gpr[i] : 0;
}

/* ---- the parts ---- */

static void compare_fault(struct comparison *cmp, const struct state *got,
			  const struct state *want)
{
	field(cmp, DIFFERS_FAULT, "vector", got->vector, want->vector);
	field(cmp, DIFFERS_FAULT, "error", got->error, want->error);
	field(cmp, DIFFERS_FAULT, "cr2", got->cr2, want->cr2);
	field(cmp, DIFFERS_RIP, "rip", got->rip, want->rip);
}

static void compare_general(struct comparison *cmp, const struct random_case *c,
			    const struct state *got, const struct state *want)
{
	u64 undefined = c->flags_undefined;

	for (u32 i = 0; i < 16; i++)
		if (!(c->host_values >> i & 1))
			field(cmp, DIFFERS_GPR, gpr_names[i], got->gpr[i],
			      want->gpr[i]);
	field(cmp, DIFFERS_FLAGS, "rflags",
	      got->rflags & FLAGS_SEEN & ~undefined,
	      want->rflags & FLAGS_SEEN & ~undefined);
	field(cmp, DIFFERS_UNDEFINED, "(undefined)", got->rflags & undefined,
	      want->rflags & undefined);
	for (u32 i = 0; i < 6; i++)
		field(cmp, DIFFERS_SEGMENTS, segment_names[i], got->seg[i],
		      want->seg[i]);
	field(cmp, DIFFERS_SEGMENTS, "fs base", got->fs_base, want->fs_base);
	field(cmp, DIFFERS_SEGMENTS, "gs base", got->gs_base, want->gs_base);
}

static u64 get(const u8 *from, u32 size)
{
	u64 value = 0;

	memcpy(&value, from, size);
	return value;
}

static void compare_xsave(struct comparison *cmp, const u8 *got, const u8 *want)
{
	static const struct {
		const char *name;
		u32 at, size;
	} words[] = {
		{"fcw", 0, 2}, {"fsw", 2, 2}, {"ftw", 4, 1},
		{"fop", 6, 2}, {"fip", 8, 8}, {"fdp", 16, 8},
	};

	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		field(cmp, DIFFERS_X87, words[i].name,
		      get(got + words[i].at, words[i].size),
		      get(want + words[i].at, words[i].size));
	for (u32 i = 0; i < 8; i++)
		bytes_field(cmp, DIFFERS_X87, "st", i, got + XSAVE_ST + 16 * i,
			    want + XSAVE_ST + 16 * i, 10);
	field(cmp, DIFFERS_VECTOR, "mxcsr", get(got + XSAVE_MXCSR, 4),
	      get(want + XSAVE_MXCSR, 4));
	for (u32 i = 0; i < 16; i++)
		bytes_field(cmp, DIFFERS_VECTOR, "xmm", i,
			    got + XSAVE_XMM + 16 * i, want + XSAVE_XMM + 16 * i,
			    16);
	for (u32 i = 0; i < 16; i++)
		bytes_field(cmp, DIFFERS_VECTOR, "ymm high ", i,
			    got + XSAVE_YMMH + 16 * i,
			    want + XSAVE_YMMH + 16 * i, 16);
}

static void compare_memory(struct comparison *cmp, const u8 *got, const u8 *want)
{
	static const char *const pages[] = {"code0+", "code1+", "data0+",
					    "data1+", "const+", "stack+"};
	u32 lines = 0;

	if (!memcmp(got, want, MEMORY_BYTES))
		return;
	cmp->differs |= DIFFERS_MEMORY;
	for (u32 at = 0; at < MEMORY_BYTES && cmp->out; at += 8) {
		if (!memcmp(got + at, want + at, 8) ||
		    lines++ >= MEMORY_LINES_MAX)
			continue;
		fprintf(cmp->out, "  %s%03x   engine %016llx  cpu %016llx\n",
			pages[at / PAGE_BYTES], at % PAGE_BYTES,
			(unsigned long long)get(got + at, 8),
			(unsigned long long)get(want + at, 8));
	}
	if (lines > MEMORY_LINES_MAX && cmp->out)
		fprintf(cmp->out, "  ... %u more words\n",
			lines - MEMORY_LINES_MAX);
}

u32 compare_case(const struct random_case *c, const struct slot *native,
		 FILE *out)
{
	struct comparison cmp = {.out = out};
	const struct case_step *last = &c->step[c->step_count - 1];
	struct state got = c->out, want = native->out;

	if (c->broken || !native->ran) {
		if (out)
			fprintf(out, "  %s\n",
				c->broken
					? "the engine did what no processor does"
					: "the bare CPU did not come to an end");
		return DIFFERS_HUNG;
	}
	xsave_complete(want.xsave);
	outcome_normalize(&got);
	outcome_normalize(&want);
	compare_fault(&cmp, &got, &want);
	compare_general(&cmp, c, &got, &want);
	if (!last->faulted || !row_fault_is_partial(&last->insn))
		compare_xsave(&cmp, got.xsave, want.xsave);
	compare_memory(&cmp, c->after, native->after);
	return cmp.differs;
}

void compare_format(u32 differs, char *text, u32 size)
{
	static const char *const names[] = {
		"fault", "rip",	   "gpr",    "flags",	  "segments",
		"x87",	 "vector", "memory", "undefined", "hung"};
	u32 used = 0;

	text[0] = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(names) && used < size; i++)
		if (differs >> i & 1)
			used += (u32)snprintf(text + used, size - used, "%s%s",
					      used ? " " : "", names[i]);
}

/* ---- the case ---- */

static void disassemble(const struct case_step *s, enum code_size code,
			FILE *out)
{
#if HAVE_ZYDIS
	ZydisDisassembledInstruction text;
	ZydisMachineMode mode = code == CODE_64
					? ZYDIS_MACHINE_MODE_LONG_64
					: ZYDIS_MACHINE_MODE_LONG_COMPAT_32;

	if (ZYAN_SUCCESS(ZydisDisassembleIntel(mode, s->rip, s->bytes,
					       sizeof(s->bytes), &text)))
		fprintf(out, "%s", text.text);
#else
	(void)code;
	if (s->decoded)
		fprintf(out, "%s", insn_mnemonic(&s->insn));
#endif
}

static void print_step(const struct case_step *s, enum code_size code, FILE *out)
{
	u32 size = s->decoded ? s->insn.len : INSN_LEN_MAX;
	char row[80] = "no such instruction";

	fprintf(out, "  %08llx ", (unsigned long long)s->rip);
	for (u32 i = 0; i < size; i++)
		fprintf(out, " %02x", s->bytes[i]);
	fprintf(out, "  ");
	disassemble(s, code, out);
	if (s->decoded)
		row_format(s->insn.row, row, sizeof(row));
	fprintf(out, "   {%s}%s\n", row, s->faulted ? " faults" : "");
}

static void print_state(const struct state *in, FILE *out)
{
	for (u32 i = 0; i < 16; i++)
		fprintf(out, "%s%-3s %016llx%s", i % 4 ? " " : "  ",
			gpr_names[i], (unsigned long long)in->gpr[i],
			i % 4 == 3 ? "\n" : "");
	fprintf(out,
		"  rflags %06llx mxcsr %04llx fcw %04llx fsw %04llx ftw %02llx "
		"fs %x:%llx gs %x:%llx ds %x es %x\n",
		(unsigned long long)in->rflags,
		(unsigned long long)get(in->xsave + XSAVE_MXCSR, 4),
		(unsigned long long)get(in->xsave, 2),
		(unsigned long long)get(in->xsave + 2, 2),
		(unsigned long long)get(in->xsave + 4, 1), in->seg[SEG_FS],
		(unsigned long long)in->fs_base, in->seg[SEG_GS],
		(unsigned long long)in->gs_base, in->seg[SEG_DS],
		in->seg[SEG_ES]);
}

/* The vector registers that the last instructions name, and the x87 stack. */
static void print_vectors(const struct random_case *c, FILE *out)
{
	u32 used = 0, attr = 0;

	for (u32 i = 0; i < c->step_count; i++) {
		const struct insn *in = &c->step[i].insn;

		attr |= c->step[i].decoded ? insn_rows[in->row].attr : 0;
		used |= 1u << (in->reg & 15) | 1u << (in->rm & 15) |
			1u << (in->vvvv & 15) | 1u << (in->index_vec & 15) | 1;
	}
	for (u32 i = 0; i < 16 && attr & ROW_VEC; i++) {
		if (!(used >> i & 1))
			continue;
		fprintf(out, "  ymm%-2u ", i);
		bytes_print(out, c->in.xsave + XSAVE_YMMH + 16 * i, 16);
		fprintf(out, "_");
		bytes_print(out, c->in.xsave + XSAVE_XMM + 16 * i, 16);
		fprintf(out, "\n");
	}
	for (u32 i = 0; i < 8 && attr & (ROW_X87 | ROW_MMX); i++) {
		fprintf(out, "  st%u ", i);
		bytes_print(out, c->in.xsave + XSAVE_ST + 16 * i, 10);
		fprintf(out, "\n");
	}
}

/* What RSP points at, for those that pop. */
static void print_stack(const struct random_case *c, FILE *out)
{
	u64 at = c->in.gpr[RSP] - AT_STACK;

	if (at > PAGE_BYTES - 40)
		return;
	fprintf(out, "  stack");
	for (u32 i = 0; i < 40; i += 8)
		fprintf(out, " %016llx",
			(unsigned long long)get(
				c->before + PAGE_STACK * PAGE_BYTES + at + i, 8));
	fprintf(out, "\n");
}

void compare_print_case(const struct random_case *c, u64 seed, FILE *out)
{
	fprintf(out, "case %llu of seed %llu, %u-bit code, %s:\n",
		(unsigned long long)c->number, (unsigned long long)seed,
		c->code == CODE_64 ? 64 : 32,
		c->blocks ? "in blocks" : "one by one");
	for (u32 i = 0; i < c->step_count; i++)
		print_step(&c->step[i], c->code, out);
	fprintf(out, "  ends by exception %u, error %x, address %llx\n",
		c->out.vector, c->out.error, (unsigned long long)c->out.cr2);
	print_state(&c->in, out);
	print_stack(c, out);
	print_vectors(c, out);
}
