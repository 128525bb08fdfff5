/* SPDX-License-Identifier: MIT */
#include "tests/state/pc.h"

#include <assert.h>
#include <stdio.h>

#include "vmm/firmware/acpi/tables.h"
#include "vmm/firmware/memory_map.h"
#include "vmm/machine/cpuid.h"
#include "vmm/machine/irqchip.h"
#include "vmm/machine/vcpu_entry.h"
#include "vmm/machine/vcpu_state.h"

static const struct cpu_topology topology = {
	.sockets = 1, .cores = 1, .threads = 1};

/* ---- what the board is plugged into ---- */

static void set_irq(void *ctx, u32 irq, bool level)
{
	struct pc *pc = ctx;
	const struct kvm_irq_level line = {.irq = irq, .level = level};
	int err = pc->vm->ops->irq_line(pc->vm, &line);

	assert(err >= 0);
}

static void on_power(void *ctx, enum power_event power, int status)
{
	struct pc *pc = ctx;

	(void)status;
	pc->over = power == POWER_OFF;
}

static void memory_written(void *ctx, gpa_t gpa, u64 size)
{
	struct pc *pc = ctx;

	pc->vm->ops->memory_written(pc->vm, gpa, size);
}

static size_t serial_write(struct chardev *chardev, const u8 *data, size_t size)
{
	(void)chardev;
	return fwrite(data, 1, size, stdout);
}

static void serial_nothing(struct chardev *chardev)
{
	(void)chardev;
}

static const struct chardev_ops serial_ops = {
	.write = serial_write,
	.input_wanted = serial_nothing,
	.drain = serial_nothing,
	.close = serial_nothing,
};

/* ---- one VM ---- */

static int plug_memory(struct pc *pc)
{
	int err = 0;

	for (u32 i = 0; !err && i < pc->mem.range_count; i++) {
		const struct guest_mem_range *range = &pc->mem.range[i];
		const struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = range->start,
			.memory_size = range->size,
			.userspace_addr =
				(uintptr_t)(pc->mem.base + range->offset),
		};

		err = pc->vm->ops->set_user_memory_region(pc->vm, &region);
	}
	pc->vm->ops->memory_written(pc->vm, 0, 0); /* and all are told */
	return err;
}

static int create_vm(struct pc *pc, struct fault *fault)
{
	struct engine *engine = pc->engine[pc->at];
	int err = engine->ops->create_vm(engine, 0, &pc->vm);

	if (!err)
		err = irqchip_create(pc->vm);
	if (!err)
		err = plug_memory(pc);
	if (!err)
		err = pc->vm->ops->create_vcpu(pc->vm, 0, &pc->vcpu);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot create a VM");
	return cpuid_set(engine, pc->vcpu, "host", &topology, 0, 0, fault);
}

static void free_vm(struct pc *pc)
{
	if (pc->vcpu)
		pc->vcpu->ops->free(pc->vcpu);
	if (pc->vm)
		pc->vm->ops->free(pc->vm);
	pc->vcpu = NULL;
	pc->vm = NULL;
}

/* ---- making ---- */

static int put_acpi(struct pc *pc)
{
	void *data =
		guest_mem_at(&pc->mem, ACPI_TABLES_GPA, ACPI_TABLES_BYTES_MAX);
	u32 apic_id = 0;
	struct acpi_config config = {
		.apic_id = &apic_id,
		.cpu_count = 1,
		.sci_irq = IRQ_SCI,
		.pm_base_port = BOARD_PM_BASE_PORT,
		.dev = pc->board.dev,
		.dev_count = pc->board.dev_count,
		.gpa = ACPI_TABLES_GPA,
	};
	struct acpi_layout layout;
	int err = acpi_build(&config, data, ACPI_TABLES_BYTES_MAX, &layout);

	if (!err)
		guest_mem_tell_written(&pc->mem, ACPI_TABLES_GPA, layout.size);
	return err;
}

static int build_board(struct pc *pc)
{
	pc->serial.ops = &serial_ops;
	dev_host_init(&pc->host, pc->loop);
	return board_build(&pc->board, &(struct board_config){
					       .mem = &pc->mem,
					       .host = &pc->host,
					       .serial = &pc->serial,
					       .cpu_count = 1,
					       .set_irq = set_irq,
					       .power = on_power,
					       .ctx = pc,
				       });
}

