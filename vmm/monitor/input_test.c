/* SPDX-License-Identifier: MIT */
/* What a client says of keys and pointers, up to the sink that gets it. */
#include "base/clock.h"
#include "base/test.h"
#include "vmm/machine/fake_machine.h"
#include "vmm/monitor/monitor_internal.h"

static struct fake_machine m;

static struct {
	struct monitor monitor;
	struct input_sink sink;
	struct input_event event[16];
	u32 count, syncs;
	char error[256];
} t;

static void on_event(void *ctx, const struct input_event *event)
{
	(void)ctx;
	check(t.count < ARRAY_SIZE(t.event));
	t.event[t.count++] = *event;
}

static void on_sync(void *ctx)
{
	(void)ctx;
	t.syncs++;
}

/* A machine that runs, whose keys and mouse are ours. */
static void begin(void)
{
	memset(&t, 0, sizeof(t));
	fake_machine_init(&m);
	fake_machine_create(&m);
	machine_cont(m.machine);
	t.monitor.machine = m.machine;
	t.sink = (struct input_sink){
		.name = "test",
		.kinds = BIT(INPUT_KEY) | BIT(INPUT_BUTTON) | BIT(INPUT_REL),
		.event = on_event,
		.sync = on_sync};
	input_add_sink(machine_input(m.machine), &t.sink);
}

static void end(void)
{
	fake_machine_release(&m);
}

/* "" or what went wrong. */
static const char *call(void (*command)(struct qmp_call *), const char *args)
{
	struct qmp_call call = {.monitor = &t.monitor,
				.args = json_tokener_parse(args)};

	check(call.args);
	command(&call);
	check(!call.result);
	memcpy(t.error, call.error, sizeof(t.error));
	if (!call.error_class)
		check_str_eq(call.error, "");
	json_object_put(call.args);
	return t.error;
}

static const char *send_events(const char *list)
{
	char args[512];

	(void)snprintf(args, sizeof(args), "{'events':%s}", list);
	return call(qmp_input_send_event, args);
}

static void check_key(u32 index, enum qcode key, bool down)
{
	check_eq(t.event[index].kind, INPUT_KEY);
	check_eq(t.event[index].key, key);
	check_eq(t.event[index].down, down);
}

TEST(keys_go_down_in_their_order_and_up_in_the_other)
{
	u64 end_ns = clock_now_ns() + 30 * NS_PER_S;

	begin();
	check_str_eq(call(qmp_send_key,
			  "{'keys':[{'type':'qcode','data':'ctrl'},"
			  "{'type':'number','data':30}],'hold-time':1}"),
		     "");
	check_eq(t.count, 1); /* at once; the others in their time */
	while (t.count < 4 && clock_now_ns() < end_ns)
		check_eq(loop_run_once(m.loop, NS_PER_MS), 0);
	check_eq(t.count, 4);
	check_key(0, QCODE_CTRL, true);
	check_key(1, QCODE_A, true);
	check_key(2, QCODE_A, false);
	check_key(3, QCODE_CTRL, false);
	check_eq(t.syncs, 4);
	end();
}

TEST(numbers_that_no_key_has_are_no_key)
{
	begin();
	check_str_eq(send_events("[{'type':'key','data':{'down':true,'key':"
				 "{'type':'number','data':-1}}},"
				 "{'type':'key','data':{'down':true,'key':"
				 "{'type':'number','data':4294967326}}}]"),
		     "");
	check_eq(t.count, 2);
	check_key(0, QCODE_UNMAPPED, true);
	check_key(1, QCODE_UNMAPPED, true); /* and not 30 */
	end();
}

TEST(the_events_of_one_command_are_one_gesture)
{
	begin();
	check_str_eq(send_events("[{'type':'rel','data':{'axis':'y','value':-7}},"
				 "{'type':'btn','data':{'button':'wheel-right',"
				 "'down':true}},"
				 "{'type':'rel','data':{'axis':'x',"
				 "'value':9999999999}}]"),
		     "");
	check_eq(t.count, 3);
	check_eq(t.syncs, 1);
	check_eq(t.event[0].kind, INPUT_REL);
	check_eq(t.event[0].axis, INPUT_Y);
	check_eq(t.event[0].value, -7);
	check_eq(t.event[1].kind, INPUT_BUTTON);
	check_eq(t.event[1].button, INPUT_BUTTON_WHEEL_RIGHT);
	check(t.event[1].down);
	check_eq(t.event[2].axis, INPUT_X);
	check_eq(t.event[2].value, INT32_MAX);
	end();
}

