/* SPDX-License-Identifier: MIT */
#include "engine/preload/call.h"

#include <assert.h>
#include <errno.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>

#define MSRS_MAX 256 /* fewer than that, as the kernel's msr_io() */

static int row_call(struct call *call, const struct call_row *row)
{
	union {
		u8 bytes[CALL_BYTES_MAX];
		u64 aligned;
	} data;
	size_t size = _IOC_SIZE(row->request);
	int rc = 0;

	if (row->way == CALL_VALUE)
		return row->fn(call, NULL);
	assert(size && size <= sizeof(data));
	if (row->way == CALL_OUT)
		memset(data.bytes, 0, size);
	else
		rc = user_read(data.bytes, call->arg, size);
	if (rc)
		return rc;
	rc = row->fn(call, data.bytes);
	if (rc >= 0 && row->way != CALL_IN &&
	    user_write(call->arg, data.bytes, size))
		return -EFAULT;
	return rc;
}

static int rows_call(struct call *call, u32 request, const struct call_row *row,
		     u32 count, int unknown)
{
	for (u32 i = 0; i < count; i++)
		if (row[i].request == request)
			return row_call(call, &row[i]);
	return unknown;
}

/*
 * A VM belongs to the memory of the process that made it: for everybody else
 * each of its calls is -EIO. [KVM-API 3 "Restrictions"]
 */
int call_ioctl(struct call *call, u32 request)
{
	struct preload_file *file = call->file;
	u32 process = process_id(&call->p->process);

	switch (file->kind) {
	case FILE_SYSTEM:
		return rows_call(call, request, system_rows, system_row_count,
				 -EINVAL);
	case FILE_VM:
		return file->process != process
			       ? -EIO
			       : rows_call(call, request, vm_rows, vm_row_count,
					   -ENOTTY);
	case FILE_VCPU:
		return file->process != process
			       ? -EIO
			       : rows_call(call, request, vcpu_rows,
					   vcpu_row_count, -EINVAL);
	default:
		return -EIO;
	}
}

int call_copy_tail(const struct call *call, const struct call_tail *tail,
		   bool with_entries, void **ret)
{
	size_t room = tail->head + tail->entry * tail->count;
	size_t taken = with_entries ? room : tail->head;
	void *data = calloc(1, room);

	if (!data)
		return trace_err(-ENOMEM);
	if (user_read(data, call->arg, taken)) {
		free(data);
		return -EFAULT;
	}
	*ret = data;
	return 0;
}

int call_msrs(struct call *call, bool write_back,
	      int (*move)(struct call *call, struct kvm_msrs *msrs))
{
	struct call_tail tail = {.head = sizeof(struct kvm_msrs),
				 .entry = sizeof(struct kvm_msr_entry)};
	struct kvm_msrs head, *msrs;
	void *data = NULL;
	int rc;

	if (user_read(&head, call->arg, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MSRS_MAX)
		return -E2BIG;
	tail.count = head.nmsrs;
	rc = call_copy_tail(call, &tail, true, &data);
	if (rc)
		return rc;
	assert(data);
	msrs = data;
	msrs->nmsrs = head.nmsrs; /* it may have been changed since */
	rc = move(call, msrs);
	if (rc >= 0 && write_back &&
	    user_write(call->arg + tail.head, msrs->entries,
		       tail.entry * tail.count))
		rc = -EFAULT;
	free(data);
	return rc;
}
