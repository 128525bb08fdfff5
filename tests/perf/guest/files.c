/* SPDX-License-Identifier: MIT */
/* Files in /tmp, and the text that gzip and xz compress. */
#define _GNU_SOURCE
#include "tests/perf/guest/wl.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES	   100
#define FILE_BYTES 1000
#define PATH_BYTES 80

static void dir_path(char *path, long dir)
{
	snprintf(path, PATH_BYTES, "/tmp/ft/d%ld", dir);
}

static void file_path(char *path, long dir, int file)
{
	snprintf(path, PATH_BYTES, "/tmp/ft/d%ld/f%d", dir, file);
}

static void create_file(const char *path, int fill)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	char text[FILE_BYTES];

	memset(text, fill, sizeof(text));
	if (write(fd, text, sizeof(text)) != sizeof(text))
		_exit(1);
	close(fd);
}

/* n directories of 100 files, which are then all looked at. */
uint64_t wl_files(long n)
{
	char path[PATH_BYTES];
	struct stat about;
	uint64_t sum = 0;

	mkdir("/tmp/ft", 0755);
	for (long dir = 0; dir < n; dir++) {
		dir_path(path, dir);
		mkdir(path, 0755);
		for (int file = 0; file < FILES; file++) {
			file_path(path, dir, file);
			create_file(path, file);
		}
	}
	for (long dir = 0; dir < n; dir++)
		for (int file = 0; file < FILES; file++) {
			file_path(path, dir, file);
			if (!stat(path, &about))
				sum += (uint64_t)about.st_size;
		}
	return sum;
}

/* Removes what wl_files(n) made; returns how many files there were. */
uint64_t wl_rm(long n)
{
	char path[PATH_BYTES];
	uint64_t count = 0;

	for (long dir = 0; dir < n; dir++) {
		for (int file = 0; file < FILES; file++) {
			file_path(path, dir, file);
			count += !unlink(path);
		}
		dir_path(path, dir);
		rmdir(path);
	}
	rmdir("/tmp/ft");
	return count;
}

/* n KiB of words and numbers into /tmp/buf. */
uint64_t wl_gen(long n)
{
	static const char *const word[] = {
		"the ",	 "of ",	    "virtual ", "machine ", "and ", "kernel ",
		"page ", "table ",  "to ",	"in ",	    "0x",   "memory ",
		"\n",	 "return ", "int ",	"struct "};
	FILE *file = fopen("/tmp/buf", "w");
	uint64_t seed = 88172645463325252ULL;
	long count = 0;

	if (!file)
		return 0;
	while (count < n * 1024) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		if (seed % 5 == 0) {
			count += fprintf(file, "%x ",
					 (unsigned)(seed >> 40) & 0xffff);
		} else {
			fputs(word[seed >> 60], file);
			count += (long)strlen(word[seed >> 60]);
		}
	}
	fclose(file);
	return seed;
}
