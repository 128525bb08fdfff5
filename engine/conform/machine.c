/* SPDX-License-Identifier: MIT */
/* Setting up the machines of tests, and talking with their guests. */
#include "engine/conform/machine.h"

#include <sys/mman.h>

#include "base/clock.h"

#define MACHINES_MAX 4

/* The machines of the one test that this process runs. */
static struct machine machines[MACHINES_MAX];
static u32 machine_count;

#define CPUID_ROOM 256

union cpuid_room {
	struct kvm_cpuid2 head;
	u8 bytes[sizeof(struct kvm_cpuid2) +
		 CPUID_ROOM * sizeof(struct kvm_cpuid_entry2)];
};

void *pages_new(u64 size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(memory != MAP_FAILED);
	return memory;
}

int machine_slot(struct machine *m, u32 slot, u32 flags, u64 gpa, u64 size,
		 void *memory)
{
	const struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (u64)(uintptr_t)memory,
	};

	return m->vm->ops->set_user_memory_region(m->vm, &region);
}

static void machine_irqchip(struct machine *m, enum machine_irq irq)
{
	const struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP,
					     .args = {24}};

	if (irq == MACHINE_IRQCHIP) {
		need_cap(KVM_CAP_IRQCHIP);
		check_ok(m->vm->ops->create_irqchip(m->vm));
	} else if (irq == MACHINE_SPLIT) {
		need_cap(KVM_CAP_SPLIT_IRQCHIP);
		check_ok(m->vm->ops->enable_cap(m->vm, &split));
	}
}

struct machine *machine_bare(enum machine_irq irq)
{
	struct machine *m;

	check(machine_count < MACHINES_MAX);
	m = &machines[machine_count++];
	check_ok(way->ops->create_vm(way, 0, &m->vm));
	machine_irqchip(m, irq);
	return m;
}

struct machine *machine_new(enum machine_irq irq)
{
	struct machine *m = machine_bare(irq);

	m->ram = pages_new(GUEST_RAM_SIZE);
	check_ok(machine_slot(m, 0, 0, 0, GUEST_RAM_SIZE, m->ram));
	machine_add_vcpu(m, 0);
	return m;
}

void machine_add_vcpu(struct machine *m, u32 id)
{
	static union cpuid_room cpuid;

	check(id < MACHINE_VCPUS_MAX);
	check_ok(m->vm->ops->create_vcpu(m->vm, id, &m->vcpu[id]));
	cpuid.head.nent = CPUID_ROOM;
	check_ok(way->ops->get_supported_cpuid(way, &cpuid.head));
	for (u32 i = 0; i < cpuid.head.nent; i++)
		if (cpuid.head.entries[i].function == 1)
			cpuid.head.entries[i].ebx =
				(cpuid.head.entries[i].ebx & 0xffffff) |
				id << 24;
	check_ok(m->vcpu[id]->ops->set_cpuid2(m->vcpu[id], &cpuid.head));
	if (id == 0)
		m->run = m->vcpu[0]->run;
}

static void machine_free(struct machine *m)
{
	for (u32 i = 0; i < MACHINE_VCPUS_MAX; i++)
		if (m->vcpu[i])
			m->vcpu[i]->ops->free(m->vcpu[i]);
	m->vm->ops->free(m->vm);
	if (m->ram)
		(void)munmap(m->ram, GUEST_RAM_SIZE); /* of this process */
	memset(m, 0, sizeof(*m));
}

void machine_free_all(void)
{
	while (machine_count)
		machine_free(&machines[--machine_count]);
}

void machine_swap_free(struct machine *m, struct machine *other)
{
	check(other == &machines[machine_count - 1] && other != m);
	machine_free(m);
	*m = *other;
	memset(other, 0, sizeof(*other));
	machine_count--;
}

