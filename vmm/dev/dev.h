/* SPDX-License-Identifier: MIT */
/*
 * What every device is made of: a class that declares it, a lock, and the
 * wires and clocks it is given.
 *
 * A device's own init function (uart_init and so on) takes its wires and is
 * called by the board; from then on the machine handles it by its class.
 *
 * Locks: `lock` guards the whole device. The bus takes it around the region
 * handlers, dev_reset, dev_save and dev_load around the class's functions;
 * a device takes it itself in what timers and chardevs call. Order: a
 * device's lock, then a chardev's, then whatever is inside the engine.
 */
#ifndef VMM_DEV_DEV_H
#define VMM_DEV_DEV_H

#include "base/thread.h"
#include "base/types.h"
#include "vmm/snapshot/fields.h"

struct aml;
struct dev;

struct dev_class {
	const char *name; /* the room's */
	const char *spec; /* citation tag */
	u32 version;	  /* of the saved state; counts up from 1 */
	struct field_table state;
	/* To the state after power-on; wires drop. */
	void (*reset)(struct dev *dev);
	/*
	 * Finishes what is in flight. The loop's thread, no lock held, no vCPU
	 * running; before a reset, and before the state is saved. Or NULL.
	 */
	void (*quiesce)(struct dev *dev);
	/* Undoes init. */
	void (*release)(struct dev *dev);
	/* The fields are about to be read: bring them up to date. Or NULL. */
	void (*saving)(struct dev *dev);
	/*
	 * The fields were just loaded: check them, derive the rest, drive the
	 * wires. -EINVAL for values that cannot be. NULL = nothing to do.
	 */
	int (*restored)(struct dev *dev);
	/* Adds the device's node under \_SB; NULL = not told to the guest. */
	void (*acpi)(const struct dev *dev, struct aml *aml);
};

/* At the head of every device's struct. */
struct dev {
	const struct dev_class *class;
	struct mutex lock;
};

void dev_init(struct dev *dev, const struct dev_class *class);
void dev_release(struct dev *dev);
void dev_reset(struct dev *dev);
void dev_quiesce(struct dev *dev);

/* One device's state. Load resets first, then as fields_load, -EINVAL. */
must_check int dev_save(struct dev *dev, struct buf *out);
must_check int dev_load(struct dev *dev, u32 version, const void *data,
			size_t size);

/* ---- wires ---- */

/* An interrupt input of the irqchip. The owning device's lock guards it. */
struct irq_line {
	void (*set)(void *ctx, u32 irq, bool level);
	void *ctx; /* borrowed: must outlive the device */
	u32 irq;
	bool level; /* as last set */
};

/* Tells the irqchip only of changes. A line without `set` goes nowhere. */
void irq_line_set(struct irq_line *line, bool level);
/* Tells it in any case: after a restore, when both sides may differ. */
void irq_line_refresh(struct irq_line *line, bool level);

/* What a device can ask of the whole machine. Never blocks. */
enum power_event {
	POWER_OFF,
	POWER_RESET,
	POWER_EXIT, /* end the process with `status` */
};

struct power_line {
	void (*raise)(void *ctx, enum power_event event, int status);
	void *ctx; /* borrowed: must outlive the device */
};

void power_raise(const struct power_line *line, enum power_event event,
		 int status);

#endif
