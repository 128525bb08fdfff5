/* SPDX-License-Identifier: MIT */
/* See rows.h. */
#include "tests/guest/random/rows.h"

#include <string.h>

#include "engine/core/decode/id.h"

/*
 * Rows that the bare CPU cannot be asked about from user mode under Linux. The
 * instruction files (tests/guest/insn) have them.
 */
static const struct exclusion {
	u16 id;
	const char *reason;
} exclusions[] = {
	{INSN_SYSCALL, "enters Linux"},
	{INSN_SYSENTER, "enters Linux"},
	{INSN_INT, "enters Linux"},
	{INSN_VMCALL, "calls the host's hypervisor, if there is one"},
	{INSN_VMMCALL, "calls the host's hypervisor, if there is one"},
	{INSN_SGDT, "under UMIP Linux answers in the CPU's place"},
	{INSN_SIDT, "under UMIP Linux answers in the CPU's place"},
	{INSN_SLDT, "under UMIP Linux answers in the CPU's place"},
	{INSN_STR, "under UMIP Linux answers in the CPU's place"},
	{INSN_SMSW, "under UMIP Linux answers in the CPU's place"},
	{INSN_WRPKRU, "would take the jailed process its own memory"},
};

static bool has_feature(const u64 *features, u32 feature)
{
	return features[feature / 64] >> (feature % 64) & 1;
}

const char *row_excluded(const struct tier0 *tier0, u32 index)
{
	const struct insn_row *row = &insn_rows[index];

	for (u32 i = 0; i < ARRAY_SIZE(exclusions); i++)
		if (exclusions[i].id == row->id)
			return exclusions[i].reason;
	if (!has_feature(tier0_features(tier0), row->feature) &&
	    tier0_host_has(tier0, row->feature))
		return "the host has it, the engine does not offer it";
	return NULL;
}

bool row_offered(const struct tier0 *tier0, u32 index)
{
	return has_feature(tier0_features(tier0), insn_rows[index].feature);
}

u32 row_host_values(const struct insn *in)
{
	switch (in->id) {
	case INSN_RDRAND:
	case INSN_RDSEED:
	case INSN_RDPID:
		return 1u << in->rm;
	case INSN_RDTSC:
	case INSN_XGETBV:
		return 1u << RAX | 1u << RDX;
	case INSN_RDTSCP:
		return 1u << RAX | 1u << RDX | 1u << RCX;
	case INSN_CPUID:
		return 1u << RAX | 1u << RBX | 1u << RCX | 1u << RDX;
	default:
		return 0;
	}
}

bool row_fault_is_partial(const struct insn *in)
{
	return in->id == INSN_XRSTOR;
}

/* ---- operands ---- */

static bool operand_in_modrm(u8 op)
{
	switch (op) {
	case OP_Zb:
	case OP_Zv:
	case OP_By:
	case OP_AL:
	case OP_rAX:
	case OP_CL:
	case OP_DX:
	case OP_ONE:
	case OP_Ib:
	case OP_Ibs:
	case OP_Iw:
	case OP_Iz:
	case OP_Iv:
	case OP_Jb:
	case OP_Jz:
	case OP_Ap:
	case OP_Ob:
	case OP_Ov:
	case OP_Xv:
	case OP_Xb:
	case OP_Yv:
	case OP_Yb:
	case OP_Hx:
	case OP_Hdq:
	case OP_Hqq:
	case OP_Hq:
	case OP_Hd:
	case OP_Lx:
	case OP_Zs:
	case OP_ST0:
	case OP_STi:
	case OP_XMM0:
	case OP_NONE:
		return false;
	default:
		return true;
	}
}

bool row_has_modrm(const struct insn_row *row)
{
	if (row->ext >= 0 || row->attr & (ROW_MEM_ONLY | ROW_REG_ONLY))
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(row->op); i++)
		if (operand_in_modrm(row->op[i]))
			return true;
	return false;
}