void machine_describe(void)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	const struct machine *m = &machines[0];

	if (!machine_count || !m->vcpu[0])
		return;
	printf("  exit %u", m->run->exit_reason);
	if (m->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		printf(" suberror %u", m->run->internal.suberror);
	if (m->run->exit_reason == KVM_EXIT_IO)
		printf(" port 0x%x direction %u size %u count %u",
		       m->run->io.port, m->run->io.direction, m->run->io.size,
		       m->run->io.count);
	if (m->run->exit_reason == KVM_EXIT_MMIO)
		printf(" at 0x%llx len %u write %u", m->run->mmio.phys_addr,
		       m->run->mmio.len, m->run->mmio.is_write);
	if (m->vcpu[0]->ops->get_regs(m->vcpu[0], &regs) == 0 &&
	    m->vcpu[0]->ops->get_sregs(m->vcpu[0], &sregs) == 0)
		printf(", rip %04x:%llx rflags %llx rax %llx rcx %llx rsi %llx "
		       "rdi %llx cr0 %llx cr2 %llx",
		       sregs.cs.selector, regs.rip, regs.rflags, regs.rax,
		       regs.rcx, regs.rsi, regs.rdi, sregs.cr0, sregs.cr2);
	printf("\n");
}

/* ---------------------------------------------------------------- memory - */

void machine_copy(struct machine *m, u64 gpa, const void *bytes, u32 size)
{
	check(gpa + size <= GUEST_RAM_SIZE);
	memcpy(m->ram + gpa, bytes, size);
	m->vm->ops->memory_written(m->vm, gpa, size);
}

u64 ram_u64(const struct machine *m, u64 gpa)
{
	u64 value;

	memcpy(&value, m->ram + gpa, sizeof(value));
	return value;
}

u32 ram_u32(const struct machine *m, u64 gpa)
{
	return (u32)ram_u64(m, gpa);
}

u16 ram_u16(const struct machine *m, u64 gpa)
{
	return (u16)ram_u64(m, gpa);
}

void ram_set(struct machine *m, u64 gpa, u64 value, u32 size)
{
	machine_copy(m, gpa, &value, size);
}

/* ------------------------------------------------------------- registers - */

struct kvm_regs machine_regs(struct machine *m, u32 id)
{
	struct kvm_regs regs;

	check_ok(m->vcpu[id]->ops->get_regs(m->vcpu[id], &regs));
	return regs;
}

void machine_set_regs(struct machine *m, u32 id, const struct kvm_regs *regs)
{
	check_ok(m->vcpu[id]->ops->set_regs(m->vcpu[id], regs));
}

struct kvm_sregs machine_sregs(struct machine *m, u32 id)
{
	struct kvm_sregs sregs;

	check_ok(m->vcpu[id]->ops->get_sregs(m->vcpu[id], &sregs));
	return sregs;
}

void machine_set_sregs(struct machine *m, u32 id, const struct kvm_sregs *sregs)
{
	check_ok(m->vcpu[id]->ops->set_sregs(m->vcpu[id], sregs));
}

void machine_start_real(struct machine *m, u32 id)
{
	struct kvm_sregs sregs = machine_sregs(m, id);
	const struct kvm_regs regs = {
		.rip = GUEST_CODE, .rsp = GUEST_STACK_16, .rflags = 2};

	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	machine_set_sregs(m, id, &sregs);
	machine_set_regs(m, id, &regs);
}

static struct kvm_segment segment(u16 selector, u8 type, bool code64)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !code64,
		.s = 1,
		.l = code64,
		.g = 1,
	};
}

static void descriptor_tables(struct machine *m, struct kvm_sregs *sregs)
{
	static const u64 gdt[] = {
		0,
		0x00af9b000000ffff,			   /* 08: 64-bit code */
		0x00cf93000000ffff,			   /* 10: data */
		0x00cf9b000000ffff,			   /* 18: 32-bit code */
		0x00008b0000000067 | (u64)GUEST_TSS << 16, /* 20: TSS */
		0,
		0x00cff3000000ffff, /* 33: user data */
		0x00affb000000ffff, /* 3b: 64-bit user code */
	};

	machine_copy(m, GUEST_GDT, gdt, sizeof(gdt));
	sregs->gdt.base = GUEST_GDT;
	sregs->gdt.limit = sizeof(gdt) - 1;
	sregs->idt.base = GUEST_IDT;
	sregs->idt.limit = 0xfff;
	sregs->tr = segment(SELECTOR_TSS, 11, false);
	sregs->tr.base = GUEST_TSS;
	sregs->tr.limit = 0x67;
	sregs->tr.s = 0;
	sregs->tr.g = 0;
	sregs->tr.db = 0;
	ram_set(m, GUEST_TSS + 4, GUEST_STACK - 0x1000, 8); /* RSP0 */
}

