/* SPDX-License-Identifier: MIT */
/* JSON to a stream: see json_out.h. */
#include "cli/json_out.h"

#include <assert.h>

#define INDENT 4

/*
 * Bytes of the UTF-8 character at `text`, or 0: it is none. The second byte's
 * range keeps out what is longer than need be, surrogates, and what lies beyond
 * the last character.
 */
static size_t character_bytes(const unsigned char *text)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t size;

	if (*text < 0x80)
		return 1;
	if (*text < 0xc2 || *text > 0xf4)
		return 0;
	size = *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
	if (*text == 0xe0 || *text == 0xf0)
		low = *text == 0xe0 ? 0xa0 : 0x90;
	if (*text == 0xed || *text == 0xf4)
		high = *text == 0xed ? 0x9f : 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

/* A name in an image may be any bytes; a reader of JSON takes characters. */
static void put_text(struct json_out *json, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', json->out);
	while (*at) {
		size_t size = character_bytes(at);

		if (!size)
			fputs("\\ufffd", json->out);
		else if (*at == '"' || *at == '\\')
			fprintf(json->out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(json->out, "\\u%04x", *at);
		else
			fwrite(at, 1, size, json->out);
		at += size ? size : 1;
	}
	fputc('"', json->out);
}

static void new_line(struct json_out *json)
{
	fprintf(json->out, "\n%*s", (int)json->depth * INDENT, "");
}

static void next(struct json_out *json, const char *name)
{
	if (json->more)
		fputc(',', json->out);
	if (json->depth)
		new_line(json);
	json->more = true;
	if (!name)
		return;
	put_text(json, name);
	fputs(": ", json->out);
}

void json_begin(struct json_out *json, const char *name, char bracket)
{
	next(json, name);
	fputc(bracket, json->out);
	json->depth++;
	json->more = false;
}

void json_end(struct json_out *json, char end)
{
	assert(json->depth);
	json->depth--;
	if (json->more)
		new_line(json);
	fputc(end, json->out);
	json->more = true;
	if (!json->depth)
		fputc('\n', json->out);
}

void json_u64(struct json_out *json, const char *name, u64 value)
{
	next(json, name);
	fprintf(json->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json_out *json, const char *name, bool value)
{
	next(json, name);
	fputs(value ? "true" : "false", json->out);
}

void json_text(struct json_out *json, const char *name, const char *text)
{
	next(json, name);
	put_text(json, text);
}
