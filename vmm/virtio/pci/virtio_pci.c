/* SPDX-License-Identifier: MIT */
/* Registers, vectors and capabilities of a virtio function: see virtio_pci.h. */
#include "vmm/virtio/pci/virtio_pci.h"

#include <assert.h>
#include <string.h>

/* [VIRTIO 4.1.4 "Virtio Structure PCI Capabilities"] */
enum cap_type {
	CAP_COMMON = 1,
	CAP_NOTIFY = 2,
	CAP_ISR = 3,
	CAP_DEVICE = 4,
	CAP_PCI_CFG = 5,
};

struct cap {
	u8 length, type, bar, id, padding[2];
	u32 offset, size;
	u32 extra; /* notify's multiplier; the data of CAP_PCI_CFG */
} __attribute__((packed));

#define CAP_BYTES	16
#define CAP_EXTRA_BYTES 20
/* In the capability, from its start: */
#define CAP_BAR	   4
#define CAP_OFFSET 8
#define CAP_SIZE   12
#define CAP_DATA   16

#define BAR_STRUCTURES 0
#define BAR_MSIX       1
#define PAGE	       0x1000
#define NOTIFY_STEP    4

#define ISR_QUEUE  0x01
#define ISR_CONFIG 0x02

/* [VIRTIO 4.1.4.3 "Common configuration structure layout"] */
enum {
	DEVICE_FEATURE_SELECT = 0,
	DEVICE_FEATURE = 4,
	DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12,
	CONFIG_VECTOR = 16,
	NUM_QUEUES = 18,
	DEVICE_STATUS = 20,
	CONFIG_GENERATION = 21,
	QUEUE_SELECT = 22,
	QUEUE_SIZE = 24,
	QUEUE_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
	COMMON_BYTES = 56,
};

static struct virtio_pci *function_of(struct pci_dev *pci)
{
	return container_of(pci, struct virtio_pci, pci);
}

/* ---- interrupts ---- */

static void signal_driver(struct virtio_pci *function, u8 isr, u16 vector)
{
	struct pci_dev *pci = &function->pci;

	mutex_lock(&pci->dev.lock);
	if (pci_msix_enabled(pci)) {
		pci_msix_send(pci, vector);
	} else {
		function->isr |= isr;
		pci_set_intx(pci, true);
	}
	mutex_unlock(&pci->dev.lock);
}

static void on_interrupt(void *ctx, u32 queue)
{
	struct virtio_pci *function = ctx;

	signal_driver(function, ISR_QUEUE,
		      function->virtio->queue[queue].msix_vector);
}

static void on_config_changed(void *ctx)
{
	struct virtio_pci *function = ctx;

	signal_driver(function, ISR_CONFIG, function->config_vector);
}

/* The pin is let go. */
static u8 take_isr(struct virtio_pci *function)
{
	u8 isr;

	mutex_lock(&function->pci.dev.lock);
	isr = function->isr;
	function->isr = 0;
	pci_set_intx(&function->pci, false);
	mutex_unlock(&function->pci.dev.lock);
	return isr;
}

/* [VIRTIO 4.1.4.5 "ISR status capability"] */
static u64 isr_read(void *ctx, u64 offset, u32 width)
{
	(void)width;
	return offset ? 0 : take_isr(ctx);
}

/* ---- the common structure ---- */

static u32 half(u64 value, u64 offset)
{
	return (u32)(offset & 4 ? value >> 32 : value);
}

static void set_half(u64 *value, u64 offset, u32 part)
{
	u32 shift = offset & 4 ? 32 : 0;

	*value = (*value & ~((u64)UINT32_MAX << shift)) | (u64)part << shift;
}

/* Which of the queue's addresses a register is half of, or NULL. */
static u64 *address_of(struct virtq *vq, u64 offset)
{
	switch (offset & ~(u64)4) {
	case QUEUE_DESC:
		return &vq->desc_gpa;
	case QUEUE_DRIVER:
		return &vq->avail_gpa;
	case QUEUE_DEVICE:
		return &vq->used_gpa;
	default:
		return NULL;
	}
}

