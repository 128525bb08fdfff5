/* SPDX-License-Identifier: MIT */
/* The chips together: from a GSI to the CPU and back. */
#include "engine/core/irqchip/irqchip.h"

#include "base/test.h"

#define VCPUS	      2
#define IOAPIC_SELECT 0xfec00000ull
#define IOAPIC_WINDOW 0xfec00010ull
#define LAPIC_AT(reg) (0xfee00000ull + ((u64)(reg) << 4))
#define LEVEL	      0x8000u
#define MASKED	      0x10000u
#define RESAMPLED_GSI 11

static struct fixture {
	struct irqchip chip;
	struct lapic lapic[VCPUS];
	u64 now_ns;
	bool kicked[VCPUS];
	u32 acked[32];
	u32 eoi_exits;
	u8 eoi_vector;
	u32 resamples;
	u32 nmis[VCPUS];
	u32 timer_changes[VCPUS + 1]; /* the last is the PIT's */
} f;

static union {
	struct irq_routing table;
	u8 bytes[sizeof(struct irq_routing) + 64 * sizeof(struct irq_route)];
} routing[2];

static u64 now_ns(void *ctx)
{
	(void)ctx;
	return f.now_ns;
}

static u64 guest_tsc(void *ctx, u32 vcpu)
{
	(void)ctx;
	(void)vcpu;
	return f.now_ns;
}

static u64 tsc_to_ns(void *ctx, u32 vcpu, u64 tsc)
{
	(void)ctx;
	(void)vcpu;
	return tsc;
}

static void vcpu_kick(void *ctx, u32 vcpu)
{
	(void)ctx;
	f.kicked[vcpu] = true;
}

static void vcpu_event(void *ctx, u32 vcpu, enum lapic_event event, u8 vector)
{
	(void)ctx;
	(void)vector;
	f.nmis[vcpu] += event == LAPIC_EVENT_NMI;
}

static void eoi_exit(void *ctx, u32 vcpu, u8 vector)
{
	(void)ctx;
	(void)vcpu;
	f.eoi_exits++;
	f.eoi_vector = vector;
}

/* As the engine's irqfds do. */
static void gsi_acked(void *ctx, u32 gsi)
{
	(void)ctx;
	if (gsi < ARRAY_SIZE(f.acked))
		f.acked[gsi]++;
	if (gsi != RESAMPLED_GSI)
		return;
	irqchip_set_gsi(&f.chip, IRQ_SOURCE_RESAMPLE, gsi, false, false);
	f.resamples++;
}

static void timer_changed(void *ctx, u32 vcpu)
{
	(void)ctx;
	f.timer_changes[vcpu == IRQCHIP_PIT ? VCPUS : vcpu]++;
}

static const struct irqchip_ops ops = {
	.now_ns = now_ns,
	.guest_tsc = guest_tsc,
	.tsc_to_ns = tsc_to_ns,
	.vcpu_kick = vcpu_kick,
	.vcpu_event = vcpu_event,
	.eoi_exit = eoi_exit,
	.gsi_acked = gsi_acked,
	.timer_changed = timer_changed,
};

static void write32(gpa_t gpa, u32 value)
{
	check(irqchip_mmio_write(&f.chip, 0, gpa, 4, value));
}

static u32 read32(gpa_t gpa)
{
	u64 value = 0;

	check(irqchip_mmio_read(&f.chip, 0, gpa, 4, &value));
	return (u32)value;
}

static void out(u16 port, u32 value)
{
	check(irqchip_pio_write(&f.chip, port, 1, value));
}

static void set_entry(u32 pin, u32 low)
{
	write32(IOAPIC_SELECT, 0x10 + 2 * pin);
	write32(IOAPIC_WINDOW, low);
}

static u32 entry(u32 pin)
{
	write32(IOAPIC_SELECT, 0x10 + 2 * pin);
	return read32(IOAPIC_WINDOW);
}

static void add_vcpus(void)
{
	for (u32 i = 0; i < VCPUS; i++) {
		irqchip_add_vcpu(&f.chip, &f.lapic[i], i, i == 0);
		f.lapic[i].svr = 0x1ff;
	}
}

static void start_full(void)
{
	memset(&f, 0, sizeof(f));
	irq_routing_build_default(&routing[0].table);
	irqchip_init(&f.chip, &ops, NULL, false, &routing[0].table);
	check_eq(irqchip_create_pit(&f.chip, true), 0);
	add_vcpus();
}

