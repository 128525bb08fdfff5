/* SPDX-License-Identifier: MIT */
/*
 * The files' contents: /dev/kvm, VMs and vCPUs, over engine/engine.h.
 *
 * Each descriptor is a memfd, which polls, passes and maps as a KVM descriptor
 * does. A vCPU's memfd is its mapping: the engine's own pages of kvm_run are
 * laid over by those of the memfd, so that the client's mmap is the kernel's.
 * The page of the coalesced ring is one for the whole VM, in a memfd of its own.
 *
 * Lives are the kernel's: a VM ends with the last of its descriptors and those
 * of its vCPUs, and its vCPUs end with it, not before.
 */
#ifndef ENGINE_PRELOAD_OBJECT_H
#define ENGINE_PRELOAD_OBJECT_H

#include "base/thread.h"
#include "engine/engine.h"
#include "engine/preload/files.h"
#include "engine/preload/process.h"

#define PRELOAD_VCPUS_MAX 1024

struct preload_vcpu {
	struct engine_vcpu *engine; /* owned */
	/* The run in progress, and set_signal_mask of the engine with it. */
	struct mutex run_lock;
	u64 engine_mask; /* run_lock: what the engine was told last */
	bool engine_told;
	/* KVM_SET_SIGNAL_MASK */
	u64 mask;      /* atomic */
	bool mask_set; /* atomic */
};

struct preload_vm {
	struct engine_vm *engine; /* owned */
	u32 refs;		  /* atomic: files of the VM and its vCPUs */
	struct mutex lock;	  /* the fields below */
	u32 vcpu_count;
	struct preload_vcpu *vcpu[PRELOAD_VCPUS_MAX]; /* owned */
	int ring_fd; /* owned; the coalesced ring; -1: no vCPU yet */
	void *ring;  /* where the engine has it */
	u32 slot_count;
	struct preload_slot {
		u32 id;
		u64 bytes; /* 0: free */
	} * slot;	   /* owned; as many as the engine allows */
};

/* What all files of the process hang from. */
struct preload {
	struct preload_process process;
	struct engine *engine; /* atomic; owned; NULL: not opened yet */
	/* Which fork made the descriptors that are NUMBER_INTERNAL; atomic. */
	u32 internal_process;
	struct preload_files files;
};

/* The calls below return a descriptor or 0, or -errno. */

/* open("/dev/kvm"); `flags` are open's: O_CLOEXEC counts. */
int object_open_system(struct preload *p, int flags);
int object_create_vm(struct preload *p, unsigned long type);
int object_create_vcpu(struct preload *p, struct preload_file *file, u32 id);
/* Under vm->lock: bytes of a slot, 0: there is none. */
u64 object_slot_bytes(const struct preload_vm *vm, u32 id);
void object_slot_set(struct preload_vm *vm, u32 id, u64 bytes);

/*
 * A descriptor that came by a way of its own (SCM_RIGHTS, exec, dup inside
 * libc) and is nevertheless one of these: its file, now in the table, with a
 * reference. NULL: not ours.
 */
struct preload_file *object_adopt(struct preload *p, int number);
/* Does the number still name the memfd of this file? */
bool object_is(const struct preload_file *file, int number);

/*
 * mmap of a number that is ours: an address, or -errno. `raw` arguments as the
 * system call's.
 */
long object_map(struct preload_file *file, u64 at, u64 size, u64 protection,
		u64 flags, int number, u64 offset);

/* A descriptor moved up to where no client looks; takes `fd` over. */
int object_internal_fd(struct preload *p, int fd);

#endif
