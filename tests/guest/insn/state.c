/* SPDX-License-Identifier: MIT */
#include "tests/guest/insn/state.h"

#include <string.h>

#define FLAG_LETTERS "cpazsdo"

/* [SDM1 13.4.1 "Legacy Region of an XSAVE Area"] and what follows it. */
#define XSAVE_FCW	0
#define XSAVE_FSW	2
#define XSAVE_FTW	4
#define XSAVE_MXCSR	24
#define XSAVE_ST	32
#define XSAVE_XMM	160
#define XSAVE_XSTATE_BV 512
#define XSAVE_YMM_HIGH	576
#define XSTATE_X87	BIT(0)
#define XSTATE_SSE	BIT(1)
#define XSTATE_AVX	BIT(2)
#define FCW_INIT	0x37f
#define MXCSR_INIT	0x1f80
#define FSW_TOP_SHIFT	11

const char *const insn_gpr_name[INSN_GPRS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

static const u8 flag_bit[] = {0, 2, 4, 6, 7, 10, 11};

void insn_flags_format(u64 rflags, char text[8])
{
	for (u32 i = 0; i < sizeof(flag_bit); i++)
		if (rflags & BIT(flag_bit[i]))
			*text++ = FLAG_LETTERS[i];
	*text = '\0';
}

u64 insn_flags_parse(const char *letters, size_t size)
{
	u64 flags = 0;

	for (size_t i = 0; i < size; i++) {
		const char *found = strchr(FLAG_LETTERS, letters[i]);

		if (!found || !*found)
			return UINT64_MAX;
		flags |= BIT(flag_bit[found - FLAG_LETTERS]);
	}
	return flags;
}

void insn_state_init(struct insn_state *state)
{
	memset(state, 0, sizeof(*state));
	for (u32 i = 0; i < INSN_GPRS; i++)
		state->gpr[i] = 0x0101010101010101 * (0xb0 + i);
	state->gpr[RSP] = INSN_STACK;
	state->rip = INSN_CODE;
	state->fcw = FCW_INIT;
	state->mxcsr = MXCSR_INIT;
	for (u32 i = 0; i < 16; i++)
		for (u32 byte = 0; byte < 32; byte++)
			state->ymm[i][byte] = (u8)(0x40 + i * 8 + byte % 8);
	for (u32 i = 0; i < INSN_DATA_BYTES; i++)
		state->data[i] = (u8)(i * 7 + 1);
	memset(state->stack, 0x5a, sizeof(state->stack));
	state->vector = INSN_NO_VECTOR;
}

/* ---- comparing ---- */

struct comparison {
	const char *title;
	FILE *out;
	u32 count;
};

static void differ_u64(struct comparison *c, const char *name, u64 got, u64 want)
{
	if (got == want)
		return;
	c->count++;
	if (c->out)
		fprintf(c->out, "%s: %s is 0x%llx, not 0x%llx\n", c->title,
			name, (unsigned long long)got, (unsigned long long)want);
}

/* As one number, the highest byte first, the way the heads are written. */
static void print_bytes(FILE *out, const u8 *bytes, u32 size)
{
	for (u32 i = size; i-- > 0;)
		fprintf(out, "%02x", bytes[i]);
}

static void differ_bytes(struct comparison *c, const char *name, u32 index,
			 const u8 *got, const u8 *want, u32 size)
{
	if (memcmp(got, want, size) == 0)
		return;
	c->count++;
	if (!c->out)
		return;
	fprintf(c->out, "%s: %s%u is 0x", c->title, name, index);
	print_bytes(c->out, got, size);
	fprintf(c->out, ", not 0x");
	print_bytes(c->out, want, size);
	fprintf(c->out, "\n");
}

/* One line for each run of eight bytes that differs. */
static void differ_memory(struct comparison *c, const char *name, s32 base,
			  const u8 *got, const u8 *want, u32 size)
{
	for (u32 i = 0; i < size; i += 8) {
		if (memcmp(got + i, want + i, 8) == 0)
			continue;
		c->count++;
		if (!c->out)
			continue;
		fprintf(c->out, "%s: [%s%+d] is 0x", c->title, name,
			(s32)i + base);
		print_bytes(c->out, got + i, 8);
		fprintf(c->out, ", not 0x");
		print_bytes(c->out, want + i, 8);
		fprintf(c->out, "\n");
	}
}

static void differ_flags(struct comparison *c, u64 got, u64 want)
{
	char got_text[8], want_text[8];

	if (got == want)
		return;
	c->count++;
	insn_flags_format(got, got_text);
	insn_flags_format(want, want_text);
	if (c->out)
		fprintf(c->out, "%s: flags are '%s', not '%s'\n", c->title,
			got_text, want_text);
}

static void compare_x87(struct comparison *c, const struct insn_state *got,
			const struct insn_state *want)
{
	u32 top = want->fsw >> FSW_TOP_SHIFT & 7;

	differ_u64(c, "fcw", got->fcw, want->fcw);
	differ_u64(c, "fsw", got->fsw, want->fsw);
	differ_u64(c, "ftw", got->ftw, want->ftw);
	for (u32 i = 0; i < 8; i++)
		if (want->ftw & BIT((top + i) & 7))
			differ_bytes(c, "st", i, got->st[i], want->st[i], 10);
}

u32 insn_state_compare(const struct insn_state *got,
		       const struct insn_state *want, u64 undefined,
		       const char *title, FILE *out)
{
	struct comparison c = {.title = title, .out = out};
	u64 flags = INSN_FLAGS & ~undefined;

	differ_u64(&c, "vector", got->vector, want->vector);
	differ_u64(&c, "error", got->error, want->error);
	differ_u64(&c, "cr2", got->cr2, want->cr2);
	differ_u64(&c, "rip", got->rip, want->rip);
	for (u32 i = 0; i < INSN_GPRS; i++)
		differ_u64(&c, insn_gpr_name[i], got->gpr[i], want->gpr[i]);
	differ_flags(&c, got->rflags & flags, want->rflags & flags);
	compare_x87(&c, got, want);
	differ_u64(&c, "mxcsr", got->mxcsr, want->mxcsr);
	for (u32 i = 0; i < 16; i++)
		differ_bytes(&c, "ymm", i, got->ymm[i], want->ymm[i], 32);
	differ_memory(&c, "data", 0, got->data, want->data, INSN_DATA_BYTES);
	differ_memory(&c, "stack", INSN_STACK_PAGE - INSN_STACK, got->stack,
		      want->stack, INSN_STACK_BYTES);
	return c.count;
}

/* ---- XSAVE areas ---- */

void insn_state_to_xsave(const struct insn_state *state, u8 *area, bool has_avx)
{
	u64 components = XSTATE_X87 | XSTATE_SSE | (has_avx ? XSTATE_AVX : 0);

	memcpy(area + XSAVE_FCW, &state->fcw, 2);
	memcpy(area + XSAVE_FSW, &state->fsw, 2);
	area[XSAVE_FTW] = state->ftw;
	memcpy(area + XSAVE_MXCSR, &state->mxcsr, 4);
	for (u32 i = 0; i < 8; i++)
		memcpy(area + XSAVE_ST + 16 * i, state->st[i], 10);
	for (u32 i = 0; i < 16; i++)
		memcpy(area + XSAVE_XMM + 16 * i, state->ymm[i], 16);
	for (u32 i = 0; i < 16 && has_avx; i++)
		memcpy(area + XSAVE_YMM_HIGH + 16 * i, state->ymm[i] + 16, 16);
	memcpy(area + XSAVE_XSTATE_BV, &components, 8);
}

/* A component not in XSTATE_BV has its initial value, whatever is stored. */
void insn_state_from_xsave(struct insn_state *state, const u8 *area)
{
	u64 components;

	memcpy(&components, area + XSAVE_XSTATE_BV, 8);
	state->fcw = FCW_INIT;
	state->fsw = 0;
	state->ftw = 0;
	memset(state->st, 0, sizeof(state->st));
	memset(state->ymm, 0, sizeof(state->ymm));
	memcpy(&state->mxcsr, area + XSAVE_MXCSR, 4);
	if (components & XSTATE_X87) {
		memcpy(&state->fcw, area + XSAVE_FCW, 2);
		memcpy(&state->fsw, area + XSAVE_FSW, 2);
		state->ftw = area[XSAVE_FTW];
		for (u32 i = 0; i < 8; i++)
			memcpy(state->st[i], area + XSAVE_ST + 16 * i, 10);
	}
	for (u32 i = 0; i < 16 && (components & XSTATE_SSE); i++)
		memcpy(state->ymm[i], area + XSAVE_XMM + 16 * i, 16);
	for (u32 i = 0; i < 16 && (components & XSTATE_AVX); i++)
		memcpy(state->ymm[i] + 16, area + XSAVE_YMM_HIGH + 16 * i, 16);
}
