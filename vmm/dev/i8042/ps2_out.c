/* SPDX-License-Identifier: MIT */
/* Bytes on their way from a keyboard or mouse to the controller. */
#include "vmm/dev/i8042/ps2_out.h"

#include <assert.h>

bool ps2_out_ready(const struct ps2_out *out)
{
	return out->answer_at < out->answer_count || out->data_count;
}

u8 ps2_out_pop(struct ps2_out *out)
{
	assert(ps2_out_ready(out));
	if (out->answer_at < out->answer_count) {
		out->last = out->answer[out->answer_at++];
	} else {
		out->last = out->data[out->data_head];
		out->data_head = (u8)((out->data_head + 1) % PS2_DATA_BYTES);
		out->data_count--;
	}
	return out->last;
}

void ps2_out_answer_begin(struct ps2_out *out)
{
	out->answer_at = out->answer_count = 0;
}

void ps2_out_answer(struct ps2_out *out, u8 byte)
{
	assert(out->answer_count < PS2_ANSWER_BYTES);
	out->answer[out->answer_count++] = byte;
}

bool ps2_out_data(struct ps2_out *out, const u8 *bytes, u32 count)
{
	if (out->data_count + count > PS2_DATA_BYTES)
		return false;
	for (u32 i = 0; i < count; i++)
		out->data[(out->data_head + out->data_count++) % PS2_DATA_BYTES] =
			bytes[i];
	return true;
}

void ps2_out_forget_data(struct ps2_out *out)
{
	out->data_head = out->data_count = 0;
}

bool ps2_out_is_valid(const struct ps2_out *out)
{
	return out->answer_count <= PS2_ANSWER_BYTES &&
	       out->answer_at <= out->answer_count &&
	       out->data_head < PS2_DATA_BYTES &&
	       out->data_count <= PS2_DATA_BYTES;
}
