/* SPDX-License-Identifier: MIT */
/* Commands, and what reads tell: see pflash.h. */
#include "vmm/dev/pflash/pflash.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

/* Intel's 28F128J3; drivers know the kind of chip by these. */
#define MAKER	    0x89
#define DEVICE	    0x18
#define BLOCK_STATE 2 /* in each block: bit 0, locked */

/* ---- the array, as memory and as written ---- */

static void show(struct pflash *flash, bool shown)
{
	const struct pflash_config *config = &flash->config;
	u64 changed = flash->changed_end - flash->changed_at;

	/* What changed although it was to be seen is told as well. */
	if (flash->shown == shown && !(shown && changed))
		return;
	/* Not taken away it tells bytes of the array for a status; not given back
	 * it is slow. Both are tried again at the next command. */
	if (config->show && !config->show(config->show_ctx, flash, shown,
					  flash->changed_at, changed))
		return;
	flash->shown = shown;
	if (shown)
		flash->changed_at = flash->changed_end = 0;
}

static void set_mode(struct pflash *flash, enum pflash_mode mode)
{
	flash->mode = (u8)mode;
	show(flash, mode == PFLASH_ARRAY);
}

static void array_written(struct pflash *flash, u64 at, u64 size)
{
	if (flash->changed_at == flash->changed_end) {
		flash->changed_at = at;
		flash->changed_end = at + size;
	} else {
		flash->changed_at = MIN(flash->changed_at, at);
		flash->changed_end = MAX(flash->changed_end, at + size);
	}
	if (flash->config.written)
		flash->config.written(flash->config.written_ctx, at, size);
}

/* The end of a command: reads tell how it went. */
static void finish(struct pflash *flash, u8 status)
{
	flash->status |= PFLASH_READY | status;
	set_mode(flash, PFLASH_STATUS);
}

/* Programming can only clear bits. */
static void program(struct pflash *flash, u64 at, const u8 *data, u32 size)
{
	if (flash->config.read_only) {
		finish(flash, PFLASH_WRITE_FAILED | PFLASH_IS_LOCKED);
		return;
	}
	for (u32 i = 0; i < size; i++)
		flash->config.data[at + i] &= data[i];
	array_written(flash, at, size);
	finish(flash, 0);
}

static void erase(struct pflash *flash, u64 at)
{
	if (flash->config.read_only) {
		finish(flash, PFLASH_ERASE_FAILED | PFLASH_IS_LOCKED);
		return;
	}
	at = align_down(at, PFLASH_BLOCK_BYTES);
	memset(flash->config.data + at, 0xff, PFLASH_BLOCK_BYTES);
	array_written(flash, at, PFLASH_BLOCK_BYTES);
	finish(flash, 0);
}

static void finish_wrong(struct pflash *flash)
{
	finish(flash, PFLASH_ERASE_FAILED | PFLASH_WRITE_FAILED);
}

/* ---- the write buffer ---- */

static void buffer_announce(struct pflash *flash, u8 value)
{
	if (value >= PFLASH_BUFFER_BYTES) {
		finish_wrong(flash);
		return;
	}
	flash->buffer_count = value + 1u;
	flash->buffer_got = 0;
	memset(flash->buffer, 0xff, sizeof(flash->buffer));
	set_mode(flash, PFLASH_BUFFER);
}

/* In any order, all of them in the block and the range that the first began. */
static void buffer_take(struct pflash *flash, u64 offset, u8 value)
{
	u64 at;

	if (!flash->buffer_got)
		flash->buffer_at = (u32)offset;
	at = offset - flash->buffer_at;
	if (at >= flash->buffer_count ||
	    offset / PFLASH_BLOCK_BYTES !=
		    flash->buffer_at / PFLASH_BLOCK_BYTES) {
		finish_wrong(flash);
		return;
	}
	flash->buffer[at] = value;
	if (++flash->buffer_got == flash->buffer_count)
		set_mode(flash, PFLASH_FULL);
}

/* What none of the writes named stays as it is, since its bits are ones. */
static void buffer_confirm(struct pflash *flash, u8 value)
{
	u64 room = PFLASH_BLOCK_BYTES - flash->buffer_at % PFLASH_BLOCK_BYTES;

	if (value == PFLASH_CONFIRM)
		program(flash, flash->buffer_at, flash->buffer,
			(u32)MIN((u64)flash->buffer_count, room));
	else
		finish_wrong(flash);
}

/* ---- cycles ---- */

/* What is none is ignored, and reads tell what they told before. */
static void command(struct pflash *flash, u8 value)
{
	switch (value) {
	case PFLASH_READ_ARRAY:
		set_mode(flash, PFLASH_ARRAY);
		break;
	case PFLASH_CLEAR_STATUS:
		flash->status = 0;
		set_mode(flash, PFLASH_ARRAY);
		break;
	case PFLASH_READ_STATUS:
		set_mode(flash, PFLASH_STATUS);
		break;
	case PFLASH_READ_ID:
		set_mode(flash, PFLASH_ID);
		break;
	case PFLASH_READ_QUERY:
		set_mode(flash, PFLASH_QUERY);
		break;
	case PFLASH_PROGRAM_BYTE:
	case PFLASH_PROGRAM_BYTE_TOO:
		set_mode(flash, PFLASH_BYTE);
		break;
	case PFLASH_ERASE_BLOCK:
		set_mode(flash, PFLASH_ERASE);
		break;
	case PFLASH_WRITE_BUFFER: /* it is free at once */
		flash->status |= PFLASH_READY;
		set_mode(flash, PFLASH_COUNT);
		break;
	}
}

