/* SPDX-License-Identifier: MIT */
/*
 * The code that every unit shares, written once at the start of the cache: in,
 * out, the TLB look-up behind the slots, and calls into C.
 */
#include "engine/core/paging/tlb.h"
#include "engine/soft/translate/inside.h"

/* Guest registers that live in host registers, and where. */
static const struct {
	u8 guest, host;
} homes[] = {
	{RAX, H_RAX}, {RCX, H_RCX}, {RDX, H_RDX}, {RBX, H_RBX},
	{RBP, H_RBP}, {RSI, H_RSI}, {RDI, H_RDI}, {R8, H_R8},
	{R9, H_R9},   {R10, H_R10}, {R11, H_R11}, {RSP, R_SP},
};

static const u8 callee_saved[] = {H_RBX, H_RBP, H_R12, H_R13, H_R14, H_R15};

static void registers_store(struct emit *e)
{
	for (u32 i = 0; i < ARRAY_SIZE(homes); i++)
		emit_store(e, IN_GS(GPR_AT(homes[i].guest)), homes[i].host);
}

static void registers_load(struct emit *e)
{
	for (u32 i = 0; i < ARRAY_SIZE(homes); i++)
		emit_load(e, homes[i].host, IN_GS(GPR_AT(homes[i].guest)));
}

static bool caller_saved(u8 host)
{
	return host != H_RBX && host != H_RBP && host < H_R12;
}

/* Those that a C function may have changed. */
static void volatile_load(struct emit *e)
{
	for (u32 i = 0; i < ARRAY_SIZE(homes); i++)
		if (caller_saved(homes[i].host))
			emit_load(e, homes[i].host,
				  IN_GS(GPR_AT(homes[i].guest)));
}

static void push(struct emit *e, u8 reg)
{
	if (reg & 8)
		emit_byte(e, 0x41);
	emit_byte(e, 0x50 | (reg & 7));
}

static void pop(struct emit *e, u8 reg)
{
	if (reg & 8)
		emit_byte(e, 0x41);
	emit_byte(e, 0x58 | (reg & 7));
}

static void ret(struct emit *e, u16 bytes)
{
	emit_byte(e, bytes ? 0xc2 : 0xc3);
	if (bytes) {
		emit_byte(e, (u8)bytes);
		emit_byte(e, (u8)(bytes >> 8));
	}
}

static void call_c(struct emit *e, const void *function)
{
	struct encoding call = {.opcode = 0xff, .reg = 2, .rm = IN_REG(H_RAX)};

	emit_mov_imm(e, H_RAX, (u64)(uintptr_t)function);
	emit_insn(e, &call);
}

/* C is about to touch guest memory, from where it may not come back. */
static void waits_here(struct emit *e)
{
	emit_load(e, H_RAX, IN_MEMORY(H_RSP, 0));
	emit_store(e, IN_GS(HOT_AT(fill_pc)), H_RAX);
}

/* enter(entry): an ordinary function that returns an enum exit_reason. */
static void make_enter(struct translator *tr, struct emit *e)
{
	tr->enter_code = e->at;
	for (u32 i = 0; i < ARRAY_SIZE(callee_saved); i++)
		push(e, callee_saved[i]);
	emit_alu_imm(e, 5, IN_REG(H_RSP), 8);
	emit_load(e, R_TMP, IN_REG(H_RDI));
	registers_load(e);
	emit_jmp_place(e, IN_REG(R_TMP));
	/* And out again: EAX is the reason, registers are stored. */
	tr->leave = e->at;
	emit_alu_imm(e, 0, IN_REG(H_RSP), 8);
	for (u32 i = ARRAY_SIZE(callee_saved); i-- > 0;)
		pop(e, callee_saved[i]);
	ret(e, 0);
}

static void leave(struct translator *tr, struct emit *e, u32 reason)
{
	registers_store(e);
	emit_mov_imm(e, H_RAX, reason);
	emit_fix(emit_jmp(e), tr->leave);
}

/* R14: where to, R13: the same under the key. The table of jumps does not have
 * it; perhaps it did before another one came. */
