/* SPDX-License-Identifier: MIT */
/*
 * Way 1: Linux's own /dev/kvm. The seam is the KVM ABI, so this room is thin:
 * every function is one ioctl and the kernel's answer goes back unchanged.
 * This file has the opening and the system calls, vm.c and vcpu.c the rest;
 * probe.c judges whether the device found here can run operating systems.
 *
 * What it leaves out: a KVM without hardware virtualization beneath it may
 * stop at an instruction its interpreter lacks (KVM_EXIT_INTERNAL_ERROR,
 * suberror 1). Such a vcpu can be resumed once the instruction has been
 * completed for it, which engine/core could do; nothing here does so yet, and
 * the exit reaches the client as it is. Nor is there a watchdog for a vcpu
 * that makes no progress: that is the client's, as with the kernel.
 */
#include "engine/kvm/kvm.h"

#include <assert.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* needs: io vcpu: ioctl:type=KVMIO */
int kvm_way_ioctl(int fd, unsigned long request, unsigned long value)
{
	int ret;

	do
		ret = ioctl(fd, request, value);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? trace_err(-errno) : ret;
}

int kvm_way_ioctl_at(int fd, unsigned long request, const void *arg)
{
	return kvm_way_ioctl(fd, request, (unsigned long)(uintptr_t)arg);
}

/* ---- the system ioctls ---- */

static struct kvm_way *way_of(struct engine *e)
{
	return container_of(e, struct kvm_way, base);
}

static void way_free(struct engine *e)
{
	struct kvm_way *way;

	if (!e)
		return;
	way = way_of(e);
	fd_close(&way->fd);
	free(way);
}

static int way_check_extension(struct engine *e, u32 cap)
{
	return kvm_way_ioctl(way_of(e)->fd, KVM_CHECK_EXTENSION, cap);
}

