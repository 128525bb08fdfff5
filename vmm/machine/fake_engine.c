/* SPDX-License-Identifier: MIT */
/* The engine of a test. Calls that machines do not make are left out. */
#include "vmm/machine/fake_engine.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define IO_DATA_OFFSET 4096

static struct fake_engine *engine_of(struct engine *e)
{
	return container_of(e, struct fake_engine, engine);
}

static struct fake_engine *vm_of(struct engine_vm *vm)
{
	return container_of(vm, struct fake_engine, vm);
}

static struct fake_vcpu *vcpu_of(struct engine_vcpu *vcpu)
{
	return container_of(vcpu, struct fake_vcpu, vcpu);
}

static int may_fail(struct fake_engine *fake)
{
	return ++fake->call_count >= fake->fail_at && fake->fail_at ? fake->fail
								    : 0;
}

/* ---- system ---- */

static int fake_check_extension(struct engine *e, u32 cap)
{
	(void)e;
	return cap == KVM_CAP_MAX_VCPUS ? FAKE_VCPU_MAX : 0;
}

/* The least a CPU model is made from. */
static int fake_supported_cpuid(struct engine *e, struct kvm_cpuid2 *cpuid)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0,
		 .eax = 1,
		 .ebx = 0x756e6547,
		 .edx = 0x49656e69,
		 .ecx = 0x6c65746e},
		{.function = 1, .eax = 0x600, .edx = 0x078bfbff, .ecx = 0x80000000},
		{.function = 0x80000000, .eax = 0x80000008},
		{.function = 0x80000001, .edx = 0x20100800, .ecx = 1},
		{.function = 0x80000008, .eax = 0x302e},
	};
	int err = may_fail(engine_of(e));

	assert(cpuid->nent >= ARRAY_SIZE(entries));
	memcpy(cpuid->entries, entries, sizeof(entries));
	cpuid->nent = ARRAY_SIZE(entries);
	return err;
}

static int fake_msr_list(struct engine *e, struct kvm_msr_list *list)
{
	(void)e;
	list->nmsrs = 3;
	for (u32 i = 0; i < 3; i++)
		list->indices[i] = 0x10 + i;
	return 0;
}

static int fake_create_vm(struct engine *e, unsigned long type,
			  struct engine_vm **ret)
{
	struct fake_engine *fake = engine_of(e);
	int err = may_fail(fake);

	assert(type == 0);
	if (err)
		return err;
	fake->vm_created = true;
	*ret = &fake->vm;
	return 0;
}

/* ---- vm ---- */

static void fake_vm_free(struct engine_vm *vm)
{
	assert(!vm_of(vm)->live_vcpus);
	vm_of(vm)->vm_created = false;
}

static int fake_set_address(struct engine_vm *vm, u64 address)
{
	(void)vm;
	(void)address;
	return -ENOTTY;
}

static int fake_create_irqchip(struct engine_vm *vm)
{
	return may_fail(vm_of(vm));
}

static int fake_create_pit2(struct engine_vm *vm,
			    const struct kvm_pit_config *config)
{
	(void)config;
	return may_fail(vm_of(vm));
}

static int fake_get_irqchip(struct engine_vm *vm, struct kvm_irqchip *chip)
{
	(void)vm;
	(void)chip;
	return 0;
}

static int fake_set_irqchip(struct engine_vm *vm, const struct kvm_irqchip *chip)
{
	(void)vm;
	(void)chip;
	return 0;
}

static int fake_get_pit2(struct engine_vm *vm, struct kvm_pit_state2 *state)
{
	(void)vm;
	(void)state;
	return 0;
}

static int fake_set_pit2(struct engine_vm *vm,
			 const struct kvm_pit_state2 *state)
{
	(void)vm;
	(void)state;
	return 0;
}

static int fake_set_gsi_routing(struct engine_vm *vm,
				const struct kvm_irq_routing *routing)
{
	vm_of(vm)->route_count = routing->nr;
	return may_fail(vm_of(vm));
}

static int fake_set_memory(struct engine_vm *vm,
			   const struct kvm_userspace_memory_region *region)
{
	struct fake_engine *fake = vm_of(vm);
	int err = may_fail(fake);

	assert(region->userspace_addr);
	assert(region->slot < FAKE_MEMSLOT_MAX);
	if (err)
		return err;
	fake->memslot_count += region->memory_size ? 1 : -1;
	fake->memslot[region->slot] = *region;
	return 0;
}

static void fake_memory_written(struct engine_vm *vm, u64 gpa, u64 size)
{
	struct fake_engine *fake = vm_of(vm);

	fake->written_gpa = gpa;
	fake->written_size = size;
	fake->written_count++;
}

static int fake_memory_backing(struct engine_vm *vm, u64 hva, u64 bytes, int fd)
{
	assert(bytes ? hva && fd >= 0 && !vm_of(vm)->memslot_count : fd < 0);
	return bytes ? may_fail(vm_of(vm)) : 1;
}

static int fake_irq_line(struct engine_vm *vm, const struct kvm_irq_level *level)
{
	assert(level->irq < 24);
	__atomic_fetch_add(&vm_of(vm)->irq_line_count[level->irq], 1,
			   __ATOMIC_RELAXED);
	return 0;
}

