/* SPDX-License-Identifier: MIT */
/* See tier0.h. */
#include "tests/guest/random/tier0.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"
#include "engine/core/exec/exec.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/segment/segment.h"
#include "engine/soft/block.h"
#include "engine/soft/thunk/referee.h"
#include "engine/soft/thunk/thunk.h"
#include "engine/soft/translate/translate.h"

/* Guest-physical pages: the case's memory, then system tables. */
#define SYSTEM_GPA  ((gpa_t)PAGE_COUNT * PAGE_BYTES)
#define TABLES_GPA  (SYSTEM_GPA + PAGE_BYTES)
#define TABLES_MAX  48
#define RAM_BYTES   (TABLES_GPA + (u64)TABLES_MAX * PAGE_BYTES)
#define AT_SYSTEM   (AT_KERNEL + 0x10000) /* GDT and TSS, supervisor only */
#define TSS_OFFSET  0x800u
#define GDT_ENTRIES 16u /* Linux's */
#define TR_SELECTOR 0x40u
#define REPEATS_MAX 100000u
#define RFLAGS_USER (RFLAGS_FIXED | RFLAGS_IF)

#define PTE_P  1ull
#define PTE_RW 2ull
#define PTE_US 4ull
#define PTE_NX BIT(63)

struct tier0 {
	struct x86_cpu cpu;
	struct x86_tlb tlb[TLB_CLASSES];
	u8 ram[RAM_BYTES] __attribute__((aligned(4096)));
	struct x86_ops ops;
	struct fpu_host *fpu;	    /* owned */
	struct block_cache *blocks; /* owned */
	u32 tables;		    /* used */
	u32 levels;
	u64 gdt[GDT_ENTRIES];
	u64 features[CPUID_FEATURE_WORDS], host_features[CPUID_FEATURE_WORDS];
	u32 cpuid_count;
	struct kvm_cpuid_entry2 cpuid[CPUID_ENTRIES_MAX];
	s32 exclusive; /* depth */
	bool ended;    /* by cpu.exception */
};

/* ---- what the core asks ---- */

static void *op_page(void *ctx, gpa_t gpa, bool write)
{
	struct tier0 *t = ctx;

	(void)write;
	return gpa < RAM_BYTES ? t->ram + gpa : NULL;
}

static bool op_mmio(void *ctx, gpa_t gpa, void *data, u32 size, bool write)
{
	(void)ctx;
	(void)gpa;
	(void)data;
	(void)size;
	(void)write;
	return false;
}

static bool op_port(void *ctx, u16 port, void *data, u32 size, bool write)
{
	(void)ctx;
	(void)port;
	(void)data;
	(void)size;
	(void)write;
	return false;
}

static u64 op_tsc(void *ctx)
{
	(void)ctx;
	return 0x123456789abcdef;
}

static void op_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	struct tier0 *t = ctx;
	struct cpuid_state state = {.cr4 = t->cpu.cr4, .xcr0 = t->cpu.xcr0};

	cpuid_query(t->cpuid, t->cpuid_count, &state, leaf, subleaf, ret_regs);
}

static int op_msr_read(void *ctx, u32 index, u64 *ret_value)
{
	(void)ctx;
	(void)index;
	(void)ret_value;
	return X86_FAULT;
}

static int op_msr_write(void *ctx, u32 index, u64 value)
{
	(void)ctx;
	(void)index;
	(void)value;
	return X86_FAULT;
}

static u64 op_cr8_get(void *ctx)
{
	(void)ctx;
	return 0;
}

static void op_cr8_set(void *ctx, u64 tpr)
{
	(void)ctx;
	(void)tpr;
}

static void op_exclusive_begin(void *ctx)
{
	((struct tier0 *)ctx)->exclusive++;
}

static void op_exclusive_end(void *ctx)
{
	((struct tier0 *)ctx)->exclusive--;
}

static bool op_random(void *ctx, u64 *ret)
{
	(void)ctx;
	*ret = 0x123456789abcdef0;
	return true;
}

static int op_hypercall(void *ctx)
{
	(void)ctx;
	return X86_FAULT;
}