static u64 queue_read(const struct virtio_pci *function, u64 offset)
{
	struct virtq *vq =
		virtio_queue(function->virtio, function->queue_select);
	const u64 *address = vq ? address_of(vq, offset) : NULL;

	if (address)
		return half(*address, offset);
	if (!vq)
		return 0;
	switch (offset) {
	case QUEUE_SIZE:
		return vq->size;
	case QUEUE_VECTOR:
		return vq->msix_vector;
	case QUEUE_ENABLE:
		return vq->enabled;
	case QUEUE_NOTIFY_OFF:
		return function->queue_select;
	default:
		return 0;
	}
}

/* Registers are read as they are wide; what is not one reads as 0. */
static u64 common_read(void *ctx, u64 offset, u32 width)
{
	const struct virtio_pci *function = ctx;
	const struct virtio *virtio = function->virtio;

	(void)width;
	switch (offset) {
	case DEVICE_FEATURE_SELECT:
		return function->feature_select;
	case DEVICE_FEATURE:
		return function->feature_select > 1
			       ? 0
			       : half(virtio->offered,
				      4 * function->feature_select);
	case DRIVER_FEATURE_SELECT:
		return function->driver_feature_select;
	case DRIVER_FEATURE:
		return function->driver_feature_select > 1
			       ? 0
			       : half(virtio->features,
				      4 * function->driver_feature_select);
	case CONFIG_VECTOR:
		return function->config_vector;
	case NUM_QUEUES:
		return virtio->class->queue_count;
	case DEVICE_STATUS:
		return virtio_status(virtio);
	case CONFIG_GENERATION:
		return virtio->config_generation;
	case QUEUE_SELECT:
		return function->queue_select;
	default:
		return queue_read(function, offset);
	}
}

static u16 vector_of(const struct virtio_pci *function, u64 value)
{
	return value < function->pci.msix.count ? (u16)value
						: VIRTIO_MSI_NO_VECTOR;
}

static void queue_write(struct virtio_pci *function, u64 offset, u64 value)
{
	struct virtio *virtio = function->virtio;
	struct virtq *vq = virtio_queue(virtio, function->queue_select);
	u64 *address;

	if (!vq)
		return;
	if (offset == QUEUE_VECTOR)
		vq->msix_vector = vector_of(function, value);
	if (vq->enabled)
		return; /* where it lies is settled */
	address = address_of(vq, offset);
	if (address)
		set_half(address, offset, (u32)value);
	else if (offset == QUEUE_SIZE)
		vq->size = (u16)value;
	else if (offset == QUEUE_ENABLE && value == 1)
		virtio_enable_queue(virtio, function->queue_select);
}

static void set_driver_features(struct virtio_pci *function, u32 value)
{
	u64 features = function->virtio->features;

	if (function->driver_feature_select > 1)
		return;
	set_half(&features, 4 * function->driver_feature_select, value);
	virtio_set_features(function->virtio, features);
}

/* What of the driver's the function itself remembers. */
static void forget_driver(struct virtio_pci *function)
{
	function->config_vector = VIRTIO_MSI_NO_VECTOR;
	(void)take_isr(function);
}

static void common_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct virtio_pci *function = ctx;

	(void)width;
	switch (offset) {
	case DEVICE_FEATURE_SELECT:
		function->feature_select = (u32)value;
		break;
	case DRIVER_FEATURE_SELECT:
		function->driver_feature_select = (u32)value;
		break;
	case DRIVER_FEATURE:
		set_driver_features(function, (u32)value);
		break;
	case CONFIG_VECTOR:
		function->config_vector = vector_of(function, value);
		break;
	case DEVICE_STATUS:
		virtio_set_status(function->virtio, (u8)value);
		if (!value)
			forget_driver(function);
		break;
	case QUEUE_SELECT:
		function->queue_select = (u16)value;
		break;
	default:
		queue_write(function, offset, value);
		break;
	}
}

/* ---- the other structures ---- */

static u64 device_read(void *ctx, u64 offset, u32 width)
{
	struct virtio_pci *function = ctx;
	u64 value = 0;

	virtio_config_read(function->virtio, (u32)offset, &value, width);
	return value;
}

static void device_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct virtio_pci *function = ctx;

	virtio_config_write(function->virtio, (u32)offset, &value, width);
}

static void notify_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct virtio_pci *function = ctx;

	(void)value;
	(void)width;
	virtio_notify(function->virtio, (u32)(offset / NOTIFY_STEP));
}