static void init_pics(void)
{
	static const u8 master[] = {0x30, 0x04, 0x01, 0x00};
	static const u8 slave[] = {0x38, 0x02, 0x01, 0x00};

	out(0x20, 0x11);
	out(0xa0, 0x11);
	for (u32 i = 0; i < 4; i++) {
		out(0x21, master[i]);
		out(0xa1, slave[i]);
	}
}

static int set_gsi(u32 gsi, bool level)
{
	return irqchip_set_gsi(&f.chip, IRQ_SOURCE_CLIENT, gsi, level, true);
}

static int accept(u32 vcpu)
{
	bool has = irqchip_has_interrupt(&f.chip, vcpu);
	int vector = irqchip_accept(&f.chip, vcpu);

	check_eq(has, vector >= 0);
	return vector;
}

TEST(a_gsi_reaches_the_cpu_through_the_ioapic)
{
	start_full();
	out(0x21, 0xff);
	out(0xa1, 0xff);
	set_entry(10, 0x51 | LEVEL);
	check_eq(set_gsi(10, true), 1);
	check(f.kicked[0]);
	check(!f.kicked[1]);
	check_eq(accept(1), -1);
	check_eq(accept(0), 0x51);
	check_eq(accept(0), -1);
	check_eq(set_gsi(10, true), -1); /* waits for its EOI */
	write32(LAPIC_AT(LAPIC_EOI), 0);
	check_eq(f.acked[10], 1);
	check_eq(accept(0), 0x51); /* still high */
	set_gsi(10, false);
	write32(LAPIC_AT(LAPIC_EOI), 0);
	check_eq(f.acked[10], 2);
	check_eq(accept(0), -1);
	check_eq(entry(10), 0x51 | LEVEL);
}

TEST(a_gsi_reaches_the_cpu_through_the_pic_and_lint0)
{
	start_full();
	init_pics();
	check_eq(set_gsi(4, true), 1);
	check(f.kicked[0]);
	check(irqchip_has_interrupt(&f.chip, 0));
	check(!irqchip_has_interrupt(&f.chip, 1)); /* its LINT0 is masked */
	check_eq(accept(0), 0x34);
	set_gsi(4, false);
	out(0x20, 0x20);
	check_eq(f.acked[4], 1);
	write32(LAPIC_AT(LAPIC_LVT_LINT0), 0x700 | MASKED);
	set_gsi(4, true);
	check_eq(accept(0), -1);
	f.kicked[0] = false;
	write32(LAPIC_AT(LAPIC_LVT_LINT0), 0x700);
	check(f.kicked[0]);
	check_eq(accept(0), 0x34);
}

TEST(extint_goes_before_a_vector_of_the_lapic)
{
	start_full();
	init_pics();
	set_entry(20, 0xf0);
	set_gsi(20, true);
	set_gsi(4, true);
	check_eq(accept(0), 0x34);
	check_eq(accept(0), 0xf0);
}

TEST(line_status_adds_up_over_the_routes)
{
	start_full();
	init_pics();
	set_entry(4, 0x41);
	check_eq(set_gsi(4, true), 2); /* PIC and I/O APIC */
	set_gsi(4, false);
	check_eq(set_gsi(4, true), 1); /* merged in the PIC only */
	out(0x21, 0xff);
	set_entry(4, 0x41 | MASKED);
	set_gsi(4, false);
	check_eq(set_gsi(4, true), -1);
	check_eq(set_gsi(99, true), -1);
	check_eq(set_gsi(4096, true), -1);
	check_eq(set_gsi(0xffffffff, true), -1);
}

TEST(a_resampling_irqfd_is_lowered_before_the_line_is_looked_at)
{
	start_full();
	out(0x21, 0xff);
	out(0xa1, 0xff);
	set_entry(RESAMPLED_GSI, 0x61 | LEVEL);
	irqchip_set_gsi(&f.chip, IRQ_SOURCE_RESAMPLE, RESAMPLED_GSI, true,
			false);
	check_eq(accept(0), 0x61);
	write32(LAPIC_AT(LAPIC_EOI), 0);
	check_eq(accept(0), -1);
	irqchip_set_gsi(&f.chip, IRQ_SOURCE_RESAMPLE, RESAMPLED_GSI, true,
			false);
	set_gsi(RESAMPLED_GSI, true); /* shared with another device */
	check_eq(accept(0), 0x61);
	write32(LAPIC_AT(LAPIC_EOI), 0);
	check_eq(accept(0), 0x61);
}

