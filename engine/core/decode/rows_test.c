/* SPDX-License-Identifier: MIT */
/*
 * The table's tests: that it holds together, that each row is reached by the
 * bytes it describes, and that an independent disassembler says the same of
 * flags, privilege, memory, alignment, floating point and CPUID feature.
 */
#include <string.h>

#include "base/test.h"
#include "engine/core/decode/decode.h"
#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

#if HAVE_ZYDIS
#include "engine/core/decode/referee.h"
#endif

/* ------------------------------------------------------------- the table --- */

TEST(every_id_has_a_row_and_every_row_an_id)
{
	static bool has_row[INSN_COUNT];

	for (u32 i = 0; i < insn_row_count; i++) {
		check(insn_rows[i].id > INSN_INVALID);
		check(insn_rows[i].id < INSN_COUNT);
		has_row[insn_rows[i].id] = true;
	}
	for (u32 id = INSN_INVALID + 1; id < INSN_COUNT; id++)
		if (!has_row[id])
			test_fail("id %u has no row", id);
}

TEST(a_row_without_a_name_ends_the_table)
{
	for (u32 i = 0; i < insn_row_count; i++)
		check(insn_rows[i].name);
	check(!insn_rows[insn_row_count].name);
}

static bool same_opcode(const struct insn_row *a, const struct insn_row *b)
{
	return a->space == b->space && a->map == b->map &&
	       a->opcode < b->opcode + b->opcode_span &&
	       b->opcode < a->opcode + a->opcode_span;
}

TEST(rows_of_one_opcode_stand_together)
{
	for (u32 i = 0; i + 2 < insn_row_count; i++) {
		bool apart = false;

		for (u32 j = i + 1; j < insn_row_count; j++) {
			bool same = same_opcode(&insn_rows[i], &insn_rows[j]);

			if (same && apart)
				test_fail("rows %u and %u (%s)", i, j,
					  insn_rows[i].name);
			apart |= !same;
		}
	}
}

TEST(a_row_of_sixteen_or_eight_opcodes_starts_at_a_multiple)
{
	for (u32 i = 0; i < insn_row_count; i++) {
		const struct insn_row *row = &insn_rows[i];

		check(row->opcode_span == 1 || row->opcode_span == 8 ||
		      row->opcode_span == 16);
		check_eq(row->opcode % row->opcode_span, 0);
	}
}

TEST(the_attributes_of_a_row_do_not_contradict_each_other)
{
	static const u32 pairs[][2] = {
		{ROW_NO64, ROW_ONLY64},	    {ROW_MEM_ONLY, ROW_REG_ONLY},
		{ROW_VEX_L0, ROW_VEX_L1},   {ROW_VEX_W0, ROW_VEX_W1},
		{ROW_NO64, ROW_COPYABLE},   {ROW_PRIV, ROW_COPYABLE},
		{ROW_BRANCH, ROW_COPYABLE}, {ROW_END, ROW_COPYABLE},
		{ROW_REG_ONLY, ROW_LOCK},   {ROW_STRING, ROW_COPYABLE},
	};

	for (u32 i = 0; i < insn_row_count; i++) {
		const struct insn_row *row = &insn_rows[i];

		for (size_t j = 0; j < sizeof(pairs) / sizeof(pairs[0]); j++)
			if (row->attr & pairs[j][0] && row->attr & pairs[j][1])
				test_fail("row %u (%s), pair %zu", i, row->name,
					  j);
		check(!(row->flags_undefined & ~row->flags_written));
		check(row->space == SPACE_VEX || !(row->attr & ROW_VVVV_DEST));
		check(row->space == SPACE_LEGACY || row->prefix != PFX_ANY);
		check(row->space == SPACE_LEGACY || row->attr & ROW_PROT_ONLY);
		check(!(row->attr & ROW_LOCK) || row->attr & ROW_MEM_WRITE);
	}
}

/* ------------------------------------------------------------- encoding --- */