static int way_vcpu_mmap_size(struct engine *e)
{
	return kvm_way_ioctl(way_of(e)->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
}

static int way_get_supported_cpuid(struct engine *e, struct kvm_cpuid2 *cpuid)
{
	return kvm_way_ioctl_at(way_of(e)->fd, KVM_GET_SUPPORTED_CPUID, cpuid);
}

static int way_get_emulated_cpuid(struct engine *e, struct kvm_cpuid2 *cpuid)
{
	return kvm_way_ioctl_at(way_of(e)->fd, KVM_GET_EMULATED_CPUID, cpuid);
}

static int way_get_msr_index_list(struct engine *e, struct kvm_msr_list *list)
{
	return kvm_way_ioctl_at(way_of(e)->fd, KVM_GET_MSR_INDEX_LIST, list);
}

static int way_get_msr_feature_index_list(struct engine *e,
					  struct kvm_msr_list *list)
{
	return kvm_way_ioctl_at(way_of(e)->fd, KVM_GET_MSR_FEATURE_INDEX_LIST,
				list);
}

static int way_get_feature_msrs(struct engine *e, struct kvm_msrs *msrs)
{
	return kvm_way_ioctl_at(way_of(e)->fd, KVM_GET_MSRS, msrs);
}

static int way_create_vm(struct engine *e, unsigned long type,
			 struct engine_vm **ret)
{
	struct kvm_way *way = way_of(e);
	int fd = kvm_way_ioctl(way->fd, KVM_CREATE_VM, type);

	if (fd < 0)
		return fd;
	return kvm_way_vm_create(fd, way->vcpu_mmap_bytes, ret);
}

static const struct engine_ops way_ops = {
	.name = "kvm",
	.free = way_free,
	.check_extension = way_check_extension,
	.vcpu_mmap_size = way_vcpu_mmap_size,
	.get_supported_cpuid = way_get_supported_cpuid,
	.get_emulated_cpuid = way_get_emulated_cpuid,
	.get_msr_index_list = way_get_msr_index_list,
	.get_msr_feature_index_list = way_get_msr_feature_index_list,
	.get_feature_msrs = way_get_feature_msrs,
	.create_vm = way_create_vm,
};

/* ---- opening ---- */

/* "owner root, group kvm, mode 0660": whom to ask, or which group to join. */
static int fault_denied(const char *path, int err, struct fault *fault)
{
	const struct group *group = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		return fault_set(fault, FAULT_DENIED, err,
				 "you may not open '%s'", path);
	group = getgrgid(st.st_gid);
	if (!(st.st_mode & S_IWGRP) || !group)
		return fault_set(fault, FAULT_DENIED, err,
				 "you may not open '%s': only user %u may "
				 "(mode %04o)",
				 path, st.st_uid, st.st_mode & 07777);
	return fault_set(fault, FAULT_DENIED, err,
			 "you may not open '%s': members of the group '%s' may",
			 path, group->gr_name);
}

static int fault_open(const char *path, int err, struct fault *fault)
{
	switch (-err) {
	case ENOENT:
		return fault_set(fault, FAULT_NOT_FOUND, err,
				 "there is no '%s': this kernel has no KVM "
				 "module loaded (kvm_intel, kvm_amd), or the "
				 "device was not passed into this container",
				 path);
	case ENODEV:
	case ENXIO:
		return fault_set(fault, FAULT_NOT_FOUND, err,
				 "'%s' has no driver behind it: load kvm_intel "
				 "or kvm_amd",
				 path);
	case EACCES:
	case EPERM:
		return fault_denied(path, err, fault);
	default:
		return fault_set(fault, FAULT_IO, err, "cannot open '%s'", path);
	}
}

static int check_version(int fd, const char *path, struct fault *fault)
{
	int version = kvm_way_ioctl(fd, KVM_GET_API_VERSION, 0);

	if (version < 0)
		return fault_set(fault, FAULT_UNSUPPORTED, version,
				 "'%s' is not a KVM device", path);
	if (version != KVM_WAY_API_VERSION)
		return fault_set(fault, FAULT_UNSUPPORTED, trace_err(-ENOSYS),
				 "'%s' speaks version %d of the KVM API, "
				 "not %d",
				 path, version, KVM_WAY_API_VERSION);
	return 0;
}

/* The size of the vcpu mapping: positive, or -errno with a fault. */
static int check_mmap_size(int fd, const char *path, struct fault *fault)
{
	int size = kvm_way_ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < 0)
		return fault_set(fault, FAULT_IO, size,
				 "'%s' does not say its vcpu mapping size",
				 path);
	if ((size_t)size < sizeof(struct kvm_run))
		return fault_set(fault, FAULT_UNSUPPORTED, trace_err(-EPROTO),
				 "'%s' maps %d bytes for each vcpu, less than "
				 "its %zu",
				 path, size, sizeof(struct kvm_run));
	return size;
}

int kvm_way_open(const char *path, struct engine **ret, struct fault *fault)
{
	auto_close int fd = fd_open(path, O_RDWR, 0);
	struct kvm_way *way;
	int size;
	int err;

	assert(path && ret);
	if (fd < 0)
		return fault_open(path, fd, fault);
	err = check_version(fd, path, fault);
	if (err < 0)
		return err;
	size = check_mmap_size(fd, path, fault);
	if (size < 0)
		return size;
	way = calloc(1, sizeof(*way));
	if (!way)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "no memory for the engine");
	way->base.ops = &way_ops;
	way->vcpu_mmap_bytes = (size_t)size;
	way->fd = fd;
	fd = -1;  /* the engine's now, not this scope's */
	(void)fd; /* read by its clean-up, which the analyser overlooks */
	*ret = &way->base;
	return 0;
}

bool kvm_way_is_device(struct engine *e)
{
	struct stat st;

	return fstat(way_of(e)->fd, &st) == 0 && S_ISCHR(st.st_mode);
}

int engine_kvm_open(struct engine **ret, struct fault *fault)
{
	return kvm_way_open(KVM_WAY_PATH, ret, fault);
}
