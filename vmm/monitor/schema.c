/* SPDX-License-Identifier: MIT */
/*
 * query-qmp-schema: the list of commands and events as clients look for them.
 * What a command returns is not described further than "any".
 * [QMP-REF "SchemaInfo"]
 */
#include <stdio.h>

#include "vmm/monitor/monitor_internal.h"

#define EMPTY "q_empty"

static const char *const type_name[] = {
	[QMP_TEXT] = "str",    [QMP_INT] = "int",    [QMP_BOOL] = "bool",
	[QMP_ARRAY] = "[any]", [QMP_OBJECT] = "any",
};

static void add_builtin(struct json_object *schema, const char *name,
			const char *json_type)
{
	value_append(schema, value_pairs("name", value_text(name), "meta-type",
					 value_text("builtin"), "json-type",
					 value_text(json_type)));
}

static struct json_object *members_of(const struct qmp_command *command)
{
	struct json_object *members = json_object_new_array();

	for (u32 i = 0; i < QMP_ARG_MAX && command->arg[i].name; i++) {
		const struct qmp_arg *arg = &command->arg[i];
		struct json_object *member =
			value_pairs("name", value_text(arg->name), "type",
				    value_text(type_name[arg->type]));

		/* A member with a default may be left out; null: none. */
		if (arg->optional)
			value_add(member, "default", NULL);
		value_append(members, member);
	}
	return members;
}

static void add_object(struct json_object *schema, const char *name,
		       struct json_object *members)
{
	value_append(schema,
		     value_pairs("name", value_text(name), "meta-type",
				 value_text("object"), "members", members));
}

static void add_command(struct json_object *schema,
			const struct qmp_command *command)
{
	char args[64] = EMPTY;

	if (command->arg[0].name) {
		(void)snprintf(args, sizeof(args), "q_%s-arg", command->name);
		add_object(schema, args, members_of(command));
	}
	value_append(schema, value_pairs("name", value_text(command->name),
					 "meta-type", value_text("command"),
					 "arg-type", value_text(args),
					 "ret-type", value_text("any")));
}

void qmp_query_schema(struct qmp_call *call)
{
	struct json_object *schema = json_object_new_array();
	const struct qmp_command *command;
	const char *event;

	for (u32 i = 0; (command = qmp_command_at(i)); i++)
		add_command(schema, command);
	for (u32 i = 0; (event = monitor_event_at(i)); i++)
		value_append(schema,
			     value_pairs("name", value_text(event), "meta-type",
					 value_text("event"), "arg-type",
					 value_text("any")));
	add_object(schema, EMPTY, json_object_new_array());
	add_builtin(schema, "str", "string");
	add_builtin(schema, "int", "int");
	add_builtin(schema, "bool", "boolean");
	add_builtin(schema, "any", "value");
	value_append(schema, value_pairs("name", value_text("[any]"),
					 "meta-type", value_text("array"),
					 "element-type", value_text("any")));
	call->result = schema;
}