static void make_indirect(struct translator *tr, struct emit *e)
{
	struct encoding crc = {.map = MAP_0F38,
			       .opcode = 0xf1,
			       .prefix = 0xf2,
			       .reg = R_AUX,
			       .rm = IN_REG(R_TMP)};
	struct place jump = {.kind = PLACE_GS,
			     .base = R_AUX,
			     .index = H_NONE,
			     .disp = HOT_AT(displaced)};
	u8 *miss;

	tr->stub_indirect = e->at;
	emit_store(e, IN_GS(HOT_AT(rip)), R_ADDR);
	emit_op32(e, 0x33, R_AUX, IN_REG(R_AUX));
	emit_insn(e, &crc);
	emit_alu_imm32(e, 4, IN_REG(R_AUX), (TR_DISPLACED - 1) << 4);
	emit_op(e, 0x3b, R_TMP, jump);
	miss = emit_jcc(e, 5);
	emit_alu_imm(e, 4, IN_REG(R_ADDR), -4096);
	emit_store(e, IN_GS(HOT_AT(code_page)), R_ADDR);
	jump.disp += (s32)offsetof(struct tr_jump, code);
	emit_jmp_place(e, jump);
	emit_fix(miss, e->at);
	leave(tr, e, EXIT_INDIRECT);
}

static void make_exits(struct translator *tr, struct emit *e)
{
	tr->stub_direct_host = e->at;
	emit_flags_save(e, R_TMP);
	tr->stub_direct_saved = e->at;
	leave(tr, e, EXIT_DIRECT);

	tr->stub_tier0_host = e->at;
	emit_flags_save(e, R_TMP);
	tr->stub_tier0_saved = e->at;
	leave(tr, e, EXIT_TIER0);

	make_indirect(tr, e);

	tr->stub_fault = e->at;
	leave(tr, e, EXIT_FAULT);
}

/* The stack of a miss: RAX, R13 and R15 below the return address and what was
 * pushed before the call: slot | size << MISS_SIZE_SHIFT. */
#define MISS_SAVED 24
#define MISS_ARG   (MISS_SAVED + 8)

/* reg = the slot's place, relative to GS. */
static void miss_slot(struct emit *e, u8 reg, s32 arg)
{
	emit_op32(e, 0x8b, reg, IN_MEMORY(H_RSP, arg));
	emit_alu_imm32(e, 4, IN_REG(reg), (1 << MISS_SIZE_SHIFT) - 1);
}

/* R14 = the linear address again. */
static void miss_address(struct emit *e)
{
	struct place slot = IN_MEMORY(R_TMP, 0);

	slot.kind = PLACE_GS;
	miss_slot(e, R_TMP, MISS_ARG);
	emit_op(e, 0x03, R_ADDR, slot);
}

/* R13 = the TLB entry for the address in R14, RAX = the tag it must have. */
static void miss_lookup(struct emit *e, u32 table)
{
	struct place generation = {.kind = PLACE_GS,
				   .base = H_NONE,
				   .index = R_AUX,
				   .scale = 3,
				   .disp = CPU_AT(tlb_generation)};
	struct place last = {
		.kind = PLACE_MEMORY, .base = R_ADDR, .index = H_RAX, .disp = -1};

	_Static_assert(sizeof(struct x86_tlb_entry) == 32, "shifts below");
	emit_op32(e, 0x8b, H_RAX, IN_MEMORY(H_RSP, MISS_ARG));
	emit_shift_imm(e, 5, H_RAX, MISS_SIZE_SHIFT);
	emit_lea(e, H_RAX, last);
	emit_alu_imm(e, 4, IN_REG(H_RAX), -4096);
	emit_load(e, R_TMP, IN_REG(R_ADDR));
	emit_shift64_imm(e, 5, R_TMP, 7);
	emit_alu_imm32(e, 4, IN_REG(R_TMP), (TLB_ENTRIES - 1) << 5);
	if (table == TR_USER) {
		/* The upper half is nobody's: no tag there will be equal. */
		emit_op(e, 0x0b, H_RAX, IN_GS(CPU_AT(tlb_generation)));
	} else {
		emit_load(e, R_AUX, IN_REG(R_ADDR));
		emit_shift64_imm(e, 5, R_AUX, 63);
		emit_op(e, 0x0b, H_RAX, generation);
		emit_shift_imm(e, 4, R_AUX, TLB_BITS + 5);
		emit_op(e, 0x03, R_TMP, IN_REG(R_AUX));
	}
	emit_op(e, 0x03, R_TMP, IN_GS(CPU_AT(tlb)));
}