static const struct x86_ops tier0_ops = {
	.page = op_page,
	.mmio = op_mmio,
	.port = op_port,
	.tsc = op_tsc,
	.cpuid = op_cpuid,
	.msr_read = op_msr_read,
	.msr_write = op_msr_write,
	.cr8_get = op_cr8_get,
	.cr8_set = op_cr8_set,
	.exclusive_begin = op_exclusive_begin,
	.exclusive_end = op_exclusive_end,
	.random = op_random,
	.hypercall = op_hypercall,
};

/* ---- CPUID ---- */

static void host_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	(void)ctx;
	__cpuid_count(leaf, subleaf, ret_regs[0], ret_regs[1], ret_regs[2],
		      ret_regs[3]);
}

static u64 host_xcr0(void)
{
	u32 a, b, c, d, low, high;

	__cpuid(1, a, b, c, d);
	if (!(c >> 27 & 1)) /* OSXSAVE */
		return 0;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (u64)high << 32 | low;
}

/* A feature that needs XCR0 is not there without it, as on the offered side. */
static bool feature_of_host(u32 feature)
{
	const struct cpuid_bit *bit = &cpuid_feature_bit[feature];
	u32 regs[4];

	if (bit->reg >= CPUID_REGS)
		return true;
	__cpuid(bit->leaf & 0x80000000, regs[0], regs[1], regs[2], regs[3]);
	if (regs[0] < bit->leaf)
		return false;
	host_cpuid(NULL, bit->leaf, bit->subleaf, regs);
	return regs[bit->reg] >> bit->bit & 1;
}

static int cpuid_setup(struct tier0 *t)
{
	struct cpuid_host host = {.cpuid = host_cpuid, .xcr0 = host_xcr0()};

	t->cpuid_count =
		cpuid_host_supported(&host, t->cpuid, CPUID_ENTRIES_MAX);
	if (t->cpuid_count > CPUID_ENTRIES_MAX)
		return -E2BIG;
	cpuid_apply(&t->cpu, t->cpuid, t->cpuid_count);
	t->cpu.linear_bits = referee_pointer_bits();
	cpuid_features(t->cpuid, t->cpuid_count, t->features);
	for (u32 i = 0; i < FEAT_COUNT; i++)
		if (feature_of_host(i))
			t->host_features[i / 64] |= BIT(i % 64);
	return 0;
}

const u64 *tier0_features(const struct tier0 *t)
{
	return t->features;
}

bool tier0_host_has(const struct tier0 *t, enum insn_feature feature)
{
	return t->host_features[feature / 64] >> (feature % 64) & 1;
}

/* ---- tables ---- */

static u64 *table_at(struct tier0 *t, gpa_t gpa)
{
	return (u64 *)(void *)(t->ram + (gpa & ~4095ull & ~PTE_NX));
}

static int page_map(struct tier0 *t, u64 address, u64 leaf)
{
	u64 *table = table_at(t, TABLES_GPA);

	for (u32 level = t->levels; level > 1; level--) {
		u64 *entry = &table[address >> (12 + 9 * (level - 1)) & 511];

		if (!*entry) {
			if (t->tables == TABLES_MAX)
				return -ENOSPC;
			*entry = (TABLES_GPA + t->tables++ * PAGE_BYTES) |
				 PTE_P | PTE_RW | PTE_US;
		}
		table = table_at(t, *entry);
	}
	table[address >> 12 & 511] = leaf;
	return 0;
}

static int paging_setup(struct tier0 *t)
{
	t->tables = 1;
	for (u32 i = 0; i < mapping_count; i++) {
		const struct mapping *m = &mappings[i];
		u64 leaf = (u64)m->page * PAGE_BYTES | PTE_P | PTE_US;
		int err;

		leaf |= m->rights & MAP_WRITE ? PTE_RW : 0;
		leaf |= m->rights & MAP_EXEC ? 0 : PTE_NX;
		err = page_map(t, m->address, leaf);
		if (err)
			return err;
	}
	return page_map(t, AT_SYSTEM, SYSTEM_GPA | PTE_P | PTE_RW | PTE_NX);
}

/* LAR and LSL show what Linux's table holds for us; the rest is its own. */
static u64 descriptor_of_host(u32 index)
{
	u32 selector = index << 3 | 3, rights = 0, limit = 0;
	bool visible;

	__asm__("lar %2, %0; setz %1"
		: "+r"(rights), "=qm"(visible)
		: "r"(selector)
		: "cc");
	if (!index)
		return 0;
	if (!visible) /* of privilege 0: never ours to load */
		return 0x00cf92000000ffff;
	__asm__("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc");
	if (rights & SEG_G << 8)
		limit >>= 12;
	return (limit & 0xffff) | (u64)(limit & 0xf0000) << 32 |
	       (u64)(rights & 0xf0ff00) << 32;
}

