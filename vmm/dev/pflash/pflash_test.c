/* SPDX-License-Identifier: MIT */
#include "vmm/dev/pflash/pflash.h"

#include <errno.h>

#include "base/test.h"

#define SIZE	 (4 * PFLASH_BLOCK_BYTES)
#define BASE_GPA 0xffc00000

static struct {
	struct pflash flash;
	struct bus bus;
	u8 data[SIZE];
	u32 shows, hides, writes;
	bool show_fails;
	u64 changed_at, changed;
} t;

static bool show(void *ctx, const struct pflash *flash, bool shown, u64 at,
		 u64 changed)
{
	check(ctx == &t && flash == &t.flash);
	if (t.show_fails)
		return false;
	if (shown) {
		t.shows++;
		t.changed_at = at;
		t.changed = changed;
	} else {
		t.hides++;
	}
	return true;
}

static void written(void *ctx, u64 at, u64 size)
{
	check(ctx == &t && size && at + size <= SIZE);
	t.writes++;
}

static void begin(bool read_only)
{
	memset(&t, 0, sizeof(t));
	for (u32 i = 0; i < SIZE; i++)
		t.data[i] = (u8)(0xff - i / PFLASH_BLOCK_BYTES);
	pflash_init(&t.flash, &(struct pflash_config){.base_gpa = BASE_GPA,
						      .size = SIZE,
						      .data = t.data,
						      .read_only = read_only,
						      .show = show,
						      .show_ctx = &t,
						      .written = written,
						      .written_ctx = &t});
	bus_init(&t.bus, "test", 0);
	check_eq(bus_add(&t.bus, &t.flash.region), 0);
}

static void put(u64 at, u8 value)
{
	bus_write(&t.bus, BASE_GPA + at, &value, 1);
}

static u8 get(u64 at)
{
	u8 value;

	bus_read(&t.bus, BASE_GPA + at, &value, 1);
	return value;
}

TEST(its_array_is_memory_until_a_command_hides_it)
{
	begin(false);
	check(t.flash.shown);
	check_eq(t.shows, 1);
	put(0, PFLASH_CLEAR_STATUS);
	check_eq(t.hides, 0);
	put(0, PFLASH_READ_STATUS);
	check_eq(t.hides, 1);
	check_eq(get(0), 0);
	put(0, PFLASH_READ_ARRAY);
	check_eq(t.shows, 2);
	check_eq(get(PFLASH_BLOCK_BYTES), 0xfe);
	put(0, 0x77); /* is no command */
	check(t.flash.shown);
	check_eq(get(0), 0xff);
}

TEST(firmware_that_looks_for_flash_finds_it)
{
	u8 original;

	/* As firmware does: what is neither ROM nor RAM. */
	begin(false);
	original = get(PFLASH_BLOCK_BYTES);
	put(PFLASH_BLOCK_BYTES, PFLASH_CLEAR_STATUS);
	check_eq(get(PFLASH_BLOCK_BYTES), original);
	put(PFLASH_BLOCK_BYTES, PFLASH_READ_STATUS);
	check_eq(get(PFLASH_BLOCK_BYTES), 0);
	put(PFLASH_BLOCK_BYTES, PFLASH_READ_ARRAY);
	check_eq(get(PFLASH_BLOCK_BYTES), original);
	check_eq(t.writes, 0);
}

TEST(programming_only_clears_bits)
{
	begin(false);
	put(5, PFLASH_PROGRAM_BYTE);
	put(5, 0xf0);
	check_eq(t.data[5], 0xf0);
	check_eq(get(5), PFLASH_READY);
	put(5, PFLASH_PROGRAM_BYTE_TOO);
	put(5, 0x3c);
	check_eq(t.data[5], 0x30);
	check_eq(t.writes, 2);
	/* One after another, it stays hidden. */
	check_eq(t.hides, 1);
	put(5, PFLASH_READ_ARRAY);
	check_eq(t.changed_at, 5);
	check_eq(t.changed, 1);
	check_eq(get(5), 0x30);
	/* And what did not change is not told again. */
	put(5, PFLASH_READ_STATUS);
	put(5, PFLASH_READ_ARRAY);
	check_eq(t.changed, 0);
}

