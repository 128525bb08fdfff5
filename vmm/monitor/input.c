/* SPDX-License-Identifier: MIT */
/*
 * send-key and input-send-event: keys and pointers of a client. Their arguments
 * are nested deeper than the list of commands says, so they are checked here; all
 * of them before the first is obeyed. [QAPI "send-key"] [QAPI "input-send-event"]
 */
#include <stdio.h>
#include <string.h>

#include "vmm/input/input.h"
#include "vmm/monitor/monitor_internal.h"

/* What QEMU takes where its schema says 100. */
#define HOLD_DEFAULT_MS 10
#define HOLD_MAX_MS	60000

#define PATH_BYTES 48

/* ---- arguments ---- */

static const char *name_of_type(enum json_type type)
{
	switch (type) {
	case json_type_boolean:
		return "boolean";
	case json_type_int:
		return "integer";
	case json_type_object:
		return "object";
	default:
		return "string";
	}
}

/* A member that must be there; NULL: the call has failed. */
static struct json_object *member(struct qmp_call *call,
				  struct json_object *object, const char *path,
				  const char *name, enum json_type type)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value)) {
		qmp_fail(call, "Parameter '%s.%s' is missing", path, name);
		return NULL;
	}
	if (json_object_is_type(value, type))
		return value;
	qmp_fail(call, "Invalid parameter type for '%s.%s', expected: %s", path,
		 name, name_of_type(type));
	return NULL;
}

static const char *word(struct qmp_call *call, struct json_object *object,
			const char *path, const char *name)
{
	return json_object_get_string(
		member(call, object, path, name, json_type_string));
}

static bool refuse_word(struct qmp_call *call, const char *name,
			const char *value)
{
	qmp_fail(call, "Parameter '%s' does not accept value '%s'", name, value);
	return false;
}

/* Which of `names` it is; false: none, and the call has failed. */
static bool one_of(struct qmp_call *call, struct json_object *object,
		   const char *path, const char *name, const char *const *names,
		   u32 count, u32 *ret_index)
{
	const char *value = word(call, object, path, name);

	for (u32 i = 0; value && i < count; i++)
		if (!strcmp(value, names[i])) {
			*ret_index = i;
			return true;
		}
	return value ? refuse_word(call, name, value) : false;
}

/* {"type": "qcode", "data": "a"} or {"type": "number", "data": 30}. */
static bool get_key(struct qmp_call *call, struct json_object *object,
		    const char *path, enum qcode *ret_key)
{
	static const char *const kinds[] = {"number", "qcode"};
	struct json_object *data;
	const char *name;
	u32 kind;
	s64 number;

	if (!one_of(call, object, path, "type", kinds, ARRAY_SIZE(kinds), &kind))
		return false;
	if (kind) {
		name = word(call, object, path, "data");
		return name && (qcode_of_name(name, ret_key) ||
				refuse_word(call, "data", name));
	}
	data = member(call, object, path, "data", json_type_int);
	number = data ? json_object_get_int64(data) : 0;
	*ret_key = number < 0 || number > UINT32_MAX
			   ? QCODE_UNMAPPED
			   : qcode_of_number((u32)number);
	return data;
}

/* The object in a list; `path` then says where it stands. */
static struct json_object *item(struct qmp_call *call, struct json_object *list,
				const char *name, size_t i,
				char path[static PATH_BYTES])
{
	struct json_object *object = json_object_array_get_idx(list, i);

	(void)snprintf(path, PATH_BYTES, "%s[%zu]", name, i); /* it fits */
	if (json_object_is_type(object, json_type_object))
		return object;
	qmp_fail(call, "Invalid parameter type for '%s', expected: object",
		 path);
	return NULL;
}

static struct json_object *list_of(const struct qmp_call *call, const char *name)
{
	return json_object_object_get(call->args, name);
}

/* Keys into a guest that stands would come when it runs again. */
static bool is_running(struct qmp_call *call)
{
	if (machine_status(call->monitor->machine) == MACHINE_RUNS)
		return true;
	qmp_fail(call, "VM not running");
	return false;
}

/* ---- send-key ---- */

void monitor_type(struct qmp_call *call, const enum qcode *keys, u32 count,
		  s64 hold_ms)
{
	u32 pause_ms = hold_ms > 0 ? (u32)MIN(hold_ms, (s64)HOLD_MAX_MS)
				   : HOLD_DEFAULT_MS;

	if (is_running(call) &&
	    !input_type_chord(machine_input(call->monitor->machine), keys,
			      count, pause_ms))
		qmp_fail(call, "too many keys wait to be typed");
}

