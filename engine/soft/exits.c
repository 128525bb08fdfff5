/* SPDX-License-Identifier: MIT */
/*
 * Between the core's half-done instruction and struct kvm_run.
 *
 * An exit leaves the instruction noted in cpu->external or cpu->exit; the next
 * run() takes the client's answer from kvm_run and runs the instruction again,
 * which finds what is done already. [KVM-API 5 "The kvm_run structure"]
 */
#include <assert.h>
#include <string.h>

#include "engine/core/exception/exception.h"
#include "engine/core/exec/exec.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/soft.h"

static u8 *pio_page(struct soft_vcpu *vcpu)
{
	return (u8 *)vcpu->vcpu.run + SOFT_PIO_OFFSET;
}

static void exit_io(struct soft_vcpu *vcpu)
{
	struct x86_external *ext = &vcpu->cpu.external;
	struct kvm_run *run = vcpu->vcpu.run;
	bool out = ext->want.kind == EXTERNAL_OUT;
	u32 count = MAX(ext->count, 1u);

	assert(count * ext->want.size <= STRING_IO_MAX);
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run->io.size = ext->want.size;
	run->io.port = (u16)ext->want.gpa;
	run->io.count = count;
	run->io.data_offset = SOFT_PIO_OFFSET;
	if (out && ext->count)
		memcpy(pio_page(vcpu), ext->string_io, count * ext->want.size);
	else if (out)
		memcpy(pio_page(vcpu), &ext->want.data, ext->want.size);
	vcpu->pending = PENDING_IO;
}

static void exit_mmio(struct soft_vcpu *vcpu)
{
	struct external_access *want = &vcpu->cpu.external.want;
	struct kvm_run *run = vcpu->vcpu.run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = want->gpa;
	run->mmio.len = want->size;
	run->mmio.is_write = want->kind == EXTERNAL_WRITE;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (run->mmio.is_write)
		memcpy(run->mmio.data, &want->data, want->size);
	vcpu->pending = PENDING_MMIO;
}

int soft_exit_need(struct soft_vcpu *vcpu)
{
	switch (vcpu->cpu.external.want.kind) {
	case EXTERNAL_IN:
	case EXTERNAL_OUT:
		exit_io(vcpu);
		return 0;
	case EXTERNAL_READ:
	case EXTERNAL_WRITE:
		exit_mmio(vcpu);
		return 0;
	default: /* code that is not in memory */
		return soft_exit_internal(vcpu);
	}
}

static u64 linear_pc(const struct x86_cpu *cpu)
{
	return cpu->gpr[GPR_RIP] +
	       (cpu->code == CODE_64 ? 0 : cpu->seg[SEG_CS].base);
}

int soft_exit_other(struct soft_vcpu *vcpu)
{
	struct x86_exit *exit = &vcpu->cpu.exit;
	struct kvm_run *run = vcpu->vcpu.run;

	switch (exit->kind) {
	case X86_EXIT_RDMSR:
	case X86_EXIT_WRMSR:
		run->exit_reason = exit->kind == X86_EXIT_RDMSR
					   ? KVM_EXIT_X86_RDMSR
					   : KVM_EXIT_X86_WRMSR;
		memset(&run->msr, 0, sizeof(run->msr));
		run->msr.reason = exit->reason;
		run->msr.index = exit->index;
		run->msr.data = exit->data;
		vcpu->pending = PENDING_MSR;
		return 0;
	case X86_EXIT_HYPERCALL:
		run->exit_reason = KVM_EXIT_HYPERCALL;
		memset(&run->hypercall, 0, sizeof(run->hypercall));
		run->hypercall.nr = exit->index;
		for (u32 i = 0; i < ARRAY_SIZE(exit->arg); i++)
			run->hypercall.args[i] = exit->arg[i];
		run->hypercall.longmode = vcpu->cpu.code == CODE_64;
		vcpu->pending = PENDING_HYPERCALL;
		return 0;
	case X86_EXIT_DEBUG:
		run->exit_reason = KVM_EXIT_DEBUG;
		memset(&run->debug, 0, sizeof(run->debug));
		run->debug.arch.exception = exit->vector;
		run->debug.arch.pc = linear_pc(&vcpu->cpu);
		run->debug.arch.dr6 = exit->dr6;
		run->debug.arch.dr7 = vcpu->cpu.debug_dr7;
		exit->kind = X86_EXIT_NONE;
		return 0;
	default:
		return soft_exit_internal(vcpu);
	}
}

/* The guest's user code must not be able to end the machine: it gets #UD, as
 * under the kernel's. */
static int user_undefined(struct soft_vcpu *vcpu)
{
	external_clear(&vcpu->cpu);
	(void)raise_ud(&vcpu->cpu); /* fills the exception */
	if (exception_deliver(&vcpu->cpu) != X86_SHUTDOWN)
		return 1;
	vcpu->vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

/* An instruction that the engine cannot run, with its bytes, as the kernel
 * reports it: KVM_INTERNAL_ERROR_EMULATION. */
int soft_exit_internal(struct soft_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->vcpu.run;
	struct x86_cpu *cpu = &vcpu->cpu;
	u8 *host, bytes[INSN_LEN_MAX] = {0};
	u32 have = 0;

	if (cpu->cpl == 3)
		return user_undefined(vcpu);
	external_clear(cpu);
	if (!tlb_fetch(cpu, linear_pc(cpu) & cpu->linear_mask, &host)) {
		have = MIN((u32)INSN_LEN_MAX,
			   4096 - (u32)((uintptr_t)host & 4095));
		memcpy(bytes, host, have);
	}
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 4;
	run->emulation_failure.flags =
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = (u8)have;
	memcpy(run->emulation_failure.insn_bytes, bytes, sizeof(bytes));
	return 0;
}

static void complete_io(struct soft_vcpu *vcpu)
{
	struct x86_external *ext = &vcpu->cpu.external;
	u64 data = 0;

	if (!ext->count) {
		memcpy(&data, pio_page(vcpu), ext->want.size);
		external_complete(&vcpu->cpu, data);
		return;
	}
	if (ext->want.kind == EXTERNAL_IN)
		memcpy(ext->string_io, pio_page(vcpu),
		       ext->count * ext->want.size);
	ext->want.kind = EXTERNAL_NONE;
	ext->cursor = 0;
	ext->string_ready = true;
}

void soft_exit_complete(struct soft_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->vcpu.run;
	struct x86_exit *exit = &vcpu->cpu.exit;
	u64 data = 0;

	switch (vcpu->pending) {
	case PENDING_MMIO:
		memcpy(&data, run->mmio.data, sizeof(run->mmio.data));
		external_complete(&vcpu->cpu, data);
		break;
	case PENDING_IO:
		complete_io(vcpu);
		break;
	case PENDING_MSR:
		exit->data = run->msr.data;
		exit->fault = run->msr.error;
		exit->complete = true;
		break;
	case PENDING_HYPERCALL:
		exit->data = run->hypercall.ret;
		exit->fault = false;
		exit->complete = true;
		break;
	default:
		break;
	}
	vcpu->pending = PENDING_NONE;
}

/*
 * The client set registers that are not those of the waiting instruction, as it
 * does to reset a machine out of a port write: nothing is left to finish.
 */
void soft_exit_abandon(struct soft_vcpu *vcpu)
{
	external_clear(&vcpu->cpu);
	vcpu->cpu.exit.kind = X86_EXIT_NONE;
	vcpu->cpu.exit.complete = false;
	vcpu->pending = PENDING_NONE;
}
