/* SPDX-License-Identifier: MIT */
/* Port 0x80. */
#include "vmm/dev/post_code/post_code.h"

static u64 post_code_read(void *ctx, u64 offset, u32 width)
{
	const struct post_code *post = ctx;

	(void)offset;
	(void)width;
	return __atomic_load_n(&post->value, __ATOMIC_RELAXED);
}

static void post_code_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct post_code *post = ctx;

	(void)offset;
	(void)width;
	__atomic_store_n(&post->value, (u8)value, __ATOMIC_RELAXED);
}

static void post_code_reset(struct dev *dev)
{
	container_of(dev, struct post_code, dev)->value = 0;
}

static const struct field fields[] = {
	FIELD(struct post_code, value, 1),
};

static const struct dev_class post_code_class = {
	.name = "post_code",
	.spec = "ISA-SYS",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = post_code_reset,
};

/*
 * The region has no lock: guests write here to waste time, several at once,
 * and a byte is written whole anyhow.
 */
void post_code_init(struct post_code *post)
{
	*post = (struct post_code){
		.region = {.name = "post code",
			   .base = POST_CODE_PORT,
			   .size = 1,
			   .widths = BUS_1,
			   .read = post_code_read,
			   .write = post_code_write},
	};
	dev_init(&post->dev, &post_code_class);
	post->region.ctx = post;
	dev_reset(&post->dev);
}
