/* SPDX-License-Identifier: MIT */
/*
 * A machine for tests: a cpu, its TLBs and flat memory from address 0, with
 * GDT, IDT, TSS and page tables at fixed places.
 *
 * Memory, see the TEST_* addresses: everything below TEST_MEMORY is RAM, except
 * one optional read-only page and one optional device page. Page tables map the
 * first 4 MiB of linear addresses onto themselves, writable, for the user too;
 * test_map() changes single pages. A test owns its struct (static: it is large)
 * and calls test_machine_init() first.
 */
#ifndef ENGINE_CORE_EXEC_HARNESS_H
#define ENGINE_CORE_EXEC_HARNESS_H

#include "engine/core/exec/exec.h"
#include "engine/core/x86.h"

#define TEST_MEMORY  (4 * MiB)
#define TEST_GDT     0x1000u
#define TEST_IDT     0x2000u
#define TEST_TSS     0x3000u
#define TEST_LDT     0x4000u
#define TEST_TABLES  0x10000u /* page tables, up to 0x1ffff */
#define TEST_STACK0  0x22000u /* tops of the stacks of CPL 0..3 */
#define TEST_STACK1  0x24000u
#define TEST_STACK2  0x26000u
#define TEST_STACK3  0x28000u
#define TEST_IST1    0x2a000u
#define TEST_CODE    0x40000u /* where RIP starts */
#define TEST_HANDLER 0x50000u /* handler of vector n: + 16 * n */
#define TEST_DATA    0x60000u /* free */

/* Selectors of the GDT that test_protected() and test_long() build. */
enum {
	TEST_CODE0 = 0x08,
	TEST_DATA0 = 0x10,
	TEST_CODE3 = 0x18 | 3,
	TEST_DATA3 = 0x20 | 3,
	TEST_CODE16 = 0x28,
	TEST_DATA16 = 0x30,
	TEST_TR = 0x38, /* 16 bytes: 0x40 too */
	TEST_CODE1 = 0x48 | 1,
	TEST_DATA1 = 0x50 | 1,
	TEST_CONFORMING = 0x58,
	TEST_CODE64_0 = 0x60,
	TEST_CODE64_3 = 0x68 | 3,
	TEST_FREE = 0x80, /* from here on: the test's */
};

/* Attributes of common descriptors, without the DPL. */
#define TEST_ATTR_CODE (SEG_P | SEG_S | SEG_CODE | SEG_RW | SEG_DB | SEG_G)
#define TEST_ATTR_DATA (SEG_P | SEG_S | SEG_RW | SEG_DB | SEG_G)
#define TEST_DPL(n)    ((u32)(n) << SEG_DPL_SHIFT)

struct test_machine {
	struct x86_cpu cpu;
	struct x86_tlb tlb[TLB_CLASSES];
	u8 memory[TEST_MEMORY] __attribute__((aligned(4096)));
	gpa_t read_only; /* page address, or ~0 */
	gpa_t device;	 /* page address of what the owner's client serves */
	u64 tsc, cr8;
	u64 hypercalls;
	int hypercall_result;
	u32 exclusive_depth;
};

/* Real mode, all features on, RIP at TEST_CODE (CS.base), no paging. */
void test_machine_init(struct test_machine *m);
/* Flat 32-bit protected mode at this CPL, GDT, IDT, 32-bit TSS; no paging. */
void test_protected(struct test_machine *m, u32 cpl);
/* 64-bit mode at this CPL, with 4-level paging. */
void test_long(struct test_machine *m, u32 cpl);
/* Compatibility mode: test_long() with a 32-bit code segment. */
void test_compat(struct test_machine *m, u32 cpl);
/* Turns 32-bit (non-PAE) paging on in test_protected(). */
void test_paging(struct test_machine *m);
/* Sets the entry of one linear page below 4 MiB: 0 = not present. Flushes. */
void test_map(struct test_machine *m, gva_t page, u64 entry);

u64 test_descriptor(u32 base, u32 limit, u32 attr); /* limit in bytes */
void test_gdt_set(struct test_machine *m, u32 selector, u64 low, u64 high);
u64 test_gdt_get(const struct test_machine *m, u32 selector);
/* Gate of the present mode; attr: type, P and DPL. */
void test_idt_set(struct test_machine *m, u32 vector, u16 selector, u64 offset,
		  u32 attr, u32 ist);
void test_write(struct test_machine *m, gpa_t gpa, u64 value, u32 size);
u64 test_read(const struct test_machine *m, gpa_t gpa, u32 size);

/* Puts instruction bytes at CS:RIP. */
void test_code(struct test_machine *m, const void *bytes, u32 size);
/*
 * Runs the instruction at CS:RIP: the enum x86_result of its handler, RIP put
 * back where the run loop would. Delivers nothing.
 */
int test_step(struct test_machine *m);
/* test_step() of these bytes. */
int test_insn(struct test_machine *m, const void *bytes, u32 size);
/* test_insn(), and what it raises is delivered. */
int test_insn_deliver(struct test_machine *m, const void *bytes, u32 size);

/* The same with the bytes as arguments: TEST_RUN(&m, 0x0f, 0x05). */
#define TEST_RUN(m, ...)                          \
	test_insn((m), (const u8[]){__VA_ARGS__}, \
		  sizeof((const u8[]){__VA_ARGS__}))
#define TEST_DELIVER(m, ...)                              \
	test_insn_deliver((m), (const u8[]){__VA_ARGS__}, \
			  sizeof((const u8[]){__VA_ARGS__}))

/* With base/test.h: `call` raised this vector with this error code. */
#define check_error(m, call, number, code)                     \
	do {                                                   \
		check_eq((call), X86_FAULT);                   \
		check_eq((m)->cpu.exception.vector, (number)); \
		check((m)->cpu.exception.has_error);           \
		check_eq((m)->cpu.exception.error, (code));    \
	} while (0)
/* ... without an error code. */
#define check_plain(m, call, number)                           \
	do {                                                   \
		check_eq((call), X86_FAULT);                   \
		check_eq((m)->cpu.exception.vector, (number)); \
		check(!(m)->cpu.exception.has_error);          \
	} while (0)

#endif
