/* SPDX-License-Identifier: MIT */
/* JSON to a stream: see json_out.h. */
#include "cli/json_out.h"

#include <assert.h>

#define INDENT 4

static void put_text(struct json_out *json, const char *text)
{
	fputc('"', json->out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(json->out, "\\%c", c);
		else if (c < 0x20)
			fprintf(json->out, "\\u%04x", c);
		else
			fputc(c, json->out);
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
