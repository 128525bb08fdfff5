/* SPDX-License-Identifier: MIT */
#include "engine/preload/object.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/raw.h"

#define PAGE_BYTES 4096

/* As the link in /proc says it; what follows "keel:" is the kernel's name. */
#define NAME_SYSTEM  "keel:kvm"
#define NAME_VM	     "keel:kvm-vm"
#define NAME_VCPU    "keel:kvm-vcpu"
#define LINK_PREFIX  "/memfd:"
#define LINK_DELETED " (deleted)"

/* Not in the headers of older kernels. */
#define MFD_NOEXEC_SEAL_ 8u

/* --- descriptors --- */

static int raw_close(int fd)
{
	return (int)raw_call(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
}

/* A memfd of `pages` that cannot change its size. */
static int memfd_new(const char *name, u32 pages, bool cloexec)
{
	u32 flags = MFD_ALLOW_SEALING | (cloexec ? MFD_CLOEXEC : 0);
	long fd = raw_call(SYS_memfd_create, raw_address(name),
			   flags | MFD_NOEXEC_SEAL_, 0, 0, 0, 0);
	long rc;

	if (fd == -EINVAL)
		fd = raw_call(SYS_memfd_create, raw_address(name), flags, 0, 0,
			      0, 0);
	if (fd < 0)
		return trace_err((int)fd);
	rc = raw_call(SYS_ftruncate, (u64)fd, (u64)pages * PAGE_BYTES, 0, 0, 0,
		      0);
	if (!rc)
		rc = raw_call(SYS_fcntl, (u64)fd, F_ADD_SEALS,
			      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 0, 0,
			      0);
	if (rc < 0 || fd >= (long)NUMBERS_MAX) {
		(void)raw_close((int)fd); /* ours alone */
		return trace_err(rc < 0 ? (int)rc : -EMFILE);
	}
	return (int)fd;
}

static bool identity(int fd, u64 *ret_device, u64 *ret_inode)
{
	struct stat st;

	if (raw_call(SYS_fstat, (u64)fd, raw_address(&st), 0, 0, 0, 0))
		return false;
	*ret_device = st.st_dev;
	*ret_inode = st.st_ino;
	return true;
}

int object_internal_fd(struct preload *p, int fd)
{
	struct rlimit limit;
	u64 from;
	long high;

	if (fd < 0)
		return fd;
	__atomic_store_n(&p->internal_process, process_id(&p->process),
			 __ATOMIC_RELEASE);
	if (raw_call(SYS_getrlimit, RLIMIT_NOFILE, raw_address(&limit), 0, 0, 0,
		     0))
		limit.rlim_cur = 0;
	from = MIN(limit.rlim_cur, (u64)NUMBERS_MAX) / 2;
	high = raw_call(SYS_fcntl, (u64)fd, F_DUPFD_CLOEXEC, from, 0, 0, 0);
	if (high < 0) { /* no room up there: it stays */
		files_set_internal(&p->files, fd, true);
		return fd;
	}
	files_set_internal(&p->files, (int)high, true);
	(void)raw_close(fd); /* ours alone */
	return (int)high;
}

/*
 * Gives the file a number; the file's one reference goes to the table, or is
 * dropped when there is an error. Returns the number.
 */
static int file_number(struct preload *p, struct preload_file *file, int fd)
{
	struct preload_file *before;

	before = files_set(&p->files, fd, file);
	if (before) /* closed where we could not see it */
		files_put(&p->files, before);
	return fd;
}

static struct preload_file *file_new(struct preload *p, int fd)
{
	struct preload_file *file = files_claim(&p->files);
	u64 device, inode;

	if (!file)
		return NULL;
	file->process = process_id(&p->process);
	if (!identity(fd, &device, &inode)) {
		files_put(&p->files, file);
		return NULL;
	}
	__atomic_store_n(&file->device, device, __ATOMIC_RELAXED);
	__atomic_store_n(&file->inode, inode, __ATOMIC_RELAXED);
	return file;
}

/* --- the end --- */

static void vcpu_free(struct preload_vcpu *vcpu)
{
	if (!vcpu)
		return;
	if (vcpu->engine)
		vcpu->engine->ops->free(vcpu->engine);
	mutex_release(&vcpu->run_lock);
	free(vcpu);
}

static void vm_unref(struct preload *p, struct preload_vm *vm)
{
	if (__atomic_sub_fetch(&vm->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_free(vm->vcpu[i]);
	vm->engine->ops->free(vm->engine);
	if (vm->ring_fd >= 0) {
		files_set_internal(&p->files, vm->ring_fd, false);
		(void)raw_close(vm->ring_fd); /* ours alone */
	}
	mutex_release(&vm->lock);
	free(vm->slot);
	free(vm);
}

/*
 * What a forked child lets go is its parent's: locks in it may be held by
 * threads that are not here, so it stays as it is.
 */
static void release(void *ctx, struct preload_file *file)
{
	struct preload *p = ctx;

	if (file->vm && file->process == process_id(&p->process))
		vm_unref(p, file->vm);
}

/* --- /dev/kvm --- */

/* Two threads may both make one: the second's goes. */
static int engine_get(struct preload *p)
{
	struct engine *made, *none = NULL;
	int err;

	if (__atomic_load_n(&p->engine, __ATOMIC_ACQUIRE))
		return 0;
	err = engine_soft_open(NULL, &made, NULL);
	if (err)
		return err;
	if (!__atomic_compare_exchange_n(&p->engine, &none, made, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		made->ops->free(made);
	return 0;
}

static int system_start(struct preload *p)
{
	int err = process_start(&p->process);

	p->files.ctx = p; /* the same each time */
	p->files.release = release;
	return err ? err : engine_get(p);
}

int object_open_system(struct preload *p, int flags)
{
	struct preload_file *file;
	int err, fd;

	err = system_start(p);
	if (err)
		return err;
	fd = memfd_new(NAME_SYSTEM, 0, flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	if (flags & O_NONBLOCK)
		(void)raw_call(SYS_fcntl, (u64)fd, F_SETFL, O_NONBLOCK, 0, 0, 0);
	file = file_new(p, fd);
	if (!file) {
		(void)raw_close(fd); /* ours alone */
		return trace_err(-ENFILE);
	}
	files_publish(file, FILE_SYSTEM);
	return file_number(p, file, fd);
}

/* --- VMs --- */

int object_create_vm(struct preload *p, unsigned long type)
{
	int slots =
		p->engine->ops->check_extension(p->engine, KVM_CAP_NR_MEMSLOTS);
	struct preload_vm *vm = calloc(1, sizeof(*vm));
	struct preload_file *file;
	int err, fd;

	if (!vm)
		return trace_err(-ENOMEM);
	vm->slot = calloc((size_t)slots, sizeof(*vm->slot));
	err = vm->slot ? p->engine->ops->create_vm(p->engine, type, &vm->engine)
		       : trace_err(-ENOMEM);
	if (err) {
		free(vm->slot);
		free(vm);
		return err;
	}
	mutex_init(&vm->lock);
	vm->ring_fd = -1;
	vm->refs = 1;
	vm->slot_count = (u32)slots;
	fd = memfd_new(NAME_VM, 0, true);
	file = fd < 0 ? NULL : file_new(p, fd);
	if (!file) {
		if (fd >= 0)
			(void)raw_close(fd); /* ours alone */
		vm_unref(p, vm);
		return fd < 0 ? fd : trace_err(-ENFILE);
	}
	file->vm = vm;
	files_publish(file, FILE_VM);
	return file_number(p, file, fd);
}

u64 object_slot_bytes(const struct preload_vm *vm, u32 id)
{
	for (u32 i = 0; i < vm->slot_count; i++)
		if (vm->slot[i].bytes && vm->slot[i].id == id)
			return vm->slot[i].bytes;
	return 0;
}

void object_slot_set(struct preload_vm *vm, u32 id, u64 bytes)
{
	u32 at = vm->slot_count;

	for (u32 i = 0; i < vm->slot_count; i++) {
		if (vm->slot[i].bytes && vm->slot[i].id == id) {
			at = i;
			break;
		}
		if (!vm->slot[i].bytes && at == vm->slot_count)
			at = i;
	}
	assert(at < vm->slot_count); /* the engine has no more either */
	vm->slot[at].id = id;
	vm->slot[at].bytes = bytes;
}

/* --- vCPUs --- */

/* Puts page `page` of `fd` where the engine has this one, with its contents. */
static int page_lay(void *at, int fd, u32 page)
{
	u64 offset = (u64)page * PAGE_BYTES;
	long rc = raw_call(SYS_pwrite64, (u64)fd, raw_address(at), PAGE_BYTES,
			   offset, 0, 0);

	assert(is_aligned(raw_address(at), PAGE_BYTES));
	if (rc != PAGE_BYTES)
		return trace_err(rc < 0 ? (int)rc : -ENOMEM);
	rc = raw_call(SYS_mmap, raw_address(at), PAGE_BYTES,
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, (u64)fd,
		      offset);
	return rc < 0 && rc > -4096 ? trace_err((int)rc) : 0;
}

/* vm->lock held. The ring's page: the first vCPU's contents count. */
static int ring_lay(struct preload *p, struct preload_vm *vm, void *at)
{
	long rc;

	if (vm->ring_fd < 0) {
		int fd = object_internal_fd(
			p, memfd_new("keel:kvm-ring", 1, true));
		int err = fd < 0 ? fd : page_lay(at, fd, 0);

		if (err) {
			if (fd >= 0) {
				files_set_internal(&p->files, fd, false);
				(void)raw_close(fd); /* ours alone */
			}
			return err;
		}
		vm->ring_fd = fd;
		vm->ring = at;
		return 0;
	}
	if (at == vm->ring) /* the engine has but one itself */
		return 0;
	rc = raw_call(SYS_mmap, raw_address(at), PAGE_BYTES,
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      (u64)vm->ring_fd, 0);
	return rc < 0 && rc > -4096 ? trace_err((int)rc) : 0;
}

static int pages_lay(struct preload *p, struct preload_vm *vm,
		     struct engine_vcpu *vcpu, int fd, u32 pages)
{
	int err = 0;

	for (u32 page = 0; page < pages && !err; page++) {
		void *at = vcpu->ops->mapped_page(vcpu, page);

		if (!at)
			continue;
		err = page == KVM_COALESCED_MMIO_PAGE_OFFSET
			      ? ring_lay(p, vm, at)
			      : page_lay(at, fd, page);
	}
	return err;
}

/* vm->lock held. The vCPU is the VM's from here on, as in the kernel. */
static int vcpu_join(struct preload *p, struct preload_vm *vm, u32 id,
		     struct preload_file *file, int fd, u32 pages)
{
	struct preload_vcpu *vcpu;
	int err;

	if (vm->vcpu_count == PRELOAD_VCPUS_MAX)
		return trace_err(-EINVAL);
	vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		return trace_err(-ENOMEM);
	mutex_init(&vcpu->run_lock);
	err = vm->engine->ops->create_vcpu(vm->engine, id, &vcpu->engine);
	if (!err)
		err = pages_lay(p, vm, vcpu->engine, fd, pages);
	if (err) {
		vcpu_free(vcpu);
		return err;
	}
	vm->vcpu[vm->vcpu_count++] = vcpu;
	__atomic_fetch_add(&vm->refs, 1, __ATOMIC_RELAXED);
	file->vm = vm;
	file->vcpu = vcpu;
	return 0;
}

int object_create_vcpu(struct preload *p, struct preload_file *of, u32 id)
{
	struct preload_vm *vm = of->vm;
	u32 pages = (u32)p->engine->ops->vcpu_mmap_size(p->engine) / PAGE_BYTES;
	struct preload_file *file;
	char name[32];
	int err, fd;

	(void)snprintf(name, sizeof(name), NAME_VCPU ":%u", id); /* fits */
	fd = memfd_new(name, pages, true);
	if (fd < 0)
		return fd;
	file = file_new(p, fd);
	if (!file) {
		(void)raw_close(fd); /* ours alone */
		return trace_err(-ENFILE);
	}
	mutex_lock(&vm->lock);
	err = vcpu_join(p, vm, id, file, fd, pages);
	mutex_unlock(&vm->lock);
	if (err) {
		files_put(&p->files, file);
		(void)raw_close(fd); /* ours alone */
		return err;
	}
	files_publish(file, FILE_VCPU);
	return file_number(p, file, fd);
}

/* --- descriptors from elsewhere --- */

bool object_is(const struct preload_file *file, int number)
{
	u64 device, inode;

	return identity(number, &device, &inode) && device == file->device &&
	       inode == file->inode;
}

/* What the link says; FILE_NONE: nothing of ours. */
static enum file_kind kind_by_name(int number)
{
	char path[40], link[64];
	const char *name = link + sizeof(LINK_PREFIX) - 1;
	long size;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", number); /* fits */
	size = raw_call(SYS_readlink, raw_address(path), raw_address(link),
			sizeof(link) - 1, 0, 0, 0);
	if (size <= 0)
		return FILE_NONE;
	link[size] = '\0';
	if (strncmp(link, LINK_PREFIX NAME_SYSTEM,
		    sizeof(LINK_PREFIX NAME_SYSTEM) - 1) != 0)
		return FILE_NONE;
	return strcmp(name, NAME_SYSTEM LINK_DELETED) == 0 ? FILE_SYSTEM
							   : FILE_FOREIGN;
}

struct preload_file *object_adopt(struct preload *p, int number)
{
	enum file_kind kind;
	u64 device, inode;
	struct preload_file *file;

	if (number < 0 || (u32)number >= NUMBERS_MAX ||
	    !identity(number, &device, &inode))
		return NULL;
	file = files_find(&p->files, device, inode);
	if (!file) {
		kind = kind_by_name(number);
		if (kind == FILE_NONE)
			return NULL;
		if (system_start(p))
			return NULL;
		file = file_new(p, number);
		if (!file)
			return NULL;
		files_publish(file, kind);
	}
	(void)files_ref(file); /* the table's; there is one already */
	(void)file_number(p, file, number);
	return file;
}

/* --- mapping --- */

long object_map(struct preload_file *file, u64 at, u64 size, u64 protection,
		u64 flags, int number, u64 offset)
{
	u64 ring = (u64)KVM_COALESCED_MMIO_PAGE_OFFSET * PAGE_BYTES;
	long mapped, rc;

	if (file->kind != FILE_VCPU)
		return -ENODEV;
	mapped = raw_call(SYS_mmap, at, size, protection, flags, (u64)number,
			  offset);
	if (mapped < 0 && mapped > -4096)
		return mapped;
	if (file->vm->ring_fd < 0 || offset > ring || ring - offset >= size)
		return mapped;
	flags = (flags & ~(u64)MAP_FIXED_NOREPLACE) | MAP_FIXED;
	rc = raw_call(SYS_mmap, (u64)mapped + ring - offset, PAGE_BYTES,
		      protection, flags, (u64)file->vm->ring_fd, 0);
	if (rc < 0 && rc > -4096) {
		(void)raw_call(SYS_munmap, (u64)mapped, size, 0, 0, 0, 0);
		return rc;
	}
	return mapped;
}
