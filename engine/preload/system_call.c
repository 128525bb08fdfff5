/* SPDX-License-Identifier: MIT */
/* ioctl on /dev/kvm. [KVM-API 4 "API description"], type "system ioctl" */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/preload/call.h"

#define API_VERSION  12
#define CPUIDS_MAX   256 /* the kernel's KVM_MAX_CPUID_ENTRIES */
#define MSR_LIST_MAX 4096

/* MCG_CTL_P and MCG_SER_P; the banks are KVM_CAP_MCE's. */
#define MCE_SUPPORTED ((u64)0x01000100)

static const struct engine_ops *ops(const struct call *call)
{
	return call->p->engine->ops;
}

static int get_api_version(struct call *call, void *data)
{
	(void)data;
	return call->arg ? -EINVAL : API_VERSION;
}

static int create_vm(struct call *call, void *data)
{
	(void)data;
	return object_create_vm(call->p, call->arg);
}

static int check_extension(struct call *call, void *data)
{
	(void)data;
	if (preload_lacks((u32)call->arg))
		return 0;
	return ops(call)->check_extension(call->p->engine, (u32)call->arg);
}

static int vcpu_mmap_size(struct call *call, void *data)
{
	(void)data;
	return call->arg ? -EINVAL : ops(call)->vcpu_mmap_size(call->p->engine);
}

/* GET_SUPPORTED_CPUID, GET_EMULATED_CPUID. */
static int cpuid_list(struct call *call, struct kvm_cpuid2 *head,
		      int (*get)(struct engine *e, struct kvm_cpuid2 *cpuid))
{
	struct call_tail tail = {.head = sizeof(struct kvm_cpuid2),
				 .entry = sizeof(struct kvm_cpuid_entry2),
				 .count = MIN(head->nent, (u32)CPUIDS_MAX)};
	struct kvm_cpuid2 *cpuid;
	void *data = NULL;
	int rc = call_copy_tail(call, &tail, false, &data);

	if (rc)
		return rc;
	cpuid = data;
	cpuid->nent = tail.count;
	rc = get(call->p->engine, cpuid);
	head->nent = cpuid->nent;
	if (rc >= 0 && user_write(call->arg + tail.head, cpuid->entries,
				  tail.entry * cpuid->nent))
		rc = -EFAULT;
	free(data);
	return rc;
}

static int get_supported_cpuid(struct call *call, void *data)
{
	return cpuid_list(call, data, ops(call)->get_supported_cpuid);
}

static int get_emulated_cpuid(struct call *call, void *data)
{
	return cpuid_list(call, data, ops(call)->get_emulated_cpuid);
}

/* The count goes out in any case: the client asks with 0 first. */
static int msr_list(struct call *call, struct kvm_msr_list *head,
		    int (*get)(struct engine *e, struct kvm_msr_list *list))
{
	struct call_tail tail = {.head = sizeof(struct kvm_msr_list),
				 .entry = sizeof(u32),
				 .count = MIN(head->nmsrs, (u32)MSR_LIST_MAX)};
	struct kvm_msr_list *list;
	void *data = NULL;
	int rc = call_copy_tail(call, &tail, false, &data);

	if (rc)
		return rc;
	list = data;
	list->nmsrs = tail.count;
	rc = get(call->p->engine, list);
	head->nmsrs = list->nmsrs;
	if (user_write(call->arg, head, sizeof(*head)) ||
	    (rc >= 0 && user_write(call->arg + tail.head, list->indices,
				   tail.entry * list->nmsrs)))
		rc = -EFAULT;
	free(data);
	return rc;
}

static int get_msr_index_list(struct call *call, void *data)
{
	return msr_list(call, data, ops(call)->get_msr_index_list);
}

static int get_msr_feature_index_list(struct call *call, void *data)
{
	return msr_list(call, data, ops(call)->get_msr_feature_index_list);
}

static int feature_msrs(struct call *call, struct kvm_msrs *msrs)
{
	return ops(call)->get_feature_msrs(call->p->engine, msrs);
}

static int get_msrs(struct call *call, void *data)
{
	(void)data;
	return call_msrs(call, true, feature_msrs);
}

static int get_mce_cap_supported(struct call *call, void *data)
{
	const u64 supported = MCE_SUPPORTED;

	(void)call;
	memcpy(data, &supported, sizeof(supported));
	return 0;
}

const struct call_row system_rows[] = {
	{KVM_GET_API_VERSION, CALL_VALUE, get_api_version},
	{KVM_CREATE_VM, CALL_VALUE, create_vm},
	{KVM_CHECK_EXTENSION, CALL_VALUE, check_extension},
	{KVM_GET_VCPU_MMAP_SIZE, CALL_VALUE, vcpu_mmap_size},
	{KVM_GET_SUPPORTED_CPUID, CALL_INOUT, get_supported_cpuid},
	{KVM_GET_EMULATED_CPUID, CALL_INOUT, get_emulated_cpuid},
	{KVM_GET_MSR_INDEX_LIST, CALL_IN, get_msr_index_list},
	{KVM_GET_MSR_FEATURE_INDEX_LIST, CALL_IN, get_msr_feature_index_list},
	{KVM_GET_MSRS, CALL_VALUE, get_msrs},
	{KVM_X86_GET_MCE_CAP_SUPPORTED, CALL_OUT, get_mce_cap_supported},
};
const u32 system_row_count = ARRAY_SIZE(system_rows);
