/* SPDX-License-Identifier: MIT */
/* Functions, BARs, MSI-X and the bus they sit on: see pci.h. */
#include "vmm/pci/pci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

#define MSIX_TABLE_BYTES   2048
#define MSIX_ENTRY_MASKED  BIT(0)
#define MSIX_ENABLE	   0x8000 /* of message control */
#define MSIX_FUNCTION_MASK 0x4000
#define MSIX_CAP_BYTES	   12
#define PCI_BAR0_END	   (PCI_BAR0 + 4 * PCI_BAR_ROM)
#define RAM_BYTES_MIN	   4096
#define ALL_ONES(size)	   ((u32)(BIT(8 * (size)) - 1))

/* ---- bytes ---- */

u64 pci_get(const struct pci_dev *pci, u32 offset, u32 size)
{
	u64 value = 0;

	assert(offset + size <= PCI_CONFIG_BYTES && size <= sizeof(value));
	memcpy(&value, pci->config + offset, size);
	return value;
}

void pci_put(struct pci_dev *pci, u32 offset, u32 size, u64 value)
{
	assert(offset + size <= PCI_CONFIG_BYTES && size <= sizeof(value));
	memcpy(pci->config + offset, &value, size);
}

void pci_set_writable(struct pci_dev *pci, u32 offset, u32 size, u64 mask)
{
	assert(offset + size <= PCI_CONFIG_BYTES && size <= sizeof(mask));
	memcpy(pci->writable + offset, &mask, size);
}

/* ---- BARs ---- */

static u32 bar_offset(u32 index)
{
	return index == PCI_BAR_ROM ? PCI_ROM_BASE : PCI_BAR0 + 4 * index;
}

static struct bus *window_of(struct pci_bus *bus, const struct pci_bar *bar)
{
	return bar->flags & PCI_BAR_IO ? &bus->ports : &bus->memory;
}

static u64 bar_address(const struct pci_dev *pci, u32 index)
{
	const struct pci_bar *bar = &pci->bar[index];
	u64 value = pci_get(pci, bar_offset(index),
			    bar->flags & PCI_BAR_64 ? 8 : 4);

	return value & ~(bar->size - 1);
}