void qmp_send_key(struct qmp_call *call)
{
	struct json_object *list = list_of(call, "keys"), *object;
	enum qcode keys[INPUT_TYPED_MAX / 2];
	size_t count = json_object_array_length(list);
	char path[PATH_BYTES];

	if (count > ARRAY_SIZE(keys)) {
		qmp_fail(call, "too many keys at once");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		object = item(call, list, "keys", i, path);
		if (!object || !get_key(call, object, path, &keys[i]))
			return;
	}
	monitor_type(call, keys, (u32)count, qmp_int(call, "hold-time", 0));
}

/* ---- input-send-event ---- */

static const char *const kind_names[] = {"key", "btn", "rel", "abs"};
static const char *const axis_names[] = {"x", "y"};
static const char *const button_names[INPUT_BUTTON_COUNT] = {
	[INPUT_BUTTON_LEFT] = "left",
	[INPUT_BUTTON_MIDDLE] = "middle",
	[INPUT_BUTTON_RIGHT] = "right",
	[INPUT_BUTTON_WHEEL_UP] = "wheel-up",
	[INPUT_BUTTON_WHEEL_DOWN] = "wheel-down",
	[INPUT_BUTTON_SIDE] = "side",
	[INPUT_BUTTON_EXTRA] = "extra",
	[INPUT_BUTTON_WHEEL_LEFT] = "wheel-left",
	[INPUT_BUTTON_WHEEL_RIGHT] = "wheel-right",
};

static bool get_down(struct qmp_call *call, struct json_object *data,
		     const char *path, bool *ret_down)
{
	struct json_object *down =
		member(call, data, path, "down", json_type_boolean);

	*ret_down = json_object_get_boolean(down);
	return down;
}

static bool get_key_event(struct qmp_call *call, struct json_object *data,
			  const char *path, struct input_event *event)
{
	struct json_object *key =
		member(call, data, path, "key", json_type_object);

	return key && get_key(call, key, path, &event->key) &&
	       get_down(call, data, path, &event->down);
}

static bool get_button_event(struct qmp_call *call, struct json_object *data,
			     const char *path, struct input_event *event)
{
	u32 button;

	if (!one_of(call, data, path, "button", button_names,
		    ARRAY_SIZE(button_names), &button))
		return false;
	event->button = (enum input_button)button;
	return get_down(call, data, path, &event->down);
}

static bool get_move(struct qmp_call *call, struct json_object *data,
		     const char *path, struct input_event *event)
{
	struct json_object *value;
	u32 axis;

	if (!one_of(call, data, path, "axis", axis_names,
		    ARRAY_SIZE(axis_names), &axis))
		return false;
	value = member(call, data, path, "value", json_type_int);
	event->axis = (enum input_axis)axis;
	event->value = json_object_get_int(value); /* cut to 32 bits */
	return value;
}

static bool get_event(struct qmp_call *call, struct json_object *list, size_t i,
		      struct input_event *ret)
{
	char path[PATH_BYTES], inner[PATH_BYTES + 8];
	struct json_object *object = item(call, list, "events", i, path);
	struct json_object *data;
	u32 kind;

	*ret = (struct input_event){};
	if (!object || !one_of(call, object, path, "type", kind_names,
			       ARRAY_SIZE(kind_names), &kind))
		return false;
	data = member(call, object, path, "data", json_type_object);
	if (!data)
		return false;
	ret->kind = (enum input_kind)kind;
	(void)snprintf(inner, sizeof(inner), "%s.data", path); /* it fits */
	if (kind == INPUT_KEY)
		return get_key_event(call, data, inner, ret);
	if (kind == INPUT_BUTTON)
		return get_button_event(call, data, inner, ret);
	return get_move(call, data, inner, ret);
}

/* No device has a name here that a screen's events could be for. */
static bool is_for_us(struct qmp_call *call)
{
	const char *device = qmp_text(call, "device", NULL);

	if (!device)
		return true;
	qmp_fail(call, "Device '%s' not found", device);
	call->error_class = "DeviceNotFound";
	return false;
}

static bool has_receiver(struct qmp_call *call, struct json_object *list,
			 size_t i)
{
	struct input_event event;

	if (!get_event(call, list, i, &event))
		return false;
	if (input_takes(machine_input(call->monitor->machine), event.kind))
		return true;
	qmp_fail(call, "Input handler not found for event type %s",
		 kind_names[event.kind]);
	return false;
}

void qmp_input_send_event(struct qmp_call *call)
{
	struct json_object *list = list_of(call, "events");
	struct input *input = machine_input(call->monitor->machine);
	size_t count = json_object_array_length(list);
	struct input_event event;

	for (size_t i = 0; i < count; i++)
		if (!get_event(call, list, i, &event))
			return;
	if (!is_for_us(call) || !is_running(call))
		return;
	for (size_t i = 0; i < count; i++)
		if (!has_receiver(call, list, i))
			return;
	for (size_t i = 0; i < count; i++)
		if (get_event(call, list, i, &event))
			input_send(input, &event);
	input_sync(input);
}