static void data_segments(struct kvm_sregs *sregs)
{
	sregs->ds = segment(SELECTOR_DATA, 3, false);
	sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->ds;
}

void machine_start_flat(struct machine *m, u32 id)
{
	struct kvm_sregs sregs = machine_sregs(m, id);
	const struct kvm_regs regs = {
		.rip = GUEST_CODE, .rsp = GUEST_STACK, .rflags = 2};

	descriptor_tables(m, &sregs);
	data_segments(&sregs);
	sregs.cs = segment(SELECTOR_CODE32, 11, false);
	sregs.cr0 = 0x31; /* PE, ET, NE */
	machine_set_sregs(m, id, &sregs);
	machine_set_regs(m, id, &regs);
}

static void page_tables(struct machine *m)
{
	ram_set(m, GUEST_TABLES, GUEST_PDPT | 7, 8);
	for (u32 i = 0; i < 4; i++)
		ram_set(m, GUEST_PDPT + i * 8, (GUEST_PD + i * 0x1000) | 7, 8);
	for (u64 i = 0; i < 2048; i++)
		ram_set(m, GUEST_PD + i * 8, i << 21 | 0x87, 8);
}

void machine_start_long(struct machine *m, u32 id)
{
	struct kvm_sregs sregs = machine_sregs(m, id);
	const struct kvm_regs regs = {
		.rip = GUEST_CODE, .rsp = GUEST_STACK, .rflags = 2};

	page_tables(m);
	descriptor_tables(m, &sregs);
	data_segments(&sregs);
	sregs.cs = segment(SELECTOR_CODE64, 11, true);
	sregs.cr3 = GUEST_TABLES;
	sregs.cr4 = 0x620;	/* PAE, OSFXSR, OSXMMEXCPT */
	sregs.cr0 = 0x80010031; /* PG, WP, NE, ET, PE */
	sregs.efer = 0x501;	/* LMA, LME, SCE */
	machine_set_sregs(m, id, &sregs);
	machine_set_regs(m, id, &regs);
}

void machine_gate(struct machine *m, u32 vector, u64 address)
{
	const u64 gate[2] = {
		(address & 0xffff) | (u64)SELECTOR_CODE64 << 16 |
			(u64)0x8e00 << 32 | (address >> 16 & 0xffff) << 48,
		address >> 32,
	};

	machine_copy(m, GUEST_IDT + vector * 16, gate, sizeof(gate));
}

/* --------------------------------------------------------------- running - */

int machine_run_raw(struct machine *m, u32 id)
{
	return m->vcpu[id]->ops->run(m->vcpu[id]);
}

u32 machine_run(struct machine *m)
{
	int rc = machine_run_raw(m, 0);

	if (rc < 0)
		fail("KVM_RUN gives %d: %s", rc, strerror(-rc));
	return m->run->exit_reason;
}

void machine_expect(struct machine *m, u32 exit_reason)
{
	u32 got = machine_run(m);

	if (got != exit_reason)
		fail("exit %u, not %u", got, exit_reason);
}

void *machine_expect_io(struct machine *m, u8 direction, u16 port, u8 size,
			u32 count)
{
	machine_expect(m, KVM_EXIT_IO);
	check_eq(m->run->io.port, port);
	check_eq(m->run->io.direction, direction);
	check_eq(m->run->io.size, size);
	check_eq(m->run->io.count, count);
	return (u8 *)m->run + m->run->io.data_offset;
}

void machine_expect_done(struct machine *m)
{
	machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_DONE, 1, 1);
}

u8 machine_expect_say(struct machine *m)
{
	return *(u8 *)machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_SAY, 1, 1);
}