TEST(a_resampling_irqfd_is_asked_when_its_pin_opens)
{
	start_full();
	out(0xa1, 0xff);
	set_entry(RESAMPLED_GSI, 0x61 | LEVEL | MASKED);
	irqchip_set_gsi(&f.chip, IRQ_SOURCE_RESAMPLE, RESAMPLED_GSI, true,
			false);
	f.resamples = 0;
	set_entry(RESAMPLED_GSI, 0x61 | LEVEL);
	check_eq(f.resamples, 1);
	check_eq(accept(0), -1);
}

TEST(the_pit_ticks_through_the_ioapic_and_owes_what_was_missed)
{
	u32 ticks = 0;

	start_full();
	out(0x21, 0xff);
	set_entry(0, 0x30);
	out(0x43, 0x34);
	out(0x40, 11932 & 0xff);
	out(0x40, 11932 >> 8);
	f.now_ns = irqchip_pit_deadline_ns(&f.chip);
	irqchip_pit_expire(&f.chip, f.now_ns);
	check_eq(accept(0), 0x30);
	f.now_ns += 50000000;
	irqchip_pit_expire(&f.chip, f.now_ns);
	check_eq(accept(0), -1); /* the first is in service */
	do {
		write32(LAPIC_AT(LAPIC_EOI), 0);
		ticks++;
	} while (accept(0) == 0x30 && ticks < 20);
	check_eq(ticks, 5);
}

TEST(the_pit_ticks_through_the_pic)
{
	start_full();
	init_pics();
	out(0x43, 0x34);
	out(0x40, 11932 & 0xff);
	out(0x40, 11932 >> 8);
	for (u32 i = 0; i < 10; i++) {
		f.now_ns = irqchip_pit_deadline_ns(&f.chip);
		irqchip_pit_expire(&f.chip, f.now_ns);
		check_eq(accept(0), 0x30);
		out(0x20, 0x20);
		check_eq(accept(0), -1);
	}
}

TEST(a_tick_lost_in_the_masked_pic_does_not_stop_the_ioapics)
{
	start_full();
	init_pics();
	write32(LAPIC_AT(LAPIC_LVT_LINT0), MASKED);
	out(0x43, 0x34);
	out(0x40, 11932 & 0xff);
	out(0x40, 11932 >> 8);
	f.now_ns = irqchip_pit_deadline_ns(&f.chip);
	irqchip_pit_expire(&f.chip, f.now_ns); /* rests in the PIC for good */
	set_entry(0, 0x30);
	f.now_ns = irqchip_pit_deadline_ns(&f.chip);
	irqchip_pit_expire(&f.chip, f.now_ns);
	check_eq(accept(0), 0x30);
}

TEST(an_msi_is_decoded_and_delivered)
{
	struct kvm_msi msi = {.address_lo = 0xfee01000, .data = 0x4071};

	start_full();
	check_eq(irqchip_signal_msi(&f.chip, &msi), 1);
	check_eq(accept(1), 0x71);
	msi.address_lo = 0xfeeff000;
	check_eq(irqchip_signal_msi(&f.chip, &msi), 2);
	msi.address_lo = 0xfee09000;
	check_eq(irqchip_signal_msi(&f.chip, &msi), -1);
	msi.flags = 1;
	check_eq(irqchip_signal_msi(&f.chip, &msi), -22);
	msi = (struct kvm_msi){.address_lo = 0xfee00000, .address_hi = 1};
	f.chip.bus.ids_are_32bit = true;
	check_eq(irqchip_signal_msi(&f.chip, &msi), -22);
	msi.address_hi = 0x100;
	check_eq(irqchip_signal_msi(&f.chip, &msi), -1); /* id 256 */
}

static void route_msi(struct kvm_irq_routing_entry *entry, u32 gsi, u32 address,
		      u32 data)
{
	*entry = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {.address_lo = address, .data = data},
	};
}