/* The slot in R15 is noted if it was empty. RAX is free. */
static void miss_touch(struct emit *e)
{
	struct place slot = IN_MEMORY(R_AUX, 0);
	struct place touched = {.kind = PLACE_GS,
				.base = H_NONE,
				.index = H_RAX,
				.scale = 2,
				.disp = HOT_AT(touched)};
	u8 *noted, *room, *done;

	slot.kind = PLACE_GS;
	emit_alu_imm(e, 7, slot, 0);
	noted = emit_jcc(e, 13); /* not less */
	emit_op32(e, 0x8b, H_RAX, IN_GS(HOT_AT(touched_count)));
	emit_alu_imm32(e, 7, IN_REG(H_RAX), TR_TOUCHED);
	room = emit_jcc(e, 2); /* below */
	emit_store_imm32(e, IN_GS(HOT_AT(touched_lost)), 1);
	done = emit_jmp(e);
	emit_fix(room, e->at);
	emit_op32(e, 0x89, R_AUX, touched);
	emit_alu_imm32(e, 0, IN_GS(HOT_AT(touched_count)), 1);
	emit_fix(done, e->at);
	emit_fix(noted, e->at);
}

/* The page found goes into the slot. R13 = host - linear, R14 = linear.
 * Returns where to patch the way for a slot that must stay as it is. */
static u8 *miss_update(struct emit *e, u32 table)
{
	struct place slot = IN_MEMORY(R_AUX, 0);
	struct encoding test = {.opcode = 0x85,
				.reg = R_ADDR,
				.rm = IN_REG(R_ADDR),
				.wide = true};
	u8 *upper = NULL, *skip = NULL;

	slot.kind = PLACE_GS;
	if (table == TR_SYSTEM) {
		emit_alu_imm(e, 7, IN_GS(HOT_AT(slots_fine)), 0);
		skip = emit_jcc(e, 4);
		emit_insn(e, &test);
		upper = emit_jcc(e, 8); /* js */
		emit_store_imm(e, IN_GS(HOT_AT(low_used)), 1);
		emit_fix(upper, e->at);
	}
	miss_slot(e, R_AUX, MISS_ARG);
	if (table == TR_USER)
		miss_touch(e);
	emit_load(e, H_RAX, IN_REG(R_ADDR));
	emit_alu_imm(e, 4, IN_REG(H_RAX), -4096);
	emit_store(e, slot, H_RAX);
	slot.disp = 8;
	emit_store(e, slot, R_TMP);
	return skip;
}

static void miss_restore(struct emit *e)
{
	pop(e, R_AUX);
	pop(e, R_TMP);
	pop(e, H_RAX);
}

/* Leaves with the return address as the place where it happened. The stack
 * holds `drop` bytes above it. */
static void fail(struct translator *tr, struct emit *e, u32 drop, u32 reason)
{
	pop(e, R_TMP);
	if (drop)
		emit_alu_imm(e, 0, IN_REG(H_RSP), (s32)drop);
	emit_store(e, IN_GS(HOT_AT(exit_arg)), R_TMP);
	if (reason == EXIT_FAULT)
		emit_fix(emit_jmp(e), tr->stub_fault);
	else
		leave(tr, e, reason);
}

/*
 * Pushed the slot and the size, called: R14 = host - linear for this access. A
 * strict one must find that in its slot, too.
 */
