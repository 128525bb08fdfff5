/* SPDX-License-Identifier: MIT */
/*
 * Joins insn_rows[] with the thunks of vec.S by encoding.
 */
#include "engine/soft/thunk/thunk.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>

#include "engine/core/decode/row.h"

/* entry.form, as in vec.S */
enum { FORM_VEX = 1 << 0, FORM_L = 1 << 1, FORM_W = 1 << 2, FORM_IMM = 1 << 3 };

struct thunk_entry {
	u8 form;
	u8 map_prefix; /* enum insn_map | enum insn_prefix << 4 */
	u8 opcode;
	s8 ext;
	u32 offset; /* from thunk_code */
};

extern const u8 thunk_code[];
extern const struct thunk_entry thunk_entries[], thunk_entries_end[];

void thunk_sse(const void *thunk, void *reg, const void *rm);
u32 thunk_sse_fp(const void *thunk, void *reg, const void *rm, u32 mxcsr);
void thunk_vex128(const void *thunk, void *reg, const void *rm,
		  const void *vvvv);
u32 thunk_vex128_fp(const void *thunk, void *reg, const void *rm,
		    const void *vvvv, u32 mxcsr);
void thunk_vex256(const void *thunk, void *reg, const void *rm,
		  const void *vvvv);
u32 thunk_vex256_fp(const void *thunk, void *reg, const void *rm,
		    const void *vvvv, u32 mxcsr);
void thunk_mmx(const void *thunk, void *reg, const void *rm);
void thunk_any(const void *thunk, struct vec_operands *operands, u32 use);
u64 thunk_x87(void *fxsave, u8 opcode, u8 modrm, void *memory, u64 rflags);

/* run.S knows the layout. */
_Static_assert(offsetof(struct vec_operands, mm) == 128, "run.S: MM");
_Static_assert(offsetof(struct vec_operands, gpr) == 144, "run.S: GPR");
_Static_assert(offsetof(struct vec_operands, rflags) == 168, "run.S: RFLAGS");
_Static_assert(offsetof(struct vec_operands, mxcsr) == 176, "run.S: MXCSR");
_Static_assert(FPU_HIGH_OFFSET == 416, "run.S: HIGH");
_Static_assert(FPU_IMM_STRIDE == 8, "vec.S: alignment of thunks");
_Static_assert(INSN_VEX_L * 2 == INSN_W, "the order of fpu_host.thunk[][]");

/* Where CPUID says so. AVX also needs the kernel's consent in XCR0. */
struct feature_bit {
	u8 feature;
	u32 leaf;
	u32 subleaf;
	u8 reg; /* 0 EAX .. 3 EDX */
	u8 bit;
	bool avx; /* VEX encoded: nothing without AVX */
};

static const struct feature_bit feature_bits[] = {
	{FEAT_SSE3, 1, 0, 2, 0, false},
	{FEAT_SSSE3, 1, 0, 2, 9, false},
	{FEAT_SSE4_1, 1, 0, 2, 19, false},
	{FEAT_SSE4_2, 1, 0, 2, 20, false},
	{FEAT_AES, 1, 0, 2, 25, false},
	{FEAT_PCLMUL, 1, 0, 2, 1, false},
	{FEAT_SHA, 7, 0, 1, 29, false},
	{FEAT_GFNI, 7, 0, 2, 8, false},
	{FEAT_AVX, 1, 0, 2, 28, true},
	{FEAT_AVX2, 7, 0, 1, 5, true},
	{FEAT_FMA, 1, 0, 2, 12, true},
	{FEAT_F16C, 1, 0, 2, 29, true},
	{FEAT_VAES, 7, 0, 2, 9, true},
	{FEAT_VPCLMUL, 7, 0, 2, 10, true},
	{FEAT_AVX_VNNI, 7, 1, 0, 4, true},
	{FEAT_MISALIGNSSE, 0x80000001, 0, 2, 7, false},
};

static bool cpuid_bit(u32 leaf, u32 subleaf, u32 reg, u32 bit)
{
	u32 r[4];

	if (!__get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]))
		return false;
	return r[reg] >> bit & 1;
}

static bool avx_usable(void)
{
	u32 low, high;

	if (!cpuid_bit(1, 0, 2, 27) || !cpuid_bit(1, 0, 2, 28)) /* OSXSAVE, AVX */
		return false;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX);
}