TEST(erasing_sets_a_block_to_ones_and_no_other)
{
	begin(false);
	put(2 * PFLASH_BLOCK_BYTES + 77, PFLASH_ERASE_BLOCK);
	put(2 * PFLASH_BLOCK_BYTES + 77, PFLASH_CONFIRM);
	check_eq(get(0), PFLASH_READY);
	for (u32 i = 0; i < SIZE; i++) {
		u32 block = i / PFLASH_BLOCK_BYTES;

		check_eq(t.data[i], block == 2 ? 0xff : 0xff - block);
	}
	put(0, PFLASH_ERASE_BLOCK);
	put(0, 0x55); /* no confirmation */
	check_eq(get(0),
		 PFLASH_READY | PFLASH_ERASE_FAILED | PFLASH_WRITE_FAILED);
	check_eq(t.writes, 1);
	put(0, PFLASH_CLEAR_STATUS);
	put(0, PFLASH_READ_STATUS);
	check_eq(get(0), 0);
}

TEST(a_full_buffer_is_programmed_when_confirmed)
{
	begin(false);
	put(0x40, PFLASH_WRITE_BUFFER);
	check_eq(get(0x40), PFLASH_READY);
	put(0x40, 3);
	for (u8 i = 0; i < 4; i++) {
		check_eq(t.data[0x40 + i], 0xff);
		put(0x40 + i, i);
	}
	check_eq(t.writes, 0);
	put(0x40, PFLASH_CONFIRM);
	check_eq(t.writes, 1);
	for (u8 i = 0; i < 4; i++)
		check_eq(t.data[0x40 + i], i);
	check_eq(t.data[0x44], 0xff);
	check_eq(get(0), PFLASH_READY);
}

static const u8 wrong = PFLASH_READY | PFLASH_ERASE_FAILED | PFLASH_WRITE_FAILED;

TEST(a_wrong_sequence_writes_nothing)
{
	begin(false);
	put(0, PFLASH_WRITE_BUFFER);
	put(0, PFLASH_BUFFER_BYTES); /* one too many */
	check_eq(get(0), wrong);
	put(0, PFLASH_CLEAR_STATUS);
	put(0, PFLASH_WRITE_BUFFER);
	put(0, 1);
	put(0, 0);
	put(2, 0); /* not in the range */
	check_eq(get(0), wrong);
	put(0, PFLASH_CLEAR_STATUS);
	put(0, PFLASH_WRITE_BUFFER);
	put(0, 1);
	put(PFLASH_BLOCK_BYTES - 1, 0);
	put(PFLASH_BLOCK_BYTES, 0); /* in another block */
	check_eq(get(0), wrong);
	put(0, PFLASH_CLEAR_STATUS);
	put(0, PFLASH_WRITE_BUFFER);
	put(0, 0);
	put(0, 0);
	put(0, PFLASH_READ_ARRAY); /* no confirmation */
	check_eq(get(0), wrong);
	check_eq(t.writes, 0);
}

TEST(what_is_read_only_says_so_and_stays)
{
	begin(true);
	put(0, PFLASH_PROGRAM_BYTE);
	put(0, 0);
	check_eq(get(0), PFLASH_READY | PFLASH_WRITE_FAILED | PFLASH_IS_LOCKED);
	put(0, PFLASH_CLEAR_STATUS);
	put(0, PFLASH_ERASE_BLOCK);
	put(0, PFLASH_CONFIRM);
	check_eq(get(0), PFLASH_READY | PFLASH_ERASE_FAILED | PFLASH_IS_LOCKED);
	put(0, PFLASH_READ_ID);
	check_eq(get(PFLASH_BLOCK_BYTES + 2), 1);
	check_eq(t.data[0], 0xff);
	check_eq(t.writes, 0);
}

