/* SPDX-License-Identifier: MIT */
/* The life of a device by its class; its wires. */
#include "vmm/dev/dev.h"

#include <assert.h>

#include "base/err.h"

void dev_init(struct dev *dev, const struct dev_class *class)
{
	assert(class->name && class->spec && class->version);
	dev->class = class;
	mutex_init(&dev->lock);
}

void dev_release(struct dev *dev)
{
	if (!dev->class)
		return;
	if (dev->class->release)
		dev->class->release(dev);
	mutex_release(&dev->lock);
	dev->class = NULL;
}

void dev_reset(struct dev *dev)
{
	mutex_lock(&dev->lock);
	if (dev->class->reset)
		dev->class->reset(dev);
	mutex_unlock(&dev->lock);
}

void dev_quiesce(struct dev *dev)
{
	if (dev->class->quiesce)
		dev->class->quiesce(dev);
}

int dev_save(struct dev *dev, struct buf *out)
{
	int err;

	mutex_lock(&dev->lock);
	if (dev->class->saving)
		dev->class->saving(dev);
	err = fields_save(&dev->class->state, dev, out);
	mutex_unlock(&dev->lock);
	return err;
}

int dev_load(struct dev *dev, u32 version, const void *data, size_t size)
{
	const struct dev_class *class = dev->class;
	int err;

	mutex_lock(&dev->lock);
	if (class->reset)
		class->reset(dev);
	err = fields_load(&class->state, dev, version, data, size);
	if (!err && class->restored)
		err = class->restored(dev);
	/* What was half taken in must not stay: it may not even be valid. */
	if (err && class->reset)
		class->reset(dev);
	mutex_unlock(&dev->lock);
	return err ? trace_err(err) : 0;
}

void irq_line_refresh(struct irq_line *line, bool level)
{
	line->level = level;
	if (line->set)
		line->set(line->ctx, line->irq, level);
}

void irq_line_set(struct irq_line *line, bool level)
{
	if (line->level != level)
		irq_line_refresh(line, level);
}

void power_raise(const struct power_line *line, enum power_event event,
		 int status)
{
	if (line->raise)
		line->raise(line->ctx, event, status);
}
