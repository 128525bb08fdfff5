/* SPDX-License-Identifier: MIT */
/*
 * Building JSON values. Where memory is missing json-c answers NULL, which is null
 * as a member. So NULL is taken everywhere here: the client reads a null, or less
 * than there is, and nothing breaks.
 */
#include <stdarg.h>

#include "vmm/monitor/monitor_internal.h"

void value_add(struct json_object *object, const char *name,
	       struct json_object *value)
{
	if (!object || json_object_object_add(object, name, value))
		json_object_put(value);
}

struct json_object *value_pairs_until_null(const char *name, ...)
{
	struct json_object *object = json_object_new_object();
	va_list values;

	va_start(values, name);
	for (; name; name = va_arg(values, const char *))
		value_add(object, name, va_arg(values, struct json_object *));
	va_end(values);
	return object;
}

struct json_object *value_text(const char *text)
{
	return json_object_new_string(text);
}

struct json_object *value_u64(u64 value)
{
	return json_object_new_uint64(value);
}

struct json_object *value_bool(bool value)
{
	return json_object_new_boolean(value);
}

void value_append(struct json_object *array, struct json_object *value)
{
	if (!array || json_object_array_add(array, value))
		json_object_put(value);
}
