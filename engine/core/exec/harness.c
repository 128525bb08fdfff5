/* SPDX-License-Identifier: MIT */
/* The test machine; see harness.h. Freestanding like the rest of core. */
#include "engine/core/exec/harness.h"

#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/segment/segment.h"

static void *op_page(void *ctx, gpa_t gpa, bool write)
{
	struct test_machine *m = ctx;

	if (gpa >= TEST_MEMORY || gpa == m->device)
		return NULL;
	if (write && gpa == m->read_only)
		return NULL;
	return m->memory + gpa;
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
	return ((struct test_machine *)ctx)->tsc;
}

static void op_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	(void)ctx;
	ret_regs[0] = leaf == 1 ? 0x60fb1 : leaf;
	ret_regs[1] = subleaf;
	ret_regs[2] = 0x22222222;
	ret_regs[3] = 0x33333333;
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
	return ((struct test_machine *)ctx)->cr8;
}

static void op_cr8_set(void *ctx, u64 tpr)
{
	((struct test_machine *)ctx)->cr8 = tpr;
}

static void op_exclusive_begin(void *ctx)
{
	((struct test_machine *)ctx)->exclusive_depth++;
}

static void op_exclusive_end(void *ctx)
{
	((struct test_machine *)ctx)->exclusive_depth--;
}

static bool op_random(void *ctx, u64 *ret)
{
	(void)ctx;
	*ret = 0x123456789abcdef0;
	return true;
}

static int op_hypercall(void *ctx)
{
	struct test_machine *m = ctx;

	m->hypercalls++;
	return m->hypercall_result;
}