TEST(what_is_wrong_is_said_and_nothing_of_it_is_done)
{
#define GOOD "{'type':'rel','data':{'axis':'x','value':1}}"
	static const struct {
		const char *list, *error;
	} cases[] = {
		{"[" GOOD ",5]",
		 "Invalid parameter type for 'events[1]', expected: object"},
		{"[" GOOD ",null]",
		 "Invalid parameter type for 'events[1]', expected: object"},
		{"[" GOOD ",{}]", "Parameter 'events[1].type' is missing"},
		{"[{'type':1}]",
		 "Invalid parameter type for 'events[0].type', expected: string"},
		{"[{'type':'mtt','data':{}}]",
		 "Parameter 'type' does not accept value 'mtt'"},
		{"[{'type':'key'}]", "Parameter 'events[0].data' is missing"},
		{"[{'type':'key','data':{}}]",
		 "Parameter 'events[0].data.key' is missing"},
		{"[{'type':'key','data':{'key':{'type':'qcode','data':'a'},"
		 "'down':1}}]",
		 "Invalid parameter type for 'events[0].data.down', "
		 "expected: boolean"},
		{"[{'type':'btn','data':{'button':'four','down':true}}]",
		 "Parameter 'button' does not accept value 'four'"},
		{"[{'type':'rel','data':{'axis':'x','value':1.5}}]",
		 "Invalid parameter type for 'events[0].data.value', "
		 "expected: integer"},
		{"[" GOOD ",{'type':'abs','data':{'axis':'x','value':1}}]",
		 "Input handler not found for event type abs"},
	};
#undef GOOD

	begin();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		check_str_eq(send_events(cases[i].list), cases[i].error);
	check_str_eq(call(qmp_send_key, "{'keys':[{'type':'qcode','data':'a'},"
					"{'type':'qcode','data':'enter'}]}"),
		     "Parameter 'data' does not accept value 'enter'");
	check_str_eq(
		call(qmp_input_send_event, "{'device':'video9','events':[]}"),
		"Device 'video9' not found");
	check_eq(t.count, 0);
	check_eq(t.syncs, 0);
	end();
}

TEST(nothing_reaches_a_machine_that_stands)
{
	begin();
	machine_stop(m.machine);
	check_str_eq(send_events("[{'type':'rel','data':"
				 "{'axis':'x','value':1}}]"),
		     "VM not running");
	check_str_eq(call(qmp_send_key, "{'keys':[{'type':'qcode','data':'a'}]}"),
		     "VM not running");
	check_eq(t.count, 0);
	end();
}

/* `count` keys at once, each held for a minute. */
static const char *type_many(u32 count)
{
	static char args[INPUT_TYPED_MAX * 32];
	size_t at = (size_t)snprintf(args, sizeof(args),
				     "{'hold-time':60000,'keys':[");

	for (u32 i = 0; i < count; i++)
		at += (size_t)snprintf(args + at, sizeof(args) - at,
				       "%s{'type':'number','data':30}",
				       i ? "," : "");
	(void)snprintf(args + at, sizeof(args) - at, "]}");
	return call(qmp_send_key, args);
}

TEST(no_more_keys_wait_than_there_is_room_for)
{
	struct input *input;

	begin();
	input = machine_input(m.machine);
	check_str_eq(type_many(INPUT_TYPED_MAX / 2 + 1),
		     "too many keys at once");
	check_eq(t.count, 0);
	check_str_eq(type_many(INPUT_TYPED_MAX / 2), "");
	check_eq(t.count, 1);
	check_eq(input_type_room(input), 1);
	check_str_eq(type_many(1), "too many keys wait to be typed");
	check_eq(input_type_room(input), 1);
	end();
}
