/* SPDX-License-Identifier: MIT */
#include "engine/preload/files.h"

#include <assert.h>

static void raise_high(u32 *high, u32 to)
{
	u32 now = __atomic_load_n(high, __ATOMIC_RELAXED);

	while (now < to &&
	       !__atomic_compare_exchange_n(high, &now, to, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

struct preload_file *files_claim(struct preload_files *files)
{
	for (u32 i = 0; i < FILES_MAX; i++) {
		struct preload_file *file = &files->file[i];
		u32 none = FILE_NONE;

		if (!__atomic_compare_exchange_n(
			    &file->kind, &none, FILE_CLAIMED, false,
			    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		file->process = 0;
		file->sent = false;
		__atomic_store_n(&file->device, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&file->inode, 0, __ATOMIC_RELAXED);
		file->vm = NULL;
		file->vcpu = NULL;
		__atomic_store_n(&file->refs, 1, __ATOMIC_RELEASE);
		raise_high(&files->file_high, i + 1);
		return file;
	}
	return NULL;
}

void files_publish(struct preload_file *file, enum file_kind kind)
{
	assert(kind > FILE_CLAIMED);
	__atomic_store_n(&file->kind, kind, __ATOMIC_RELEASE);
}

bool files_ref(struct preload_file *file)
{
	u32 refs = __atomic_load_n(&file->refs, __ATOMIC_RELAXED);

	do {
		if (!refs)
			return false;
	} while (!__atomic_compare_exchange_n(&file->refs, &refs, refs + 1,
					      false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

void files_put(struct preload_files *files, struct preload_file *file)
{
	u32 before = __atomic_fetch_sub(&file->refs, 1, __ATOMIC_ACQ_REL);

	assert(before > 0);
	if (before > 1)
		return;
	if (__atomic_load_n(&file->kind, __ATOMIC_ACQUIRE) != FILE_CLAIMED)
		files->release(files->ctx, file);
	__atomic_store_n(&file->kind, FILE_NONE, __ATOMIC_RELEASE);
}

u32 files_peek(struct preload_files *files, int number)
{
	if (number < 0 || (u32)number >= NUMBERS_MAX)
		return 0;
	return __atomic_load_n(&files->number[number], __ATOMIC_ACQUIRE);
}

struct preload_file *files_get(struct preload_files *files, int number)
{
	for (;;) {
		u32 named = files_peek(files, number);
		struct preload_file *file;

		if (!named || named == NUMBER_INTERNAL)
			return NULL;
		file = &files->file[named - 1];
		/* A file that ended is no longer what the number names. */
		if (!files_ref(file))
			continue;
		if (files_peek(files, number) == named)
			return file;
		files_put(files, file); /* the number was given another */
	}
}

struct preload_file *files_set(struct preload_files *files, int number,
			       struct preload_file *file)
{
	u32 named = file ? (u32)(file - files->file) + 1 : 0, before;

	assert(number >= 0 && (u32)number < NUMBERS_MAX);
	before = __atomic_exchange_n(&files->number[number], named,
				     __ATOMIC_ACQ_REL);
	if (file)
		raise_high(&files->number_high, (u32)number + 1);
	return before && before != NUMBER_INTERNAL ? &files->file[before - 1]
						   : NULL;
}

void files_set_internal(struct preload_files *files, int number, bool internal)
{
	if (number < 0 || (u32)number >= NUMBERS_MAX)
		return;
	__atomic_store_n(&files->number[number], internal ? NUMBER_INTERNAL : 0,
			 __ATOMIC_RELEASE);
	if (internal)
		raise_high(&files->number_high, (u32)number + 1);
}

int files_next(struct preload_files *files, u32 from, u32 to)
{
	u32 high = __atomic_load_n(&files->number_high, __ATOMIC_ACQUIRE);

	for (u32 i = from; i < high && i <= to; i++)
		if (files_peek(files, (int)i))
			return (int)i;
	return -1;
}

static bool has_memfd(const struct preload_file *file, u64 device, u64 inode)
{
	return __atomic_load_n(&file->inode, __ATOMIC_RELAXED) == inode &&
	       __atomic_load_n(&file->device, __ATOMIC_RELAXED) == device;
}

struct preload_file *files_find(struct preload_files *files, u64 device,
				u64 inode)
{
	u32 high = __atomic_load_n(&files->file_high, __ATOMIC_ACQUIRE);

	for (u32 i = 0; i < high; i++) {
		struct preload_file *file = &files->file[i];

		if (__atomic_load_n(&file->kind, __ATOMIC_ACQUIRE) <=
			    FILE_CLAIMED ||
		    !has_memfd(file, device, inode) || !files_ref(file))
			continue;
		if (has_memfd(file, device, inode))
			return file;
		files_put(files, file);
	}
	return NULL;
}
