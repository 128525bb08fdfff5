/* SPDX-License-Identifier: MIT */
/*
 * What engine/core needs from outside, answered by the software engine.
 */
#include <errno.h>
#include <linux/kvm_para.h>
#include <string.h>
#include <sys/random.h>

#include "engine/core/cpuid/cpuid.h"
#include "engine/soft/code_map.h"
#include "engine/soft/soft.h"

static void *op_page(void *ctx, gpa_t gpa, bool write)
{
	struct soft_vcpu *vcpu = ctx;
	void *host;

	/* Page tables are read all the time, mostly in one slot. */
	if (!write && gpa - vcpu->slot_gpa < vcpu->slot_size)
		return (void *)(uintptr_t)(vcpu->slot_hva + gpa - vcpu->slot_gpa);
	host = soft_page(vcpu->vm, gpa, write);
	if (!write)
		soft_slot_note(vcpu, gpa);
	if (write && host)
		code_map_written(vcpu->vm, vcpu, (u64)(uintptr_t)host);
	return host;
}

/* The page of a LAPIC, or the I/O APIC's window. */
static bool irqchip_mmio(struct soft_vcpu *vcpu, gpa_t gpa, void *data,
			 u32 size, bool write)
{
	struct soft_vm *vm = vcpu->vm;
	u64 value = 0;
	bool taken;

	if (!vcpu->has_lapic)
		return false;
	mutex_lock(&vm->irq_lock);
	if (write) {
		memcpy(&value, data, size);
		taken = irqchip_mmio_write(vm->irqchip, vcpu->id, gpa, size,
					   value);
	} else {
		taken = irqchip_mmio_read(vm->irqchip, vcpu->id, gpa, size,
					  &value);
		if (taken)
			memcpy(data, &value, size);
	}
	mutex_unlock(&vm->irq_lock);
	return taken;
}

static bool op_mmio(void *ctx, gpa_t gpa, void *data, u32 size, bool write)
{
	struct soft_vcpu *vcpu = ctx;

	translator_fpu_sync(vcpu);
	if (irqchip_mmio(vcpu, gpa, data, size, write))
		return true;
	return write &&
	       (soft_ioeventfd_write(vcpu->vm, gpa, data, size, false) ||
		soft_coalesced_write(vcpu->vm, gpa, data, size, false));
}

static bool op_port(void *ctx, u16 port, void *data, u32 size, bool write)
{
	struct soft_vcpu *vcpu = ctx;
	struct soft_vm *vm = vcpu->vm;
	u32 value = 0;
	bool taken = false;

	translator_fpu_sync(vcpu);
	if (vm->irqchip && !vm->split) {
		mutex_lock(&vm->irq_lock);
		if (write) {
			memcpy(&value, data, size);
			taken = irqchip_pio_write(vm->irqchip, port, size,
						  value);
		} else {
			taken = irqchip_pio_read(vm->irqchip, port, size,
						 &value);
			if (taken)
				memcpy(data, &value, size);
		}
		mutex_unlock(&vm->irq_lock);
	}
	return taken ||
	       (write && (soft_ioeventfd_write(vm, port, data, size, true) ||
			  soft_coalesced_write(vm, port, data, size, true)));
}

static u64 op_tsc(void *ctx)
{
	return soft_guest_tsc(ctx);
}

static void op_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	struct soft_vcpu *vcpu = ctx;
	struct cpuid_state state = {
		.cr4 = vcpu->cpu.cr4,
		.apic_base = vcpu->has_lapic ? vcpu->lapic.base
					     : vcpu->apic_base,
		.xcr0 = vcpu->cpu.xcr0,
		.xss = vcpu->cpu.msr.xss,
	};

	translator_fpu_sync(vcpu);
	cpuid_query(vcpu->cpuid, vcpu->cpuid_count, &state, leaf, subleaf,
		    ret_regs);
}

