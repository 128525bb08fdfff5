/* SPDX-License-Identifier: MIT */
/*
 * The probe's cache file. See the header for what it promises.
 *
 * There are eight possible results, so reading is comparing: the text found is
 * held against the text of each result. There is no parser to be fooled.
 */
#include "engine/kvm/probe_cache.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define CACHE_MODULES_MAX 16
#define CACHE_MODULES	  "/sys/module"
#define CACHE_BOOT_ID	  "/proc/sys/kernel/random/boot_id"

/* ---- the key ---- */

static int append_boot_id(struct buf *buf)
{
	auto_close int fd = fd_open(CACHE_BOOT_ID, O_RDONLY, 0);
	char id[36];
	int err;

	if (fd < 0)
		return fd;
	err = read_full(fd, id, sizeof(id));
	if (err < 0)
		return err;
	return buf_printf(buf, "boot %.36s\n", id);
}

static int append_release(struct buf *buf)
{
	struct utsname name;

	if (uname(&name) < 0)
		return -errno;
	return buf_printf(buf, "kernel %s %s\n", name.release, name.version);
}

/*
 * A module loaded anew, with other parameters or another build, gets a new
 * node in sysfs, and node numbers are not used twice in a boot. (The times of
 * such nodes mean nothing: they are those of the inode in memory.)
 */
static int append_module(struct buf *buf, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, 0) < 0)
		return -errno;
	return buf_printf(buf, "module %s %llu\n", name,
			  (unsigned long long)st.st_ino);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int append_modules(struct buf *buf)
{
	char name[CACHE_MODULES_MAX][NAME_MAX + 1];
	DIR *dir = opendir(CACHE_MODULES);
	const struct dirent *entry;
	size_t count = 0;
	int err = 0;

	if (!dir)
		return -errno;
	while (count < CACHE_MODULES_MAX && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "kvm", 3) == 0)
			(void)snprintf(name[count++], sizeof(name[0]), "%s",
				       entry->d_name);
	qsort(name, count, sizeof(name[0]), compare_names);
	for (size_t i = 0; i < count && err == 0; i++)
		err = append_module(buf, dirfd(dir), name[i]);
	(void)closedir(dir);
	return err;
}

static int append_result(struct buf *buf, const struct kvm_probe_result *result)
{
	int err = buf_append_str(buf, "checks");

	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT && err == 0; i++)
		err = buf_append_str(buf,
				     result->check[i].outcome == KVM_PROBE_FINE
					     ? " fine"
					     : " wrong");
	return err == 0 ? buf_append_byte(buf, '\n') : err;
}

static int append_key(struct buf *buf)
{
	int err = buf_append_str(buf, "keel kvm probe 1\n");

	if (err == 0)
		err = append_boot_id(buf);
	if (err == 0)
		err = append_release(buf);
	if (err == 0)
		err = append_modules(buf);
	return err;
}

int kvm_probe_cache_text(const struct kvm_probe_result *result,
			 char text[KVM_PROBE_CACHE_BYTES_MAX])
{
	struct buf buf;
	int err;

	assert(kvm_probe_is_final(result));
	buf_init(&buf, KVM_PROBE_CACHE_BYTES_MAX - 1);
	err = append_key(&buf);
	if (err == 0)
		err = append_result(&buf, result);
	if (err == 0) {
		memcpy(text, buf.data, buf.size);
		text[buf.size] = '\0';
	}
	buf_release(&buf);
	return err;
}

/* ---- the file ---- */

static struct kvm_probe_result nth_result(u32 n)
{
	struct kvm_probe_result result = {0};

	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++)
		result.check[i].outcome = n & BIT(i) ? KVM_PROBE_WRONG
						     : KVM_PROBE_FINE;
	return result;
}

/* Ours alone: nobody else wrote it, can write it, or linked it here. */
static bool is_trusted(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && (st.st_mode & 07777) == 0600 &&
	       st.st_nlink == 1 && st.st_size < KVM_PROBE_CACHE_BYTES_MAX;
}

/* The text of a trusted file, terminated; its length or -errno. */
static int read_trusted(const char *path, char text[KVM_PROBE_CACHE_BYTES_MAX])
{
	/* O_NONBLOCK: a FIFO left here must not hold us up. */
	auto_close int fd =
		fd_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	ssize_t size;

	if (fd < 0)
		return fd;
	if (!is_trusted(fd))
		return -EPERM;
	size = pread(fd, text, KVM_PROBE_CACHE_BYTES_MAX - 1, 0);
	if (size < 0)
		return -errno;
	text[size] = '\0';
	return (int)size;
}

bool kvm_probe_cache_load_file(const char *path, struct kvm_probe_result *ret)
{
	char found[KVM_PROBE_CACHE_BYTES_MAX];
	char ours[KVM_PROBE_CACHE_BYTES_MAX];
	int size = read_trusted(path, found);

	if (size < 0 || strlen(found) != (size_t)size)
		return false;
	for (u32 n = 0; n < BIT(KVM_PROBE_CHECK_COUNT); n++) {
		struct kvm_probe_result result = nth_result(n);

		if (kvm_probe_cache_text(&result, ours) < 0)
			return false;
		if (strcmp(found, ours) == 0) {
			*ret = result;
			return true;
		}
	}
	return false;
}

/* Written beside it and renamed: a reader finds all of it or the old one. */
int kvm_probe_cache_store_file(const char *path,
			       const struct kvm_probe_result *result)
{
	char text[KVM_PROBE_CACHE_BYTES_MAX];
	char temporary[PATH_MAX];
	auto_close int fd = -1;
	int err = kvm_probe_cache_text(result, text);

	if (err < 0)
		return err;
	if (snprintf(temporary, sizeof(temporary), "%s.%ld", path,
		     (long)getpid()) >= (int)sizeof(temporary))
		return trace_err(-ENAMETOOLONG);
	fd = fd_open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	err = write_full(fd, text, strlen(text));
	/* The umask may have taken bits away that is_trusted wants. */
	if (err == 0 && fchmod(fd, 0600) < 0)
		err = trace_err(-errno);
	if (err == 0 && rename(temporary, path) < 0)
		err = trace_err(-errno);
	if (err < 0)
		(void)unlink(temporary); /* nothing more can be done */
	return err;
}

/* ---- where it lies ---- */

/* The n-th place; false when there is no n-th, "" when it does not apply. */
static bool nth_path(u32 n, char path[PATH_MAX])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int size = 0;

	path[0] = '\0';
	switch (n) {
	case 0:
		if (runtime && runtime[0] == '/')
			size = snprintf(path, PATH_MAX, "%s/keel-kvm-probe",
					runtime);
		break;
	case 1:
		size = snprintf(path, PATH_MAX, "/run/keel/kvm-probe-%u",
				geteuid());
		break;
	case 2:
		size = snprintf(path, PATH_MAX, "/tmp/keel-kvm-probe-%u",
				geteuid());
		break;
	default:
		return false;
	}
	if (size >= PATH_MAX)
		path[0] = '\0';
	return true;
}

bool kvm_probe_cache_load(struct kvm_probe_result *ret)
{
	char path[PATH_MAX];

	for (u32 n = 0; nth_path(n, path); n++)
		if (path[0] && kvm_probe_cache_load_file(path, ret))
			return true;
	return false;
}

void kvm_probe_cache_store(const struct kvm_probe_result *result)
{
	char path[PATH_MAX];

	for (u32 n = 0; nth_path(n, path); n++)
		if (path[0] && kvm_probe_cache_store_file(path, result) == 0)
			return;
}