int pc_init(struct pc *pc, struct engine *const engine[PC_ENGINES],
	    const struct boot *boot, u64 memory_bytes, struct fault *fault)
{
	struct boot_entry entry;
	int err = guest_mem_init(&pc->mem, memory_bytes, fault);

	if (err)
		return err;
	for (u32 i = 0; i < PC_ENGINES; i++)
		pc->engine[i] = engine[i];
	pc->mem.written = memory_written;
	pc->mem.written_ctx = pc;
	err = loop_create(&pc->loop);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot make the event loop");
	err = create_vm(pc, fault);
	if (err)
		return err;
	err = build_board(pc);
	if (!err)
		err = boot_load(boot, &pc->mem, &entry, fault);
	if (err)
		return err;
	err = put_acpi(pc);
	if (!err)
		err = vcpu_enter_boot(pc->vcpu, &entry);
	return err ? fault_set(fault, FAULT_INTERNAL, err,
			       "cannot put the PC at its start")
		   : 0;
}

void pc_release(struct pc *pc)
{
	board_release(&pc->board);
	free_vm(pc);
	loop_free(pc->loop);
	guest_mem_release(&pc->mem);
}

/* ---- running ---- */

/* One call of run. 1: it was interrupted, and nothing is half done. */
static int run_once(struct pc *pc)
{
	int err = pc->vcpu->ops->run(pc->vcpu);

	if (err)
		return err == -EINTR || err == -EAGAIN ? 1 : err;
	switch (pc->vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		board_io(&pc->board, pc->vcpu->run);
		return 0;
	case KVM_EXIT_MMIO:
		board_mmio(&pc->board, pc->vcpu->run);
		return 0;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return 0;
	default:
		return -EIO;
	}
}

int pc_run(struct pc *pc)
{
	int err = run_once(pc);

	pc->exits++;
	return err < 0 ? err : loop_run_once(pc->loop, 0);
}

/* The engine finishes an I/O instruction when it is entered the next time.
 * [KVM-API 5 "The kvm_run structure", note on MMIO] */
static int finish_exit(struct pc *pc)
{
	int err = 0;

	/* An access that spans pages comes in parts; no instruction has more */
	for (u32 parts = 0; !err && parts < 16; parts++) {
		pc->vcpu->run->immediate_exit = 1;
		err = run_once(pc);
	}
	pc->vcpu->run->immediate_exit = 0;
	return MIN(err, 0);
}

/* ---- moving ---- */

struct luggage {
	struct irqchip_state irqchip;
	struct vcpu_state *vcpu;
	struct kvm_clock_data clock;
	u32 tsc_khz;
};

static int pack(struct pc *pc, struct luggage *ret)
{
	struct engine *engine = pc->engine[pc->at];
	int err = shot_take(engine, pc->vm, pc->vcpu, &pc->before);

	if (!err)
		err = irqchip_save(pc->vm, &ret->irqchip);
	if (!err)
		err = vcpu_state_save(engine, pc->vcpu, &ret->vcpu);
	if (!err)
		err = pc->vm->ops->get_clock(pc->vm, &ret->clock);
	ret->tsc_khz = (u32)pc->vcpu->ops->get_tsc_khz(pc->vcpu);
	return err;
}

static int unpack(struct pc *pc, const struct luggage *luggage)
{
	const struct kvm_clock_data clock = {.clock = luggage->clock.clock};
	int err = pc->vcpu->ops->set_tsc_khz(pc->vcpu, luggage->tsc_khz);

	if (!err)
		err = irqchip_load(pc->vm, &luggage->irqchip);
	if (!err)
		err = pc->vm->ops->set_clock(pc->vm, &clock);
	if (!err)
		err = vcpu_state_load(pc->vcpu, luggage->vcpu);
	if (!err)
		err = shot_take(pc->engine[pc->at], pc->vm, pc->vcpu,
				&pc->after);
	return err;
}

int pc_move(struct pc *pc, struct fault *fault)
{
	struct luggage luggage = {};
	int err = finish_exit(pc);

	if (!err)
		err = pack(pc, &luggage);
	if (!err) {
		free_vm(pc);
		pc->at = (pc->at + 1) % PC_ENGINES;
		err = create_vm(pc, fault);
	}
	if (!err)
		err = unpack(pc, &luggage);
	if (!err) {
		pc->moves++;
		pc->differences += shot_differs(&pc->before, &pc->after);
	} else if (!fault_is_set(fault)) {
		fault_set(fault, FAULT_INTERNAL, err, "cannot move the guest");
	}
	vcpu_state_free(luggage.vcpu);
	return err;
}
