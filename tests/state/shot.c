/* SPDX-License-Identifier: MIT */
#include "tests/state/shot.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSR_TSC		 0x10
#define MSR_TSC_DEADLINE 0x6e0

/* Places of the LAPIC's page. [SDM3 Table 11-1 "Local APIC Register Address
 * Map"] */
#define LAPIC_IRR     0x200
#define LAPIC_IRR_END 0x280
#define LAPIC_LVTT    0x320
#define LAPIC_TMCCT   0x390

/* ---- taking ---- */

static int take_msrs(struct engine *engine, struct engine_vcpu *vcpu,
		     struct shot *ret)
{
	struct kvm_msr_list *list =
		calloc(1, sizeof(*list) + SHOT_MSRS_MAX * sizeof(u32));
	struct kvm_msrs *one =
		calloc(1, sizeof(*one) + sizeof(struct kvm_msr_entry));
	int err = list && one ? 0 : trace_err(-ENOMEM);

	if (!err) {
		list->nmsrs = SHOT_MSRS_MAX;
		err = engine->ops->get_msr_index_list(engine, list);
	}
	for (u32 i = 0; !err && i < list->nmsrs; i++) {
		one->nmsrs = 1;
		one->entries[0].index = list->indices[i];
		err = vcpu->ops->get_msrs(vcpu, one);
		if (err == 1)
			ret->msr[ret->msr_count++] = one->entries[0];
		err = MIN(err, 0);
	}
	free(list);
	free(one);
	return err;
}

static int take_vm(struct engine_vm *vm, struct shot *ret)
{
	int err = 0;

	for (u32 i = 0; !err && i < ARRAY_SIZE(ret->chip); i++) {
		ret->chip[i].chip_id = i;
		err = vm->ops->get_irqchip(vm, &ret->chip[i]);
	}
	return err ? err : vm->ops->get_pit2(vm, &ret->pit);
}

int shot_take(struct engine *engine, struct engine_vm *vm,
	      struct engine_vcpu *vcpu, struct shot *ret)
{
	const struct engine_vcpu_ops *ops = vcpu->ops;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = ops->get_regs(vcpu, &ret->regs);
	if (!err)
		err = ops->get_sregs2(vcpu, &ret->sregs2);
	if (!err)
		err = ops->get_fpu(vcpu, &ret->fpu);
	if (!err)
		err = ops->get_xsave(vcpu,
				     (struct kvm_xsave *)(void *)ret->xsave);
	if (!err)
		err = ops->get_xcrs(vcpu, &ret->xcrs);
	if (!err)
		err = ops->get_debugregs(vcpu, &ret->debugregs);
	if (!err)
		err = ops->get_vcpu_events(vcpu, &ret->events);
	if (!err)
		err = ops->get_mp_state(vcpu, &ret->mp_state);
	if (!err)
		err = take_vm(vm, ret);
	if (!err)
		err = take_msrs(engine, vcpu, ret);
	if (!err) /* last: a deadline that is over by now is in IRR then */
		err = ops->get_lapic(vcpu, &ret->lapic);
	ret->tsc_khz = (u64)ops->get_tsc_khz(vcpu);
	return err;
}

/* ---- comparing ---- */

#define PART(member)                                       \
	{                                                  \
#member, offsetof(struct shot, member),    \
			sizeof(((struct shot *)0)->member) \
	}
static const struct part {
	const char *name;
	size_t offset, size;
} parts[] = {
	PART(regs),   PART(sregs2),   PART(fpu),       PART(xsave), PART(xcrs),
	PART(events), PART(mp_state), PART(debugregs), PART(lapic), PART(chip),
	PART(pit),    PART(tsc_khz),  PART(msr_count),
};
#undef PART

/* Interrupts may be raised meanwhile; none may be lost. */
static void allow_raised(struct shot *before, const struct shot *after)
{
	for (u32 i = LAPIC_IRR; i < LAPIC_IRR_END; i++)
		before->lapic.regs[i] |= after->lapic.regs[i];
}

/* What runs on by itself. The PIT's output is pin 0 of the 8259 and pin 2 of
 * the IOAPIC, and what it raises there reaches the second 8259's input. */
static void remove_clocks(struct shot *shot)
{
	memset(shot->lapic.regs + LAPIC_TMCCT, 0, 4);
	for (u32 i = 0; i < ARRAY_SIZE(shot->pit.channels); i++)
		shot->pit.channels[i].count_load_time = 0;
	shot->chip[0].chip.pic.irr &= (u8)~1u;
	shot->chip[0].chip.pic.last_irr &= (u8)~1u;
	shot->chip[2].chip.ioapic.irr &= ~(1u << 2);
}

static bool part_differs(const struct part *part, const struct shot *before,
			 const struct shot *after)
{
	const u8 *a = (const u8 *)before + part->offset;
	const u8 *b = (const u8 *)after + part->offset;

	for (size_t i = 0; i < part->size; i++) {
		if (a[i] == b[i])
			continue;
		fprintf(stderr,
			"state: %s differs at byte %zu: %02x, now %02x\n",
			part->name, i, a[i], b[i]);
		return true;
	}
	return false;
}

static bool is_raised(const struct shot *shot, u32 vector)
{
	return shot->lapic.regs[LAPIC_IRR + vector / 32 * 16 + vector / 8 % 4] >>
		       (vector % 8) &
	       1;
}

/* A deadline that came meanwhile reads as none, and its interrupt waits. */
static bool deadline_came(const struct shot *after)
{
	const u8 *lvt = (const u8 *)after->lapic.regs + LAPIC_LVTT;
	bool masked = lvt[2] & 1;

	return masked || is_raised(after, lvt[0]);
}

static bool msr_differs(const struct kvm_msr_entry *a,
			const struct kvm_msr_entry *b, const struct shot *after)
{
	if (a->index == b->index &&
	    (a->data == b->data || a->index == MSR_TSC ||
	     (a->index == MSR_TSC_DEADLINE && !b->data && deadline_came(after))))
		return false;
	fprintf(stderr, "state: MSR %x was %llx, MSR %x is %llx\n", a->index,
		(unsigned long long)a->data, b->index,
		(unsigned long long)b->data);
	return true;
}

u32 shot_differs(const struct shot *before, const struct shot *after)
{
	struct shot *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	u32 count = 0;

	if (!a || !b) {
		free(a);
		free(b);
		return 1;
	}
	*a = *before;
	*b = *after;
	allow_raised(a, b);
	remove_clocks(a);
	remove_clocks(b);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		count += part_differs(&parts[i], a, b);
	for (u32 i = 0; i < MIN(a->msr_count, b->msr_count); i++)
		count += msr_differs(&a->msr[i], &b->msr[i], after);
	free(a);
	free(b);
	return count;
}