static u64 op_cr8_get(void *ctx)
{
	struct soft_vcpu *vcpu = ctx;
	u64 value;

	translator_fpu_sync(vcpu);
	if (!vcpu->has_lapic)
		return vcpu->cr8;
	mutex_lock(&vcpu->vm->irq_lock);
	value = lapic_cr8_read(&vcpu->lapic);
	mutex_unlock(&vcpu->vm->irq_lock);
	return value;
}

static void op_cr8_set(void *ctx, u64 tpr)
{
	struct soft_vcpu *vcpu = ctx;

	translator_fpu_sync(vcpu);
	if (!vcpu->has_lapic) {
		vcpu->cr8 = (u8)tpr;
		return;
	}
	mutex_lock(&vcpu->vm->irq_lock);
	lapic_cr8_write(&vcpu->lapic, tpr);
	mutex_unlock(&vcpu->vm->irq_lock);
}

static void op_exclusive_begin(void *ctx)
{
	struct soft_vcpu *vcpu = ctx;

	translator_fpu_sync(vcpu);
	soft_exclusive_begin(vcpu->vm, vcpu);
}

static void op_exclusive_end(void *ctx)
{
	struct soft_vcpu *vcpu = ctx;

	soft_exclusive_end(vcpu->vm, vcpu);
}

/* needs: vcpu: getrandom */
static bool op_random(void *ctx, u64 *ret)
{
	translator_fpu_sync(ctx);
	return getrandom(ret, sizeof(*ret), GRND_NONBLOCK) ==
	       (ssize_t)sizeof(*ret);
}

/*
 * [KVM-HYPERCALL "KVM Hypercalls Documentation"]: RAX is the number, RBX, RCX,
 * RDX, RSI the arguments; 32 bits of each outside long mode.
 */
static int op_hypercall(void *ctx)
{
	struct soft_vcpu *vcpu = ctx;
	struct x86_cpu *cpu = &vcpu->cpu;
	u64 mask = cpu->code == CODE_64 ? ~0ull : 0xffffffff;
	u64 number = cpu->gpr[RAX] & mask, result;

	translator_fpu_sync(vcpu);
	if (cpu->cpl) {
		result = (u64)-KVM_EPERM;
	} else if (number == KVM_HC_MAP_GPA_RANGE &&
		   (vcpu->vm->exit_hypercalls & BIT(KVM_HC_MAP_GPA_RANGE))) {
		cpu->exit = (struct x86_exit){
			.kind = X86_EXIT_HYPERCALL,
			.index = (u32)number,
			.arg = {cpu->gpr[RBX] & mask, cpu->gpr[RCX] & mask,
				cpu->gpr[RDX] & mask, cpu->gpr[RSI] & mask}};
		return X86_EXIT;
	} else {
		result = number == KVM_HC_VAPIC_POLL_IRQ ? 0 : (u64)-KVM_ENOSYS;
	}
	cpu->gpr[RAX] = result & mask;
	return X86_OK;
}

static int op_msr_check(void *ctx, u32 index, bool write, u32 reason)
{
	struct soft_vcpu *vcpu = ctx;
	bool to_client = vcpu->vm->user_msr_mask & reason;

	translator_fpu_sync(vcpu);
	if (reason == KVM_MSR_EXIT_REASON_FILTER) {
		if (soft_msr_allowed(vcpu->vm, index, write))
			return X86_OK;
		return to_client ? X86_EXIT : X86_FAULT;
	}
	return to_client ? X86_EXIT : X86_FAULT;
}

const struct x86_ops soft_cpu_ops = {
	.page = op_page,
	.mmio = op_mmio,
	.port = op_port,
	.tsc = op_tsc,
	.cpuid = op_cpuid,
	.msr_read = soft_msr_read,
	.msr_write = soft_msr_write,
	.msr_check = op_msr_check,
	.cr8_get = op_cr8_get,
	.cr8_set = op_cr8_set,
	.exclusive_begin = op_exclusive_begin,
	.exclusive_end = op_exclusive_end,
	/* .fpu is the engine's: what this host has */
	.random = op_random,
	.hypercall = op_hypercall,
};