static void descriptors_setup(struct tier0 *t)
{
	struct x86_cpu *cpu = &t->cpu;
	u8 *system = t->ram + SYSTEM_GPA;
	u16 no_bitmap = 0x68;

	for (u32 i = 0; i < GDT_ENTRIES; i++)
		t->gdt[i] = descriptor_of_host(i);
	memcpy(system, t->gdt, sizeof(t->gdt));
	memcpy(system + TSS_OFFSET + 0x66, &no_bitmap, sizeof(no_bitmap));
	cpu->gdtr = (struct x86_table){.base = AT_SYSTEM,
				       .limit = sizeof(t->gdt) - 1};
	cpu->seg[SEG_TR] =
		(struct x86_segment){.base = AT_SYSTEM + TSS_OFFSET,
				     .limit = 0x67,
				     .selector = TR_SELECTOR,
				     .attr = SEG_P | SYSTEM_TSS32_BUSY};
	cpu->seg[SEG_LDTR] = (struct x86_segment){.attr = SEG_UNUSABLE};
}

/* ---- life ---- */

void tier0_free(struct tier0 *t)
{
	if (!t)
		return;
	block_cache_free(t->blocks);
	thunk_host_free(t->fpu);
	free(t);
}

/* The control registers as Linux has them. */
static void modes_setup(struct tier0 *t, bool is_la57)
{
	struct x86_cpu *cpu = &t->cpu;

	x86_reset(cpu, false);
	cpu->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	cpu->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PSE |
		   (CR4_OSXSAVE & cpu->cr4_allowed) |
		   (CR4_FSGSBASE & cpu->cr4_allowed) | (is_la57 ? CR4_LA57 : 0);
	cpu->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	cpu->xcr0 = XCR0_X87;
	if (cpu->cr4 & CR4_OSXSAVE)
		cpu->xcr0 |= cpu->xcr0_allowed & (XCR0_SSE | XCR0_AVX);
	cpu->cr3 = TABLES_GPA;
	t->levels = is_la57 ? 5 : 4;
}

static int parts_create(struct tier0 *t, bool is_la57)
{
	int err = thunk_host_create(&t->fpu);

	if (err)
		return err;
	t->blocks = block_cache_create();
	if (!t->blocks)
		return -ENOMEM;
	t->ops = tier0_ops;
	t->ops.fpu = t->fpu;
	t->cpu.ops = &t->ops;
	t->cpu.ctx = t;
	for (u32 i = 0; i < TLB_CLASSES; i++)
		t->cpu.tlbs[i] = &t->tlb[i];
	err = cpuid_setup(t);
	if (err)
		return err;
	modes_setup(t, is_la57);
	descriptors_setup(t);
	return paging_setup(t);
}

int tier0_create(struct tier0 **ret, bool is_la57)
{
	struct tier0 *t = aligned_alloc(4096, align_up(sizeof(*t), 4096));
	int err;

	if (!t)
		return -ENOMEM;
	memset(t, 0, sizeof(*t));
	err = parts_create(t, is_la57);
	if (err) {
		tier0_free(t);
		return err;
	}
	*ret = t;
	return 0;
}

/* ---- cases ---- */

u8 *tier0_memory(struct tier0 *t)
{
	return t->ram;
}

struct x86_cpu *tier0_cpu(struct tier0 *t)
{
	return &t->cpu;
}

static void selector_load(struct tier0 *t, u32 index, u16 selector)
{
	struct x86_segment *seg = &t->cpu.seg[index];

	if (selector_null(selector)) {
		segment_null(selector, 3, seg);
	} else {
		struct descriptor d = {.low = t->gdt[selector >> 3]};

		descriptor_segment(&d, selector, seg);
	}
}

