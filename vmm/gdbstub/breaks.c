/* SPDX-License-Identifier: MIT */
/* Breakpoints in memory and in the debug registers. */
#include "vmm/gdbstub/breaks.h"

#include <assert.h>
#include <string.h>

#define INT3 0xcc

/* ---- memory ---- */

bool gdb_translate(struct machine *machine, u32 vcpu, u64 address,
		   gpa_t *ret_gpa)
{
	struct engine_vcpu *v = machine_vcpu(machine, vcpu);
	struct kvm_translation t = {.linear_address = address};

	if (v->ops->translate(v, &t) || !t.valid)
		return false;
	*ret_gpa = t.physical_address;
	return true;
}

static u32 in_page(u64 address, u32 size)
{
	u64 left = GUEST_PAGE_BYTES - address % GUEST_PAGE_BYTES;

	return (u32)MIN(left, (u64)size);
}

bool gdb_memory_read(struct machine *machine, u32 vcpu, u64 address, void *data,
		     u32 size)
{
	u8 *to = data;
	gpa_t gpa;

	for (u32 n; size; size -= n, to += n, address += n) {
		n = in_page(address, size);
		if (!gdb_translate(machine, vcpu, address, &gpa) ||
		    !guest_mem_read(machine_mem(machine), gpa, to, n))
			return false;
	}
	return true;
}

bool gdb_memory_write(struct machine *machine, u32 vcpu, u64 address,
		      const void *data, u32 size)
{
	const u8 *from = data;
	gpa_t gpa;

	for (u32 n; size; size -= n, from += n, address += n) {
		n = in_page(address, size);
		if (!gdb_translate(machine, vcpu, address, &gpa) ||
		    !guest_mem_write(machine_mem(machine), gpa, from, n))
			return false;
	}
	return true;
}

/* ---- software breakpoints ---- */

int gdb_soft_add(struct gdb_breaks *b, u32 vcpu, u64 address)
{
	gpa_t gpa;
	u8 byte;

	if (!gdb_translate(b->machine, vcpu, address, &gpa) ||
	    !guest_mem_read(machine_mem(b->machine), gpa, &byte, 1))
		return trace_err(-EFAULT);
	for (u32 i = 0; i < b->soft_count; i++)
		if (b->soft[i].address == address && b->soft[i].gpa == gpa)
			return 0;
	if (b->soft_count == GDB_SOFT_MAX)
		return trace_err(-ENOSPC);
	b->soft[b->soft_count++] =
		(struct gdb_soft){.address = address, .gpa = gpa};
	return 0;
}

/* The client knows the address only; its page may have moved since. */
void gdb_soft_del(struct gdb_breaks *b, u64 address)
{
	u32 kept = 0;

	for (u32 i = 0; i < b->soft_count; i++) {
		assert(!b->soft[i].planted);
		if (b->soft[i].address != address)
			b->soft[kept++] = b->soft[i];
	}
	b->soft_count = kept;
}

static void plant_one(struct gdb_breaks *b, struct gdb_soft *soft)
{
	struct guest_mem *mem = machine_mem(b->machine);
	const u8 byte = INT3;

	soft->planted = guest_mem_read(mem, soft->gpa, &soft->original, 1) &&
			guest_mem_write(mem, soft->gpa, &byte, 1);
}

void gdb_breaks_plant(struct gdb_breaks *b)
{
	for (u32 i = 0; i < b->soft_count; i++)
		if (!b->soft[i].planted)
			plant_one(b, &b->soft[i]);
}

static bool is_int3(const struct gdb_breaks *b, const struct gdb_soft *soft)
{
	u8 byte;

	return guest_mem_read(machine_mem(b->machine), soft->gpa, &byte, 1) &&
	       byte == INT3;
}

/* Backwards: of two at one place the second found the first one's INT3. */
void gdb_breaks_lift(struct gdb_breaks *b)
{
	for (u32 i = b->soft_count; i-- > 0;) {
		struct gdb_soft *soft = &b->soft[i];

		/* RAM it was, and RAM does not go away. */
		if (soft->planted && is_int3(b, soft))
			(void)!guest_mem_write(machine_mem(b->machine),
					       soft->gpa, &soft->original, 1);
		soft->planted = false;
	}
}

void gdb_breaks_replant(struct gdb_breaks *b)
{
	for (u32 i = 0; i < b->soft_count; i++)
		if (b->soft[i].planted && !is_int3(b, &b->soft[i]))
			plant_one(b, &b->soft[i]);
}

bool gdb_soft_at(const struct gdb_breaks *b, gpa_t gpa)
{
	for (u32 i = 0; i < b->soft_count; i++)
		if (b->soft[i].gpa == gpa)
			return true;
	return false;
}