static u32 vex_prefix(u8 *at, const struct insn_row *row, bool wide)
{
	static const u8 pp[] = {0, 0, 1, 2, 3};

	at[0] = 0xc4;
	at[1] = (u8)(0xe0 | row->map);
	/* vvvv names register 1, or nothing */
	at[2] = (u8)((row->attr & ROW_NO_VVVV ? 0x78 : 0x70) | pp[row->prefix]);
	if (row->attr & ROW_VEX_W1)
		at[2] |= 0x80;
	if (row->attr & ROW_VEX_L1 || (wide && !(row->attr & ROW_VEX_L0)))
		at[2] |= 4;
	return 3;
}

static u32 legacy_prefix(u8 *at, const struct insn_row *row)
{
	static const u8 mandatory[] = {0, 0, 0x66, 0xf3, 0xf2};
	u32 count = 0;

	if (mandatory[row->prefix])
		at[count++] = mandatory[row->prefix];
	if (row->attr & ROW_VEX_W1)
		at[count++] = 0x48;
	if (row->map != MAP_ONE)
		at[count++] = 0x0f;
	if (row->map > MAP_0F)
		at[count++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	return count;
}

/*
 * Bytes of a row, 15 of them: its memory form, [rAX + 2 * rBX], where it has
 * one and `memory` asks for it, else the register form.
 */
static void row_bytes(u8 *bytes, const struct insn_row *row, bool memory,
		      bool wide)
{
	bool in_memory = row->attr & ROW_MEM_ONLY ||
			 (memory && !(row->attr & ROW_REG_ONLY));
	u32 at;

	memset(bytes, 0, INSN_LEN_MAX);
	at = row->space == SPACE_VEX ? vex_prefix(bytes, row, wide)
				     : legacy_prefix(bytes, row);
	bytes[at++] = row->opcode;
	bytes[at] = in_memory ? 0x24 : 0xe0; /* reg 4 */
	if (row->ext >= 0)
		bytes[at] = (u8)((bytes[at] & 0xc7) | row->ext << 3);
	if (!in_memory)
		bytes[at] =
			(u8)((bytes[at] & 0xf8) | (row->rm >= 0 ? row->rm : 2));
	else
		bytes[at + 1] = 0x58;
}

static enum code_size row_code(const struct insn_row *row)
{
	return row->attr & ROW_NO64 ? CODE_32 : CODE_64;
}

TEST(every_row_is_reached_by_its_own_bytes)
{
	for (u32 i = 0; i < insn_row_count; i++) {
		const struct insn_row *row = &insn_rows[i];
		u8 bytes[INSN_LEN_MAX];
		struct insn in;

		row_bytes(bytes, row, true, false);
		if (row->id == INSN_XCHG && row->op[0] == OP_Zv)
			bytes[0]++; /* 90 itself is NOP */
		check_eq(decode_insn(bytes, sizeof(bytes), row_code(row), &in),
			 DECODE_OK);
		if (in.row != i)
			test_fail("row %u (%s) decodes as row %u (%s)", i,
				  row->name, in.row, insn_rows[in.row].name);
	}
}

/* ----------------------------------------------------------- the referee --- */

#if HAVE_ZYDIS

static struct trial trial;

/* Judges each row in its register and memory, 128- and 256-bit forms. */
static void judge_rows(void (*judge)(const struct trial *t))
{
	referee_init();
	for (u32 i = 0; i < 4 * insn_row_count; i++) {
		const struct insn_row *row = &insn_rows[i / 4];
		u8 bytes[INSN_LEN_MAX];

		row_bytes(bytes, row, i & 1, i & 2);
		check(referee_agrees(&trial, bytes, sizeof(bytes),
				     row_code(row)));
		if (trial.result == DECODE_OK && trial.zydis_ok)
			judge(&trial);
	}
}

static void judge_flags(const struct trial *t)
{
	const ZydisAccessedFlags *flags = t->zydis.cpu_flags;
	u32 ours = FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF;
	u32 written, undefined;

	if (!flags)
		return;
	written = (flags->modified | flags->set_0 | flags->set_1 |
		   flags->undefined) &
		  ours;
	undefined = flags->undefined & ours;
	if (flags->tested & ours & ~t->row->flags_read)
		test_fail("%s reads more flags", t->row->name);
	switch (t->in.id) {
	case INSN_INT1:	  /* pushes and clears, as INT3 does */
	case INSN_VMCALL: /* Zydis: those of a failing VMX instruction */
	case INSN_VPTEST: /* these clear what they do not set */
	case INSN_VTESTPS:
	case INSN_VTESTPD:
	case INSN_BEXTR: /* sets ZF, clears CF and OF */
		return;
	default:
		break;
	}
	if (written != t->row->flags_written)
		test_fail("%s writes %x, not %x", t->row->name,
			  t->row->flags_written, written);
	/* OF and AF are undefined for some counts only. */
	if (undefined & ~t->row->flags_undefined & ~(u32)(FLAG_OF | FLAG_AF))
		test_fail("%s leaves more undefined", t->row->name);
	if (t->row->flags_undefined & ~undefined)
		test_fail("%s leaves less undefined", t->row->name);
}

TEST(flags_agree_with_the_referee)
{
	judge_rows(judge_flags);
}

static void judge_privilege(const struct trial *t)
{
	bool theirs = t->zydis.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED;
	bool ours = t->row->attr & ROW_PRIV;

	switch (t->in.id) {
	case INSN_CLAC:
	case INSN_STAC:
	case INSN_MONITOR:
	case INSN_MWAIT:  /* #UD, not #GP, outside CPL 0 */
	case INSN_SYSRET: /* #UD outside 64-bit mode comes before #GP on Intel */
		check(theirs && !ours);
		return;
	case INSN_LGDT: /* Zydis 4.0 forgot */
		check(ours);
		return;
	default:
		if (ours != theirs)
			test_fail("%s privileged: %d", t->row->name, theirs);
	}
}

TEST(privilege_agrees_with_the_referee)
{
	judge_rows(judge_privilege);
}

static void judge_memory(const struct trial *t)
{
	bool writes = false;

	for (u32 i = 0; i < t->zydis.operand_count_visible; i++)
		writes |= t->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			  t->operands[i].actions &
				  ZYDIS_OPERAND_ACTION_MASK_WRITE;
	/* MOVDIR64B's destination is no memory operand to Zydis. */
	if (t->in.flags & INSN_MEM && t->in.id != INSN_MOVDIR64B &&
	    writes != !!(t->row->attr & ROW_MEM_WRITE))
		test_fail("%s writes memory: %d", t->row->name, writes);
}

TEST(memory_writes_agree_with_the_referee)
{
	judge_rows(judge_memory);
}

/* Legacy SSE rows of class 4 that take unaligned memory all the same. */
static bool takes_unaligned(const struct trial *t)
{
	switch (t->in.id) {
	case INSN_MOVUPS:
	case INSN_MOVUPD:
	case INSN_MOVDQU:
	case INSN_LDDQU:
	case INSN_PCMPESTRI:
	case INSN_PCMPESTRM:
	case INSN_PCMPISTRI:
	case INSN_PCMPISTRM:
		return true;
	default:
		return false;
	}
}

/* [SDM2 2.4 "AVX and SSE Instruction Exception Classification"] */
static void judge_class(const struct trial *t)
{
	ZydisExceptionClass class = t->zydis.meta.exception_class;
	bool fp = t->row->attr & ROW_FP, aligned = t->row->attr & ROW_ALIGNED;
	bool theirs_fp = class == ZYDIS_EXCEPTION_CLASS_SSE2 ||
			 class == ZYDIS_EXCEPTION_CLASS_SSE3 ||
			 class == ZYDIS_EXCEPTION_CLASS_AVX2 ||
			 class == ZYDIS_EXCEPTION_CLASS_AVX3 ||
			 class == ZYDIS_EXCEPTION_CLASS_AVX11;
	bool theirs_aligned =
		class == ZYDIS_EXCEPTION_CLASS_SSE1 ||
		class == ZYDIS_EXCEPTION_CLASS_SSE2 ||
		(class == ZYDIS_EXCEPTION_CLASS_SSE4 && !takes_unaligned(t)) ||
		class == ZYDIS_EXCEPTION_CLASS_AVX1;

	/* Those that touch MMX registers have classes of their own. */
	if (t->row->attr & ROW_MMX || !(t->row->attr & ROW_VEC))
		return;
	if (fp != theirs_fp)
		test_fail("%s in class %d", t->row->name, (int)class);
	if (t->in.flags & INSN_MEM && aligned != theirs_aligned)
		test_fail("%s aligned in class %d", t->row->name, (int)class);
}

TEST(alignment_and_floating_point_exceptions_agree_with_the_referee)
{
	judge_rows(judge_class);
}

/* What Zydis calls a feature; the base is many generations to it. */
static const struct {
	ZydisISASet set;
	u8 feature;
} isa_features[] = {
	{ZYDIS_ISA_SET_ADOX_ADCX, FEAT_ADX},
	{ZYDIS_ISA_SET_AES, FEAT_AES},
	{ZYDIS_ISA_SET_AMD, FEAT_SYSCALL},
	{ZYDIS_ISA_SET_AVX, FEAT_PCLMUL},
	{ZYDIS_ISA_SET_AVX, FEAT_AVX},
	{ZYDIS_ISA_SET_AVX2, FEAT_AVX2},
	{ZYDIS_ISA_SET_AVX2GATHER, FEAT_AVX2},
	{ZYDIS_ISA_SET_AVXAES, FEAT_AES},
	{ZYDIS_ISA_SET_AVX_GFNI, FEAT_GFNI},
	{ZYDIS_ISA_SET_AVX_VNNI, FEAT_AVX_VNNI},
	{ZYDIS_ISA_SET_BMI1, FEAT_BMI1},
	{ZYDIS_ISA_SET_BMI2, FEAT_BMI2},
	{ZYDIS_ISA_SET_CLFLUSHOPT, FEAT_CLFLUSHOPT},
	{ZYDIS_ISA_SET_CLFSH, FEAT_CLFSH},
	{ZYDIS_ISA_SET_CLWB, FEAT_CLWB},
	{ZYDIS_ISA_SET_CMOV, FEAT_CMOV},
	{ZYDIS_ISA_SET_CMPXCHG16B, FEAT_CX16},
	{ZYDIS_ISA_SET_F16C, FEAT_F16C},
	{ZYDIS_ISA_SET_FAT_NOP, FEAT_BASE},
	{ZYDIS_ISA_SET_FCMOV, FEAT_CMOV},
	{ZYDIS_ISA_SET_FMA, FEAT_FMA},
	{ZYDIS_ISA_SET_FXSAVE, FEAT_FXSR},
	{ZYDIS_ISA_SET_FXSAVE64, FEAT_FXSR},
	{ZYDIS_ISA_SET_GFNI, FEAT_GFNI},
	{ZYDIS_ISA_SET_I186, FEAT_BASE},
	{ZYDIS_ISA_SET_I286PROTECTED, FEAT_BASE},
	{ZYDIS_ISA_SET_I286REAL, FEAT_BASE},
	{ZYDIS_ISA_SET_I386, FEAT_BASE},
	{ZYDIS_ISA_SET_I486, FEAT_BASE},
	{ZYDIS_ISA_SET_I486REAL, FEAT_BASE},
	{ZYDIS_ISA_SET_I486REAL, FEAT_WBNOINVD},
	{ZYDIS_ISA_SET_I86, FEAT_BASE},
	{ZYDIS_ISA_SET_INVPCID, FEAT_INVPCID},
	{ZYDIS_ISA_SET_LAHF, FEAT_BASE},
	{ZYDIS_ISA_SET_LAHF, FEAT_LAHF64},
	{ZYDIS_ISA_SET_LONGMODE, FEAT_BASE},
	{ZYDIS_ISA_SET_LONGMODE, FEAT_SYSCALL},
	{ZYDIS_ISA_SET_LZCNT, FEAT_LZCNT},
	{ZYDIS_ISA_SET_MONITOR, FEAT_MONITOR},
	{ZYDIS_ISA_SET_MOVBE, FEAT_MOVBE},
	{ZYDIS_ISA_SET_MOVDIR, FEAT_MOVDIRI},
	{ZYDIS_ISA_SET_MOVDIR, FEAT_MOVDIR64B},
	{ZYDIS_ISA_SET_PAUSE, FEAT_BASE},
	{ZYDIS_ISA_SET_PCLMULQDQ, FEAT_PCLMUL},
	{ZYDIS_ISA_SET_PENTIUMMMX, FEAT_MMX},
	{ZYDIS_ISA_SET_PENTIUMMMX, FEAT_SSE},
	{ZYDIS_ISA_SET_PENTIUMREAL, FEAT_CX8},
	{ZYDIS_ISA_SET_PENTIUMREAL, FEAT_MSR},
	{ZYDIS_ISA_SET_PENTIUMREAL, FEAT_TSC},
	{ZYDIS_ISA_SET_PKU, FEAT_PKU},
	{ZYDIS_ISA_SET_POPCNT, FEAT_POPCNT},
	{ZYDIS_ISA_SET_PPRO, FEAT_BASE},
	{ZYDIS_ISA_SET_PPRO, FEAT_CMOV},
	{ZYDIS_ISA_SET_PPRO, FEAT_SEP},
	{ZYDIS_ISA_SET_PREFETCHWT1, FEAT_BASE},
	{ZYDIS_ISA_SET_PREFETCH_NOP, FEAT_BASE},
	{ZYDIS_ISA_SET_PREFETCH_NOP, FEAT_PREFETCHW},
	{ZYDIS_ISA_SET_RDPID, FEAT_RDPID},
	{ZYDIS_ISA_SET_RDPMC, FEAT_BASE},
	{ZYDIS_ISA_SET_RDRAND, FEAT_RDRAND},
	{ZYDIS_ISA_SET_RDSEED, FEAT_RDSEED},
	{ZYDIS_ISA_SET_RDTSCP, FEAT_RDTSCP},
	{ZYDIS_ISA_SET_RDWRFSGS, FEAT_FSGSBASE},
	{ZYDIS_ISA_SET_SERIALIZE, FEAT_SERIALIZE},
	{ZYDIS_ISA_SET_SHA, FEAT_SHA},
	{ZYDIS_ISA_SET_SMAP, FEAT_SMAP},
	{ZYDIS_ISA_SET_SSE, FEAT_SSE},
	{ZYDIS_ISA_SET_SSE2, FEAT_SSE2},
	{ZYDIS_ISA_SET_SSE2MMX, FEAT_SSE2},
	{ZYDIS_ISA_SET_SSE3, FEAT_SSE3},
	{ZYDIS_ISA_SET_SSE3X87, FEAT_SSE3},
	{ZYDIS_ISA_SET_SSE4, FEAT_SSE4_1},
	{ZYDIS_ISA_SET_SSE42, FEAT_SSE4_2},
	{ZYDIS_ISA_SET_SSEMXCSR, FEAT_SSE},
	{ZYDIS_ISA_SET_SSE_PREFETCH, FEAT_SSE},
	{ZYDIS_ISA_SET_SSSE3, FEAT_SSSE3},
	{ZYDIS_ISA_SET_SSSE3MMX, FEAT_SSSE3},
	{ZYDIS_ISA_SET_SVM, FEAT_BASE},
	{ZYDIS_ISA_SET_VAES, FEAT_VAES},
	{ZYDIS_ISA_SET_VPCLMULQDQ, FEAT_VPCLMUL},
	{ZYDIS_ISA_SET_VTX, FEAT_BASE},
	{ZYDIS_ISA_SET_X87, FEAT_X87},
	{ZYDIS_ISA_SET_XSAVE, FEAT_XSAVE},
	{ZYDIS_ISA_SET_XSAVEC, FEAT_XSAVEC},
	{ZYDIS_ISA_SET_XSAVEOPT, FEAT_XSAVEOPT},
	{ZYDIS_ISA_SET_XSAVES, FEAT_XSAVES},
};

static void judge_feature(const struct trial *t)
{
	for (size_t i = 0; i < sizeof(isa_features) / sizeof(isa_features[0]);
	     i++)
		if (isa_features[i].set == t->zydis.meta.isa_set &&
		    isa_features[i].feature == t->row->feature)
			return;
	test_fail("%s (feature %u) in %s", t->row->name, t->row->feature,
		  ZydisISASetGetString(t->zydis.meta.isa_set));
}

TEST(features_agree_with_the_referee)
{
	judge_rows(judge_feature);
}

#else

TEST(what_rows_say_agrees_with_the_referee)
{
	skip("built without Zydis");
}

#endif