static void make_miss(struct translator *tr, struct emit *e, u32 table,
		      bool write, bool strict)
{
	struct place slot = IN_MEMORY(R_TMP, 0);
	u8 *again = e->at, *slow, *skip, *failed, *elsewhere;

	slot.kind = PLACE_GS;
	tr->stub_miss[table][write][strict] = e->at;
	push(e, H_RAX);
	push(e, R_TMP);
	push(e, R_AUX);
	miss_address(e);
	miss_lookup(e, table);
	emit_op(e, 0x3b, H_RAX,
		IN_MEMORY(R_TMP,
			  write ? offsetof(struct x86_tlb_entry, write_tag)
				: offsetof(struct x86_tlb_entry, read_tag)));
	slow = emit_jcc(e, 5);
	emit_load(e, R_TMP,
		  IN_MEMORY(R_TMP, offsetof(struct x86_tlb_entry, host)));
	skip = miss_update(e, table);
	if (skip && !strict)
		emit_fix(skip, e->at);
	emit_load(e, R_ADDR, IN_REG(R_TMP));
	miss_restore(e);
	ret(e, 8);

	emit_fix(slow, e->at);
	miss_restore(e);
	registers_store(e);
	waits_here(e);
	emit_mov_imm(e, H_RDI, (u64)(uintptr_t)tr->vcpu);
	emit_load(e, H_RSI, IN_REG(R_ADDR));
	emit_op32(e, 0x8b, H_RDX, IN_MEMORY(H_RSP, 8));
	emit_shift_imm(e, 5, H_RDX, MISS_SIZE_SHIFT);
	emit_mov_imm(e, H_RCX,
		     (write ? FILL_WRITE : 0) | (strict ? FILL_STRICT : 0));
	call_c(e, (const void *)translator_fill);
	emit_store(e, IN_GS(HOT_AT(exit_arg)), H_RAX);
	volatile_load(e);
	emit_alu_imm(e, 7, IN_GS(HOT_AT(exit_arg)), FILL_DONE);
	failed = emit_jcc(e, 2); /* below */
	elsewhere = emit_jcc(e, 5);
	push(e, R_TMP);
	miss_slot(e, R_TMP, 16);
	emit_op(e, 0x2b, R_ADDR, slot); /* as it came */
	pop(e, R_TMP);
	emit_fix(emit_jmp(e), again);
	emit_fix(elsewhere, e->at);
	emit_load(e, R_ADDR, IN_GS(HOT_AT(fill_delta)));
	ret(e, 8);
	if (skip && strict) {
		emit_fix(skip, e->at);
		miss_restore(e);
	}
	emit_fix(failed, e->at);
	fail(tr, e, 8, strict ? EXIT_SPAN : EXIT_FAULT);
}

/* R13: RIP behind the instruction that R14 points to. */
static void handler_call(struct translator *tr, struct emit *e,
			 const void *function)
{
	registers_store(e);
	emit_store(e, IN_GS(GPR_AT(GPR_RIP)), R_TMP);
	emit_alu_imm(e, 5, IN_REG(H_RSP), 8);
	emit_mov_imm(e, H_RDI, (u64)(uintptr_t)tr->vcpu);
	emit_load(e, H_RSI, IN_REG(R_ADDR));
	call_c(e, function);
	emit_alu_imm(e, 0, IN_REG(H_RSP), 8);
}

static void make_helper(struct translator *tr, struct emit *e)
{
	u8 *out, *none;

	tr->stub_helper = e->at;
	handler_call(tr, e, (const void *)translator_helper);
	emit_op32(e, 0x85, H_RAX, IN_REG(H_RAX));
	out = emit_jcc(e, 5);
	registers_load(e);
	ret(e, 0);
	emit_fix(out, e->at);
	emit_alu_imm(e, 0, IN_REG(H_RSP), 8);
	out = e->at;
	emit_mov_imm(e, H_RAX, EXIT_HELPER);
	emit_fix(emit_jmp(e), tr->leave);

	tr->stub_transfer = e->at; /* never returns */
	handler_call(tr, e, (const void *)translator_transfer);
	emit_alu_imm(e, 0, IN_REG(H_RSP), 8);
	emit_op(e, 0x85, H_RAX, IN_REG(H_RAX));
	none = emit_jcc(e, 4);
	emit_load(e, R_TMP, IN_REG(H_RAX));
	registers_load(e);
	emit_jmp_place(e, IN_REG(R_TMP));
	emit_fix(none, out);
}