/* ---- vcpu ---- */

static void fake_vcpu_free(struct engine_vcpu *vcpu)
{
	vcpu_of(vcpu)->engine->live_vcpus--;
}

static int fake_get_regs(struct engine_vcpu *vcpu, struct kvm_regs *regs)
{
	*regs = vcpu_of(vcpu)->regs;
	return 0;
}

static int fake_set_regs(struct engine_vcpu *vcpu, const struct kvm_regs *regs)
{
	vcpu_of(vcpu)->regs = *regs;
	return 0;
}

static int fake_get_sregs(struct engine_vcpu *vcpu, struct kvm_sregs *sregs)
{
	*sregs = vcpu_of(vcpu)->sregs;
	return 0;
}

static int fake_set_sregs(struct engine_vcpu *vcpu,
			  const struct kvm_sregs *sregs)
{
	vcpu_of(vcpu)->sregs = *sregs;
	vcpu_of(vcpu)->state_load_count++;
	return 0;
}

static int fake_get_fpu(struct engine_vcpu *vcpu, struct kvm_fpu *fpu)
{
	*fpu = vcpu_of(vcpu)->fpu;
	return 0;
}

static int fake_set_fpu(struct engine_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	vcpu_of(vcpu)->fpu = *fpu;
	return 0;
}

static int fake_get_xsave(struct engine_vcpu *vcpu, struct kvm_xsave *xsave)
{
	(void)vcpu;
	(void)xsave;
	return -EINVAL;
}

static int fake_get_xcrs(struct engine_vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	(void)vcpu;
	(void)xcrs;
	return -EINVAL;
}

static int fake_get_debugregs(struct engine_vcpu *vcpu,
			      struct kvm_debugregs *regs)
{
	(void)vcpu;
	(void)regs;
	return -EINVAL;
}

static int fake_get_events(struct engine_vcpu *vcpu,
			   struct kvm_vcpu_events *events)
{
	(void)vcpu;
	(void)events;
	return -EINVAL;
}

static int fake_get_lapic(struct engine_vcpu *vcpu,
			  struct kvm_lapic_state *lapic)
{
	(void)vcpu;
	(void)lapic;
	return 0;
}

static int fake_set_lapic(struct engine_vcpu *vcpu,
			  const struct kvm_lapic_state *lapic)
{
	(void)vcpu;
	(void)lapic;
	return 0;
}

static int fake_get_mp_state(struct engine_vcpu *vcpu,
			     struct kvm_mp_state *state)
{
	*state = vcpu_of(vcpu)->mp_state;
	return 0;
}

static int fake_set_mp_state(struct engine_vcpu *vcpu,
			     const struct kvm_mp_state *state)
{
	vcpu_of(vcpu)->mp_state = *state;
	return 0;
}

/* The second of the three MSRs cannot be read. */
static int fake_get_msrs(struct engine_vcpu *vcpu, struct kvm_msrs *msrs)
{
	u32 done;

	(void)vcpu;
	for (done = 0; done < msrs->nmsrs; done++)
		if (msrs->entries[done].index == 0x11)
			break;
	return (int)done;
}

static int fake_set_msrs(struct engine_vcpu *vcpu, const struct kvm_msrs *msrs)
{
	(void)vcpu;
	for (u32 i = 0; i < msrs->nmsrs; i++)
		assert(msrs->entries[i].index != 0x11);
	return (int)msrs->nmsrs;
}

static int fake_set_cpuid2(struct engine_vcpu *vcpu,
			   const struct kvm_cpuid2 *cpuid)
{
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000008)
			vcpu_of(vcpu)->physical_bits = cpuid->entries[i].eax &
						       0xff;
	return may_fail(vcpu_of(vcpu)->engine);
}

/* The upper half is not mapped. */
static int fake_translate(struct engine_vcpu *vcpu, struct kvm_translation *t)
{
	(void)vcpu;
	t->physical_address = t->linear_address;
	t->valid = !(t->linear_address >> 63);
	return 0;
}

static int fake_set_guest_debug(struct engine_vcpu *vcpu,
				const struct kvm_guest_debug *debug)
{
	struct fake_vcpu *v = vcpu_of(vcpu);

	v->debug = *debug;
	if (debug->control & KVM_GUESTDBG_INJECT_BP)
		v->debug_given_back++;
	return 0;
}

/* ---- running ---- */

static void play(struct kvm_run *run, const struct fake_exit *exit)
{
	run->exit_reason = exit->reason;
	switch (exit->reason) {
	case KVM_EXIT_IO:
		run->io.direction = exit->write ? KVM_EXIT_IO_OUT
						: KVM_EXIT_IO_IN;
		run->io.port = (u16)exit->address;
		run->io.size = (u8)exit->size;
		run->io.count = exit->count ? exit->count : 1;
		run->io.data_offset = IO_DATA_OFFSET;
		memcpy((u8 *)run + IO_DATA_OFFSET, &exit->value, 8);
		break;
	case KVM_EXIT_MMIO:
		run->mmio.phys_addr = exit->address;
		run->mmio.len = exit->size;
		run->mmio.is_write = exit->write;
		memcpy(run->mmio.data, &exit->value, 8);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		run->internal.suberror = exit->detail;
		run->internal.ndata = 0;
		break;
	case KVM_EXIT_DEBUG:
		run->debug.arch.exception = exit->detail;
		run->debug.arch.pc = exit->address;
		run->debug.arch.dr6 = exit->value;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		run->system_event.type = exit->detail;
		break;
	default:
		break;
	}
}

