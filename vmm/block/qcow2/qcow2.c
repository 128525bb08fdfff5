/* SPDX-License-Identifier: MIT */
/* Opening, making and letting go of a qcow2 image: see qcow2.h. */
#include "vmm/block/qcow2/qcow2.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/block/qcow2/inside.h"

#define SLICE_BYTES_MAX 4096
/* L2: 128 GiB of disk with clusters of 64 KiB; taken as it is needed. */
#define L2_CACHE_BYTES	(16 * MiB)
#define REF_CACHE_BYTES MiB

static void qcow2_free(struct disk *image)
{
	struct qcow2 *q = qcow2_of(image);

	cache_release(&q->l2);
	cache_release(&q->refs);
	mutex_release(&q->lock);
	free(q->l1);
	free(q->reftable);
	free(q->backing_name);
	free(q->backing_format);
	free(q->cluster);
	free(q->packed);
	free(q->unpacked);
	free(q);
}

static const struct disk_class qcow2_class = {
	.name = "qcow2",
	.read = qcow2_read,
	.write = qcow2_write,
	.zero = qcow2_zero,
	.discard = qcow2_discard,
	.flush = qcow2_flush,
	.map = qcow2_map,
	.map_cached = qcow2_map_cached,
	.resize = qcow2_resize,
	.check = qcow2_check,
	.free = qcow2_free,
};

static int prepare(struct qcow2 *q)
{
	u32 slice = MIN(q->cluster_bytes, (u32)SLICE_BYTES_MAX);

	cache_release(&q->l2);
	cache_release(&q->refs);
	cache_init(&q->l2, &q->image.file, &q->lock, slice, L2_CACHE_BYTES);
	cache_init(&q->refs, &q->image.file, NULL, slice, REF_CACHE_BYTES);
	q->image.granule_bytes =
		MAX(q->cluster_bytes, q->image.file.align_bytes);
	q->cluster = malloc(q->cluster_bytes);
	return q->cluster ? 0 : trace_err(-ENOMEM);
}

/*
 * [QCOW2 "Header", dirty bit]: refcounts must be set right before anything is
 * allocated by them.
 */
static int repair_dirty(struct qcow2 *q, struct fault *fault)
{
	struct disk_check check = {};
	int err;

	if (!(q->incompatible & INCOMPATIBLE_DIRTY) || q->image.read_only)
		return 0;
	log_at(LOG_WARN, "qcow2", "'%s' was not closed: mending its refcounts",
	       q->image.file.name);
	err = qcow2_check(&q->image, DISK_REPAIR_ALL, &check);
	if (!err && (check.corruptions || check.leaks))
		err = trace_err(-EIO);
	return err ? fault_set(fault, FAULT_IO, err,
			       "cannot mend the refcounts of '%s'",
			       q->image.file.name)
		   : 0;
}

int qcow2_open(struct block_file *file, const struct disk_config *config,
	       struct disk **ret_image, struct fault *fault)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "cannot open '%s'", file->name);
	q->image.class = &qcow2_class;
	q->image.file = *file;
	q->image.read_only = config->read_only;
	q->image.discard = config->discard;
	q->for_repair = config->for_repair;
	mutex_init(&q->lock);
	cache_init(&q->l2, &q->image.file, &q->lock, 512, 0);
	cache_init(&q->refs, &q->image.file, NULL, 512, 0);
	fault_clear(fault);
	err = header_read(q, fault);
	if (!err)
		err = prepare(q);
	if (!err)
		err = repair_dirty(q, fault);
	if (err && !fault_is_set(fault))
		fault_set(fault, FAULT_IO, err, "cannot open '%s'", file->name);
	if (err) {
		qcow2_free(&q->image);
		return err;
	}
	*ret_image = &q->image;
	return 0;
}
