/* SPDX-License-Identifier: MIT */
/* Which sink gets an event, and keys that are typed one after the other. */
#include "vmm/input/input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define RETRY_MS 5

void input_add_sink(struct input *input, struct input_sink *sink)
{
	assert(sink->event && sink->kinds);
	sink->has_events = false;
	list_add_head(&input->sinks, &sink->link);
}

static struct input_sink *sink_for(const struct input *input,
				   enum input_kind kind)
{
	list_for_each(link, &input->sinks) {
		struct input_sink *sink =
			list_entry(link, struct input_sink, link);

		if (sink->kinds & BIT(kind))
			return sink;
	}
	return NULL;
}

bool input_takes(const struct input *input, enum input_kind kind)
{
	return sink_for(input, kind) != NULL;
}

void input_send(struct input *input, const struct input_event *event)
{
	struct input_sink *sink = sink_for(input, event->kind);
	struct input_event given = *event;

	if (!sink)
		return;
	if (event->kind == INPUT_KEY && event->key == QCODE_SYSRQ)
		given.key = QCODE_PRINT;
	if (event->kind == INPUT_ABS)
		given.value = MAX(0, MIN(event->value, INPUT_ABS_MAX));
	sink->has_events = true;
	sink->event(sink->ctx, &given);
}

void input_sync(struct input *input)
{
	list_for_each(link, &input->sinks) {
		struct input_sink *sink =
			list_entry(link, struct input_sink, link);

		if (sink->has_events && sink->sync)
			sink->sync(sink->ctx);
		sink->has_events = false;
	}
}

/* ---- typing ---- */

u32 input_type_room(const struct input *input)
{
	return INPUT_TYPED_MAX - input->typed_count;
}

static void send_first(struct input *input)
{
	const struct input_typed *first = &input->typed[input->typed_head];

	input_send(input, &(struct input_event){.kind = INPUT_KEY,
						.down = first->down,
						.key = first->key});
	input_sync(input);
	input->ready_ns =
		input->host->now_ns(input->host) + first->pause_ms * NS_PER_MS;
	input->typed_head = (input->typed_head + 1) % INPUT_TYPED_MAX;
	input->typed_count--;
}

static bool guest_is_busy(const struct input *input)
{
	const struct input_sink *sink = sink_for(input, INPUT_KEY);

	return sink && sink->busy && sink->busy(sink->ctx);
}

/* When the first one may go: now, or a time to look again. */
static u64 next_ns(const struct input *input, u64 now_ns)
{
	if (now_ns < input->ready_ns)
		return input->ready_ns;
	if (now_ns >= input->ready_ns + INPUT_PATIENCE_MS * NS_PER_MS ||
	    !guest_is_busy(input))
		return now_ns;
	return now_ns + RETRY_MS * NS_PER_MS;
}

static void send_due(void *ctx)
{
	struct input *input = ctx;
	u64 wake_ns = DEV_TIMER_NEVER;

	while (input->typed_count) {
		u64 now_ns = input->host->now_ns(input->host);

		wake_ns = next_ns(input, now_ns);
		if (wake_ns > now_ns)
			break;
		send_first(input);
		wake_ns = DEV_TIMER_NEVER;
	}
	dev_timer_set(&input->timer, wake_ns);
}

void input_type(struct input *input, enum qcode key, bool down, u32 pause_ms)
{
	assert(input_type_room(input));
	input->typed[(input->typed_head + input->typed_count) % INPUT_TYPED_MAX] =
		(struct input_typed){
			.key = key, .down = down, .pause_ms = pause_ms};
	input->typed_count++;
	send_due(input);
}

bool input_type_chord(struct input *input, const enum qcode *keys, u32 count,
		      u32 pause_ms)
{
	if (count > input_type_room(input) / 2)
		return false;
	for (u32 i = 0; i < count; i++)
		input_type(input, keys[i], true, pause_ms);
	for (u32 i = count; i--;)
		input_type(input, keys[i], false, pause_ms);
	return true;
}

/* A word of a chord; false when it is no key. */
static bool parse_key(const char *word, size_t size, enum qcode *ret_key)
{
	char copy[24], *end;
	unsigned long number;

	if (size >= sizeof(copy))
		return false;
	memcpy(copy, word, size);
	copy[size] = 0;
	if (!strcmp(copy, "<")) {
		*ret_key = QCODE_LESS;
		return true;
	}
	if (strncmp(copy, "0x", 2))
		return qcode_of_name(copy, ret_key);
	number = strtoul(copy, &end, 16);
	if (*end || number > UINT32_MAX)
		return false;
	*ret_key = qcode_of_number((u32)number);
	return true;
}

u32 input_parse_chord(const char *text, enum qcode *ret_keys,
		      const char **ret_bad, size_t *ret_bad_size)
{
	for (u32 count = 0; count < INPUT_CHORD_MAX; count++) {
		size_t size = strcspn(text, "-");

		if (!parse_key(text, size, &ret_keys[count])) {
			*ret_bad = text;
			*ret_bad_size = size;
			return 0;
		}
		if (!text[size])
			return count + 1;
		text += size + 1;
	}
	*ret_bad = NULL;
	return 0;
}

/* ---- life ---- */

void input_init(struct input *input, struct dev_host *host)
{
	list_init(&input->sinks);
	input->host = host;
	input->typed_head = input->typed_count = 0;
	input->ready_ns = 0;
	dev_timer_init(&input->timer, host, send_due, input);
}

void input_release(struct input *input)
{
	dev_timer_release(&input->timer);
}