TEST(a_split_irqchip_reports_the_ends_of_its_reserved_level_routes)
{
	struct kvm_irq_routing_entry entries[3];
	struct irq_routing_rules rules = {.reserved_gsis = 24};
	u64 value;
	u32 byte;

	memset(&f, 0, sizeof(f));
	route_msi(&entries[0], 10, 0xfee00000, 0xc051);
	route_msi(&entries[1], 11, 0xfee00000, 0x0052);
	route_msi(&entries[2], 30, 0xfee00000, 0xc053);
	check_eq(irq_routing_build(&routing[0].table, &rules, entries, 3), 0);
	irqchip_init(&f.chip, &ops, NULL, true, &routing[0].table);
	add_vcpus();
	for (u32 i = 0; i < 3; i++) {
		check_eq(set_gsi(entries[i].gsi, true), 1);
		check_eq(set_gsi(entries[i].gsi, false), -1);
		check_eq(accept(0), 0x51 + (int)i);
		write32(LAPIC_AT(LAPIC_EOI), 0);
		check_eq(f.eoi_exits, 1);
	}
	check_eq(f.eoi_vector, 0x51);
	lapic_set_features(&f.lapic[0], LAPIC_HAS_DIRECTED_EOI, 36);
	write32(LAPIC_AT(LAPIC_SVR), 0x11ff);
	check_eq(set_gsi(10, true), 1);
	check_eq(accept(0), 0x51);
	write32(LAPIC_AT(LAPIC_EOI), 0); /* the guest will tell by itself */
	check_eq(f.eoi_exits, 1);
	check(!irqchip_mmio_read(&f.chip, 0, IOAPIC_SELECT, 4, &value));
	check(!irqchip_pio_read(&f.chip, 0x20, 1, &byte));
	check_eq(irqchip_pit_deadline_ns(&f.chip), IRQCHIP_NEVER);
}

TEST(a_split_irqchip_takes_the_clients_extint)
{
	memset(&f, 0, sizeof(f));
	check_eq(irq_routing_build(&routing[0].table,
				   &(struct irq_routing_rules){0}, NULL, 0),
		 0);
	irqchip_init(&f.chip, &ops, NULL, true, &routing[0].table);
	add_vcpus();
	check_eq(irqchip_queue_extint(&f.chip, 0, 0x0c), 0);
	check_eq(irqchip_queue_extint(&f.chip, 0, 0x0d), -17);
	check_eq(accept(0), 0x0c);
	check_eq(accept(0), -1);
	check_eq(irqchip_queue_extint(&f.chip, 1, 0x0c), 0);
	check_eq(accept(1), -1); /* LINT0 is masked there */
	start_full();
	check_eq(irqchip_queue_extint(&f.chip, 0, 0x0c), -6);
}

TEST(a_routing_table_is_checked_in_every_entry)
{
	struct irq_routing_rules full = {.has_pins = true};
	struct irq_routing_rules split = {.reserved_gsis = 24};
	struct irq_routing *table = &routing[1].table;
	struct kvm_irq_routing_entry good = {
		.gsi = 5,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = 5},
	};
	struct kvm_irq_routing_entry bad[7];
	struct kvm_irq_routing_entry pair[2] = {good, good};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].gsi = 4096;
	bad[1].flags = 1;
	bad[2].type = KVM_IRQ_ROUTING_HV_SINT;
	bad[3].u.irqchip.irqchip = 3;
	bad[4].u.irqchip.pin = 24;
	bad[5].u.irqchip.irqchip = KVM_IRQCHIP_PIC_SLAVE;
	bad[5].u.irqchip.pin = 8;
	bad[6].type = KVM_IRQ_ROUTING_MSI;
	bad[6].flags = 2;
	check_eq(irq_routing_build(table, &full, &good, 1), 0);
	check_eq(irq_routing_build(table, &split, &good, 1), -22);
	check_eq(irq_routing_build(table, &full, &good, 4097), -22);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(irq_routing_build(table, &full, &bad[i], 1), -22);
	check_eq(irq_routing_build(table, &full, pair, 2), -22);
	pair[1].u.irqchip.irqchip = KVM_IRQCHIP_PIC_MASTER;
	check_eq(irq_routing_build(table, &full, pair, 2), 0);
	route_msi(&pair[1], 5, 0xfee00000, 0x31);
	check_eq(irq_routing_build(table, &full, pair, 2), -22);
	pair[1].gsi = 6;
	check_eq(irq_routing_build(table, &full, pair, 2), 0);
}

TEST(a_new_table_is_in_force_at_once)
{
	struct irq_routing_rules full = {.has_pins = true};
	struct kvm_irq_routing_entry entry = {
		.gsi = 0,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = 2},
	};

	start_full();
	set_entry(2, 0x32);
	check_eq(irq_routing_build(&routing[1].table, &full, &entry, 1), 0);
	check(irqchip_set_routing(&f.chip, &routing[1].table) ==
	      &routing[0].table);
	check_eq(set_gsi(0, true), 1);
	check_eq(accept(0), 0x32);
	write32(LAPIC_AT(LAPIC_EOI), 0);
	check_eq(f.acked[0], 1);
	check_eq(f.acked[2], 0);
	check_eq(set_gsi(4, true), -1);
}