static void pflash_write(void *ctx, u64 offset, u64 wide, u32 width)
{
	struct pflash *flash = ctx;
	u8 value = (u8)wide;

	(void)width;
	switch ((enum pflash_mode)flash->mode) {
	case PFLASH_BYTE:
		program(flash, offset, &value, 1);
		break;
	case PFLASH_ERASE:
		if (value == PFLASH_CONFIRM)
			erase(flash, offset);
		else
			finish_wrong(flash);
		break;
	case PFLASH_COUNT:
		buffer_announce(flash, value);
		break;
	case PFLASH_BUFFER:
		buffer_take(flash, offset, value);
		break;
	case PFLASH_FULL:
		buffer_confirm(flash, value);
		break;
	default:
		command(flash, value);
		break;
	}
}

static u8 id_at(const struct pflash *flash, u64 offset)
{
	switch (offset % PFLASH_BLOCK_BYTES) {
	case 0:
		return MAKER;
	case 1:
		return DEVICE;
	case BLOCK_STATE:
		return flash->config.read_only;
	default:
		return 0;
	}
}

static u64 pflash_read(void *ctx, u64 offset, u32 width)
{
	const struct pflash *flash = ctx;

	(void)width;
	switch ((enum pflash_mode)flash->mode) {
	case PFLASH_ARRAY: /* another vCPU asked for it meanwhile */
		return flash->config.data[offset];
	case PFLASH_ID:
		return id_at(flash, offset);
	case PFLASH_QUERY:
		return offset < sizeof(flash->query) ? flash->query[offset] : 0;
	default:
		return flash->status;
	}
}

/* ---- life ---- */

static void pflash_reset(struct dev *dev)
{
	struct pflash *flash = container_of(dev, struct pflash, dev);

	flash->status = 0;
	flash->buffer_count = flash->buffer_got = flash->buffer_at = 0;
	set_mode(flash, PFLASH_ARRAY);
}

static int pflash_restored(struct dev *dev)
{
	struct pflash *flash = container_of(dev, struct pflash, dev);

	if (flash->mode >= PFLASH_MODES ||
	    flash->buffer_count > PFLASH_BUFFER_BYTES ||
	    flash->buffer_got > flash->buffer_count ||
	    (flash->mode == PFLASH_BUFFER &&
	     flash->buffer_got == flash->buffer_count) ||
	    flash->buffer_at >= flash->config.size)
		return trace_err(-EINVAL);
	show(flash, flash->mode == PFLASH_ARRAY);
	return 0;
}

/* The array is memory, and saved where memory is. */
static const struct field fields[] = {
	FIELD(struct pflash, mode, 1),
	FIELD(struct pflash, status, 1),
	FIELD(struct pflash, buffer, 1),
	FIELD(struct pflash, buffer_count, 1),
	FIELD(struct pflash, buffer_got, 1),
	FIELD(struct pflash, buffer_at, 1),
};

static const struct dev_class pflash_class = {
	.name = "pflash",
	.spec = "CFI",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = pflash_reset,
	.restored = pflash_restored,
};

/* [CFI "Query Structure Output"]; times are powers of two, of us and ms */
static void fill_query(struct pflash *flash)
{
	u32 blocks = (u32)(flash->config.size / PFLASH_BLOCK_BYTES);
	u8 *q = flash->query;

	memcpy(q + 0x10, "QRY", 3);
	q[0x13] = 1;	/* Intel's command set, */
	q[0x15] = 0x31; /* whose table is there */
	q[0x1b] = 0x27; /* 2.7 V */
	q[0x1c] = 0x36; /* to 3.6 V */
	q[0x1f] = q[0x20] = 7;
	q[0x21] = 10;
	q[0x23] = q[0x24] = q[0x25] = 2;
	/* [CFI "Device Geometry Definition"] */
	while (BIT(q[0x27]) < flash->config.size)
		q[0x27]++;
	q[0x2a] = 6; /* the buffer's size, a power of two */
	q[0x2c] = 1; /* regions of blocks alike */
	q[0x2d] = (u8)(blocks - 1);
	q[0x2e] = (u8)((blocks - 1) >> 8);
	q[0x2f] = PFLASH_BLOCK_BYTES / 256;
	memcpy(q + 0x31, "PRI11", 5);
}

void pflash_init(struct pflash *flash, const struct pflash_config *config)
{
	assert(config->size && config->size <= PFLASH_BYTES_MAX);
	assert(is_aligned(config->size | config->base_gpa, PFLASH_BLOCK_BYTES));
	*flash = (struct pflash){
		.config = *config,
		.region = {.name = "pflash",
			   .base = config->base_gpa,
			   .size = config->size,
			   .widths = BUS_1,
			   .read = pflash_read,
			   .write = pflash_write},
	};
	dev_init(&flash->dev, &pflash_class);
	flash->region.lock = &flash->dev.lock;
	flash->region.ctx = flash;
	fill_query(flash);
	dev_reset(&flash->dev);
}