/* As the kernel does: at the next entry. */
static void complete(struct fake_vcpu *v)
{
	struct fake_exit *exit = &v->exit[v->next - 1];

	v->pending = false;
	if (exit->reason == KVM_EXIT_IO)
		memcpy(&exit->read, v->run_page + IO_DATA_OFFSET, 8);
	if (exit->reason == KVM_EXIT_MMIO)
		memcpy(&exit->read, v->vcpu.run->mmio.data, 8);
}

/* For exits in one moment: once in a vCPU's life. */
static void meet(struct fake_engine *fake)
{
	__atomic_fetch_add(&fake->together_count, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&fake->together_count, __ATOMIC_ACQUIRE) <
	       fake->vcpu_count)
		usleep(100);
}

static int fake_run(struct engine_vcpu *vcpu)
{
	struct fake_vcpu *v = vcpu_of(vcpu);
	struct fake_exit *exit;

	__atomic_fetch_add(&v->run_count, 1, __ATOMIC_RELAXED);
	if (v->pending)
		complete(v);
	while (v->next == v->exit_count) {
		if (__atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_ACQUIRE))
			return -EINTR;
		usleep(100);
	}
	if (__atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_ACQUIRE))
		return -EINTR;
	exit = &v->exit[v->next++];
	if (exit->err)
		return exit->err;
	if (exit->together)
		meet(v->engine);
	play(vcpu->run, exit);
	v->pending = true;
	return 0;
}

static const struct engine_vcpu_ops vcpu_ops = {
	.free = fake_vcpu_free,
	.run = fake_run,
	.get_regs = fake_get_regs,
	.set_regs = fake_set_regs,
	.get_sregs = fake_get_sregs,
	.set_sregs = fake_set_sregs,
	.get_fpu = fake_get_fpu,
	.set_fpu = fake_set_fpu,
	.get_xsave = fake_get_xsave,
	.get_xcrs = fake_get_xcrs,
	.get_debugregs = fake_get_debugregs,
	.get_vcpu_events = fake_get_events,
	.get_lapic = fake_get_lapic,
	.set_lapic = fake_set_lapic,
	.get_mp_state = fake_get_mp_state,
	.set_mp_state = fake_set_mp_state,
	.get_msrs = fake_get_msrs,
	.set_msrs = fake_set_msrs,
	.set_cpuid2 = fake_set_cpuid2,
	.translate = fake_translate,
	.set_guest_debug = fake_set_guest_debug,
};

static int fake_create_vcpu(struct engine_vm *vm, u32 id,
			    struct engine_vcpu **ret)
{
	struct fake_engine *fake = vm_of(vm);
	struct fake_vcpu *v = &fake->vcpu[fake->vcpu_count];
	int err = may_fail(fake);

	assert(fake->vcpu_count < FAKE_VCPU_MAX);
	if (err)
		return err;
	fake->vcpu_count++;
	fake->live_vcpus++;
	v->engine = fake;
	v->id = id;
	v->vcpu.ops = &vcpu_ops;
	v->vcpu.run = (void *)v->run_page;
	*ret = &v->vcpu;
	return 0;
}

static const struct engine_vm_ops vm_ops = {
	.free = fake_vm_free,
	.create_vcpu = fake_create_vcpu,
	.set_user_memory_region = fake_set_memory,
	.memory_written = fake_memory_written,
	.memory_backing = fake_memory_backing,
	.set_tss_addr = fake_set_address,
	.set_identity_map_addr = fake_set_address,
	.create_irqchip = fake_create_irqchip,
	.create_pit2 = fake_create_pit2,
	.get_irqchip = fake_get_irqchip,
	.set_irqchip = fake_set_irqchip,
	.get_pit2 = fake_get_pit2,
	.set_pit2 = fake_set_pit2,
	.set_gsi_routing = fake_set_gsi_routing,
	.irq_line = fake_irq_line,
};

static const struct engine_ops ops = {
	.name = "fake",
	.check_extension = fake_check_extension,
	.get_supported_cpuid = fake_supported_cpuid,
	.get_msr_index_list = fake_msr_list,
	.create_vm = fake_create_vm,
};

void fake_engine_init(struct fake_engine *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->engine.ops = &ops;
	fake->vm.ops = &vm_ops;
}

struct fake_exit *fake_engine_add(struct fake_engine *fake, u32 index,
				  struct fake_exit exit)
{
	struct fake_vcpu *v = &fake->vcpu[index];

	assert(v->exit_count < FAKE_EXIT_MAX);
	v->exit[v->exit_count] = exit;
	return &v->exit[v->exit_count++];
}
