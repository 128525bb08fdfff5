/* SPDX-License-Identifier: MIT */
/*
 * From a decoded instruction to the function that runs it.
 *
 * What the guest may not use is settled here once per decoded block, not each
 * time it runs: block_mode is part of the block's key, so CPL, mode and the
 * features of CPUID cannot change under a bound block.
 */
#include "engine/core/exec/exec.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"
#include "engine/core/exec/alu.h"

typedef insn_exec_fn (*binder)(const struct insn *in);

#define ALU(id)	    [INSN_##id] = alu_bind
#define SHIFT(id)   [INSN_##id] = shift_bind
#define MUL(id)	    [INSN_##id] = multiply_bind
#define BITS(id)    [INSN_##id] = bit_bind
#define MOVE(id)    [INSN_##id] = move_bind
#define STACK(id)   [INSN_##id] = stack_bind
#define ATOMIC(id)  [INSN_##id] = atomic_bind
#define BRANCH(id)  [INSN_##id] = branch_bind
#define DECIMAL(id) [INSN_##id] = decimal_bind
#define STRING(id)  [INSN_##id] = string_bind
#define PORT(id)    [INSN_##id] = port_bind

static const binder integer_binders[INSN_COUNT] = {
	ALU(ADD),	    ALU(OR),
	ALU(ADC),	    ALU(SBB),
	ALU(AND),	    ALU(SUB),
	ALU(XOR),	    ALU(CMP),
	ALU(TEST),	    ALU(INC),
	ALU(DEC),	    ALU(NEG),
	ALU(NOT),

	SHIFT(SHL),	    SHIFT(SHR),
	SHIFT(SAR),	    SHIFT(ROL),
	SHIFT(ROR),	    SHIFT(RCL),
	SHIFT(RCR),	    SHIFT(SHLD),
	SHIFT(SHRD),	    SHIFT(RORX),
	SHIFT(SHLX),	    SHIFT(SHRX),
	SHIFT(SARX),

	MUL(MUL),	    MUL(IMUL1),
	MUL(IMUL),	    MUL(MULX),
	MUL(DIV),	    MUL(IDIV),

	BITS(BT),	    BITS(BTS),
	BITS(BTR),	    BITS(BTC),
	BITS(BSF),	    BITS(BSR),
	BITS(POPCNT),	    BITS(LZCNT),
	BITS(TZCNT),	    BITS(ADCX),
	BITS(ADOX),	    BITS(CRC32),
	BITS(BSWAP),	    BITS(MOVBE),
	BITS(ANDN),	    BITS(BEXTR),
	BITS(BZHI),	    BITS(PDEP),
	BITS(PEXT),	    BITS(BLSI),
	BITS(BLSMSK),	    BITS(BLSR),

	MOVE(MOV),	    MOVE(MOV_MOFFS),
	MOVE(MOVNTI),	    MOVE(MOVZX8),
	MOVE(MOVZX16),	    MOVE(MOVSX8),
	MOVE(MOVSX16),	    MOVE(MOVSXD),
	MOVE(LEA),	    MOVE(CMOVCC),
	MOVE(SETCC),	    MOVE(CBW),
	MOVE(CWD),	    MOVE(LAHF),
	MOVE(SAHF),	    MOVE(SALC),
	MOVE(XLAT),	    MOVE(NOP),
	MOVE(CLC),	    MOVE(STC),
	MOVE(CMC),	    MOVE(CLD),
	MOVE(STD),

	STACK(PUSH),	    STACK(POP),
	STACK(PUSHA),	    STACK(POPA),
	STACK(ENTER),	    STACK(LEAVE),

	ATOMIC(XCHG),	    ATOMIC(XADD),
	ATOMIC(CMPXCHG),    ATOMIC(CMPXCHG8B),
	ATOMIC(CMPXCHG16B),

	BRANCH(JCC),	    BRANCH(JMP_REL),
	BRANCH(JMP_NEAR),   BRANCH(CALL_REL),
	BRANCH(CALL_NEAR),  BRANCH(RET),
	BRANCH(LOOP),	    BRANCH(LOOPE),
	BRANCH(LOOPNE),	    BRANCH(JCXZ),

	DECIMAL(AAA),	    DECIMAL(AAS),
	DECIMAL(AAM),	    DECIMAL(AAD),
	DECIMAL(DAA),	    DECIMAL(DAS),

	STRING(MOVS),	    STRING(STOS),
	STRING(LODS),	    STRING(CMPS),
	STRING(SCAS),

	PORT(IN),	    PORT(OUT),
	PORT(INS),	    PORT(OUTS),
};

insn_exec_fn integer_bind(const struct insn *in)
{
	binder bind = integer_binders[in->id];

	return bind ? bind(in) : NULL;
}

static int undefined(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return raise_ud(cpu);
}

static int privileged(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return raise_gp0(cpu);
}

/*
 * Encodings that older processors ran as something else, because they ignored
 * the prefix; every other row without its feature is #UD. What stands in is
 * bound by id: operands and form are the same.
 */
static insn_exec_fn bind_unoffered(const struct insn *in)
{
	struct insn older = *in;

	switch (in->id) {
	case INSN_LZCNT:
		older.id = INSN_BSR;
		return bit_bind(&older);
	case INSN_TZCNT:
		older.id = INSN_BSF;
		return bit_bind(&older);
	case INSN_WBNOINVD:
		older.id = INSN_WBINVD;
		return system_bind(&older);
	case INSN_PREFETCHW:
	case INSN_PREFETCHNTA:
	case INSN_PREFETCHT0:
	case INSN_PREFETCHT1:
	case INSN_PREFETCHT2:
		older.id = INSN_NOP;
		return move_bind(&older);
	default:
		return undefined;
	}
}

insn_exec_fn exec_bind(const struct x86_cpu *cpu, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	insn_exec_fn fn;

	if (!x86_has(cpu, row->feature) && in->id != INSN_WBNOINVD)
		return bind_unoffered(in);
	if ((row->attr & ROW_PROT_ONLY) && !protected_mode(cpu))
		return undefined;
	if ((row->attr & ROW_PRIV) && cpu->cpl != 0)
		return privileged;
	if (!x86_has(cpu, row->feature))
		return bind_unoffered(in);
	fn = integer_bind(in);
	if (!fn)
		fn = system_bind(in);
	if (!fn)
		fn = fpu_bind(in);
	return fn ? fn : undefined;
}
