/* SPDX-License-Identifier: MIT */
/*
 * The full irqchip under a stream of port and MMIO accesses, lines, routing
 * tables, client states and time. Nothing may trap; the PIT's expired
 * deadline does not lie in the past again.
 */
#include "engine/core/irqchip/irqchip.h"

#include <stdlib.h>
#include <string.h>

#define VCPUS	   2
#define ROUTES_MAX 64

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	const u8 *data;
	size_t size;
};

static struct fuzz {
	struct irqchip chip;
	struct lapic lapic[VCPUS];
	u64 now_ns;
	bool resample; /* an acknowledgement raises the line again */
	u32 table;     /* which of the two below is in force */
} f;

static union {
	struct irq_routing routing;
	u8 bytes[sizeof(struct irq_routing) +
		 ROUTES_MAX * sizeof(struct irq_route)];
} tables[2];

static u64 take(struct input *in, u32 bytes)
{
	u64 value = 0;

	for (u32 i = 0; i < bytes && in->size; i++, in->data++, in->size--)
		value |= (u64)*in->data << 8 * i;
	return value;
}

static void take_bytes(struct input *in, void *bytes, size_t size)
{
	size_t n = MIN(size, in->size);

	memset(bytes, 0, size);
	memcpy(bytes, in->data, n);
	in->data += n;
	in->size -= n;
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

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
	require(vcpu < VCPUS);
}

static void vcpu_event(void *ctx, u32 vcpu, enum lapic_event event, u8 vector)
{
	(void)ctx;
	(void)event;
	(void)vector;
	require(vcpu < VCPUS);
}

static void eoi_exit(void *ctx, u32 vcpu, u8 vector)
{
	(void)ctx;
	(void)vector;
	require(vcpu < VCPUS);
}

static void gsi_acked(void *ctx, u32 gsi)
{
	(void)ctx;
	require(gsi < IRQ_ROUTES_MAX);
	irqchip_set_gsi(&f.chip, IRQ_SOURCE_RESAMPLE, gsi, false, false);
	if (f.resample)
		irqchip_set_gsi(&f.chip, IRQ_SOURCE_RESAMPLE, gsi, true, false);
}

static void timer_changed(void *ctx, u32 vcpu)
{
	(void)ctx;
	require(vcpu < VCPUS || vcpu == IRQCHIP_PIT);
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

static void access_port(u64 op, struct input *in)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40,
		0x41, 0x42, 0x43, 0x61, 0x44,  0x3f,  0xffff,
	};
	u16 port = ports[take(in, 1) % ARRAY_SIZE(ports)];
	u32 size = 1u << (op >> 4 & 3) % 3;
	u32 value;

	if (op & 0x80)
		(void)irqchip_pio_read(&f.chip, port, size, &value);
	else
		(void)irqchip_pio_write(&f.chip, port, size,
					(u32)take(in, size));
}

static void access_memory(u64 op, struct input *in)
{
	u32 vcpu = op >> 4 & 1;
	gpa_t gpa = op & 0x20 ? 0xfec00000 : 0xfee00000;
	u32 size = 1u << (op >> 6 & 1 ? 2 : take(in, 1) % 4);
	u64 value;

	gpa += op & 0x20 ? (take(in, 1) & 1) << 4 : take(in, 1) << 4;
	if (op & 0x80)
		(void)irqchip_mmio_read(&f.chip, vcpu, gpa, size, &value);
	else
		(void)irqchip_mmio_write(&f.chip, vcpu, gpa, size,
					 take(in, size));
}

static void step_time(struct input *in)
{
	f.now_ns += take(in, 5) >> take(in, 1) % 40;
	irqchip_pit_expire(&f.chip, f.now_ns);
	require(irqchip_pit_deadline_ns(&f.chip) > f.now_ns);
	for (u32 i = 0; i < VCPUS; i++)
		lapic_timer_expire(&f.lapic[i], f.now_ns);
}

static void accept(u32 vcpu)
{
	bool has = irqchip_has_interrupt(&f.chip, vcpu);
	int vector = irqchip_accept(&f.chip, vcpu);

	require(has == (vector >= 0));
	(void)irqchip_pv_eoi_vector(&f.chip, vcpu);
}

static void take_chip_state(u64 op, struct input *in)
{
	struct kvm_irqchip state = {.chip_id = (u32)(op >> 4) & 3};
	struct kvm_pit_state2 pit;

	if (op & 0x80) {
		take_bytes(in, &pit, sizeof(pit));
		pit_set_state(&f.chip.pit, &pit);
		pit_get_state(&f.chip.pit, &pit);
		return;
	}
	take_bytes(in, &state.chip, op & 0x40 ? sizeof(state.chip) : 16);
	(void)irqchip_set_state(&f.chip, &state);
	(void)irqchip_get_state(&f.chip, &state);
}

static void take_routes(struct input *in)
{
	struct kvm_irq_routing_entry entries[ROUTES_MAX];
	struct irq_routing_rules rules = {.has_pins = true};
	u32 count = take(in, 1) % (ROUTES_MAX + 1);
	struct irq_routing *spare = &tables[!f.table].routing;

	memset(entries, 0, sizeof(entries));
	for (u32 i = 0; i < count; i++) {
		entries[i].gsi = (u32)take(in, 1);
		entries[i].type = take(in, 1) % 3;
		entries[i].u.msi.address_lo = (u32)take(in, 2) << 8;
		entries[i].u.msi.data = (u32)take(in, 2);
		if (entries[i].type != KVM_IRQ_ROUTING_MSI) {
			entries[i].u.irqchip.irqchip = take(in, 1) & 3;
			entries[i].u.irqchip.pin = take(in, 1) & 31;
		}
	}
	if (irq_routing_build(spare, &rules, entries, count))
		return;
	(void)irqchip_set_routing(&f.chip, spare); /* both are ours */
	f.table = !f.table;
}

static void step(struct input *in)
{
	u64 op = take(in, 1);
	struct kvm_msi msi;
	u64 gsi;

	switch (op & 15) {
	case 0 ... 2:
		access_port(op, in);
		break;
	case 3 ... 5:
		access_memory(op, in);
		break;
	case 6 ... 8:
		gsi = take(in, 1) & 31;
		irqchip_set_gsi(&f.chip, op >> 4 & 1, (u32)gsi, op >> 5 & 1,
				op >> 6 & 1);
		break;
	case 9:
	case 10:
		step_time(in);
		break;
	case 11:
	case 12:
		accept(op >> 4 & 1);
		break;
	case 13:
		take_chip_state(op, in);
		break;
	case 14:
		take_routes(in);
		break;
	default:
		take_bytes(in, &msi, 16);
		(void)irqchip_signal_msi(&f.chip, &msi);
		f.resample = op & 0x10;
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	memset(&f, 0, sizeof(f));
	irq_routing_build_default(&tables[0].routing);
	irqchip_init(&f.chip, &ops, NULL, false, &tables[0].routing);
	require(!irqchip_create_pit(&f.chip, true));
	for (u32 i = 0; i < VCPUS; i++) {
		irqchip_add_vcpu(&f.chip, &f.lapic[i], i, i == 0);
		lapic_set_features(&f.lapic[i], LAPIC_HAS_X2APIC, 36);
	}
	while (in.size)
		step(&in);
	return 0;
}
