/* SPDX-License-Identifier: MIT */
#include "vmm/dev/post_code/post_code.h"

#include "base/test.h"

TEST(the_last_code_reads_back_and_restores)
{
	struct post_code a, b;
	struct buf buf;

	post_code_init(&a);
	post_code_init(&b);
	a.region.write(&a, 0, 0x11, 1);
	a.region.write(&a, 0, 0x42, 1);
	check_eq(a.region.read(&a, 0, 1), 0x42);
	buf_init(&buf, 4096);
	check_eq(dev_save(&a.dev, &buf), 0);
	check_eq(dev_load(&b.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.dev.class->state, &a, &b, NULL));
	check_eq(b.value, 0x42);
	dev_reset(&b.dev);
	check_eq(b.value, 0);
	buf_release(&buf);
}