static const struct x86_ops test_ops = {
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

void test_machine_init(struct test_machine *m)
{
	struct x86_cpu *cpu = &m->cpu;

	__builtin_memset(m, 0, sizeof(*m));
	m->read_only = m->device = ~0ull;
	cpu->ops = &test_ops;
	cpu->ctx = m;
	for (u32 i = 0; i < TLB_CLASSES; i++)
		cpu->tlbs[i] = &m->tlb[i];
	cpu->tlb_generation[0] = cpu->tlb_generation[1] = 1;
	cpu->tlb_generation_last = 1;
	cpu->tlb_space = cpu->tlb_space_last = 1;
	cpu->code_host = ~0ull << 12;
	__builtin_memset(cpu->feature, 0xff, sizeof(cpu->feature));
	cpu->feature[FEAT_MISALIGNSSE / 64] &= ~BIT(FEAT_MISALIGNSSE % 64);
	cpu->cr4_allowed = 0x7f0fff & ~(CR4_VME | CR4_PVI) & ~BIT(13) &
			   ~BIT(14) & ~BIT(15) & ~BIT(19);
	cpu->efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	cpu->xcr0_allowed = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	cpu->physical_bits = 40;
	cpu->linear_bits = 48;
	cpu->pages_1g = true;
	x86_reset(cpu, false);
	cpu->cr0 &= ~(CR0_CD | CR0_NW);
	cpu->seg[SEG_CS].selector = TEST_CODE >> 4;
	cpu->seg[SEG_CS].base = TEST_CODE;
	cpu->idtr.limit = 0x3ff;
	cpu->gpr[RSP] = 0x8000;
	RIP(cpu) = 0;
	x86_mode_update(cpu);
}

u64 test_read(const struct test_machine *m, gpa_t gpa, u32 size)
{
	u64 value = 0;

	__builtin_memcpy(&value, m->memory + gpa, size);
	return value;
}

void test_write(struct test_machine *m, gpa_t gpa, u64 value, u32 size)
{
	__builtin_memcpy(m->memory + gpa, &value, size);
}

u64 test_descriptor(u32 base, u32 limit, u32 attr)
{
	u64 units = attr & SEG_G ? limit >> 12 : limit;

	return (units & 0xffff) | (units & 0xf0000) << 32 |
	       (u64)(base & 0xffffff) << 16 | (u64)(base >> 24) << 56 |
	       (u64)(attr & 0xf0ff) << 40;
}

void test_gdt_set(struct test_machine *m, u32 selector, u64 low, u64 high)
{
	gpa_t at = TEST_GDT + (selector & ~7u);

	test_write(m, at, low, 8);
	if (high || (m->cpu.efer & EFER_LMA && !(low >> 44 & 1)))
		test_write(m, at + 8, high, 8);
}

u64 test_gdt_get(const struct test_machine *m, u32 selector)
{
	return test_read(m, TEST_GDT + (selector & ~7u), 8);
}

void test_idt_set(struct test_machine *m, u32 vector, u16 selector, u64 offset,
		  u32 attr, u32 ist)
{
	u64 low = (offset & 0xffff) | (u64)selector << 16 | (u64)ist << 32 |
		  (u64)(attr & 0xff) << 40 | (offset >> 16 & 0xffff) << 48;

	if (m->cpu.long_mode) {
		test_write(m, TEST_IDT + vector * 16, low, 8);
		test_write(m, TEST_IDT + vector * 16 + 8, offset >> 32, 8);
	} else {
		test_write(m, TEST_IDT + vector * 8, low, 8);
	}
}

static void gdt_build(struct test_machine *m)
{
	u32 code = TEST_ATTR_CODE, data = TEST_ATTR_DATA;
	u32 code16 = code & ~(SEG_DB | SEG_G), data16 = data & ~(SEG_DB | SEG_G);
	u32 code64 = (code & ~SEG_DB) | SEG_L;
	u32 all = 0xffffffff;

	test_gdt_set(m, TEST_CODE0, test_descriptor(0, all, code), 0);
	test_gdt_set(m, TEST_DATA0, test_descriptor(0, all, data), 0);
	test_gdt_set(m, TEST_CODE3, test_descriptor(0, all, code | SEG_DPL), 0);
	test_gdt_set(m, TEST_DATA3, test_descriptor(0, all, data | SEG_DPL), 0);
	test_gdt_set(m, TEST_CODE16, test_descriptor(TEST_CODE, 0xffff, code16),
		     0);
	test_gdt_set(m, TEST_DATA16, test_descriptor(0x20000, 0xffff, data16),
		     0);
	test_gdt_set(m, TEST_CODE1, test_descriptor(0, all, code | TEST_DPL(1)),
		     0);
	test_gdt_set(m, TEST_DATA1, test_descriptor(0, all, data | TEST_DPL(1)),
		     0);
	test_gdt_set(m, TEST_CONFORMING, test_descriptor(0, all, code | SEG_DC),
		     0);
	test_gdt_set(m, TEST_CODE64_0, test_descriptor(0, all, code64), 0);
	test_gdt_set(m, TEST_CODE64_3,
		     test_descriptor(0, all, code64 | SEG_DPL), 0);
	test_gdt_set(m, TEST_TR,
		     test_descriptor(TEST_TSS, 0x67, SEG_P | SYSTEM_TSS32_BUSY),
		     0);
	m->cpu.gdtr = (struct x86_table){.base = TEST_GDT, .limit = 0xfff};
	m->cpu.idtr = (struct x86_table){.base = TEST_IDT, .limit = 0xfff};
}

/* Loads a register from the GDT without any check. */
static void segment_take(struct test_machine *m, u32 index, u16 selector)
{
	struct descriptor d = {.low = test_gdt_get(m, selector)};

	d.low |= (u64)SEG_ACCESSED << 40;
	descriptor_segment(&d, selector, &m->cpu.seg[index]);
}

static void registers_take(struct test_machine *m, u32 cpl, u16 code)
{
	static const u16 data[] = {TEST_DATA0, TEST_DATA1, TEST_DATA0,
				   TEST_DATA3};
	static const u32 stack[] = {TEST_STACK0, TEST_STACK1, TEST_STACK2,
				    TEST_STACK3};
	struct x86_cpu *cpu = &m->cpu;

	segment_take(m, SEG_CS, code);
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		if (i != SEG_CS)
			segment_take(m, i, data[cpl]);
	cpu->seg[SEG_TR] =
		(struct x86_segment){.base = TEST_TSS,
				     .limit = 0x67,
				     .selector = TEST_TR,
				     .attr = SEG_P | SYSTEM_TSS32_BUSY};
	cpu->gpr[RSP] = stack[cpl];
	RIP(cpu) = TEST_CODE;
	x86_mode_update(cpu);
}

void test_protected(struct test_machine *m, u32 cpl)
{
	static const u16 code[] = {TEST_CODE0, TEST_CODE1, TEST_CODE0,
				   TEST_CODE3};

	m->cpu.cr0 |= CR0_PE;
	gdt_build(m);
	registers_take(m, cpl, code[cpl]);
	test_write(m, TEST_TSS + 4, TEST_STACK0, 4);
	test_write(m, TEST_TSS + 8, TEST_DATA0, 2);
	test_write(m, TEST_TSS + 12, TEST_STACK1, 4);
	test_write(m, TEST_TSS + 16, TEST_DATA1, 2);
	for (u32 i = 0; i < 32; i++)
		test_idt_set(m, i, TEST_CODE0, TEST_HANDLER + 16 * i,
			     SEG_P | SYSTEM_INTERRUPT32, 0);
}

static void long_setup(struct test_machine *m, u32 cpl, u16 code)
{
	struct x86_cpu *cpu = &m->cpu;
	gpa_t table = TEST_TABLES;

	for (u32 level = 0; level < 2; level++)
		test_write(m, table + 4096 * level,
			   (table + 4096 * (level + 1)) | 7, 8);
	for (u32 i = 0; i < 2; i++) {
		gpa_t leaf = table + 4096 * (3 + i);

		test_write(m, table + 4096 * 2 + 8 * i, leaf | 7, 8);
		for (u32 page = 0; page < 512; page++)
			test_write(m, leaf + 8 * page,
				   (512 * i + page) * 4096 | 7, 8);
	}
	cpu->cr4 |= CR4_PAE;
	cpu->cr3 = table;
	cpu->efer |= EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
	cpu->cr0 |= CR0_PE | CR0_PG | CR0_WP;
	x86_mode_update(cpu);
	gdt_build(m);
	registers_take(m, cpl, code);
	for (u32 i = 0; i < 3; i++)
		test_write(m, TEST_TSS + 4 + 8 * i, TEST_STACK0 + 0x2000 * i, 8);
	test_write(m, TEST_TSS + 0x24, TEST_IST1, 8);
	for (u32 i = 0; i < 32; i++)
		test_idt_set(m, i, TEST_CODE64_0, TEST_HANDLER + 16 * i,
			     SEG_P | SYSTEM_INTERRUPT32, 0);
}

void test_long(struct test_machine *m, u32 cpl)
{
	long_setup(m, cpl, cpl == 3 ? TEST_CODE64_3 : TEST_CODE64_0);
}

void test_compat(struct test_machine *m, u32 cpl)
{
	long_setup(m, cpl, cpl == 3 ? TEST_CODE3 : TEST_CODE0);
}

void test_paging(struct test_machine *m)
{
	struct x86_cpu *cpu = &m->cpu;

	test_write(m, TEST_TABLES, (TEST_TABLES + 4096) | 7, 4);
	for (u32 page = 0; page < 1024; page++)
		test_write(m, TEST_TABLES + 4096 + 4 * page, page * 4096 | 7, 4);
	cpu->cr3 = TEST_TABLES;
	cpu->cr0 |= CR0_PG | CR0_WP;
	tlb_flush(cpu, true);
	x86_mode_update(cpu);
}

void test_map(struct test_machine *m, gva_t page, u64 entry)
{
	u64 index = page >> 12;

	if (m->cpu.long_mode)
		test_write(m, TEST_TABLES + 4096 * 3 + 8 * index, entry, 8);
	else
		test_write(m, TEST_TABLES + 4096 + 4 * index, entry, 4);
	tlb_flush(&m->cpu, true);
}

static gva_t code_address(const struct x86_cpu *cpu)
{
	return (cpu->segment_base[SEG_CS] + RIP(cpu)) & cpu->linear_mask;
}

/* Identity-mapped code is taken for granted. */
void test_code(struct test_machine *m, const void *bytes, u32 size)
{
	__builtin_memcpy(m->memory + code_address(&m->cpu), bytes, size);
}

int test_step(struct test_machine *m)
{
	struct x86_cpu *cpu = &m->cpu;
	const u8 *bytes = m->memory + code_address(cpu);
	u64 start = RIP(cpu);
	struct insn in;
	int rc;

	switch (decode_insn_for(bytes, INSN_LEN_MAX, cpu->code, cpu->vendor_amd,
				&in)) {
	case DECODE_OK:
		break;
	case DECODE_TOO_LONG:
		return raise_gp0(cpu);
	default:
		return raise_ud(cpu);
	}
	cpu->insn_len = in.len;
	RIP(cpu) += in.len;
	rc = exec_bind(cpu, &in)(cpu, &in);
	if (rc == X86_NEED || rc == X86_EXIT ||
	    (rc == X86_FAULT && !cpu->exception.trap))
		RIP(cpu) = start;
	if (rc != X86_NEED)
		external_clear(cpu);
	return rc;
}

int test_insn(struct test_machine *m, const void *bytes, u32 size)
{
	test_code(m, bytes, size);
	return test_step(m);
}

int test_insn_deliver(struct test_machine *m, const void *bytes, u32 size)
{
	int rc = test_insn(m, bytes, size);

	return rc == X86_FAULT ? exception_deliver(&m->cpu) : rc;
}
