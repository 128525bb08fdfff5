/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the three handles of the /dev/kvm way,
 * each with its file descriptor, and the one place that calls ioctl(2).
 * Nothing outside the room includes this header, its tests apart.
 */
#ifndef ENGINE_KVM_KVM_H
#define ENGINE_KVM_KVM_H

#include "base/err.h"
#include "base/types.h"
#include "engine/engine.h"

#define KVM_WAY_PATH "/dev/kvm"

/* [KVM-API 4.1 "KVM_GET_API_VERSION"]: frozen since Linux 2.6.22. */
#define KVM_WAY_API_VERSION 12

struct kvm_way {
	struct engine base;
	int fd;			/* owned */
	size_t vcpu_mmap_bytes; /* of each vcpu fd; at least struct kvm_run */
};

struct kvm_way_vm {
	struct engine_vm base;
	int fd;			/* owned */
	size_t vcpu_mmap_bytes; /* the engine's */
};

struct kvm_way_vcpu {
	struct engine_vcpu base; /* base.run: owned mapping of mmap_bytes */
	int fd;			 /* owned */
	size_t mmap_bytes;
};

/*
 * ioctl(2) with EINTR retried: a signal that kicks vcpus may hit a thread in
 * any call (KVM_CREATE_VM waits interruptibly), and only KVM_RUN gives EINTR
 * a meaning; that one does not come through here. The result, or -errno.
 */
int kvm_way_ioctl(int fd, unsigned long request, unsigned long value);
/* The same for a request that takes a pointer; the request says who writes. */
int kvm_way_ioctl_at(int fd, unsigned long request, const void *arg);

/*
 * Is it a device of the kernel's? Not if another library answers for /dev/kvm:
 * what is found out about one is no knowledge about the other.
 */
bool kvm_way_is_device(struct engine *e);

/* engine_kvm_open for a device node elsewhere. */
must_check int kvm_way_open(const char *path, struct engine **ret,
			    struct fault *fault);

/* Take `fd` over, also when they fail: -ENOMEM, or mmap's errno. */
must_check int kvm_way_vm_create(int fd, size_t vcpu_mmap_bytes,
				 struct engine_vm **ret);
must_check int kvm_way_vcpu_create(int fd, size_t mmap_bytes,
				   struct engine_vcpu **ret);

#endif
