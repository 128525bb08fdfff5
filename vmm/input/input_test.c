/* SPDX-License-Identifier: MIT */
#include "vmm/input/input.h"

#include "base/test.h"
#include "vmm/dev/fake_host.h"

#define MS	((u64)1000000)
#define LOG_MAX 64

struct receiver {
	struct input_sink sink;
	struct input_event log[LOG_MAX];
	u32 count, syncs;
	bool busy;
};

struct bench {
	struct fake_host host;
	struct input input;
	struct receiver first, second;
};

static struct bench b;

static void on_event(void *ctx, const struct input_event *event)
{
	struct receiver *receiver = ctx;

	check(receiver->count < LOG_MAX);
	receiver->log[receiver->count++] = *event;
}

static void on_sync(void *ctx)
{
	((struct receiver *)ctx)->syncs++;
}

static bool is_busy(void *ctx)
{
	return ((struct receiver *)ctx)->busy;
}

static void add(struct receiver *receiver, u32 kinds)
{
	receiver->sink = (struct input_sink){
		.name = "test",
		.kinds = kinds,
		.event = on_event,
		.sync = on_sync,
		.busy = is_busy,
		.ctx = receiver,
	};
	input_add_sink(&b.input, &receiver->sink);
}

static void begin(void)
{
	memset(&b, 0, sizeof(b));
	fake_host_init(&b.host);
	input_init(&b.input, &b.host.host);
}

static void end(void)
{
	input_release(&b.input);
}

static void send_key(enum qcode key)
{
	input_send(&b.input, &(struct input_event){.kind = INPUT_KEY,
						   .down = true,
						   .key = key});
}

static void send_abs(s32 value)
{
	input_send(&b.input, &(struct input_event){.kind = INPUT_ABS,
						   .axis = INPUT_Y,
						   .value = value});
}

TEST(an_event_goes_to_who_takes_its_kind)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	add(&b.second, BIT(INPUT_BUTTON) | BIT(INPUT_REL));
	check(input_takes(&b.input, INPUT_REL));
	check(!input_takes(&b.input, INPUT_ABS));
	send_key(QCODE_A);
	check_eq(b.first.count, 1);
	check_eq(b.first.log[0].key, QCODE_A);
	check(b.first.log[0].down);
	send_abs(5);
	check_eq(b.first.count, 1);
	check_eq(b.second.count, 0);
	end();
}

TEST(the_sink_that_was_added_last_comes_first)
{
	begin();
	add(&b.first, BIT(INPUT_KEY) | BIT(INPUT_REL));
	add(&b.second, BIT(INPUT_KEY));
	send_key(QCODE_A);
	input_send(&b.input, &(struct input_event){.kind = INPUT_REL});
	check_eq(b.second.count, 1);
	check_eq(b.first.count, 1);
	check_eq(b.first.log[0].kind, INPUT_REL);
	end();
}

TEST(only_those_that_had_events_are_told_of_their_end)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	add(&b.second, BIT(INPUT_ABS));
	send_key(QCODE_A);
	send_key(QCODE_B);
	input_sync(&b.input);
	input_sync(&b.input);
	check_eq(b.first.syncs, 1);
	check_eq(b.second.syncs, 0);
	end();
}

TEST(sysrq_is_the_print_key)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	send_key(QCODE_SYSRQ);
	check_eq(b.first.log[0].key, QCODE_PRINT);
	end();
}

TEST(an_absolute_position_stays_within_its_range)
{
	begin();
	add(&b.first, BIT(INPUT_ABS));
	send_abs(INT32_MIN);
	send_abs(INT32_MAX);
	send_abs(0x1234);
	check_eq(b.first.log[0].value, 0);
	check_eq(b.first.log[1].value, INPUT_ABS_MAX);
	check_eq(b.first.log[2].value, 0x1234);
	check_eq(b.first.log[2].axis, INPUT_Y);
	end();
}

TEST(typed_keys_come_one_after_the_other)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	input_type(&b.input, QCODE_A, true, 10);
	input_type(&b.input, QCODE_A, false, 20);
	input_type(&b.input, QCODE_B, true, 0);
	input_type(&b.input, QCODE_B, false, 5);
	check_eq(b.first.count, 1);
	check_eq(b.first.syncs, 1);
	fake_host_advance(&b.host, 10 * MS - 1);
	check_eq(b.first.count, 1);
	fake_host_advance(&b.host, 1);
	check_eq(b.first.count, 2);
	check(!b.first.log[1].down);
	fake_host_advance(&b.host, 20 * MS);
	check_eq(b.first.count, 4);
	check_eq(b.first.log[3].key, QCODE_B);
	check(!b.first.log[3].down);
	/* The pause of the last one counts, too. */
	input_type(&b.input, QCODE_C, true, 0);
	check_eq(b.first.count, 4);
	fake_host_advance(&b.host, 5 * MS);
	check_eq(b.first.count, 5);
	input_type(&b.input, QCODE_C, false, 0);
	check_eq(b.first.count, 6);
	end();
}

