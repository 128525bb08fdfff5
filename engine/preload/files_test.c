/* SPDX-License-Identifier: MIT */
#include "engine/preload/files.h"

#include "base/test.h"
#include "base/thread.h"

static struct preload_files files;
static u32 released; /* atomic */

static void on_release(void *ctx, struct preload_file *file)
{
	check(ctx == &files);
	check_eq(__atomic_load_n(&file->refs, __ATOMIC_RELAXED), 0);
	__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
}

static struct preload_file *file_new(enum file_kind kind)
{
	struct preload_file *file;

	if (!files.release) { /* before there are threads */
		files.release = on_release;
		files.ctx = &files;
	}
	file = files_claim(&files);
	check(file != NULL);
	files_publish(file, kind);
	return file;
}

/* As close does. */
static void drop(int number)
{
	struct preload_file *before = files_set(&files, number, NULL);

	if (before)
		files_put(&files, before);
}

TEST(a_file_ends_with_its_last_number)
{
	struct preload_file *file = file_new(FILE_VM);

	released = 0;
	check(files_set(&files, 7, file) == NULL);
	check(files_ref(file));
	check(files_set(&files, 9, file) == NULL);
	drop(7);
	check_eq(released, 0);
	check(files_get(&files, 7) == NULL);
	check(files_get(&files, 9) == file);
	drop(9);
	check_eq(released, 0); /* a call is under way */
	check(files_get(&files, 9) == NULL);
	files_put(&files, file);
	check_eq(released, 1);
	check_eq(file->kind, FILE_NONE);
}

TEST(numbers_out_of_range_are_nobodys)
{
	check_eq(files_peek(&files, -1), 0);
	check_eq(files_peek(&files, NUMBERS_MAX), 0);
	check(files_get(&files, INT32_MAX) == NULL);
	check(files_get(&files, -100) == NULL);
}

TEST(an_internal_number_is_no_file)
{
	files_set_internal(&files, 500, true);
	check_eq(files_peek(&files, 500), NUMBER_INTERNAL);
	check(files_get(&files, 500) == NULL);
	check_eq(files_next(&files, 100, 600), 500);
	check_eq(files_next(&files, 501, 600), -1);
	check(files_set(&files, 500, NULL) == NULL);
	check_eq(files_next(&files, 100, UINT32_MAX), -1);
}

TEST(a_file_is_found_by_its_memfd)
{
	struct preload_file *file = file_new(FILE_VCPU);

	file->device = 3;
	file->inode = 44;
	check(files_find(&files, 3, 45) == NULL);
	check(files_find(&files, 3, 44) == file);
	files_put(&files, file);
	files_put(&files, file);
	check(files_find(&files, 3, 44) == NULL);
}

TEST(places_run_out_and_come_back)
{
	struct preload_file *last = NULL;
	u32 count = 0;

	for (struct preload_file *file; (file = files_claim(&files)); count++)
		last = file;
	check_eq(count, FILES_MAX);
	released = 0;
	files_put(&files, last);
	check_eq(released, 0); /* it never was anything */
	check(files_claim(&files) == last);
	for (u32 i = 0; i < FILES_MAX; i++)
		files_put(&files, &files.file[i]);
}

/* Two threads look a number up while the main one closes and gives it again. */
static bool stop; /* atomic */

static void look_up(void *ctx)
{
	(void)ctx;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct preload_file *file = files_get(&files, 33);

		if (file)
			files_put(&files, file);
	}
}

TEST(a_number_may_be_closed_while_it_is_looked_up)
{
	const u32 rounds = 20000;
	struct thread thread[2];

	released = 0;
	for (u32 i = 0; i < 2; i++)
		check_eq(thread_start(&thread[i], "look", look_up, NULL), 0);
	for (u32 i = 0; i < rounds; i++) {
		check(files_set(&files, 33, file_new(FILE_SYSTEM)) == NULL);
		drop(33);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (u32 i = 0; i < 2; i++)
		thread_join(&thread[i]);
	check_eq(released, rounds);
	for (u32 i = 0; i < FILES_MAX; i++)
		check_eq(files.file[i].kind, FILE_NONE);
}
