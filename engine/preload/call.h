/* SPDX-License-Identifier: MIT */
/*
 * ioctl on a descriptor of ours: from the number and the client's address to a
 * function of engine/engine.h, and back. Requests are compared whole, with the
 * size in them, as the kernel does; structs with a tail are moved by the
 * functions that know how long it is.
 */
#ifndef ENGINE_PRELOAD_CALL_H
#define ENGINE_PRELOAD_CALL_H

#include "engine/preload/object.h"
#include "engine/preload/user.h"

struct call {
	struct preload *p;
	struct preload_file *file;
	u64 arg;	 /* ioctl's third */
	u64 client_mask; /* the thread's signal mask, as the client set it */
};

/* How the argument is moved. */
enum call_way {
	CALL_VALUE, /* a number, or nothing; fn gets NULL */
	CALL_IN,    /* a struct of _IOC_SIZE bytes: copied in, */
	CALL_OUT,   /* copied out when fn returns >= 0, */
	CALL_INOUT, /* or both */
};

struct call_row {
	u32 request;
	enum call_way way;
	/* The ioctl's result, or -errno. */
	int (*fn)(struct call *call, void *data);
};

/* The largest struct that is moved whole. */
#define CALL_BYTES_MAX sizeof(struct kvm_xsave)

extern const struct call_row system_rows[], vm_rows[], vcpu_rows[];
extern const u32 system_row_count, vm_row_count, vcpu_row_count;

/*
 * The whole of it: a result or -errno. The caller holds a reference of the file
 * and has signals held back.
 */
int call_ioctl(struct call *call, u32 request);

/* A head of `head` bytes and `count` entries of `entry` behind it. */
struct call_tail {
	size_t head, entry;
	u32 count;
};

/* Fresh memory with all of it copied in (or the head alone), for free(). */
must_check int call_copy_tail(const struct call *call,
			      const struct call_tail *tail, bool with_entries,
			      void **ret);

/* KVM_GET_MSRS and KVM_SET_MSRS; `move` is the engine's function. */
int call_msrs(struct call *call, bool write_back,
	      int (*move)(struct call *call, struct kvm_msrs *msrs));

/*
 * What the engine has and the library does not pass on: the ring of coalesced
 * writes, which the engine keeps in memory of its own that no client maps yet.
 */
static inline bool preload_lacks(u32 cap)
{
	return cap == KVM_CAP_COALESCED_MMIO || cap == KVM_CAP_COALESCED_PIO;
}

#endif
