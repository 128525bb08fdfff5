/* SPDX-License-Identifier: MIT */
/*
 * A bus: the address space a vCPU's port or memory-mapped accesses land in.
 * Two of them exist per machine, one of ports (64 KiB) and one of physical
 * addresses; both are this.
 *
 * A region states which access widths its handlers understand. The bus gives
 * them nothing else: a wider access is split, ascending, into legal ones; an
 * access that only a narrower width than the smallest legal one could serve
 * reads all-ones and writes nothing, and so does any byte no region claims,
 * as an undriven bus does. An access that is not aligned is split, too, unless
 * the region says that its registers are not either.
 *
 * Threads: bus_add and bus_remove only while nobody else uses the bus: no vCPU
 * runs, or a lock of its owner's is around all calls (vmm/pci). bus_read and
 * bus_write from any number of vCPU threads at once; they allocate nothing
 * and take one lock, the region's, around the handler.
 */
#ifndef VMM_BUS_BUS_H
#define VMM_BUS_BUS_H

#include "base/thread.h"
#include "base/types.h"

#define BUS_REGION_MAX 256

/* Access widths in bytes; or them together. A width is its own bit. */
enum bus_width {
	BUS_1 = 1,
	BUS_2 = 2,
	BUS_4 = 4,
	BUS_8 = 8,
	BUS_UNALIGNED = 16, /* with one of the others */
	BUS_1_2 = BUS_1 | BUS_2,
	BUS_1_2_4 = BUS_1 | BUS_2 | BUS_4,
};

/*
 * Owned by its device, which must keep it in place while it is on a bus.
 * Handlers see offset + width <= size, offset a multiple of width (but with
 * BUS_UNALIGNED), width one of `widths`, and `lock` held.
 */
struct bus_region {
	const char *name; /* borrowed: static, for people */
	u64 base;
	u64 size;
	u32 widths;	    /* enum bus_width */
	struct mutex *lock; /* borrowed: the device's own; may be NULL */
	u64 (*read)(void *ctx, u64 offset, u32 width);
	void (*write)(void *ctx, u64 offset, u64 value, u32 width);
	void *ctx;
};

struct bus {
	const char *name;
	u64 size;				   /* of the address space */
	struct bus_region *region[BUS_REGION_MAX]; /* borrowed; by base */
	u32 region_count;
	u64 unclaimed_count; /* accesses no region wanted; atomic */
};

/* `size` 0 means the whole 64 bits but the last byte. */
void bus_init(struct bus *bus, const char *name, u64 size);

/*
 * -EBUSY when it overlaps a region on the bus, -ENOSPC when the bus is full.
 * A region that is empty, beyond the bus, or without handlers is our bug.
 */
must_check int bus_add(struct bus *bus, struct bus_region *region);
void bus_remove(struct bus *bus, struct bus_region *region);

/* Handlers of registers that read as zeros, and of those that keep nothing. */
u64 bus_reads_zero(void *ctx, u64 offset, u32 width);
void bus_keeps_nothing(void *ctx, u64 offset, u64 value, u32 width);

/* The region that claims `address`, or NULL. */
struct bus_region *bus_find(const struct bus *bus, u64 address);

/* `size` is 1..8; data is little-endian. */
void bus_read(struct bus *bus, u64 address, void *data, u32 size);
void bus_write(struct bus *bus, u64 address, const void *data, u32 size);

#endif
