/* SPDX-License-Identifier: MIT */
/* Address to region by binary search, and accesses cut to legal widths. */
#include "vmm/bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

void bus_init(struct bus *bus, const char *name, u64 size)
{
	*bus = (struct bus){
		.name = name,
		.size = size ? size : UINT64_MAX,
	};
}

/* Index of the first region whose end lies above `address`. */
static u32 lower_bound(const struct bus *bus, u64 address)
{
	u32 low = 0, high = bus->region_count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct bus_region *region = bus->region[middle];

		if (address - region->base >= region->size &&
		    address > region->base)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct bus_region *bus_find(const struct bus *bus, u64 address)
{
	u32 index = lower_bound(bus, address);

	if (index == bus->region_count || address < bus->region[index]->base)
		return NULL;
	return bus->region[index];
}

int bus_add(struct bus *bus, struct bus_region *region)
{
	u32 index;

	assert(region->size && region->base < bus->size);
	assert(region->size <= bus->size - region->base);
	assert(region->read && region->write && region->widths);
	assert(!(region->widths & ~31u));
	if (bus->region_count == BUS_REGION_MAX)
		return trace_err(-ENOSPC);
	index = lower_bound(bus, region->base);
	if (index < bus->region_count &&
	    bus->region[index]->base < region->base + region->size)
		return trace_err(-EBUSY);
	memmove(&bus->region[index + 1], &bus->region[index],
		(bus->region_count - index) * sizeof(bus->region[0]));
	bus->region[index] = region;
	bus->region_count++;
	return 0;
}

void bus_remove(struct bus *bus, struct bus_region *region)
{
	u32 index = lower_bound(bus, region->base);

	assert(index < bus->region_count && bus->region[index] == region);
	bus->region_count--;
	memmove(&bus->region[index], &bus->region[index + 1],
		(bus->region_count - index) * sizeof(bus->region[0]));
}

/*
 * The widest legal access at `offset` that fits in `left` bytes and in the
 * region, naturally aligned where that matters; 0 when none is.
 */
static u32 legal_width(const struct bus_region *region, u64 offset, u32 left)
{
	bool unaligned = region->widths & BUS_UNALIGNED;

	for (u32 width = 8; width; width /= 2)
		if ((region->widths & width) && width <= left &&
		    (unaligned || is_aligned(offset, width)) &&
		    width <= region->size - offset)
			return width;
	return 0;
}

static u64 region_read(struct bus_region *region, u64 offset, u32 width)
{
	u64 value;

	if (region->lock)
		mutex_lock(region->lock);
	value = region->read(region->ctx, offset, width);
	if (region->lock)
		mutex_unlock(region->lock);
	return value;
}

static void region_write(struct bus_region *region, u64 offset, u64 value,
			 u32 width)
{
	if (region->lock)
		mutex_lock(region->lock);
	region->write(region->ctx, offset, value, width);
	if (region->lock)
		mutex_unlock(region->lock);
}

/*
 * The region and legal width for the access at address, or NULL for a byte
 * that nobody answers. The address wraps as the bus's address lines do.
 */
static struct bus_region *claim(struct bus *bus, u64 address, u32 left,
				u64 *ret_offset, u32 *ret_width)
{
	struct bus_region *region = bus_find(bus, address);
	u32 width = 0;

	if (region) {
		*ret_offset = address - region->base;
		width = legal_width(region, *ret_offset, left);
	}
	*ret_width = width ? width : 1;
	if (!width)
		__atomic_fetch_add(&bus->unclaimed_count, 1, __ATOMIC_RELAXED);
	return width ? region : NULL;
}

static u64 wrap(const struct bus *bus, u64 address)
{
	return bus->size == UINT64_MAX ? address : address % bus->size;
}

void bus_read(struct bus *bus, u64 address, void *data, u32 size)
{
	u8 *bytes = data;
	u32 width;

	assert(size >= 1 && size <= 8);
	for (u32 at = 0; at < size; at += width) {
		u64 offset, value = UINT64_MAX;
		struct bus_region *region = claim(bus, wrap(bus, address + at),
						  size - at, &offset, &width);

		if (region)
			value = region_read(region, offset, width);
		memcpy(bytes + at, &value, width);
	}
}

void bus_write(struct bus *bus, u64 address, const void *data, u32 size)
{
	const u8 *bytes = data;
	u32 width;

	assert(size >= 1 && size <= 8);
	for (u32 at = 0; at < size; at += width) {
		u64 offset, value = 0;
		struct bus_region *region = claim(bus, wrap(bus, address + at),
						  size - at, &offset, &width);

		memcpy(&value, bytes + at, width);
		if (region)
			region_write(region, offset, value, width);
	}
}

u64 bus_reads_zero(void *ctx, u64 offset, u32 width)
{
	(void)ctx;
	(void)offset;
	(void)width;
	return 0;
}

void bus_keeps_nothing(void *ctx, u64 offset, u64 value, u32 width)
{
	(void)ctx;
	(void)offset;
	(void)value;
	(void)width;
}
