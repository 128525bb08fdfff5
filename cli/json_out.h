/* SPDX-License-Identifier: MIT */
/*
 * JSON to a stream, indented as people read it. Names and values follow one
 * another; NULL for `name` inside an array. Stream errors are the caller's to
 * check (ferror).
 */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include <stdio.h>

#include "base/types.h"

struct json_out {
	FILE *out;
	u32 depth;
	bool more; /* something stands before in this object or array */
};

/* `bracket` is '{' or '[', `end` what closes it. */
void json_begin(struct json_out *json, const char *name, char bracket);
void json_end(struct json_out *json, char end);
void json_u64(struct json_out *json, const char *name, u64 value);
void json_bool(struct json_out *json, const char *name, bool value);
void json_text(struct json_out *json, const char *name, const char *text);

#endif