/* ---- access through configuration space ---- */

/* The region of BAR 0 that the window of CAP_PCI_CFG points into, or NULL. */
static struct bus_region *access_target(struct virtio_pci *function,
					u32 *ret_offset, u32 *ret_width)
{
	const struct pci_dev *pci = &function->pci;
	u32 at = (u32)pci_get(pci, function->access_cap + CAP_OFFSET, 4);
	u32 width = (u32)pci_get(pci, function->access_cap + CAP_SIZE, 4);
	const struct pci_bar *bar = &pci->bar[BAR_STRUCTURES];

	if (pci_get(pci, function->access_cap + CAP_BAR, 1) != BAR_STRUCTURES ||
	    (width != 1 && width != 2 && width != 4) || at % width)
		return NULL;
	for (u32 i = 0; i < bar->region_count; i++) {
		u64 offset = at - bar->offset[i];

		if (at < bar->offset[i] || offset >= bar->region[i]->size)
			continue;
		*ret_offset = (u32)offset;
		*ret_width = width;
		return bar->region[i];
	}
	return NULL;
}

static bool touches_data(const struct virtio_pci *function, u32 offset, u32 size)
{
	u32 data = function->access_cap + CAP_DATA;

	return offset < data + 4 && offset + size > data;
}

/* [VIRTIO 4.1.4.9 "PCI configuration access capability"] */
static void config_reading(struct pci_dev *pci, u32 offset, u32 size)
{
	struct virtio_pci *function = function_of(pci);
	struct bus_region *region;
	u32 at, width;
	u64 value;

	if (!touches_data(function, offset, size))
		return;
	region = access_target(function, &at, &width);
	if (!region)
		return;
	if (region->lock)
		mutex_lock(region->lock);
	value = region->read(region->ctx, at, width);
	if (region->lock)
		mutex_unlock(region->lock);
	pci_put(pci, function->access_cap + CAP_DATA, width, value);
}

static void config_written(struct pci_dev *pci, u32 offset, u32 size)
{
	struct virtio_pci *function = function_of(pci);
	struct bus_region *region;
	u32 at, width;

	if (!touches_data(function, offset, size))
		return;
	region = access_target(function, &at, &width);
	if (!region)
		return;
	if (region->lock)
		mutex_lock(region->lock);
	region->write(region->ctx, at,
		      pci_get(pci, function->access_cap + CAP_DATA, width),
		      width);
	if (region->lock)
		mutex_unlock(region->lock);
}

/* ---- life ---- */

static void reset(struct dev *dev)
{
	struct virtio_pci *function =
		function_of(container_of(dev, struct pci_dev, dev));

	pci_dev_reset(&function->pci);
	function->feature_select = function->driver_feature_select = 0;
	function->queue_select = 0;
	function->config_vector = VIRTIO_MSI_NO_VECTOR;
	function->isr = 0;
}

static int restored(struct dev *dev)
{
	return pci_dev_restored(container_of(dev, struct pci_dev, dev));
}

static const struct field fields[] = {
	PCI_FIELDS(struct virtio_pci),
	FIELD(struct virtio_pci, feature_select, 1),
	FIELD(struct virtio_pci, driver_feature_select, 1),
	FIELD(struct virtio_pci, queue_select, 1),
	FIELD(struct virtio_pci, config_vector, 1),
	FIELD(struct virtio_pci, isr, 1),
};

static const struct dev_class dev_class = {
	.name = "virtio_pci",
	.spec = "VIRTIO",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = reset,
	.restored = restored,
};

static void init_region(struct virtio_pci *function, struct bus_region *region,
			const struct bus_region *as, u32 page)
{
	*region = *as;
	region->base = page * PAGE;
	region->ctx = function;
	pci_add_bar_region(&function->pci, BAR_STRUCTURES, region);
}

