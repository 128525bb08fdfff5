/* SPDX-License-Identifier: MIT */
/*
 * Packets of gdb's remote serial protocol: $data#sum, and the single bytes
 * between them. [GDB "Overview"]
 *
 * Foreign bytes come in one by one, and what is kept of them is bounded.
 */
#ifndef VMM_GDBSTUB_PACKET_H
#define VMM_GDBSTUB_PACKET_H

#include "base/buf.h"
#include "base/types.h"

/* The client learns it by qSupported: what is between $ and #. */
#define GDB_PACKET_BYTES_MAX 4096u

enum gdb_event {
	GDB_NOTHING,   /* more is to come */
	GDB_PACKET,    /* one is whole: reader->data, size bytes, then a NUL */
	GDB_WRONG_SUM, /* to be asked for again */
	GDB_INTERRUPT, /* Ctrl-C */
	GDB_ACK,
	GDB_NAK,
	GDB_TOO_LONG,
	GDB_GARBAGE, /* a byte that means nothing here */
};

struct gdb_reader {
	enum {
		GDB_BETWEEN,
		GDB_INSIDE,
		GDB_ESCAPED,
		GDB_SUM_1,
		GDB_SUM_2
	} state;
	u8 sum, given;
	u32 size;
	u8 data[GDB_PACKET_BYTES_MAX + 1];
};

/* All-zero is a new reader. */
enum gdb_event gdb_reader_byte(struct gdb_reader *reader, u8 byte);

/* A packet's data on its way out; what does not fit is left out. */
struct gdb_text {
	u32 size;
	u8 data[GDB_PACKET_BYTES_MAX];
};

void gdb_text_clear(struct gdb_text *text);
void gdb_text_bytes(struct gdb_text *text, const void *data, size_t size);
void gdb_text_printf(struct gdb_text *text, const char *fmt, ...)
	printf_like(2, 3);
/* Two digits for each byte. */
void gdb_text_hex(struct gdb_text *text, const void *data, size_t size);

/* The whole packet, escaped and summed. -ENOBUFS, -ENOMEM as buf_append. */
must_check int gdb_packet_append(struct buf *out, const struct gdb_text *text);

/* What is left to parse of a packet's data. */
struct gdb_cursor {
	const u8 *at, *end; /* borrowed */
};

bool gdb_take(struct gdb_cursor *c, char byte);
bool gdb_take_word(struct gdb_cursor *c, const char *word);
/* At least one digit, at most 16. */
bool gdb_take_hex(struct gdb_cursor *c, u64 *ret_value);
/* Exactly `size` bytes of two digits. */
bool gdb_take_bytes(struct gdb_cursor *c, u8 *data, size_t size);

#endif
