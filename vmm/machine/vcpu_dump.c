/* SPDX-License-Identifier: MIT */
/* What a person needs to see of a vCPU that cannot go on. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "vmm/machine/machine_internal.h"

#define DUMP_BYTES_MAX 8192
#define CODE_BEFORE    16
#define CODE_BYTES     48

/* A dump that does not fit ends early; that is all that can be done. */
#define print(out, ...)                                 \
	do {                                            \
		if (buf_printf((out), __VA_ARGS__) < 0) \
			return;                         \
	} while (0)

typedef unsigned long long ull;

static void print_reason(const struct vcpu *vcpu, struct buf *out)
{
	const struct kvm_run *run = vcpu->engine->run;

	print(out, "keel: vCPU %u stopped: %s\n", vcpu->index, vcpu->failure);
	if (vcpu->failure_err) {
		print(out, "  error: %s\n", strerror(-vcpu->failure_err));
		return;
	}
	print(out, "  exit: %u %s\n", run->exit_reason,
	      vcpu_exit_name(run->exit_reason));
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		print(out, "  hardware reason: 0x%llx\n",
		      (ull)run->fail_entry.hardware_entry_failure_reason);
	if (run->exit_reason == KVM_EXIT_UNKNOWN)
		print(out, "  hardware reason: 0x%llx\n",
		      (ull)run->hw.hardware_exit_reason);
	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR)
		return;
	print(out, "  suberror: %u%s\n  data:", run->internal.suberror,
	      run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION
		      ? " (an instruction it cannot emulate)"
		      : "");
	for (u32 i = 0; i < MIN(run->internal.ndata, 16u); i++)
		print(out, " %llx", (ull)run->internal.data[i]);
	print(out, "\n");
}

static void print_regs(const struct kvm_regs *r, struct buf *out)
{
	print(out, "  rip %016llx  rflags %08llx\n", r->rip, r->rflags);
	print(out, "  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n",
	      r->rax, r->rbx, r->rcx, r->rdx);
	print(out, "  rsi %016llx  rdi %016llx  rsp %016llx  rbp %016llx\n",
	      r->rsi, r->rdi, r->rsp, r->rbp);
	print(out, "  r8  %016llx  r9  %016llx  r10 %016llx  r11 %016llx\n",
	      r->r8, r->r9, r->r10, r->r11);
	print(out, "  r12 %016llx  r13 %016llx  r14 %016llx  r15 %016llx\n",
	      r->r12, r->r13, r->r14, r->r15);
}

static void print_segment(const char *name, const struct kvm_segment *s,
			  struct buf *out)
{
	print(out,
	      "  %-3s %04x  base %016llx  limit %08x  type %x dpl %u%s%s%s%s\n",
	      name, s->selector, s->base, s->limit, s->type, s->dpl,
	      s->present ? " present" : "", s->db ? " 32-bit" : "",
	      s->l ? " 64-bit" : "", s->unusable ? " unusable" : "");
}

static const char *mode_name(const struct kvm_sregs *s, u64 rflags)
{
	if (!(s->cr0 & 1))
		return "real mode";
	if (rflags & BIT(17))
		return "virtual 8086 mode";
	if (!(s->efer & BIT(10)))
		return s->cs.db ? "32-bit protected mode"
				: "16-bit protected mode";
	return s->cs.l ? "64-bit mode" : "compatibility mode";
}

static void print_sregs(const struct kvm_sregs *s, u64 rflags, struct buf *out)
{
	print(out, "  %s, privilege level %u\n", mode_name(s, rflags),
	      s->ss.dpl);
	print(out, "  cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx\n",
	      s->cr0, s->cr2, s->cr3, s->cr4);
	print(out, "  efer %08llx  apic base %llx\n", s->efer, s->apic_base);
	print_segment("cs", &s->cs, out);
	print_segment("ss", &s->ss, out);
	print_segment("ds", &s->ds, out);
	print_segment("es", &s->es, out);
	print_segment("fs", &s->fs, out);
	print_segment("gs", &s->gs, out);
	print_segment("tr", &s->tr, out);
	print_segment("ldt", &s->ldt, out);
	print(out,
	      "  gdt base %016llx limit %04x  idt base %016llx limit "
	      "%04x\n",
	      s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
}

/* One byte at a guest-virtual address, or -1. */
static int code_byte(const struct vcpu *vcpu, u64 address)
{
	struct kvm_translation t = {.linear_address = address};
	u8 byte;

	if (vcpu->engine->ops->translate(vcpu->engine, &t) || !t.valid ||
	    !guest_mem_read(&vcpu->machine->mem, t.physical_address, &byte, 1))
		return -1;
	return byte;
}

static void print_code(const struct vcpu *vcpu, u64 address, struct buf *out)
{
	print(out, "  code:");
	for (u32 i = 0; i < CODE_BYTES; i++) {
		int byte = code_byte(vcpu, address - CODE_BEFORE + i);
		bool here = i == CODE_BEFORE;

		if (byte < 0)
			print(out, here ? " <?\?>" : " ?\?");
		else
			print(out, here ? " <%02x>" : " %02x", (u32)byte);
	}
	print(out, "\n");
}

void vcpu_print(const struct vcpu *vcpu, struct buf *out)
{
	const struct engine_vcpu_ops *ops = vcpu->engine->ops;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ops->get_regs(vcpu->engine, &regs) ||
	    ops->get_sregs(vcpu->engine, &sregs))
		return;
	print_regs(&regs, out);
	print_sregs(&sregs, regs.rflags, out);
	print_code(vcpu, sregs.cs.base + regs.rip, out);
}

void vcpu_dump(const struct vcpu *vcpu)
{
	struct buf out;

	buf_init(&out, DUMP_BYTES_MAX);
	print_reason(vcpu, &out);
	vcpu_print(vcpu, &out);
	if (write_full(STDERR_FILENO, out.data, out.size)) {
		/* Nobody to read it; the exit status still tells. */
	}
	buf_release(&out);
}