/* ---- hardware breakpoints and watchpoints ---- */

/* Its register, or -1. */
static int hard_find(const struct gdb_breaks *b, enum gdb_hard_kind kind,
		     u64 address, u64 bytes)
{
	for (u32 i = 0; i < GDB_HARD_MAX; i++) {
		const struct gdb_hard *hard = &b->hard[i];

		if (hard->used && hard->kind == kind &&
		    hard->address == address && hard->bytes == bytes)
			return (int)i;
	}
	return -1;
}

/* Of an instruction its first byte counts; gdb gives the size of an INT3. */
static u64 bytes_of(enum gdb_hard_kind kind, u64 bytes)
{
	return kind == GDB_EXECUTE ? 1 : bytes;
}

int gdb_hard_add(struct gdb_breaks *b, enum gdb_hard_kind kind, u64 address,
		 u64 bytes)
{
	bytes = bytes_of(kind, bytes);
	if (bytes > 8 || !is_power_of_two(bytes) || !is_aligned(address, bytes))
		return trace_err(-EINVAL);
	if (hard_find(b, kind, address, bytes) >= 0)
		return 0;
	for (u32 i = 0; i < GDB_HARD_MAX; i++) {
		if (b->hard[i].used)
			continue;
		b->hard[i] = (struct gdb_hard){.used = true,
					       .kind = kind,
					       .address = address,
					       .bytes = (u32)bytes};
		return 0;
	}
	return trace_err(-ENOSPC);
}

void gdb_hard_del(struct gdb_breaks *b, enum gdb_hard_kind kind, u64 address,
		  u64 bytes)
{
	int i = hard_find(b, kind, address, bytes_of(kind, bytes));

	if (i >= 0)
		b->hard[i].used = false;
}

bool gdb_hard_is_set(const struct gdb_breaks *b, const struct gdb_hard *hard)
{
	return hard_find(b, hard->kind, hard->address, hard->bytes) >= 0;
}

bool gdb_execute_at(const struct gdb_breaks *b, u64 address)
{
	for (u32 i = 0; i < GDB_HARD_MAX; i++)
		if (b->hard[i].used && b->hard[i].kind == GDB_EXECUTE &&
		    b->hard[i].address == address)
			return true;
	return false;
}

const struct gdb_hard *gdb_hard_hit(const struct gdb_breaks *b, u64 dr6)
{
	for (u32 i = 0; i < GDB_HARD_MAX; i++)
		if (b->hard[i].used && dr6 >> i & 1)
			return &b->hard[i];
	return NULL;
}

/* ---- the engine ---- */

/* G of each, and LEN: 00b 1, 01b 2, 10b 8, 11b 4 bytes. */
static u64 dr7_of(const struct gdb_hard *hard, u32 n)
{
	static const u8 length[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
	u64 control = (u64)hard->kind | (u64)length[hard->bytes] << 2;

	return 2ull << (2 * n) | control << (16 + 4 * n);
}

static void put_hard(const struct gdb_breaks *b, struct kvm_guest_debug *debug)
{
	u64 dr7 = 0;

	for (u32 i = 0; i < GDB_HARD_MAX; i++) {
		if (!b->hard[i].used)
			continue;
		debug->arch.debugreg[i] = b->hard[i].address;
		dr7 |= dr7_of(&b->hard[i], i);
	}
	if (!dr7)
		return;
	debug->control |= KVM_GUESTDBG_USE_HW_BP;
	debug->arch.debugreg[7] = dr7 | BIT(10); /* always 1 */
}

static u32 step_control(const struct gdb_breaks *b)
{
	struct engine *engine = machine_config(b->machine)->engine;
	int offered =
		engine->ops->check_extension(engine, KVM_CAP_SET_GUEST_DEBUG2);

	return KVM_GUESTDBG_SINGLESTEP |
	       (offered > 0 ? (u32)offered & KVM_GUESTDBG_BLOCKIRQ : 0);
}

int gdb_breaks_apply(const struct gdb_breaks *b, u32 vcpu,
		     enum gdb_stop_for what, bool give_back)
{
	struct engine_vcpu *v = machine_vcpu(b->machine, vcpu);
	struct kvm_guest_debug debug = {};

	if (what == GDB_STOP_FOR_STEP || what == GDB_STEP_OVER_ALL)
		debug.control |= step_control(b);
	if (what == GDB_STOP_FOR_STEP || what == GDB_STOP_FOR_BREAKS) {
		put_hard(b, &debug);
		if (b->soft_count)
			debug.control |= KVM_GUESTDBG_USE_SW_BP;
	}
	if (give_back)
		debug.control |= KVM_GUESTDBG_INJECT_BP;
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	return v->ops->set_guest_debug(v, &debug);
}