bool thunk_host_has(enum insn_feature feature)
{
	for (u32 i = 0; i < ARRAY_SIZE(feature_bits); i++) {
		const struct feature_bit *f = &feature_bits[i];

		if (f->feature == feature)
			return cpuid_bit(f->leaf, f->subleaf, f->reg, f->bit) &&
			       (!f->avx || avx_usable());
	}
	return true;
}

/* What is looked up for hundreds of rows: thunks by opcode, and what this host
 * has. CPUID is not cheap where this host is a virtual machine itself. */
struct fill {
	u16 first[256]; /* number of an entry, counted from 1; 0: none */
	u16 *next;	/* owned; likewise */
	bool has[FEAT_COUNT];
};

static bool fill_begin(struct fill *f)
{
	u32 count = (u32)(thunk_entries_end - thunk_entries);

	*f = (struct fill){.next = calloc(count + 1, sizeof(*f->next))};
	if (!f->next)
		return false;
	for (u32 i = count; i > 0; i--) {
		u8 opcode = thunk_entries[i - 1].opcode;

		f->next[i] = f->first[opcode];
		f->first[opcode] = (u16)i;
	}
	for (u32 i = 0; i < FEAT_COUNT; i++)
		f->has[i] = thunk_host_has((enum insn_feature)i);
	return true;
}

static const void *entry_find(const struct fill *f, const struct insn_row *row,
			      u8 form)
{
	u8 map_prefix = (u8)(row->map | row->prefix << 4);

	for (u32 i = f->first[row->opcode]; i; i = f->next[i]) {
		const struct thunk_entry *e = &thunk_entries[i - 1];

		if (e->map_prefix == map_prefix && e->ext == row->ext &&
		    (e->form & ~FORM_IMM) == form)
			return thunk_code + e->offset;
	}
	return NULL;
}

/*
 * The thunk for one W and L: the very form, else the one that ignores W, or L,
 * where the row does.
 */
static const void *row_thunk(const struct fill *f, const struct insn_row *row,
			     bool w, bool l)
{
	bool vex = row->space == SPACE_VEX;
	bool w_fixed = row->attr & (ROW_VEX_W0 | ROW_VEX_W1);
	bool l_fixed = row->attr & (ROW_VEX_L0 | ROW_VEX_L1);
	const void *found;

	for (u32 drop = 0; drop < 4; drop++) {
		bool use_w = w && !(drop & 1);
		bool use_l = l && !(drop & 2);

		if ((w_fixed && drop & 1) || (l_fixed && drop & 2))
			continue;
		found = entry_find(f, row,
				   (u8)((vex ? FORM_VEX : 0) |
					(use_w ? FORM_W : 0) |
					(use_l ? FORM_L : 0)));
		if (found)
			return found;
	}
	return NULL;
}

static void row_fill(const struct fill *f, const struct insn_row *row,
		     const void *ret_thunk[4])
{
	bool usable = row->space != SPACE_VEX || f->has[FEAT_AVX];

	if (!usable || !f->has[row->feature])
		return;
	for (u32 form = 0; form < 4; form++)
		ret_thunk[form] = row_thunk(f, row, form & 2, form & 1);
}

int thunk_host_create(struct fpu_host **ret_host)
{
	struct fpu_host *host = calloc(1, sizeof(*host));
	struct fill fill;

	if (!host)
		return -ENOMEM;
	host->thunk = calloc(insn_row_count, sizeof(*host->thunk));
	if (!host->thunk || !fill_begin(&fill)) {
		free(host->thunk);
		free(host);
		return -ENOMEM;
	}
	for (u32 i = 0; i < insn_row_count; i++)
		if (insn_rows[i].attr & (ROW_VEC | ROW_MMX))
			row_fill(&fill, &insn_rows[i], host->thunk[i]);
	free(fill.next);
	host->sse = thunk_sse;
	host->sse_fp = thunk_sse_fp;
	host->vex128 = thunk_vex128;
	host->vex128_fp = thunk_vex128_fp;
	host->vex256 = thunk_vex256;
	host->vex256_fp = thunk_vex256_fp;
	host->mmx = thunk_mmx;
	host->any = thunk_any;
	host->x87 = thunk_x87;
	*ret_host = host;
	return 0;
}

void thunk_host_free(struct fpu_host *host)
{
	if (!host)
		return;
	free(host->thunk);
	free(host);
}