static bool operand_memory(u8 op)
{
	switch (op) {
	case OP_Eb:
	case OP_Ew:
	case OP_Ed:
	case OP_Eq:
	case OP_Ev:
	case OP_Ey:
	case OP_Ez:
	case OP_RdMb:
	case OP_RdMw:
	case OP_RvMw:
	case OP_M:
	case OP_Mb:
	case OP_Mw:
	case OP_Md:
	case OP_Mq:
	case OP_Mdq:
	case OP_Mqq:
	case OP_Mp:
	case OP_Ma:
	case OP_Ms:
	case OP_Mt:
	case OP_Mv:
	case OP_My:
	case OP_Qq:
	case OP_Qd:
	case OP_Wx:
	case OP_Wdq:
	case OP_Wqq:
	case OP_Wq:
	case OP_Wd:
	case OP_Ww:
	case OP_Wb:
	case OP_VSIBd:
	case OP_VSIBq:
		return true;
	default:
		return false;
	}
}

bool row_takes_memory(const struct insn_row *row)
{
	if (row->attr & ROW_REG_ONLY)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(row->op); i++)
		if (row->op[i] == OP_Cd || row->op[i] == OP_Dd)
			return false;
	for (u32 i = 0; i < ARRAY_SIZE(row->op); i++)
		if (operand_memory(row->op[i]))
			return true;
	return false;
}

bool row_uses_stack(const struct insn_row *row)
{
	switch (row->id) {
	case INSN_PUSH:
	case INSN_POP:
	case INSN_PUSH_SEG:
	case INSN_POP_SEG:
	case INSN_PUSHF:
	case INSN_POPF:
	case INSN_PUSHA:
	case INSN_POPA:
	case INSN_CALL_REL:
	case INSN_CALL_NEAR:
	case INSN_RET:
	case INSN_CALL_FAR_IMM:
	case INSN_CALL_FAR_MEM:
	case INSN_RET_FAR:
	case INSN_ENTER:
	case INSN_IRET:
		return true;
	default:
		return false;
	}
}

/* ---- what must have happened ---- */

/* Names memory without touching it. */
static bool is_hint(u16 id)
{
	switch (id) {
	case INSN_LEA:
	case INSN_NOP:
	case INSN_PREFETCHW:
	case INSN_PREFETCHNTA:
	case INSN_PREFETCHT0:
	case INSN_PREFETCHT1:
	case INSN_PREFETCHT2:
		return true;
	default:
		return false;
	}
}

/* x87 instructions that an earlier one's exception does not stop, among them
 * FNENI, FNDISI and FNSETPM, which are FNOP's kin in nothing else. */
static bool is_no_wait(const struct insn_row *row)
{
	if (row->opcode == 0xdb && row->ext == 4)
		return true;
	switch (row->id) {
	case INSN_FNINIT:
	case INSN_FNCLEX:
	case INSN_FNSTSW:
	case INSN_FNSTCW:
	case INSN_FNSTENV:
	case INSN_FNSAVE:
		return true;
	default:
		return false;
	}
}

static u32 vectors_by_id(const struct insn_row *row)
{
	switch (row->id) {
	case INSN_DIV:
	case INSN_IDIV:
	case INSN_AAM:
		return 1u << VECTOR_DE;
	case INSN_UD:
	case INSN_RSM:
	case INSN_MONITOR:
	case INSN_MWAIT:
	case INSN_CLAC:
	case INSN_STAC:
		return 1u << VECTOR_UD;
	case INSN_INT1:
		return 1u << VECTOR_DB;
	case INSN_INT3:
		return 1u << VECTOR_BP;
	case INSN_INTO:
		return 1u << VECTOR_OF;
	case INSN_BOUND:
		return 1u << VECTOR_BR;
	case INSN_CLI:
	case INSN_STI:
	case INSN_IN:
	case INSN_OUT:
	case INSN_INS:
	case INSN_OUTS:
	case INSN_RDPMC:
		return 1u << VECTOR_GP;
	case INSN_MASKMOVQ:
	case INSN_MASKMOVDQU:
	case INSN_VMASKMOVDQU:
	case INSN_XLAT:
	case INSN_MOV_MOFFS:
	case INSN_LEAVE:
	case INSN_MOVS:
	case INSN_CMPS:
	case INSN_STOS:
	case INSN_LODS:
	case INSN_SCAS:
		return 1u << VECTOR_PF;
	default:
		return 0;
	}
}

