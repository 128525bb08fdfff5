/* SPDX-License-Identifier: MIT */
/* Framing, escapes and hexadecimal digits. */
#include "vmm/gdbstub/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ESCAPE	   '}'
#define ESCAPE_XOR 0x20
#define CTRL_C	   0x03

static int digit_of(u8 byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

/* ---- in ---- */

static void begin(struct gdb_reader *r)
{
	r->state = GDB_INSIDE;
	r->size = 0;
	r->sum = 0;
}

static enum gdb_event between(struct gdb_reader *r, u8 byte)
{
	switch (byte) {
	case '$':
		begin(r);
		return GDB_NOTHING;
	case CTRL_C:
		return GDB_INTERRUPT;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NAK;
	default:
		return GDB_GARBAGE;
	}
}

static enum gdb_event keep(struct gdb_reader *r, u8 byte)
{
	r->state = GDB_INSIDE;
	if (r->size == GDB_PACKET_BYTES_MAX) {
		r->state = GDB_BETWEEN;
		return GDB_TOO_LONG;
	}
	r->data[r->size++] = byte;
	return GDB_NOTHING;
}

static enum gdb_event inside(struct gdb_reader *r, u8 byte)
{
	if (byte == '#') {
		r->state = GDB_SUM_1;
		return GDB_NOTHING;
	}
	if (byte == '$') { /* the rest of the last one was lost */
		begin(r);
		return GDB_NOTHING;
	}
	r->sum = (u8)(r->sum + byte);
	if (byte != ESCAPE)
		return keep(r, byte);
	r->state = GDB_ESCAPED;
	return GDB_NOTHING;
}

static enum gdb_event last_digit(struct gdb_reader *r, int digit)
{
	r->state = GDB_BETWEEN;
	if (digit < 0 || r->given != r->sum >> 4 || digit != (r->sum & 15))
		return GDB_WRONG_SUM;
	r->data[r->size] = 0;
	return GDB_PACKET;
}

enum gdb_event gdb_reader_byte(struct gdb_reader *r, u8 byte)
{
	switch (r->state) {
	case GDB_BETWEEN:
		return between(r, byte);
	case GDB_INSIDE:
		return inside(r, byte);
	case GDB_ESCAPED:
		r->sum = (u8)(r->sum + byte);
		return keep(r, byte ^ ESCAPE_XOR);
	case GDB_SUM_1:
		r->given = (u8)digit_of(byte); /* no digit: no sum either */
		r->state = GDB_SUM_2;
		return GDB_NOTHING;
	case GDB_SUM_2:
		return last_digit(r, digit_of(byte));
	}
	return GDB_NOTHING;
}

/* ---- out ---- */

void gdb_text_clear(struct gdb_text *text)
{
	text->size = 0;
}

void gdb_text_bytes(struct gdb_text *text, const void *data, size_t size)
{
	size_t fits = MIN(size, sizeof(text->data) - text->size);

	memcpy(text->data + text->size, data, fits);
	text->size += (u32)fits;
}

void gdb_text_printf(struct gdb_text *text, const char *fmt, ...)
{
	char part[256];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(part, sizeof(part), fmt, args);
	va_end(args);
	if (n > 0)
		gdb_text_bytes(text, part, MIN((size_t)n, sizeof(part) - 1));
}

void gdb_text_hex(struct gdb_text *text, const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *bytes = data;

	for (size_t i = 0; i < size; i++) {
		const char two[2] = {digits[bytes[i] >> 4],
				     digits[bytes[i] & 15]};

		gdb_text_bytes(text, two, sizeof(two));
	}
}

/* '*' would be read as a run's length. [GDB "Overview"] */
static bool is_special(u8 byte)
{
	return byte == '#' || byte == '$' || byte == ESCAPE || byte == '*';
}

static u32 escape(const struct gdb_text *text, u8 *ret, u8 *ret_sum)
{
	u32 size = 0;

	for (u32 i = 0; i < text->size; i++) {
		u8 byte = text->data[i];

		if (is_special(byte)) {
			ret[size++] = ESCAPE;
			byte ^= ESCAPE_XOR;
		}
		ret[size++] = byte;
	}
	*ret_sum = 0;
	for (u32 i = 0; i < size; i++)
		*ret_sum = (u8)(*ret_sum + ret[i]);
	return size;
}

int gdb_packet_append(struct buf *out, const struct gdb_text *text)
{
	u8 packet[2 * GDB_PACKET_BYTES_MAX + 8];
	u8 sum;
	u32 size;

	packet[0] = '$';
	size = 1 + escape(text, packet + 1, &sum);
	size += (u32)snprintf((char *)packet + size, 4, "#%02x", sum);
	return buf_append(out, packet, size);
}

/* ---- parsing ---- */

bool gdb_take(struct gdb_cursor *c, char byte)
{
	if (c->at == c->end || *c->at != (u8)byte)
		return false;
	c->at++;
	return true;
}

bool gdb_take_word(struct gdb_cursor *c, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0)
		return false;
	c->at += size;
	return true;
}

bool gdb_take_hex(struct gdb_cursor *c, u64 *ret_value)
{
	u64 value = 0;
	u32 count = 0;

	while (c->at < c->end && digit_of(*c->at) >= 0) {
		if (++count > 16)
			return false;
		value = value << 4 | (u64)digit_of(*c->at++);
	}
	if (count)
		*ret_value = value;
	return count;
}

bool gdb_take_bytes(struct gdb_cursor *c, u8 *data, size_t size)
{
	for (size_t i = 0; i < size; i++, c->at += 2) {
		int high, low;

		if (c->end - c->at < 2)
			return false;
		high = digit_of(c->at[0]);
		low = digit_of(c->at[1]);
		if (high < 0 || low < 0)
			return false;
		data[i] = (u8)(high << 4 | low);
	}
	return true;
}