void tier0_load(struct tier0 *t, const struct state *in, const u8 *memory)
{
	struct x86_cpu *cpu = &t->cpu;

	memcpy(t->ram, memory, MEMORY_BYTES);
	memcpy(t->ram + SYSTEM_GPA, t->gdt, sizeof(t->gdt));
	memcpy(cpu->gpr, in->gpr, sizeof(in->gpr));
	RIP(cpu) = in->rip;
	cpu->rflags = in->rflags | RFLAGS_USER;
	for (u32 i = 0; i < 6; i++)
		selector_load(t, i, in->seg[i]);
	cpu->seg[SEG_FS].base = in->fs_base;
	cpu->seg[SEG_GS].base = in->gs_base;
	memcpy(cpu->xsave.bytes, in->xsave, XSAVE_SIZE);
	cpu->fcs = cpu->fds = 0;
	cpu->shadow = 0;
	cpu->pending_db = 0;
	cpu->stop = 0;
	cpu->exception = (struct x86_exception){0};
	external_clear(cpu);
	x86_mode_update(cpu);
	t->ended = false;
	t->exclusive = 0;
}

void tier0_save(const struct tier0 *t, struct state *out)
{
	const struct x86_cpu *cpu = &t->cpu;

	memcpy(out->gpr, cpu->gpr, sizeof(out->gpr));
	out->rip = RIP(cpu);
	out->rflags = cpu->rflags;
	for (u32 i = 0; i < 6; i++)
		out->seg[i] = cpu->seg[i].selector;
	out->fs_base = cpu->seg[SEG_FS].base;
	out->gs_base = cpu->seg[SEG_GS].base;
	memcpy(out->xsave, cpu->xsave.bytes, XSAVE_SIZE);
	out->vector = NO_VECTOR;
	out->error = 0;
	out->cr2 = 0;
	if (!t->ended)
		return;
	out->vector = cpu->exception.vector;
	out->error = cpu->exception.has_error ? cpu->exception.error : 0;
	out->cr2 = out->vector == VECTOR_PF ? cpu->exception.payload : 0;
}

/* PAUSE's handler in the engine belongs to a whole vCPU. */
static int insn_run(struct x86_cpu *cpu, struct insn *in)
{
	insn_exec_fn run = in->id == INSN_PAUSE ? exec_bind(cpu, in) : in->exec;
	int rc;

	cpu->insn_len = in->len;
	RIP(cpu) += in->len;
	rc = run(cpu, in);
	if (rc == X86_NEED || rc == X86_EXIT || rc == X86_UNHANDLED ||
	    (rc == X86_FAULT && !cpu->exception.trap))
		RIP(cpu) -= in->len;
	return rc;
}

static int insn_find(struct tier0 *t, bool blocks, struct insn *ret)
{
	const struct block *block;
	int rc;

	if (blocks) {
		rc = block_find(t->blocks, &t->cpu, &block);
		if (rc || block->count) {
			if (!rc)
				*ret = block->insn[0];
			return rc;
		}
	}
	return insn_fetch(&t->cpu, ret);
}

/* Does the translator know of each register that the instruction wrote? */
static bool writes_known(const struct x86_cpu *cpu, const struct insn *in,
			 const u64 *before)
{
	u32 known = plan_gprs_written(in);

	for (u32 i = 0; i < 16; i++)
		if (cpu->gpr[i] != before[i] && !(known & BIT(i))) {
			(void)fprintf(stderr,
				      "random: the translator does not know "
				      "that %s writes register %u\n",
				      insn_rows[in->row].name, i);
			return false;
		}
	return true;
}

enum step tier0_step(struct tier0 *t, bool blocks, struct insn *ret_insn)
{
	struct x86_cpu *cpu = &t->cpu;
	u32 repeats = 0;
	u64 before[16];
	int rc;

	memset(ret_insn, 0, sizeof(*ret_insn));
	rc = insn_find(t, blocks, ret_insn);
	if (rc == X86_FAULT) {
		t->ended = true;
		return STEP_BAD_FETCH;
	}
	if (rc)
		return STEP_BROKEN;
	memcpy(before, cpu->gpr, sizeof(before));
	do
		rc = insn_run(cpu, ret_insn);
	while (rc == X86_REPEAT && ++repeats < REPEATS_MAX);
	cpu->stop = 0;
	cpu->shadow = 0;
	if (cpu->external.done || cpu->external.want.kind)
		external_clear(cpu);
	if (t->exclusive || !writes_known(cpu, ret_insn, before))
		return STEP_BROKEN;
	if (rc == X86_FAULT) {
		t->ended = true;
		return STEP_FAULT;
	}
	if (rc == X86_OK || rc == X86_BRANCH || rc == X86_END)
		return STEP_OK;
	return STEP_BROKEN;
}
