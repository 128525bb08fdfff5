/* SPDX-License-Identifier: MIT */
/*
 * Which descriptor numbers are ours, and what is behind them.
 *
 * A file is what the kernel calls an open file description: dup gives another
 * number for it, and it ends with its last number and the last call that is
 * under way on it. Nothing here takes a lock or allocates: a client may close
 * and call from a signal handler, and a thread may be forked away in between.
 * Files therefore live in a fixed array whose places are used again, and a
 * reference is taken by counting up from at least one and then looking whether
 * the number still names the file.
 */
#ifndef ENGINE_PRELOAD_FILES_H
#define ENGINE_PRELOAD_FILES_H

#include "base/types.h"

#define FILES_MAX   8192
#define NUMBERS_MAX (1u << 20) /* descriptors from here on are refused */

enum file_kind {
	FILE_NONE,    /* a free place */
	FILE_CLAIMED, /* being made or unmade */
	FILE_SYSTEM,  /* /dev/kvm */
	FILE_VM,
	FILE_VCPU,
	FILE_FOREIGN, /* a VM's or vCPU's of another process: -EIO */
};

struct preload_vm;
struct preload_vcpu;

struct preload_file {
	u32 refs;    /* atomic: numbers, and calls under way */
	u32 kind;    /* atomic; enum file_kind */
	u32 process; /* of which fork it is; see process.h */
	bool sent;   /* atomic: went over a socket; has a reference for good */
	u64 device, inode;     /* atomic; of the memfd that holds the number */
	struct preload_vm *vm; /* FILE_VM, FILE_VCPU: counted */
	struct preload_vcpu *vcpu; /* FILE_VCPU: the vm's */
};

struct preload_files {
	/* Unmakes what is behind a file without references. Set before any. */
	void (*release)(void *ctx, struct preload_file *file);
	void *ctx;
	struct preload_file file[FILES_MAX];
	u32 file_high;	 /* atomic: places from here on were never used */
	u32 number_high; /* atomic: the same for numbers */
	u32 number[NUMBERS_MAX]; /* atomic: 0, place + 1, or NUMBER_INTERNAL */
};

/* A descriptor of the engine's own, which the client knows nothing of. */
#define NUMBER_INTERNAL UINT32_MAX

/* A place with one reference and FILE_CLAIMED; NULL: all are taken. */
struct preload_file *files_claim(struct preload_files *files);
/* Makes the file known as `kind`. */
void files_publish(struct preload_file *file, enum file_kind kind);

/* One more reference; false when the last is gone already. */
bool files_ref(struct preload_file *file);
/* One less; the last calls files->release and gives the place back. */
void files_put(struct preload_files *files, struct preload_file *file);

/* The file that a number names, with a reference; NULL: none of ours. */
struct preload_file *files_get(struct preload_files *files, int number);
/* What is in the table: 0 for numbers that are not ours. No reference. */
u32 files_peek(struct preload_files *files, int number);
/*
 * Lets a number name `file`, whose reference it takes over; NULL: none. Returns
 * the file that it named before, whose reference is now the caller's.
 */
struct preload_file *files_set(struct preload_files *files, int number,
			       struct preload_file *file);
void files_set_internal(struct preload_files *files, int number, bool internal);
/* The first number from `from` on that is in the table; -1: none up to `to`. */
int files_next(struct preload_files *files, u32 from, u32 to);
/* The file with this memfd, with a reference; NULL: none. */
struct preload_file *files_find(struct preload_files *files, u64 device,
				u64 inode);

#endif
