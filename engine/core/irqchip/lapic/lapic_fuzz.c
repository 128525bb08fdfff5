/* SPDX-License-Identifier: MIT */
/*
 * Four LAPICs under a stream of register accesses, messages, client states
 * and time. Nothing may trap; a vector below 16 never comes out, and an
 * expired timer does not ask for the past again.
 */
#include "engine/core/irqchip/lapic/lapic.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/irqchip/lapic/lapic_fixture.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	const u8 *data;
	size_t size;
};

/* Bytes beyond the end read as 0. */
static u64 take(struct input *in, u32 bytes)
{
	u64 value = 0;

	for (u32 i = 0; i < bytes && in->size; i++, in->data++, in->size--)
		value |= (u64)*in->data << 8 * i;
	return value;
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void take_state(struct lapic *lapic, struct input *in)
{
	struct kvm_lapic_state state;

	lapic_get_state(lapic, &state);
	for (u64 i = take(in, 1); i; i--)
		state.regs[take(in, 2) % sizeof(state.regs)] = (char)take(in, 1);
	(void)lapic_set_state(lapic, &state); /* -EINVAL is an answer too */
}

static void take_message(struct fixture *f, struct input *in)
{
	u64 bits = take(in, 2);
	struct apic_msg msg = {
		.dest = (u32)take(in, bits & 1 ? 4 : 1),
		.vector = (u8)take(in, 1),
		.delivery = bits >> 1 & 7,
		.logical = bits >> 4 & 1,
		.level = bits >> 5 & 1,
		.deassert = bits >> 6 & 1,
		.redirectable = bits >> 7 & 1,
	};
	int taken = lapic_bus_send(&f->bus, &msg, NULL, APIC_TO_DEST);

	require(taken >= -1 && taken <= FIXTURE_VCPUS);
	(void)lapic_bus_is_in_flight(&f->bus, &msg);
}

static void accept(struct lapic *lapic)
{
	int vector = lapic_has_interrupt(lapic);

	require(vector == -1 || (vector >= APIC_VECTOR_MIN && vector < 256));
	if (vector < 0)
		return;
	lapic_accept(lapic, (u8)vector);
	require(lapic_has_interrupt(lapic) != vector);
}

static void step_time(struct fixture *f, struct input *in)
{
	f->now_ns += take(in, 5) >> take(in, 1) % 40;
	for (u32 i = 0; i < FIXTURE_VCPUS; i++) {
		lapic_timer_expire(&f->lapic[i], f->now_ns);
		require(lapic_timer_deadline_ns(&f->lapic[i]) > f->now_ns);
	}
}

static void step(struct fixture *f, struct input *in)
{
	u64 op = take(in, 1);
	struct lapic *lapic = &f->lapic[op >> 4 & 3];
	u64 value;

	switch (op & 15) {
	case 0 ... 2:
		value = take(in, 1);
		lapic_mmio_write(lapic, (u32)value << 4 & 0xfff, 4, take(in, 4));
		break;
	case 3:
		value = take(in, 2);
		(void)lapic_mmio_read(lapic, value & 0xfff, value >> 12 & 7);
		break;
	case 4:
	case 5:
		value = take(in, 1);
		(void)lapic_msr_write(lapic, 0x800 + (u32)value, take(in, 8));
		break;
	case 6:
		(void)lapic_msr_read(lapic, 0x800 + (u32)take(in, 1), &value);
		break;
	case 7:
		(void)lapic_base_write(lapic, LAPIC_BASE_DEFAULT | take(in, 2),
				       op & 0x80);
		break;
	case 8:
		lapic_tsc_deadline_write(lapic, take(in, 8));
		(void)lapic_tsc_deadline_read(lapic);
		break;
	case 9:
	case 10:
		step_time(f, in);
		break;
	case 11:
		accept(lapic);
		break;
	case 12:
		take_message(f, in);
		break;
	case 13:
		lapic_set_lint(lapic, op >> 6 & 1, op >> 7 & 1);
		break;
	case 14:
		take_state(lapic, in);
		break;
	default:
		lapic_set_features(lapic, (u32)take(in, 1), 36);
		lapic_timer_tsc_changed(lapic);
		(void)lapic_pv_eoi_vector(lapic);
		if (op & 0x80)
			lapic_init_reset(lapic);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fixture f;
	struct input in = {data, size};

	fixture_init(&f);
	fixture_enable(&f);
	while (in.size)
		step(&f, &in);
	return 0;
}
