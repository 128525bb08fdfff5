/* SPDX-License-Identifier: MIT */
#include "cli/disk.h"

#include <errno.h>

#include "base/test.h"

static struct disk_option disk;
static struct fault fault;

static int parse(const char *text)
{
	fault = (struct fault){};
	return disk_parse(text, &disk, &fault);
}

TEST(a_file_alone_is_a_disk)
{
	check_eq(parse("/var/disk.qcow2"), 0);
	check_str_eq(disk.config.path, "/var/disk.qcow2");
	check(!disk.config.format && !disk.config.read_only);
	check_eq(disk.config.cache, BLOCK_CACHE_WRITEBACK);
	check_str_eq(disk.serial, "");
}

TEST(all_parts_together)
{
	check_eq(parse("file=a.img,format=raw,ro,temporary=on,discard,"
		       "serial=ABC,cache=none,backing=on"),
		 0);
	check_str_eq(disk.config.path, "a.img");
	check_str_eq(disk.config.format, "raw");
	check_str_eq(disk.serial, "ABC");
	check(disk.config.read_only && disk.config.temporary);
	check(disk.config.discard && disk.config.backing_allowed);
	check_eq(disk.config.cache, BLOCK_CACHE_NONE);
	check_eq(parse("a.img,ro,ro=off"), 0);
	check(!disk.config.read_only);
}

TEST(a_comma_in_the_name_is_doubled)
{
	check_eq(parse("a,,b,,.img,ro"), 0);
	check_str_eq(disk.config.path, "a,b,.img");
	check(disk.config.read_only);
}

TEST(what_is_not_known_is_named)
{
	check_eq(parse("a.img,size=3"), -EINVAL);
	check(fault_is_set(&fault));
	check(strstr(fault.text[0], "size=3") &&
	      strstr(fault.text[0], "format="));
	check_eq(parse("a.img,format=vmdk"), -EINVAL);
	check_eq(parse("a.img,cache=maybe"), -EINVAL);
	check_eq(parse("a.img,ro=perhaps"), -EINVAL);
	check_eq(parse("a.img,,"), 0);
	check_eq(parse("a.img,"), -EINVAL);
	check_eq(parse(""), -EINVAL);
	check_eq(parse(",ro"), -EINVAL);
}

TEST(a_disk_is_virtio_unless_it_is_sata)
{
	check_eq(parse("a.img"), 0);
	check(!disk.sata);
	check_eq(parse("a.img,bus=sata,serial=X"), 0);
	check(disk.sata);
	check_eq(parse("a.img,bus=sata,bus=virtio"), 0);
	check(!disk.sata);
	check_eq(parse("a.img,bus=ide"), -EINVAL);
	check(strstr(fault.text[0], "bus=virtio|sata"));
}

TEST(a_sata_disk_that_is_read_only_is_refused)
{
	check_eq(parse("a.img,bus=sata,ro"), -EINVAL);
	check(strstr(fault.text[0], "temporary"));
	check_eq(parse("a.img,bus=sata,temporary"), 0);
	check_eq(parse("a.img,ro"), 0);
}

TEST(a_text_without_end_is_refused)
{
	static char text[DISK_TEXT_BYTES_MAX + 1];

	memset(text, 'a', DISK_TEXT_BYTES_MAX);
	check_eq(parse(text), -ENAMETOOLONG);
}