#define TICKS_MAX 1000000u

u8 machine_next_say(struct machine *m)
{
	for (u32 i = 0; i < TICKS_MAX; i++) {
		machine_expect(m, KVM_EXIT_IO);
		if (m->run->io.port == PORT_SAY)
			return ((u8 *)m->run)[m->run->io.data_offset];
		check_eq(m->run->io.port, PORT_TICK);
	}
	fail("the guest says nothing");
}

void machine_expect_quiet(struct machine *m, u32 count)
{
	for (u32 i = 0; i < count; i++)
		machine_expect_io(m, KVM_EXIT_IO_OUT, PORT_TICK, 1, 1);
}

void machine_expect_mmio(struct machine *m, bool write, u64 gpa, u32 len)
{
	machine_expect(m, KVM_EXIT_MMIO);
	check_eq(m->run->mmio.phys_addr, gpa);
	check_eq(m->run->mmio.is_write, write);
	check_eq(m->run->mmio.len, len);
}

u64 mmio_data(const struct machine *m)
{
	u64 value = 0;

	memcpy(&value, m->run->mmio.data, m->run->mmio.len);
	return value;
}

void mmio_answer(struct machine *m, u64 value)
{
	memcpy(m->run->mmio.data, &value, m->run->mmio.len);
}

/* ------------------------------------------------------------------ MSRs - */

union one_msr {
	struct kvm_msrs head;
	struct {
		u32 nmsrs, pad;
		struct kvm_msr_entry entry;
	};
};

u64 machine_msr(struct machine *m, u32 id, u32 index)
{
	union one_msr msr = {.head.nmsrs = 1};

	msr.entry.index = index;
	if (m->vcpu[id]->ops->get_msrs(m->vcpu[id], &msr.head) != 1)
		fail("msr 0x%x cannot be read", index);
	return msr.entry.data;
}

int machine_set_msr(struct machine *m, u32 id, u32 index, u64 value)
{
	union one_msr msr = {.head.nmsrs = 1};

	msr.entry.index = index;
	msr.entry.data = value;
	return m->vcpu[id]->ops->set_msrs(m->vcpu[id], &msr.head);
}

/* ------------------------------------------------------------ interrupts - */

void machine_pin(struct machine *m, u32 pin, u8 vector, bool level, bool masked)
{
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

	check_ok(m->vm->ops->get_irqchip(m->vm, &chip));
	chip.chip.ioapic.redirtbl[pin].bits = 0;
	chip.chip.ioapic.redirtbl[pin].fields.vector = vector;
	chip.chip.ioapic.redirtbl[pin].fields.trig_mode = level;
	chip.chip.ioapic.redirtbl[pin].fields.mask = masked;
	check_ok(m->vm->ops->set_irqchip(m->vm, &chip));
}

int machine_line(struct machine *m, u32 gsi, u32 level)
{
	const struct kvm_irq_level line = {.irq = gsi, .level = level};

	return m->vm->ops->irq_line(m->vm, &line);
}

int machine_line_status(struct machine *m, u32 gsi, u32 level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	check_ok(m->vm->ops->irq_line_status(m->vm, &line));
	return (int)line.status;
}

static struct kvm_irq_routing_entry *route_add(union routes *routes, u32 gsi)
{
	check(routes->nr < ROUTES_MAX);
	routes->entry[routes->nr].gsi = gsi;
	return &routes->entry[routes->nr++];
}

void route_msi(union routes *routes, u32 gsi, u32 address, u32 data)
{
	struct kvm_irq_routing_entry *entry = route_add(routes, gsi);

	entry->type = KVM_IRQ_ROUTING_MSI;
	entry->u.msi.address_lo = address;
	entry->u.msi.data = data;
}

void route_pin(union routes *routes, u32 gsi, u32 chip, u32 pin)
{
	struct kvm_irq_routing_entry *entry = route_add(routes, gsi);

	entry->type = KVM_IRQ_ROUTING_IRQCHIP;
	entry->u.irqchip.irqchip = chip;
	entry->u.irqchip.pin = pin;
}