static void init_regions(struct virtio_pci *function)
{
	struct mutex *lock = &function->virtio->dev.lock;
	const struct bus_region common = {.name = "virtio common",
					  .size = COMMON_BYTES,
					  .widths = BUS_1_2_4,
					  .lock = lock,
					  .read = common_read,
					  .write = common_write};
	const struct bus_region isr = {.name = "virtio isr",
				       .size = 4,
				       .widths = BUS_1_2_4,
				       .lock = lock,
				       .read = isr_read,
				       .write = bus_keeps_nothing};
	const struct bus_region device = {.name = "virtio device",
					  .size = VIRTIO_CONFIG_BYTES_MAX,
					  .widths = BUS_1_2_4,
					  .lock = lock,
					  .read = device_read,
					  .write = device_write};
	/* Without a lock: a notification only posts work. */
	const struct bus_region notify = {.name = "virtio notify",
					  .size = NOTIFY_STEP * VIRTIO_QUEUE_MAX,
					  .widths = BUS_1_2_4,
					  .read = bus_reads_zero,
					  .write = notify_write};

	pci_add_bar(&function->pci, BAR_STRUCTURES, 4 * PAGE, 0);
	init_region(function, &function->common, &common, 0);
	init_region(function, &function->isr_region, &isr, 1);
	init_region(function, &function->device, &device, 2);
	init_region(function, &function->notify, &notify, 3);
}

static u8 add_cap(struct virtio_pci *function, enum cap_type type, u32 page,
		  u32 size, u32 extra)
{
	bool has_extra = type == CAP_NOTIFY || type == CAP_PCI_CFG;
	u8 length = has_extra ? CAP_EXTRA_BYTES : CAP_BYTES;
	const struct cap cap = {
		.length = length,
		.type = (u8)type,
		.bar = BAR_STRUCTURES,
		.offset = page * PAGE,
		.size = size,
		.extra = extra,
	};

	return pci_add_capability(&function->pci, PCI_CAP_VENDOR, &cap, length);
}

static void add_caps(struct virtio_pci *function)
{
	struct pci_dev *pci = &function->pci;
	u8 at;

	add_cap(function, CAP_COMMON, 0, COMMON_BYTES, 0);
	add_cap(function, CAP_ISR, 1, 1, 0);
	add_cap(function, CAP_DEVICE, 2, VIRTIO_CONFIG_BYTES_MAX, 0);
	add_cap(function, CAP_NOTIFY, 3, NOTIFY_STEP * VIRTIO_QUEUE_MAX,
		NOTIFY_STEP);
	at = add_cap(function, CAP_PCI_CFG, 0, 0, 0);
	function->access_cap = at;
	pci_set_writable(pci, at + CAP_BAR, 1, 0xff);
	pci_set_writable(pci, at + CAP_OFFSET, 4, UINT32_MAX);
	pci_set_writable(pci, at + CAP_SIZE, 4, UINT32_MAX);
	pci_set_writable(pci, at + CAP_DATA, 4, UINT32_MAX);
}

static u16 class_of(enum virtio_id id)
{
	switch (id) {
	case VIRTIO_ID_NET:
		return 0x0200; /* Ethernet controller */
	case VIRTIO_ID_BLOCK:
		return 0x0100; /* SCSI storage controller, as others have it */
	case VIRTIO_ID_CONSOLE:
		return 0x0780; /* other communication controller */
	case VIRTIO_ID_ENTROPY:
		return 0x1000; /* cryptography: network and computing */
	}
	return 0x00ff;
}

void virtio_pci_init(struct virtio_pci *function, struct virtio *virtio)
{
	enum virtio_id id = virtio->class->id;

	*function = (struct virtio_pci){
		.virtio = virtio,
		.pci.config_reading = config_reading,
		.pci.config_written = config_written,
	};
	pci_dev_init(&function->pci, &dev_class,
		     &(struct pci_identity){
			     .vendor = VIRTIO_PCI_VENDOR,
			     .device = (u16)(VIRTIO_PCI_DEVICE_BASE + id),
			     .subsystem_vendor = VIRTIO_PCI_VENDOR,
			     .subsystem = (u16)(VIRTIO_PCI_DEVICE_BASE + id),
			     .revision = 1,
			     .class = class_of(id),
			     .intx = true,
		     });
	init_regions(function);
	add_caps(function);
	pci_add_msix(&function->pci, BAR_MSIX, virtio->class->queue_count + 1);
	virtio->wire = (struct virtio_wire){
		.interrupt = on_interrupt,
		.config_changed = on_config_changed,
		.ctx = function,
	};
	dev_reset(&function->pci.dev);
}
