/* SPDX-License-Identifier: MIT */
/*
 * The descriptor tables in guest memory.
 * [SDM3 3.4.5 "Segment Descriptors"], [SDM3 3.5.2 "Segment Descriptor Tables in
 * IA-32e Mode"]
 *
 * The accessed and busy bits share a byte with nothing another CPU should be
 * changing, but it may: they are set by one locked byte operation on the
 * guest's memory. A table in a device or in ROM gets a plain byte write.
 */
#include "engine/core/segment/segment.h"

#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"

bool address_canonical(const struct x86_cpu *cpu, u64 address)
{
	u32 shift = cpu->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(address << shift) >> shift) == address;
}

int selector_fault(struct x86_cpu *cpu, enum x86_vector vector, u16 selector,
		   u32 ext)
{
	return raise_error(cpu, vector, (selector & 0xfffcu) | ext);
}

static u64 table_mask(const struct x86_cpu *cpu)
{
	return cpu->long_mode ? ~0ull : 0xffffffff;
}

int table_read(struct x86_cpu *cpu, gva_t address, void *data, u32 size)
{
	u64 mask = cpu->linear_mask;
	int rc;

	cpu->linear_mask = table_mask(cpu);
	rc = system_read(cpu, address & cpu->linear_mask, data, size);
	cpu->linear_mask = mask;
	return rc;
}

int table_write(struct x86_cpu *cpu, gva_t address, const void *data, u32 size)
{
	u64 mask = cpu->linear_mask;
	int rc;

	cpu->linear_mask = table_mask(cpu);
	rc = system_write(cpu, address & cpu->linear_mask, data, size);
	cpu->linear_mask = mask;
	return rc;
}

bool descriptor_locate(const struct x86_cpu *cpu, u16 selector, u32 bytes,
		       gva_t *ret_address)
{
	const struct x86_segment *ldt = &cpu->seg[SEG_LDTR];
	bool local = selector & 4;
	u32 offset = selector & 0xfff8u;
	u64 base = local ? ldt->base : cpu->gdtr.base;
	u32 limit = local ? ldt->limit : cpu->gdtr.limit;

	if (local && (ldt->attr & SEG_UNUSABLE))
		return false;
	if (offset + bytes - 1 > limit)
		return false;
	*ret_address = (base + offset) & table_mask(cpu);
	return true;
}

int descriptor_read(struct x86_cpu *cpu, u16 selector, enum x86_vector vector,
		    u32 ext, struct descriptor *ret)
{
	if (!descriptor_locate(cpu, selector, 8, &ret->address))
		return selector_fault(cpu, vector, selector, ext);
	ret->high = 0;
	return table_read(cpu, ret->address, &ret->low, 8);
}

int descriptor_read_high(struct x86_cpu *cpu, u16 selector,
			 enum x86_vector vector, u32 ext, struct descriptor *d)
{
	gva_t address;
	int rc;

	d->high = 0;
	if (!cpu->long_mode)
		return X86_OK;
	if (!descriptor_locate(cpu, selector, 16, &address))
		return selector_fault(cpu, vector, selector, ext);
	rc = table_read(cpu, address + 8, &d->high, 8);
	if (rc)
		return rc;
	if (d->high >> 40 & 0x1f)
		return selector_fault(cpu, vector, selector, ext);
	return X86_OK;
}

void descriptor_segment(const struct descriptor *d, u16 selector,
			struct x86_segment *ret)
{
	u32 limit = (u32)(d->low & 0xffff) | (u32)(d->low >> 32 & 0xf0000);

	ret->attr = descriptor_attr(d);
	ret->base = (d->low >> 16 & 0xffffff) | (d->low >> 32 & 0xff000000);
	if (!(ret->attr & SEG_S))
		ret->base |= d->high << 32;
	ret->limit = ret->attr & SEG_G ? limit << 12 | 0xfff : limit;
	ret->selector = selector;
}

/* The guest's memory behind a linear address, for a locked write; NULL in
 * *ret when it is not memory. */
static int system_host(struct x86_cpu *cpu, gva_t address, u8 **ret)
{
	struct walk walk;
	u8 *page;
	int rc = page_walk(cpu, address, WALK_WRITE | WALK_IMPLICIT, &walk);

	if (rc)
		return rc;
	page = cpu->ops->page(cpu->ctx, walk.gpa & ~0xfffull, true);
	*ret = page ? page + (walk.gpa & 0xfff) : NULL;
	return X86_OK;
}

static int system_byte_change(struct x86_cpu *cpu, gva_t address, u8 clear,
			      u8 set)
{
	u8 *host = NULL;
	u8 value;
	int rc;

	rc = system_host(cpu, address, &host);
	if (rc)
		return rc;
	if (host) {
		if (clear)
			__atomic_fetch_and(host, (u8)~clear, __ATOMIC_SEQ_CST);
		if (set)
			__atomic_fetch_or(host, set, __ATOMIC_SEQ_CST);
		note_store(cpu, (u64)(uintptr_t)host);
		return X86_OK;
	}
	rc = table_read(cpu, address, &value, 1);
	if (rc)
		return rc;
	value = (u8)((value & ~clear) | set);
	return table_write(cpu, address, &value, 1);
}

int descriptor_mark_accessed(struct x86_cpu *cpu, struct descriptor *d)
{
	int rc;

	if (descriptor_attr(d) & SEG_ACCESSED)
		return X86_OK;
	rc = system_byte_change(cpu, d->address + 5, 0, SEG_ACCESSED);
	if (rc)
		return rc;
	d->low |= (u64)SEG_ACCESSED << 40;
	return X86_OK;
}

int descriptor_mark_busy(struct x86_cpu *cpu, gva_t address, bool busy)
{
	return system_byte_change(cpu, address + 5, busy ? 0 : SYSTEM_TSS_BUSY,
				  busy ? SYSTEM_TSS_BUSY : 0);
}