TEST(pv_eoi_is_not_offered_where_somebody_waits)
{
	struct kvm_msi msi = {.address_lo = 0xfee00000, .data = 0x71};

	start_full();
	out(0x21, 0xff);
	set_entry(4, 0x41);
	check_eq(irqchip_signal_msi(&f.chip, &msi), 1);
	check_eq(accept(0), 0x71);
	check_eq(irqchip_pv_eoi_vector(&f.chip, 0), 0x71);
	write32(LAPIC_AT(LAPIC_EOI), 0);
	set_gsi(4, true);
	check_eq(accept(0), 0x41);
	check_eq(irqchip_pv_eoi_vector(&f.chip, 0), -1);
}

TEST(timers_tell_when_their_deadlines_move)
{
	start_full();
	lapic_set_features(&f.lapic[1], LAPIC_HAS_TSC_DEADLINE, 36);
	check(irqchip_mmio_write(&f.chip, 1, LAPIC_AT(LAPIC_LVT_TIMER), 4,
				 0x40040));
	memset(f.timer_changes, 0, sizeof(f.timer_changes));
	lapic_tsc_deadline_write(&f.lapic[1], 5000);
	check_eq(f.timer_changes[0], 0);
	check_eq(f.timer_changes[1], 1);
	check_eq(lapic_timer_deadline_ns(&f.lapic[1]), 5000);
	f.now_ns = 5000;
	lapic_timer_expire(&f.lapic[1], f.now_ns);
	check_eq(accept(1), 0x40);
	check_eq(f.timer_changes[VCPUS], 0);
	out(0x43, 0x34);
	check(f.timer_changes[VCPUS] > 0);
}

TEST(an_msi_may_be_an_nmi)
{
	struct kvm_msi msi = {.address_lo = 0xfee01000, .data = 0x4400};

	start_full();
	check_eq(irqchip_signal_msi(&f.chip, &msi), 1);
	check_eq(f.nmis[0], 0);
	check_eq(f.nmis[1], 1);
}

TEST(a_vcpu_that_comes_late_finds_intr_up)
{
	start_full();
	irqchip_remove_vcpu(&f.chip, 0);
	init_pics();
	set_gsi(4, true);
	irqchip_add_vcpu(&f.chip, &f.lapic[0], 0, true);
	check(f.kicked[0]);
	check_eq(accept(0), 0x34);
}

TEST(each_vcpu_sees_its_own_lapic)
{
	u64 value;

	start_full();
	check(irqchip_mmio_read(&f.chip, 1, LAPIC_AT(LAPIC_ID), 4, &value));
	check_eq(value, 1u << 24);
	check(irqchip_mmio_read(&f.chip, 0, LAPIC_AT(LAPIC_ID), 4, &value));
	check_eq(value, 0);
	check(!irqchip_mmio_read(&f.chip, 0, 0xfee01000, 4, &value));
	check(!irqchip_mmio_read(&f.chip, 0, 0xfec00100, 4, &value));
	irqchip_remove_vcpu(&f.chip, 1);
	check_eq(f.chip.bus.count, 1);
}

TEST(wide_port_accesses_are_bytes_in_a_row)
{
	u32 value;

	start_full();
	init_pics();
	check(irqchip_pio_write(&f.chip, 0x4d0, 2, 0xffff));
	check(irqchip_pio_read(&f.chip, 0x4d0, 2, &value));
	check_eq(value, 0xdef8);
	check(irqchip_pio_read(&f.chip, 0x4d0, 4, &value));
	check_eq(value, 0xffffdef8);
	check(!irqchip_pio_read(&f.chip, 0x60, 1, &value));
	check(irqchip_pio_read(&f.chip, 0x61, 1, &value));
	f.chip.has_speaker = false;
	check(!irqchip_pio_read(&f.chip, 0x61, 1, &value));
}

TEST(the_state_of_each_chip_goes_out_and_in)
{
	struct kvm_irqchip first, second;

	start_full();
	init_pics();
	set_entry(10, 0x51 | LEVEL);
	set_gsi(10, true);
	for (u32 id = 0; id < KVM_NR_IRQCHIPS; id++) {
		memset(&first, 0, sizeof(first));
		first.chip_id = id;
		second = first;
		check_eq(irqchip_get_state(&f.chip, &first), 0);
		check_eq(irqchip_set_state(&f.chip, &first), 0);
		check_eq(irqchip_get_state(&f.chip, &second), 0);
		check_mem_eq(&second, &first, sizeof(first));
	}
	first.chip_id = KVM_NR_IRQCHIPS;
	check_eq(irqchip_get_state(&f.chip, &first), -22);
	check_eq(irqchip_set_state(&f.chip, &first), -22);
	check_eq(irqchip_create_pit(&f.chip, true), -17);
}
