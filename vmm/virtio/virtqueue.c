/* SPDX-License-Identifier: MIT */
/* The device's side of a split virtqueue: see virtqueue.h. */
#include "vmm/virtio/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* u16 fields before the entries of both rings: flags and idx */
#define RING_HEAD 2

static u16 load_acquire(const u16 *field)
{
	return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static u16 load(const u16 *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static void store_release(u16 *field, u16 value)
{
	__atomic_store_n(field, value, __ATOMIC_RELEASE);
}

/* ---- set-up ---- */

void virtq_reset(struct virtq *vq)
{
	vq->size = vq->size_max;
	vq->msix_vector = 0xffff; /* VIRTIO_MSI_NO_VECTOR */
	vq->enabled = false;
	vq->desc_gpa = vq->avail_gpa = vq->used_gpa = 0;
	vq->next_avail = vq->next_used = vq->told_used = 0;
	vq->event_idx = false;
	vq->desc = NULL;
	vq->avail = vq->used = NULL;
}

/* [VIRTIO 2.7 "Split Virtqueues"]: alignment 16, 2 and 4 */
int virtq_enable(struct virtq *vq, bool event_idx)
{
	u64 size = vq->size;
	u64 desc_bytes = size * sizeof(struct virtq_desc);
	u64 avail_bytes = 2 * (RING_HEAD + size + 1);
	u64 used_bytes =
		2 * (RING_HEAD + 1) + size * sizeof(struct virtq_used_elem);

	if (!size || size > vq->size_max || (size & (size - 1)))
		return -EINVAL;
	if (!is_aligned(vq->desc_gpa, 16) || !is_aligned(vq->avail_gpa, 2) ||
	    !is_aligned(vq->used_gpa, 4))
		return -EINVAL;
	vq->desc = guest_mem_at(vq->mem, vq->desc_gpa, desc_bytes);
	vq->avail = guest_mem_at(vq->mem, vq->avail_gpa, avail_bytes);
	vq->used = guest_mem_at(vq->mem, vq->used_gpa, used_bytes);
	if (!vq->desc || !vq->avail || !vq->used)
		return -EINVAL;
	vq->event_idx = event_idx;
	vq->enabled = true;
	return 0;
}

/* ---- chains ---- */

/* A table of descriptors: the queue's own, or one that is indirect. */
struct table {
	const struct virtq_desc *desc;
	u32 size;
	bool indirect;
};

static struct virtq_desc desc_copy(const struct table *table, u32 index)
{
	const struct virtq_desc *from = &table->desc[index];
	struct virtq_desc copy;

	/* Volatile, so that no later use can become a second read. */
	copy.addr = *(const volatile u64 *)&from->addr;
	copy.len = *(const volatile u32 *)&from->len;
	copy.flags = *(const volatile u16 *)&from->flags;
	copy.next = *(const volatile u16 *)&from->next;
	return copy;
}

/* [VIRTIO 2.7.5.3 "Indirect Descriptors"] */
static int enter_indirect(const struct virtq *vq, const struct virtq_desc *desc,
			  struct table *table)
{
	u32 size = desc->len / sizeof(*desc);

	if (table->indirect || (desc->flags & VIRTQ_DESC_F_NEXT))
		return -EINVAL;
	if (!size || desc->len % sizeof(*desc) || size > vq->size_max)
		return -EINVAL;
	table->desc = guest_mem_at(vq->mem, desc->addr, desc->len);
	table->size = size;
	table->indirect = true;
	return table->desc ? 0 : -EINVAL;
}

static int add_part(const struct virtq *vq, struct virtq_chain *chain,
		    const struct virtq_desc *desc)
{
	u32 used = chain->read_count + chain->write_count;
	bool write = desc->flags & VIRTQ_DESC_F_WRITE;
	void *at;

	/* "Any device-writable descriptors after all the readable ones" */
	if (!write && chain->write_count)
		return -EINVAL;
	if (!desc->len)
		return 0;
	at = guest_mem_at(vq->mem, desc->addr, desc->len);
	if (!at || used == chain->iov_max)
		return -EINVAL;
	chain->iov[used] = (struct iovec){.iov_base = at, .iov_len = desc->len};
	chain->read_count += !write;
	chain->write_count += write;
	*(write ? &chain->write_bytes : &chain->read_bytes) += desc->len;
	return 0;
}

/* Each descriptor once at most: a chain that is longer has a loop. */
static int walk(const struct virtq *vq, struct virtq_chain *chain)
{
	struct table table = {.desc = vq->desc, .size = vq->size};
	u32 index = chain->head, left = vq->size;

	for (;;) {
		struct virtq_desc desc;
		int err;

		if (index >= table.size || !left--)
			return -EINVAL;
		desc = desc_copy(&table, index);
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			err = enter_indirect(vq, &desc, &table);
			if (err)
				return err;
			index = 0;
			left = vq->size_max;
			continue;
		}
		err = add_part(vq, chain, &desc);
		if (err)
			return err;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			break;
		index = desc.next;
	}
	/* [VIRTIO 2.7.5.2]: no more than 2^32 bytes in all */
	if (chain->read_bytes + chain->write_bytes > (u64)4 * GiB)
		return -EINVAL;
	return 0;
}

/* Entries of the available ring that were not looked at; -EINVAL: too many. */
static int waiting(struct virtq *vq)
{
	u16 count = (u16)(load_acquire(&vq->avail[1]) - vq->next_avail);

	return count > vq->size ? -EINVAL : count;
}

int virtq_pop(struct virtq *vq, struct virtq_chain *chain)
{
	int err, count;

	if (!vq->enabled)
		return 0;
	count = waiting(vq);
	if (!count && virtq_ask_notify(vq, true))
		count = waiting(vq);
	if (count <= 0)
		return count;
	chain->head = load(&vq->avail[RING_HEAD + vq->next_avail % vq->size]);
	chain->read_count = chain->write_count = 0;
	chain->read_bytes = chain->write_bytes = 0;
	err = walk(vq, chain);
	if (err)
		return err;
	vq->next_avail++;
	return 1;
}

void virtq_unpop(struct virtq *vq)
{
	vq->next_avail--;
}

/* ---- used ---- */

void virtq_tell_written(struct virtq *vq, const struct virtq_chain *chain,
			u64 bytes)
{
	for (u32 i = 0; i < chain->write_count && bytes; i++) {
		const struct iovec *part = &chain->iov[chain->read_count + i];
		u64 size = MIN(bytes, (u64)part->iov_len);

		guest_mem_tell_written_at(vq->mem, part->iov_base, size);
		bytes -= size;
	}
}

void virtq_fill(struct virtq *vq, const struct virtq_chain *chain,
		u32 written_bytes, u16 index)
{
	struct virtq_used_elem elem = {.id = chain->head, .len = written_bytes};
	u8 *to = (u8 *)(vq->used + RING_HEAD);

	assert(vq->enabled && index < vq->size);
	to += (u16)(vq->next_used + index) % vq->size * sizeof(elem);
	virtq_tell_written(vq, chain, written_bytes);
	memcpy(to, &elem, sizeof(elem));
	guest_mem_tell_written_at(vq->mem, to, sizeof(elem));
}

void virtq_flush(struct virtq *vq, u16 count)
{
	vq->next_used = (u16)(vq->next_used + count);
	store_release(&vq->used[1], vq->next_used);
}

void virtq_push(struct virtq *vq, const struct virtq_chain *chain,
		u32 written_bytes)
{
	virtq_fill(vq, chain, written_bytes, 0);
	virtq_flush(vq, 1);
}

/* ---- who wants to be told ---- */

/* used_event lies behind the available ring, avail_event behind the used. */
static const u16 *used_event(const struct virtq *vq)
{
	return &vq->avail[RING_HEAD + vq->size];
}

static u16 *avail_event(const struct virtq *vq)
{
	return &vq->used[RING_HEAD + 4 * (u32)vq->size];
}

/* [VIRTIO 2.7.7 "Used Buffer Notification Suppression"] */
bool virtq_interrupt_wanted(struct virtq *vq)
{
	u16 before = vq->told_used, now = vq->next_used;

	if (!vq->enabled || before == now)
		return false;
	vq->told_used = now;
	/* The index must be out before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->event_idx)
		return !(load(&vq->avail[0]) & VIRTQ_AVAIL_F_NO_INTERRUPT);
	return (u16)(now - load(used_event(vq)) - 1) < (u16)(now - before);
}

/* [VIRTIO 2.7.10 "Available Buffer Notification Suppression"] */
bool virtq_ask_notify(struct virtq *vq, bool wanted)
{
	if (!vq->enabled)
		return false;
	if (!vq->event_idx)
		store_release(&vq->used[0], wanted ? 0 : VIRTQ_USED_F_NO_NOTIFY);
	else if (wanted)
		store_release(avail_event(vq), vq->next_avail);
	if (!wanted)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load(&vq->avail[1]) != vq->next_avail;
}