/* Does the function answer there at all? */
static bool bar_decoded(const struct pci_dev *pci, u32 index)
{
	const struct pci_bar *bar = &pci->bar[index];
	u16 command = (u16)pci_get(pci, PCI_COMMAND, 2);
	u64 address = bar_address(pci, index);

	if (!(command &
	      (bar->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	if (index == PCI_BAR_ROM &&
	    !(pci_get(pci, PCI_ROM_BASE, 4) & PCI_ROM_ENABLE))
		return false;
	/* All of the bits set is how its size is asked; 0 is "not yet". */
	if (!address || address + bar->size <= address)
		return false;
	if (bar->flags & PCI_BAR_IO)
		return address + bar->size <= 0x10000;
	return bar->flags & PCI_BAR_64 || address + bar->size <= UINT32_MAX;
}

static void bar_unmap(struct pci_bus *bus, struct pci_bar *bar)
{
	for (u32 i = 0; bar->mapped && i < bar->region_count; i++)
		bus_remove(window_of(bus, bar), bar->region[i]);
	bar->mapped = false;
}

/* Where two functions claim an address, the first one has it. */
static void bar_map(struct pci_bus *bus, struct pci_bar *bar, u64 address)
{
	struct bus *window = window_of(bus, bar);
	u32 i;

	for (i = 0; i < bar->region_count; i++) {
		bar->region[i]->base = address + bar->offset[i];
		if (bus_add(window, bar->region[i]))
			break;
	}
	bar->mapped = i == bar->region_count;
	while (!bar->mapped && i)
		bus_remove(window, bar->region[--i]);
}

/* ---- a BAR's memory ---- */

static u64 ram_read(void *ctx, u64 offset, u32 width)
{
	const struct pci_ram *ram = ctx;
	u64 value = 0;

	memcpy(&value, ram->host + offset, width);
	return value;
}

static void ram_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct pci_ram *ram = ctx;

	if (!ram->read_only)
		memcpy(ram->host + offset, &value, width);
}

/* Where its BAR is decoded; on the bus it has asserted its right to that. */
static u64 ram_place(const struct pci_bar *bar)
{
	return bar->mapped ? bar->ram->region.base : PCI_RAM_NOWHERE;
}

static void ram_set(struct pci_bus *bus, struct pci_ram *ram, u64 gpa)
{
	int err = bus->set_ram ? bus->set_ram(bus->ctx, ram, gpa) : -ENOSYS;

	if (err && gpa == PCI_RAM_NOWHERE)
		return; /* it is still there: the next move tries again */
	__atomic_store_n(&ram->gpa, err ? PCI_RAM_NOWHERE : gpa,
			 __ATOMIC_RELAXED);
}

/* First those that leave a place, since another may come there. */
static void rams_follow(struct pci_dev *pci)
{
	for (u32 i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_bar *bar = &pci->bar[i];

		if (bar->ram && bar->ram->gpa != PCI_RAM_NOWHERE &&
		    bar->ram->gpa != ram_place(bar))
			ram_set(pci->bus, bar->ram, PCI_RAM_NOWHERE);
	}
	for (u32 i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_bar *bar = &pci->bar[i];

		if (bar->ram && bar->ram->gpa == PCI_RAM_NOWHERE && bar->mapped)
			ram_set(pci->bus, bar->ram, ram_place(bar));
	}
}

void pci_add_ram(struct pci_dev *pci, u32 index, struct pci_ram *ram, u32 flags)
{
	assert(is_power_of_two(ram->size) && ram->size >= RAM_BYTES_MIN);
	pci_add_bar(pci, index, ram->size, flags);
	if (index == PCI_BAR_ROM)
		pci_set_writable(pci, PCI_ROM_BASE, 4,
				 ~(ram->size - 1) | PCI_ROM_ENABLE);
	ram->gpa = PCI_RAM_NOWHERE;
	ram->region = (struct bus_region){
		.name = "pci ram",
		.size = ram->size,
		.widths = BUS_1_2_4 | BUS_8,
		.read = ram_read,
		.write = ram_write,
		.ctx = ram,
	};
	pci_add_bar_region(pci, index, &ram->region);
	pci->bar[index].ram = ram;
}

void pci_ram_take_away(struct pci_dev *pci)
{
	for (u32 i = 0; i < PCI_BAR_COUNT; i++) {
		struct pci_ram *ram = pci->bar[i].ram;

		if (ram && ram->gpa != PCI_RAM_NOWHERE)
			ram_set(pci->bus, ram, PCI_RAM_NOWHERE);
	}
}

/* ---- what moves BARs ---- */

/* pci_bus.lock is held, or no vCPU runs. */
static void remap_locked(struct pci_dev *pci)
{
	struct pci_bus *bus = pci->bus;

	for (u32 i = 0; i < PCI_BAR_COUNT; i++)
		bar_unmap(bus, &pci->bar[i]);
	for (u32 i = 0; i < PCI_BAR_COUNT; i++)
		if (pci->bar[i].size && bar_decoded(pci, i))
			bar_map(bus, &pci->bar[i], bar_address(pci, i));
	rams_follow(pci);
}

/* After the command register or a BAR was written. */
static void remap(struct pci_dev *pci)
{
	rwlock_write(&pci->bus->lock);
	remap_locked(pci);
	rwlock_unlock(&pci->bus->lock);
}

void pci_add_bar(struct pci_dev *pci, u32 index, u64 size, u32 flags)
{
	u32 bytes = flags & PCI_BAR_64 ? 8 : 4;

	assert(size && !(size & (size - 1)));
	assert(index == PCI_BAR_ROM || index + bytes / 4 <= PCI_BAR_ROM);
	assert(!pci->bar[index].size);
	pci->bar[index].size = size;
	pci->bar[index].flags = flags;
	pci_put(pci, bar_offset(index), bytes, flags);
	pci_set_writable(pci, bar_offset(index), bytes, ~(size - 1));
}

void pci_add_bar_region(struct pci_dev *pci, u32 index,
			struct bus_region *region)
{
	struct pci_bar *bar = &pci->bar[index];

	assert(bar->region_count < PCI_BAR_REGIONS);
	assert(region->base + region->size <= bar->size);
	bar->offset[bar->region_count] = region->base;
	bar->region[bar->region_count++] = region;
}

/* ---- capabilities ---- */

u8 pci_add_capability(struct pci_dev *pci, u8 id, const void *data, u8 size)
{
	u8 at = pci->cap_end;

	assert(size >= 2 && at + size <= PCI_CONFIG_BYTES);
	pci_put(pci, at, 1, id);
	pci_put(pci, at + 1, 1, pci_get(pci, PCI_CAPABILITIES, 1));
	memcpy(pci->config + at + 2, data, size - 2);
	pci_put(pci, PCI_CAPABILITIES, 1, at);
	pci_put(pci, PCI_STATUS, 2,
		pci_get(pci, PCI_STATUS, 2) | PCI_STATUS_CAP_LIST);
	pci->cap_end = (u8)align_up(at + size, 4);
	return at;
}

/* ---- MSI-X ---- */

bool pci_msix_enabled(const struct pci_dev *pci)
{
	return pci->msix.count &&
	       pci_get(pci, pci->msix.cap + 2, 2) & MSIX_ENABLE;
}

static bool msix_masked(const struct pci_dev *pci, u32 index)
{
	return pci_get(pci, pci->msix.cap + 2, 2) & MSIX_FUNCTION_MASK ||
	       pci->msix.entry[index].control & MSIX_ENTRY_MASKED;
}

void pci_msix_send(struct pci_dev *pci, u32 index)
{
	struct pci_msix *msix = &pci->msix;

	if (index >= msix->count || !pci_msix_enabled(pci))
		return;
	if (msix_masked(pci, index)) {
		msix->pending |= (u32)BIT(index);
		return;
	}
	pci->bus->send_msi(pci->bus->ctx, msix->entry[index].address,
			   msix->entry[index].data);
}

/* What was noted while masked is sent now. */
static void msix_unmasked(struct pci_dev *pci)
{
	struct pci_msix *msix = &pci->msix;

	for (u32 i = 0; pci_msix_enabled(pci) && i < msix->count; i++) {
		if (!(msix->pending & BIT(i)) || msix_masked(pci, i))
			continue;
		msix->pending &= (u32)~BIT(i);
		pci_msix_send(pci, i);
	}
}

static u64 msix_read(void *ctx, u64 offset, u32 width)
{
	const struct pci_dev *pci = ctx;
	u64 value = 0;

	memcpy(&value, (const u8 *)pci->msix.entry + offset, width);
	return value;
}

static void msix_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct pci_dev *pci = ctx;

	memcpy((u8 *)pci->msix.entry + offset, &value, width);
	msix_unmasked(pci);
}

static u64 pending_read(void *ctx, u64 offset, u32 width)
{
	const struct pci_dev *pci = ctx;

	(void)width;
	return offset ? 0 : pci->msix.pending;
}

void pci_add_msix(struct pci_dev *pci, u32 bar, u32 count)
{
	struct pci_msix *msix = &pci->msix;
	const struct {
		u16 control;
		u32 table, pending;
	} __attribute__((packed)) cap = {
		.control = (u16)(count - 1),
		.table = bar,
		.pending = MSIX_TABLE_BYTES | bar,
	};

	assert(count && count <= PCI_MSIX_MAX);
	msix->count = count;
	msix->table_bar = bar;
	msix->cap = pci_add_capability(pci, PCI_CAP_MSIX, &cap, MSIX_CAP_BYTES);
	pci_set_writable(pci, msix->cap + 2, 2,
			 MSIX_ENABLE | MSIX_FUNCTION_MASK);
	msix->table_region = (struct bus_region){
		.name = "msi-x table",
		.size = count * sizeof(struct pci_msix_entry),
		.widths = BUS_4 | BUS_8,
		.lock = &pci->dev.lock,
		.read = msix_read,
		.write = msix_write,
		.ctx = pci,
	};
	msix->pending_region = (struct bus_region){
		.name = "msi-x pending",
		.base = MSIX_TABLE_BYTES,
		.size = 8,
		.widths = BUS_4 | BUS_8,
		.lock = &pci->dev.lock,
		.read = pending_read,
		.write = bus_keeps_nothing, /* [PCI 6.8.2.10] */
		.ctx = pci,
	};
	pci_add_bar(pci, bar, 4096, 0);
	pci_add_bar_region(pci, bar, &msix->table_region);
	pci_add_bar_region(pci, bar, &msix->pending_region);
}

/* ---- pins ---- */

/* Each slot has one pin; neighbours do not share a wire. */
u32 pci_pirq_of(u32 slot)
{
	return slot % PCI_INTX_COUNT;
}

static void drive_intx(struct pci_dev *pci)
{
	struct pci_bus *bus = pci->bus;
	u32 pirq = pci_pirq_of(pci->slot), before;
	bool off = pci_get(pci, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF;
	bool pulls = pci->intx_level && !off;

	mutex_lock(&bus->intx_lock);
	before = bus->intx[pirq];
	bus->intx[pirq] += (u32)pulls - (u32)pci->intx_pulls;
	pci->intx_pulls = pulls;
	if (!before != !bus->intx[pirq])
		bus->set_intx(bus->ctx, pirq, bus->intx[pirq]);
	mutex_unlock(&bus->intx_lock);
}

void pci_set_intx(struct pci_dev *pci, bool level)
{
	pci->intx_level = level;
	drive_intx(pci);
}

/* ---- configuration space ---- */

static struct pci_dev *find(struct pci_bus *bus, u32 bdf)
{
	/* Bus, device, function: 8, 5 and 3 bits. */
	return bdf < ARRAY_SIZE(bus->dev) ? bus->dev[bdf] : NULL;
}

u32 pci_config_read(struct pci_bus *bus, u32 bdf, u32 offset, u32 size)
{
	struct pci_dev *pci = find(bus, bdf);
	u32 value;

	if (!pci)
		return ALL_ONES(size);
	if (offset + size > PCI_CONFIG_BYTES)
		return 0; /* extended: no capability there */
	mutex_lock(&bus->config_lock);
	if (pci->config_reading)
		pci->config_reading(pci, offset, size);
	value = (u32)pci_get(pci, offset, size);
	if (offset <= PCI_STATUS && offset + size > PCI_STATUS &&
	    __atomic_load_n(&pci->intx_level, __ATOMIC_RELAXED))
		value |= (u32)PCI_STATUS_INTX << (8 * (PCI_STATUS - offset));
	mutex_unlock(&bus->config_lock);
	return value;
}

static bool overlaps(u32 offset, u32 size, u32 start, u32 end)
{
	return offset < end && offset + size > start;
}

static void config_changed(struct pci_dev *pci, u32 offset, u32 size)
{
	bool command = overlaps(offset, size, PCI_COMMAND, PCI_STATUS);

	if (command || overlaps(offset, size, PCI_BAR0, PCI_BAR0_END) ||
	    overlaps(offset, size, PCI_ROM_BASE, PCI_ROM_BASE + 4))
		remap(pci);
	mutex_lock(&pci->dev.lock);
	if (command)
		drive_intx(pci);
	if (pci->msi.cap)
		pci_msi_changed(pci);
	if (pci->msix.count)
		msix_unmasked(pci);
	mutex_unlock(&pci->dev.lock);
	if (pci->config_written)
		pci->config_written(pci, offset, size);
}

void pci_config_write(struct pci_bus *bus, u32 bdf, u32 offset, u32 value,
		      u32 size)
{
	struct pci_dev *pci = find(bus, bdf);

	if (!pci || offset + size > PCI_CONFIG_BYTES)
		return;
	mutex_lock(&bus->config_lock);
	for (u32 i = 0; i < size; i++) {
		u8 mask = pci->writable[offset + i];
		u8 byte = (u8)(value >> (8 * i));
		u8 *at = &pci->config[offset + i];

		*at = (u8)((*at & ~mask) | (byte & mask));
	}
	config_changed(pci, offset, size);
	mutex_unlock(&bus->config_lock);
}

/* ---- windows ---- */

void pci_memory_read(struct pci_bus *bus, u64 address, void *data, u32 size)
{
	rwlock_read(&bus->lock);
	bus_read(&bus->memory, address, data, size);
	rwlock_unlock(&bus->lock);
}

void pci_memory_write(struct pci_bus *bus, u64 address, const void *data,
		      u32 size)
{
	rwlock_read(&bus->lock);
	bus_write(&bus->memory, address, data, size);
	rwlock_unlock(&bus->lock);
}

void pci_port_read(struct pci_bus *bus, u64 port, void *data, u32 size)
{
	rwlock_read(&bus->lock);
	bus_read(&bus->ports, port, data, size);
	rwlock_unlock(&bus->lock);
}

void pci_port_write(struct pci_bus *bus, u64 port, const void *data, u32 size)
{
	rwlock_read(&bus->lock);
	bus_write(&bus->ports, port, data, size);
	rwlock_unlock(&bus->lock);
}

/* ---- without firmware ---- */

struct room {
	u64 next, end;
};

static bool assign_bar(struct pci_dev *pci, u32 index, struct room *room)
{
	const struct pci_bar *bar = &pci->bar[index];
	u64 at = align_up(room->next, bar->size);

	if (at + bar->size > room->end)
		return false;
	room->next = at + bar->size;
	pci_put(pci, bar_offset(index), bar->flags & PCI_BAR_64 ? 8 : 4,
		at | bar->flags);
	return true;
}

void pci_assign(struct pci_bus *bus, u64 low, u64 high, u64 ports_low,
		u64 ports_high)
{
	struct room memory = {low, high}, ports = {ports_low, ports_high};

	for (u32 bdf = 0; bdf < ARRAY_SIZE(bus->dev); bdf++) {
		struct pci_dev *pci = bus->dev[bdf];
		u16 command = 0;

		for (u32 i = 0; pci && i < PCI_BAR_COUNT; i++) {
			bool io = pci->bar[i].flags & PCI_BAR_IO;

			if (pci->bar[i].size &&
			    assign_bar(pci, i, io ? &ports : &memory))
				command |= io ? PCI_COMMAND_IO
					      : PCI_COMMAND_MEMORY;
		}
		if (command)
			pci_config_write(bus, bdf, PCI_COMMAND, command, 2);
	}
}

/* ---- life ---- */

void pci_dev_reset(struct pci_dev *pci)
{
	struct pci_msix *msix = &pci->msix;
	/* A state that was refused may have left anything there. */
	const u8 *fixed = pci->bus ? pci->built : pci->config;

	for (u32 i = 0; i < PCI_CONFIG_BYTES; i++)
		pci->config[i] = (u8)(fixed[i] & ~pci->writable[i]);
	for (u32 i = 0; i < msix->count; i++)
		msix->entry[i] =
			(struct pci_msix_entry){.control = MSIX_ENTRY_MASKED};
	msix->pending = 0;
	if (pci->msi.cap)
		pci_msi_changed(pci);
	if (!pci->bus)
		return;
	remap_locked(pci);
	pci_set_intx(pci, false);
}

/* What no driver can write must be what this function was built with. */
int pci_dev_restored(struct pci_dev *pci)
{
	for (u32 i = 0; i < PCI_CONFIG_BYTES; i++)
		if ((pci->config[i] ^ pci->built[i]) & ~pci->writable[i])
			return trace_err(-EINVAL);
	if (pci->msi.cap)
		pci_msi_changed(pci);
	remap_locked(pci);
	drive_intx(pci);
	return 0;
}

void pci_dev_init(struct pci_dev *pci, const struct dev_class *class,
		  const struct pci_identity *identity)
{
	pci->cap_end = PCI_CAPABILITY_FIRST;
	pci_put(pci, PCI_VENDOR, 2, identity->vendor);
	pci_put(pci, PCI_DEVICE, 2, identity->device);
	pci_put(pci, PCI_REVISION, 1, identity->revision);
	pci_put(pci, PCI_CLASS_PROG, 1, identity->prog);
	pci_put(pci, PCI_CLASS, 2, identity->class);
	pci_put(pci, PCI_SUBSYSTEM_VENDOR, 2, identity->subsystem_vendor);
	pci_put(pci, PCI_SUBSYSTEM, 2, identity->subsystem);
	pci_put(pci, PCI_INTERRUPT_PIN, 1, identity->intx);
	pci_set_writable(pci, PCI_COMMAND, 2,
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
				 PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
	pci_set_writable(pci, PCI_INTERRUPT_LINE, 1, 0xff);
	dev_init(&pci->dev, class);
}

static int plug(struct pci_bus *bus, struct pci_dev *pci, u8 slot, u8 function)
{
	struct pci_dev **place = &bus->dev[slot * PCI_FUNCTIONS + function];

	assert(slot < PCI_SLOT_COUNT && function < PCI_FUNCTIONS);
	if (*place)
		return trace_err(-EBUSY);
	pci->bus = bus;
	pci->slot = slot;
	memcpy(pci->built, pci->config, sizeof(pci->built));
	for (u32 i = 0; i < PCI_BAR_COUNT; i++)
		if (pci->bar[i].ram)
			pci->bar[i].ram->number = bus->ram_count++;
	*place = pci;
	return 0;
}

int pci_plug(struct pci_bus *bus, struct pci_dev *pci, u8 slot)
{
	return plug(bus, pci, slot, 0);
}

/* [PCI 6.2.1 "Device Identification"]: without the bit nobody looks further. */
int pci_plug_function(struct pci_bus *bus, struct pci_dev *pci, u8 slot,
		      u8 function)
{
	struct pci_dev *first = bus->dev[slot * PCI_FUNCTIONS];

	assert(function && first);
	first->config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
	first->built[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
	return plug(bus, pci, slot, function);
}

void pci_bus_init(struct pci_bus *bus,
		  void (*set_intx)(void *ctx, u32 pirq, bool level),
		  void (*send_msi)(void *ctx, u64 address, u32 data), void *ctx)
{
	*bus = (struct pci_bus){
		.set_intx = set_intx,
		.send_msi = send_msi,
		.ctx = ctx,
	};
	mutex_init(&bus->config_lock);
	mutex_init(&bus->intx_lock);
	rwlock_init(&bus->lock);
	bus_init(&bus->memory, "pci memory", 0);
	bus_init(&bus->ports, "pci ports", 0x10000);
}

void pci_bus_release(struct pci_bus *bus)
{
	mutex_release(&bus->config_lock);
	mutex_release(&bus->intx_lock);
	rwlock_release(&bus->lock);
}
