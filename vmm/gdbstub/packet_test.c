/* SPDX-License-Identifier: MIT */
#include "vmm/gdbstub/packet.h"

#include "base/test.h"

static struct gdb_reader reader;

/* The last event of these bytes. */
static enum gdb_event feed(const char *bytes, size_t size)
{
	enum gdb_event event = GDB_NOTHING;

	for (size_t i = 0; i < size; i++)
		event = gdb_reader_byte(&reader, (u8)bytes[i]);
	return event;
}

static enum gdb_event feed_text(const char *text)
{
	reader = (struct gdb_reader){};
	return feed(text, strlen(text));
}

TEST(a_packet_with_the_right_sum_is_taken)
{
	check_eq(feed_text("$m0,4#fd"), GDB_PACKET);
	check_eq(reader.size, 4);
	check_str_eq((char *)reader.data, "m0,4");
	check_eq(feed_text("$#00"), GDB_PACKET);
	check_eq(reader.size, 0);
}

TEST(a_wrong_sum_is_told)
{
	check_eq(feed_text("$m0,4#fe"), GDB_WRONG_SUM);
	check_eq(feed_text("$m0,4#0d"), GDB_WRONG_SUM);
	check_eq(feed_text("$m0,4#xd"), GDB_WRONG_SUM);
	check_eq(feed_text("$m0,4#f "), GDB_WRONG_SUM);
}

TEST(an_escape_stands_for_the_byte_xor_20h)
{
	check_eq(feed_text("$X}\x03}]#b2"), GDB_PACKET);
	check_eq(reader.size, 3);
	check_eq(reader.data[1], '#');
	check_eq(reader.data[2], '}');
}

TEST(single_bytes_between_packets_have_their_meaning)
{
	check_eq(feed_text("+"), GDB_ACK);
	check_eq(feed_text("-"), GDB_NAK);
	check_eq(feed_text("\x03"), GDB_INTERRUPT);
	check_eq(feed_text("x"), GDB_GARBAGE);
}

TEST(a_dollar_within_a_packet_begins_a_new_one)
{
	check_eq(feed_text("$m12$g#67"), GDB_PACKET);
	check_str_eq((char *)reader.data, "g");
}

TEST(a_packet_that_is_too_long_is_refused_where_it_is)
{
	reader = (struct gdb_reader){};
	check_eq(feed("$", 1), GDB_NOTHING);
	for (u32 i = 0; i < GDB_PACKET_BYTES_MAX; i++)
		check_eq(feed("a", 1), GDB_NOTHING);
	check_eq(feed("a", 1), GDB_TOO_LONG);
	check_eq(feed("a", 1), GDB_GARBAGE);
}

TEST(what_is_sent_is_escaped_and_summed)
{
	struct gdb_text text = {};
	struct buf out;

	buf_init(&out, 100);
	gdb_text_printf(&text, "a#*");
	check_eq(gdb_packet_append(&out, &text), 0);
	check_str_eq(buf_cstr(&out), "$a}\x03}\x0a#68");
	buf_release(&out);
}

TEST(a_text_that_is_full_takes_no_more)
{
	static struct gdb_text text;
	static u8 zeros[GDB_PACKET_BYTES_MAX];

	gdb_text_hex(&text, zeros, sizeof(zeros));
	check_eq(text.size, GDB_PACKET_BYTES_MAX);
	gdb_text_printf(&text, "more");
	check_eq(text.size, GDB_PACKET_BYTES_MAX);
}

static struct gdb_cursor over(const char *text)
{
	return (struct gdb_cursor){(const u8 *)text,
				   (const u8 *)text + strlen(text)};
}

TEST(numbers_have_up_to_16_digits)
{
	struct gdb_cursor c = over("fFff888012345678,");
	u64 value = 7;

	check(gdb_take_hex(&c, &value));
	check(value == 0xffff888012345678);
	check(!gdb_take_hex(&c, &value));
	check(gdb_take(&c, ','));
	check(!gdb_take(&c, ','));
	c = over("12345678123456781");
	check(!gdb_take_hex(&c, &value));
}

TEST(bytes_need_two_digits_each)
{
	struct gdb_cursor c = over("12aB3");
	u8 data[2];

	check(gdb_take_bytes(&c, data, 2));
	check_eq(data[0], 0x12);
	check_eq(data[1], 0xab);
	check(!gdb_take_bytes(&c, data, 1));
	c = over("1g");
	check(!gdb_take_bytes(&c, data, 1));
}
