/* SPDX-License-Identifier: MIT */
/*
 * Building a machine, loading and resetting it, taking it down.
 *
 * A reset happens in place: devices and vCPUs go back to the state they had
 * at power-on, guest memory stays as it is (as on real hardware) but for what
 * the boot loader writes anew.
 */
#include "vmm/machine/machine.h"

#include <assert.h>
#include <stdlib.h>

#include "vmm/firmware/acpi/tables.h"
#include "vmm/firmware/memory_map.h"
#include "vmm/kick.h"
#include "vmm/machine/cpuid.h"
#include "vmm/machine/flash.h"
#include "vmm/machine/irqchip.h"
#include "vmm/machine/machine_internal.h"
#include "vmm/machine/vcpu_entry.h"

/* ---- what devices ask of it ---- */

static void on_power(void *ctx, enum power_event power, int status)
{
	static const enum machine_event event[] = {
		[POWER_OFF] = EVENT_OFF,
		[POWER_RESET] = EVENT_RESET,
		[POWER_EXIT] = EVENT_EXIT,
	};

	machine_ask(ctx, event[power], status, NULL);
}

static void set_irq(void *ctx, u32 irq, bool level)
{
	struct machine *m = ctx;
	const struct kvm_irq_level line = {.irq = irq, .level = level};

	int err = m->vm->ops->irq_line(m->vm, &line);

	/* It fails only for lines that are not there: a bug of the board. */
	assert(err >= 0);
}

static void send_msi(void *ctx, u64 address, u32 data)
{
	struct machine *m = ctx;
	const struct kvm_msi msi = {
		.address_lo = (u32)address,
		.address_hi = (u32)(address >> 32),
		.data = data,
	};

	/* A message to nobody is the guest's business. */
	(void)m->vm->ops->signal_msi(m->vm, &msi);
}

static void memory_written(void *ctx, gpa_t gpa, u64 size)
{
	struct machine *m = ctx;

	m->vm->ops->memory_written(m->vm, gpa, size);
}

/*
 * On a vCPU's thread, while others may run: the engine takes care of that. Elsewhere
 * the device wrote it without telling, so what it shows may be other code now.
 */
static int set_ram(void *ctx, const struct pci_ram *ram, u64 gpa)
{
	struct machine *m = ctx;
	bool gone = gpa == PCI_RAM_NOWHERE;
	const struct kvm_userspace_memory_region region = {
		.slot = MACHINE_SLOT_BAR + ram->number,
		.flags = ram->read_only ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gone ? 0 : gpa,
		.memory_size = gone ? 0 : ram->size,
		.userspace_addr = (uintptr_t)ram->host,
	};
	int err = m->vm->ops->set_user_memory_region(m->vm, &region);

	if (!err && !gone)
		memory_written(m, gpa, ram->size);
	return err;
}

/* ---- loading and resetting ---- */

static struct cpu_topology topology_of(const struct machine *m)
{
	return (struct cpu_topology){
		.sockets = 1, .cores = m->config.cpu_count, .threads = 1};
}

static void describe_acpi(struct machine *m, u32 *apic_id,
			  struct acpi_config *ret)
{
	const struct cpu_topology topology = topology_of(m);

	for (u32 i = 0; i < m->config.cpu_count; i++)
		apic_id[i] = cpu_model_apic_id(&topology, i);
	*ret = (struct acpi_config){
		.apic_id = apic_id,
		.cpu_count = m->config.cpu_count,
		.sci_irq = IRQ_SCI,
		.pm_base_port = BOARD_PM_BASE_PORT,
		.dev = m->board.dev,
		.dev_count = m->board.dev_count,
		.ecam_gpa = m->config.kind == BOARD_Q35 ? Q35_ECAM_GPA : 0,
	};
}

static int put_acpi(struct machine *m)
{
	void *data =
		guest_mem_at(&m->mem, ACPI_TABLES_GPA, ACPI_TABLES_BYTES_MAX);
	u32 apic_id[MACHINE_CPUS_MAX];
	struct acpi_config config;
	struct acpi_layout layout;
	int err;

	describe_acpi(m, apic_id, &config);
	config.gpa = ACPI_TABLES_GPA;
	err = acpi_build(&config, data, ACPI_TABLES_BYTES_MAX, &layout);
	if (!err)
		guest_mem_tell_written(&m->mem, ACPI_TABLES_GPA, layout.size);
	return err;
}

/* Once: files that firmware reads at each start. */
static int describe_to_bios(struct machine *m)
{
	u32 apic_id[MACHINE_CPUS_MAX];
	struct acpi_config config;

	describe_acpi(m, apic_id, &config);
	return bios_describe(m->config.bios, &m->board.fw_cfg,
			     &(struct bios_machine){
				     .version = Q35_VERSION,
				     .mem = &m->mem,
				     .acpi = &config,
				     .serial_port = BOARD_COM1_PORT,
			     });
}