TEST(it_tells_who_it_is_and_how_it_is_cut)
{
	begin(false);
	put(0, PFLASH_READ_ID);
	check_eq(get(0), 0x89);
	check_eq(get(1), 0x18);
	check_eq(get(2), 0);
	put(0x55, PFLASH_READ_QUERY);
	check(get(0x10) == 'Q' && get(0x11) == 'R' && get(0x12) == 'Y');
	check_eq(get(0x13), 1);
	check_eq(1u << get(0x27), SIZE);
	check_eq(1u << get(0x2a), PFLASH_BUFFER_BYTES);
	check_eq(get(0x2d) + 1, SIZE / PFLASH_BLOCK_BYTES);
	check_eq(get(0x2f) * 256, PFLASH_BLOCK_BYTES);
	check_eq(get(SIZE - 1), 0);
}

TEST(a_wide_access_is_one_of_bytes)
{
	u8 bytes[8];

	begin(false);
	put(0, PFLASH_READ_ID);
	bus_read(&t.bus, BASE_GPA, bytes, 8);
	check_mem_eq(bytes, "\x89\x18\0\0\0\0\0\0", 8);
}

TEST(a_reset_shows_the_array_again)
{
	begin(false);
	put(0, PFLASH_WRITE_BUFFER);
	put(0, 1);
	put(0, 0);
	dev_reset(&t.flash.dev);
	check(t.flash.shown);
	put(0, PFLASH_CONFIRM);
	check_eq(get(0), 0xff);
	check_eq(t.writes, 0);
}

TEST(a_host_that_refuses_is_asked_again)
{
	begin(false);
	t.show_fails = true;
	put(0, PFLASH_READ_STATUS);
	check(t.flash.shown);
	t.show_fails = false;
	put(0, PFLASH_PROGRAM_BYTE);
	check(!t.flash.shown);
	put(0, 0);
	t.show_fails = true;
	put(0, PFLASH_READ_ARRAY);
	check(!t.flash.shown);
	check_eq(get(0), 0);
	t.show_fails = false;
	put(0, PFLASH_READ_ARRAY);
	check(t.flash.shown);
	check_eq(t.changed, 1);
	/* What changed while it could not be hidden is told, too. */
	t.show_fails = true;
	put(7, PFLASH_PROGRAM_BYTE);
	put(7, 0);
	t.show_fails = false;
	t.changed = 0;
	put(0, PFLASH_READ_ARRAY);
	check_eq(t.changed_at, 7);
	check_eq(t.changed, 1);
}

TEST(its_state_saves_restores_and_saves_the_same)
{
	struct buf first, second;

	begin(false);
	put(3, PFLASH_WRITE_BUFFER);
	put(3, 7);
	put(3, 0x12);
	buf_init(&first, 4096);
	buf_init(&second, 4096);
	check_eq(dev_save(&t.flash.dev, &first), 0);
	dev_reset(&t.flash.dev);
	check(t.flash.shown);
	check_eq(dev_load(&t.flash.dev, 1, first.data, first.size), 0);
	check(!t.flash.shown);
	check_eq(dev_save(&t.flash.dev, &second), 0);
	check_eq(first.size, second.size);
	check_mem_eq(first.data, second.data, first.size);
	for (u32 i = 1; i < 8; i++)
		put(3 + i, 0);
	put(3, PFLASH_CONFIRM);
	check_eq(t.data[3], 0x12);
	/* What cannot be is refused. */
	t.flash.buffer_at = SIZE;
	second.size = 0;
	check_eq(dev_save(&t.flash.dev, &second), 0);
	check_eq(dev_load(&t.flash.dev, 1, second.data, second.size), -EINVAL);
	check_eq(t.flash.mode, PFLASH_ARRAY);
	buf_release(&first);
	buf_release(&second);
}