TEST(what_can_be_typed_ahead_is_limited)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	input_type(&b.input, QCODE_A, true, 10);
	check_eq(input_type_room(&b.input), INPUT_TYPED_MAX);
	for (u32 i = 0; i < INPUT_TYPED_MAX; i++)
		input_type(&b.input, QCODE_B, i & 1, 1000);
	check_eq(input_type_room(&b.input), 0);
	fake_host_advance(&b.host, 10 * MS);
	check_eq(input_type_room(&b.input), 1);
	input_type(&b.input, QCODE_C, true, 1);
	fake_host_advance(&b.host, 3000 * MS);
	check_eq(b.first.count, 5);
	end();
}

TEST(a_release_forgets_what_was_typed)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	input_type(&b.input, QCODE_A, true, 10);
	input_type(&b.input, QCODE_A, false, 10);
	end();
	fake_host_advance(&b.host, 100 * MS);
	check_eq(b.first.count, 1);
}

TEST(a_chord_goes_down_in_order_and_up_in_the_opposite_one)
{
	static const enum qcode keys[] = {QCODE_CTRL, QCODE_ALT, QCODE_DELETE};

	begin();
	add(&b.first, BIT(INPUT_KEY));
	check(input_type_chord(&b.input, keys, 3, 10));
	fake_host_advance(&b.host, 100 * MS);
	check_eq(b.first.count, 6);
	for (u32 i = 0; i < 6; i++) {
		check_eq(b.first.log[i].key, keys[i < 3 ? i : 5 - i]);
		check_eq(b.first.log[i].down, i < 3);
	}
	end();
}

TEST(a_chord_that_does_not_fit_is_not_typed_at_all)
{
	static const enum qcode keys[INPUT_TYPED_MAX];

	begin();
	add(&b.first, BIT(INPUT_KEY));
	check(!input_type_chord(&b.input, keys, INPUT_TYPED_MAX / 2 + 1, 10));
	check(!input_type_chord(&b.input, keys, UINT32_MAX, 10));
	check_eq(b.first.count, 0);
	check(input_type_chord(&b.input, keys, INPUT_TYPED_MAX / 2, 10));
	check(!input_type_chord(&b.input, keys, 1, 10));
	end();
}

TEST(a_chord_is_words_with_a_dash_between)
{
	enum qcode keys[INPUT_CHORD_MAX];
	const char *bad;
	size_t size;

	check_eq(input_parse_chord("ctrl-alt-delete", keys, &bad, &size), 3);
	check_eq(keys[0], QCODE_CTRL);
	check_eq(keys[1], QCODE_ALT);
	check_eq(keys[2], QCODE_DELETE);
	check_eq(input_parse_chord("0x1e-<", keys, &bad, &size), 2);
	check_eq(keys[0], QCODE_A);
	check_eq(keys[1], QCODE_LESS);
	check_eq(input_parse_chord("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p", keys,
				   &bad, &size),
		 16);
}

TEST(a_word_that_is_no_key_is_named)
{
	enum qcode keys[INPUT_CHORD_MAX];
	const char *bad;
	size_t size;

	check_eq(input_parse_chord("ctrl-foo-a", keys, &bad, &size), 0);
	check_eq(size, 3);
	check_mem_eq(bad, "foo", 3);
	check_eq(input_parse_chord("a-", keys, &bad, &size), 0);
	check_eq(size, 0);
	check_eq(input_parse_chord("0x1g", keys, &bad, &size), 0);
	check_eq(size, 4);
	check_eq(input_parse_chord("", keys, &bad, &size), 0);
	check_eq(input_parse_chord("a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a", keys,
				   &bad, &size),
		 0);
	check(!bad);
}

TEST(typed_keys_wait_for_a_guest_that_takes_its_time_but_not_for_ever)
{
	begin();
	add(&b.first, BIT(INPUT_KEY));
	input_type(&b.input, QCODE_A, true, 10);
	b.first.busy = true;
	input_type(&b.input, QCODE_A, false, 10);
	fake_host_advance(&b.host, 500 * MS);
	check_eq(b.first.count, 1);
	b.first.busy = false;
	fake_host_advance(&b.host, 10 * MS);
	check_eq(b.first.count, 2);
	b.first.busy = true;
	input_type(&b.input, QCODE_B, true, 0);
	fake_host_advance(&b.host, INPUT_PATIENCE_MS * MS);
	check_eq(b.first.count, 2);
	fake_host_advance(&b.host, 30 * MS);
	check_eq(b.first.count, 3);
	end();
}