/* Kernel and tables into memory, the first CPU to its entry point. */
static int load_kernel(struct machine *m, struct fault *fault)
{
	struct boot_entry entry;
	int err = boot_load(m->config.boot, &m->mem, &entry, fault);

	if (err)
		return err;
	if (m->config.kind == BOARD_Q35)
		q35_assign(&m->board.q35);
	err = put_acpi(m);
	if (!err)
		err = vcpu_enter_boot(m->vcpu[0].engine, &entry);
	if (err)
		fault_set(fault, FAULT_INTERNAL, err,
			  "cannot put the machine at its start");
	return err;
}

/* With firmware the vCPUs start where a reset leaves them. */
static int load(struct machine *m, struct fault *fault)
{
	if (!m->config.bios)
		return load_kernel(m, fault);
	/* Nor can anything be executed there. */
	if (flash_is_hidden(m))
		return fault_set(fault, FAULT_INTERNAL, trace_err(-ENOMEM),
				 "the engine does not show the firmware");
	if (m->config.bios->rom)
		bios_load(m->config.bios, &m->mem);
	return 0;
}

int machine_restart(struct machine *m, struct fault *fault)
{
	int err;

	board_quiesce(&m->board);
	err = irqchip_load(m->vm, &m->power_on);
	board_reset(&m->board);
	for (u32 i = 0; !err && i < m->config.cpu_count; i++)
		err = vcpu_state_load(m->vcpu[i].engine, m->vcpu[i].power_on);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot reset the vCPUs");
	return load(m, fault);
}

struct display *machine_display(struct machine *m)
{
	struct vga *vga = m->board.q35.vga;

	return vga ? &vga->display : NULL;
}

/* ---- building ---- */

static int check_cpu_count(const struct machine_config *config,
			   struct fault *fault)
{
	struct engine *engine = config->engine;
	int max = engine->ops->check_extension(engine, KVM_CAP_MAX_VCPUS);

	if (max <= 0)
		max = 1;
	if (config->cpu_count >= 1 && config->cpu_count <= (u32)max)
		return 0;
	fault_set(fault, FAULT_INVALID, 0,
		  "--cpus: the '%s' accelerator runs 1 to %d CPUs, not %u",
		  engine->ops->name, max, config->cpu_count);
	return trace_err(-EINVAL);
}

/* Where the engine can use a file that others map, too; elsewhere what is
 * private has larger pages. */
static int share_memory(struct machine *m)
{
	const struct engine_vm_ops *ops = m->vm->ops;
	int err;

	if (ops->memory_backing(m->vm, 0, 0, -1) <= 0)
		return 0;
	err = guest_mem_share(&m->mem);
	if (err)
		return err;
	return ops->memory_backing(m->vm, (uintptr_t)m->mem.base, m->mem.size,
				   m->mem.fd);
}

static int plug_memory(struct machine *m)
{
	int err = share_memory(m);

	for (u32 i = 0; !err && i < m->mem.range_count; i++) {
		const struct guest_mem_range *range = &m->mem.range[i];
		const struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = range->start,
			.memory_size = range->size,
			.userspace_addr =
				(uintptr_t)(m->mem.base + range->offset),
		};

		err = m->vm->ops->set_user_memory_region(m->vm, &region);
	}
	return err;
}

static int plug_bios(struct machine *m)
{
	const struct bios *bios = m->config.bios;
	const struct kvm_userspace_memory_region region = {
		.slot = MACHINE_SLOT_FIRMWARE,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = bios ? BIOS_ROM_END - bios->size : 0,
		.memory_size = bios ? bios->size : 0,
		.userspace_addr = bios ? (uintptr_t)bios->rom : 0,
	};

	if (!bios || !bios->rom)
		return 0;
	return m->vm->ops->set_user_memory_region(m->vm, &region);
}

/* Calls that only some processors' virtualization needs may be missing. */
static int unless_missing(int err)
{
	return err == -ENOTTY || err == -EINVAL ? 0 : err;
}

static int create_vm(struct machine *m, struct fault *fault)
{
	struct engine *engine = m->config.engine;
	int err = engine->ops->create_vm(engine, 0, &m->vm);

	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "the engine cannot create a VM");
	err = unless_missing(
		m->vm->ops->set_identity_map_addr(m->vm, KVM_IDENTITY_MAP_GPA));
	if (!err)
		err = unless_missing(
			m->vm->ops->set_tss_addr(m->vm, KVM_TSS_GPA));
	if (!err)
		err = irqchip_create(m->vm);
	if (!err)
		err = irqchip_save(m->vm, &m->power_on);
	if (!err)
		err = plug_memory(m);
	if (!err)
		err = plug_bios(m);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "the engine cannot set up the VM");
	m->mem.written = memory_written;
	m->mem.written_ctx = m;
	m->vm->ops->memory_written(m->vm, 0, 0); /* and all of them are told */
	return 0;
}