static void make_fpu(struct translator *tr, struct emit *e)
{
	u8 *failed;

	tr->stub_fpu = e->at;
	registers_store(e);
	emit_alu_imm(e, 5, IN_REG(H_RSP), 8);
	emit_mov_imm(e, H_RDI, (u64)(uintptr_t)tr->vcpu);
	call_c(e, (const void *)translator_fpu_load);
	emit_alu_imm(e, 0, IN_REG(H_RSP), 8);
	emit_load(e, R_ADDR, IN_REG(H_RAX));
	volatile_load(e);
	emit_op(e, 0x85, R_ADDR, IN_REG(R_ADDR));
	failed = emit_jcc(e, 4);
	ret(e, 0);
	emit_fix(failed, e->at);
	fail(tr, e, 0, EXIT_FAULT);
}

/* A stack often lies in two pages: is it the one that was there before? Then
 * they change places. Returns where to patch if not. */
static u8 *stack_change(struct emit *e, u32 table)
{
	s32 slot = (s32)(table * sizeof(struct tr_slot)), words[2];
	u8 *other;

	words[0] = (s32)offsetof(struct tr_slot, page);
	words[1] = (s32)offsetof(struct tr_slot, delta);
	emit_load(e, R_TMP, IN_MEMORY(H_RSP, 16));
	emit_op(e, 0x03, R_TMP, IN_REG(R_SP));
	emit_op(e, 0x2b, R_TMP, IN_GS(HOT_AT(stack_before) + slot));
	emit_mov_imm(e, R_ADDR, 4096);
	emit_op(e, 0x2b, R_ADDR, IN_MEMORY(H_RSP, 8));
	emit_op(e, 0x3b, R_TMP, IN_REG(R_ADDR));
	other = emit_jcc(e, 7); /* ja */
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		struct place now = IN_GS(HOT_AT(stack) + slot + words[i]),
			     before = IN_GS(HOT_AT(stack_before) + slot +
					    words[i]);

		emit_load(e, R_TMP, now);
		emit_load(e, R_ADDR, before);
		emit_store(e, now, R_ADDR);
		emit_store(e, before, R_TMP);
	}
	ret(e, 24);
	return other;
}

/* Pushed: the unit, the lowest offset from RSP, and how many bytes. */
static void make_stack(struct translator *tr, struct emit *e, u32 table)
{
	u8 *failed, *again, *other;

	tr->stub_stack[table] = e->at;
	other = stack_change(e, table);
	emit_fix(other, e->at);
	registers_store(e);
	waits_here(e);
	emit_mov_imm(e, H_RDI, (u64)(uintptr_t)tr->vcpu);
	emit_load(e, H_RSI, IN_MEMORY(H_RSP, 16));
	emit_op(e, 0x03, H_RSI, IN_REG(R_SP));
	emit_load(e, H_RDX, IN_MEMORY(H_RSP, 8));
	emit_load(e, H_RCX, IN_MEMORY(H_RSP, 24));
	call_c(e, (const void *)translator_stack_miss);
	emit_load(e, R_TMP, IN_REG(H_RAX));
	volatile_load(e);
	emit_alu_imm(e, 7, IN_REG(R_TMP), 1);
	failed = emit_jcc(e, 2); /* below */
	again = emit_jcc(e, 4);
	emit_alu_imm(e, 0, IN_REG(H_RSP), 32);
	emit_jmp_place(e, IN_REG(R_TMP));
	emit_fix(again, e->at);
	ret(e, 24);
	emit_fix(failed, e->at);
	fail(tr, e, 24, EXIT_STACK);
}

void stubs_make(struct translator *tr)
{
	struct emit e = {.at = tr->code, .end = tr->code + tr->code_bytes};

	make_enter(tr, &e);
	make_exits(tr, &e);
	make_helper(tr, &e);
	make_fpu(tr, &e);
	for (u32 table = 0; table < 2; table++) {
		make_stack(tr, &e, table);
		for (u32 write = 0; write < 2; write++)
			for (u32 strict = 0; strict < 2; strict++)
				make_miss(tr, &e, table, write, strict);
	}
	tr->code_first = ((size_t)(e.at - tr->code) + 63) & ~(size_t)63;
	tr->code_used = tr->code_first;
}