u32 row_expected_vectors(u32 index, enum code_size code)
{
	const struct insn_row *row = &insn_rows[index];
	u32 vectors = vectors_by_id(row);

	if (row->attr & (code == CODE_64 ? ROW_NO64 : ROW_ONLY64))
		return 0;
	if (row->attr & ROW_PRIV)
		return 1u << VECTOR_GP;
	if (vectors & (1u << VECTOR_UD | 1u << VECTOR_GP))
		return vectors;
	if (row_uses_stack(row))
		vectors |= 1u << VECTOR_PF;
	if (row_takes_memory(row) && !is_hint(row->id)) {
		vectors |= 1u << VECTOR_PF;
		if (row->attr & ROW_ALIGNED)
			vectors |= 1u << VECTOR_GP;
	}
	if (row->attr & ROW_FP)
		vectors |= 1u << VECTOR_XM;
	if ((row->attr & ROW_MMX) || ((row->attr & ROW_X87) && !is_no_wait(row)))
		vectors |= 1u << VECTOR_MF;
	return vectors;
}

/* ---- reports ---- */

void row_format(u32 index, char *text, u32 size)
{
	static const char *const maps[] = {"", "0f ", "0f38 ", "0f3a "};
	static const char *const prefixes[] = {"", "", "66 ", "f3 ", "f2 "};
	const struct insn_row *row = &insn_rows[index];
	int used = snprintf(text, size, "%u %s [%s%s%s%02x", index, row->name,
			    row->space == SPACE_VEX ? "vex " : "",
			    prefixes[row->prefix], maps[row->map], row->opcode);

	if (used > 0 && (u32)used < size && row->ext >= 0)
		used += snprintf(text + used, size - (u32)used, " /%d",
				 row->ext);
	if (used > 0 && (u32)used < size && row->rm >= 0)
		used += snprintf(text + used, size - (u32)used, " rm %d",
				 row->rm);
	if (used > 0 && (u32)used < size)
		(void)snprintf(text + used, size - (u32)used, "%s%s]",
			       row->attr & ROW_VEX_L1 ? " L1" : "",
			       row->attr & ROW_MEM_ONLY	  ? " m"
			       : row->attr & ROW_REG_ONLY ? " r"
							  : "");
}

static void vectors_print(u32 vectors, FILE *out)
{
	static const char *const names[20] = {
		[0] = "DE",  [1] = "DB",  [3] = "BP",  [4] = "OF",  [5] = "BR",
		[6] = "UD",  [7] = "NM",  [11] = "NP", [12] = "SS", [13] = "GP",
		[14] = "PF", [16] = "MF", [17] = "AC", [19] = "XM",
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (vectors >> i & 1)
			fprintf(out, " #%s", names[i] ? names[i] : "?");
}

u32 rows_judge(const struct tier0 *tier0, const struct row_tally *tally,
	       enum code_size code, FILE *out)
{
	u32 bad = 0;
	char name[80];

	for (u32 i = 0; i < insn_row_count; i++) {
		u32 missing = row_expected_vectors(i, code) & ~tally[i].vectors;
		u32 other = code == CODE_64 ? ROW_NO64 : ROW_ONLY64;

		if (insn_rows[i].attr & other || !row_offered(tier0, i) ||
		    row_excluded(tier0, i))
			continue;
		if (tally[i].executed >= ROW_EXECUTIONS_MIN && !missing)
			continue;
		row_format(i, name, sizeof(name));
		fprintf(out, "FAIL row %s: %llu executions", name,
			(unsigned long long)tally[i].executed);
		if (missing)
			fprintf(out, ", never raised");
		vectors_print(missing, out);
		fprintf(out, "\n");
		bad++;
	}
	return bad;
}

void rows_print(const struct tier0 *tier0, const struct row_tally *tally,
		FILE *out)
{
	char name[80];

	for (u32 i = 0; i < insn_row_count; i++) {
		const char *reason = row_excluded(tier0, i);

		row_format(i, name, sizeof(name));
		fprintf(out, "%-52s %9llu", name,
			(unsigned long long)tally[i].executed);
		vectors_print(tally[i].vectors, out);
		if (tally[i].undefined)
			fprintf(out, ", undefined flags differed %u times",
				tally[i].undefined);
		if (tally[i].mismatched)
			fprintf(out, ", MISMATCHED %u times",
				tally[i].mismatched);
		if (reason)
			fprintf(out, ", excluded: %s", reason);
		else if (!row_offered(tier0, i))
			fprintf(out, ", not offered: #UD");
		fprintf(out, "\n");
	}
}