static int create_vcpu(struct machine *m, u32 index, struct fault *fault)
{
	const struct cpu_topology topology = topology_of(m);
	struct engine *engine = m->config.engine;
	struct vcpu *vcpu = &m->vcpu[index];
	int err;

	*vcpu = (struct vcpu){.machine = m, .index = index};
	err = m->vm->ops->create_vcpu(
		m->vm, cpu_model_apic_id(&topology, index), &vcpu->engine);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "the engine cannot create vCPU %u", index);
	m->created_count++;
	err = cpuid_set(engine, vcpu->engine, m->config.cpu_model, &topology,
			index, m->config.uefi ? UEFI_PHYSICAL_BITS : 0, fault);
	if (err)
		return fault_wrap(fault, err, "--cpu %s", m->config.cpu_model);
	err = vcpu_state_save(engine, vcpu->engine, &vcpu->power_on);
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "the engine cannot tell the state of vCPU %u",
				 index);
	return 0;
}

static int create_vcpus(struct machine *m, struct fault *fault)
{
	int err = 0;

	m->vcpu = calloc(m->config.cpu_count, sizeof(*m->vcpu));
	if (!m->vcpu)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "vCPUs");
	for (u32 i = 0; !err && i < m->config.cpu_count; i++)
		err = create_vcpu(m, i, fault);
	return err;
}

static int build_board(struct machine *m, struct fault *fault)
{
	struct pflash_config flash[BOARD_FLASH_MAX];
	const struct board_config config = {
		.kind = m->config.kind,
		.mem = &m->mem,
		.host = &m->host,
		.serial = m->config.serial,
		.debug_console = m->config.debug_console,
		.test_exit = m->config.test_exit,
		.cpu_count = (u16)m->config.cpu_count,
		.disk = m->config.disk,
		.disk_count = m->config.disk_count,
		.net = m->config.net,
		.net_count = m->config.net_count,
		.port = m->config.port,
		.port_count = m->config.port_count,
		.flash = flash,
		.flash_count = flash_describe(m, flash),
		.vga = m->config.vga_rom != NULL,
		.vga_rom = m->config.vga_rom,
		.set_irq = set_irq,
		.send_msi = send_msi,
		.power = on_power,
		.set_ram = set_ram,
		.ctx = m,
	};
	int err;

	dev_host_init(&m->host, m->config.loop);
	err = board_build(&m->board, &config);
	m->board_built = true;
	if (!err && m->config.bios)
		err = describe_to_bios(m);
	if (err)
		fault_set(fault, FAULT_INTERNAL, err, "cannot build the board");
	return err;
}

int machine_create(const struct machine_config *config, struct machine **ret,
		   struct fault *fault)
{
	struct machine *m;
	int err = check_cpu_count(config, fault);

	if (err)
		return err;
	m = calloc(1, sizeof(*m));
	if (!m)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "machine");
	m->config = *config;
	m->pause_wanted = true;
	list_init(&m->watches);
	mutex_init(&m->lock);
	cond_init(&m->changed);
	loop_work_init(&m->event_work, machine_event_due, m);
	err = guest_mem_init(&m->mem, config->memory_bytes, fault);
	if (!err)
		err = create_vm(m, fault);
	if (!err)
		err = build_board(m, fault);
	if (!err)
		err = create_vcpus(m, fault);
	if (!err)
		err = load(m, fault);
	if (err) {
		machine_free(m);
		return err;
	}
	*ret = m;
	return 0;
}

int machine_start(struct machine *m, struct fault *fault)
{
	int err = 0;

	assert(m->state == MACHINE_PAUSED && !m->started_count);
	for (u32 i = 0; !err && i < m->config.cpu_count; i++) {
		err = vcpu_start(&m->vcpu[i]);
		m->started_count += !err;
	}
	if (err)
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot start a vCPU's thread");
	return 0;
}

/* ---- the end ---- */

static void stop_threads(struct machine *m)
{
	machine_pause(m);
	mutex_lock(&m->lock);
	m->quit_wanted = true;
	cond_wake_all(&m->changed);
	mutex_unlock(&m->lock);
	for (u32 i = 0; i < m->started_count; i++)
		thread_join(&m->vcpu[i].thread);
	m->started_count = 0;
}

u64 machine_instructions(const struct machine *m)
{
	u64 sum = 0;

	for (u32 i = 0; i < m->created_count; i++)
		sum += m->vcpu[i].engine->ops->instructions(m->vcpu[i].engine);
	return sum;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	stop_threads(m);
	loop_work_cancel(m->config.loop, &m->event_work);
	if (m->board_built) {
		board_quiesce(&m->board);
		board_release(&m->board);
	}
	for (u32 i = 0; i < m->created_count; i++) {
		vcpu_state_free(m->vcpu[i].power_on);
		m->vcpu[i].engine->ops->free(m->vcpu[i].engine);
	}
	free(m->vcpu);
	if (m->vm)
		m->vm->ops->free(m->vm);
	guest_mem_release(&m->mem);
	cond_release(&m->changed);
	mutex_release(&m->lock);
	free(m);
}
