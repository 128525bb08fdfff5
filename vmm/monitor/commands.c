/* SPDX-License-Identifier: MIT */
/*
 * The commands: their list, what they take, and those that need no more than the
 * machine. [QMP-REF]
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/monitor/monitor_internal.h"

/* ---- arguments ---- */

void qmp_fail(struct qmp_call *call, const char *fmt, ...)
{
	va_list values;

	call->error_class = "GenericError";
	va_start(values, fmt);
	(void)vsnprintf(call->error, sizeof(call->error), fmt, values);
	va_end(values);
}

static struct json_object *arg_of(const struct qmp_call *call, const char *name)
{
	struct json_object *value = NULL;

	if (call->args)
		(void)json_object_object_get_ex(call->args, name, &value);
	return value;
}

const char *qmp_text(const struct qmp_call *call, const char *name,
		     const char *otherwise)
{
	struct json_object *value = arg_of(call, name);

	return value ? json_object_get_string(value) : otherwise;
}

s64 qmp_int(const struct qmp_call *call, const char *name, s64 otherwise)
{
	struct json_object *value = arg_of(call, name);

	return value ? json_object_get_int64(value) : otherwise;
}

bool qmp_bool(const struct qmp_call *call, const char *name, bool otherwise)
{
	struct json_object *value = arg_of(call, name);

	return value ? json_object_get_boolean(value) : otherwise;
}

static const struct {
	enum json_type type;
	const char *name;
} type_of[] = {
	[QMP_TEXT] = {json_type_string, "string"},
	[QMP_INT] = {json_type_int, "integer"},
	[QMP_BOOL] = {json_type_boolean, "boolean"},
	[QMP_ARRAY] = {json_type_array, "array"},
	[QMP_OBJECT] = {json_type_object, "object"},
};

static const struct qmp_arg *find_arg(const struct qmp_command *command,
				      const char *name)
{
	for (u32 i = 0; i < QMP_ARG_MAX && command->arg[i].name; i++)
		if (!strcmp(command->arg[i].name, name))
			return &command->arg[i];
	return NULL;
}

static void check_given(struct qmp_call *call, const struct qmp_command *command)
{
	if (!call->args)
		return;
	json_object_object_foreach(call->args, name, value)
	{
		const struct qmp_arg *arg = find_arg(command, name);

		if (!arg)
			qmp_fail(call, "Parameter '%s' is unexpected", name);
		else if (!json_object_is_type(value, type_of[arg->type].type))
			qmp_fail(call,
				 "Invalid parameter type for '%s', expected: "
				 "%s",
				 name, type_of[arg->type].name);
	}
}

static void check_args(struct qmp_call *call, const struct qmp_command *command)
{
	check_given(call, command);
	for (u32 i = 0; i < QMP_ARG_MAX && command->arg[i].name; i++)
		if (!command->arg[i].optional &&
		    !arg_of(call, command->arg[i].name))
			qmp_fail(call, "Parameter '%s' is missing",
				 command->arg[i].name);
}

/* ---- the machine ---- */

static void qmp_capabilities(struct qmp_call *call)
{
	struct json_object *wanted = arg_of(call, "enable");

	if (wanted && json_object_array_length(wanted))
		qmp_fail(call, "Capability '%s' is not offered",
			 json_object_get_string(
				 json_object_array_get_idx(wanted, 0)));
	else
		call->session->negotiated = true;
}

static void query_status(struct qmp_call *call)
{
	struct monitor *m = call->monitor;

	call->result = value_pairs(
		"status", value_text(monitor_run_state(m)), "singlestep",
		value_bool(false), "running",
		value_bool(machine_status(m->machine) == MACHINE_RUNS));
}

static void stop(struct qmp_call *call)
{
	machine_stop(call->monitor->machine);
}

static void cont(struct qmp_call *call)
{
	if (machine_status(call->monitor->machine) == MACHINE_ENDED)
		qmp_fail(call, "Resetting the Virtual Machine is required");
	else
		machine_cont(call->monitor->machine);
}

static void system_powerdown(struct qmp_call *call)
{
	machine_power_button(call->monitor->machine);
}

static void system_reset(struct qmp_call *call)
{
	machine_reset(call->monitor->machine);
}

static void quit(struct qmp_call *call)
{
	machine_end(call->monitor->machine, CAUSE_CONTROL);
}

static void query_kvm(struct qmp_call *call)
{
	const struct machine_config *config =
		machine_config(call->monitor->machine);
	bool kvm = !strcmp(config->engine->ops->name, "kvm");

	call->result = value_pairs("enabled", value_bool(kvm), "present",
				   value_bool(kvm));
}

static void query_name(struct qmp_call *call)
{
	call->result = json_object_new_object(); /* it has none */
}

static void query_uuid(struct qmp_call *call)
{
	call->result = value_pairs(
		"UUID", value_text("00000000-0000-0000-0000-000000000000"));
}

static void query_version(struct qmp_call *call)
{
	call->result = monitor_version(call->monitor);
}

static void query_memory(struct qmp_call *call)
{
	call->result = value_pairs(
		"base-memory",
		value_u64(machine_config(call->monitor->machine)->memory_bytes),
		"plugged-memory", value_u64(0));
}

static void query_target(struct qmp_call *call)
{
	call->result = value_pairs("arch", value_text("x86_64"));
}

void qmp_query_cpus_fast(struct qmp_call *call)
{
	const struct machine *m = call->monitor->machine;

	call->result = json_object_new_array();
	for (u32 i = 0; i < machine_config(m)->cpu_count; i++) {
		char path[48];

		(void)snprintf(path, sizeof(path), "/machine/cpu[%u]", i);
		value_append(
			call->result,
			value_pairs("cpu-index", value_u64(i), "qom-path",
				    value_text(path), "thread-id",
				    value_u64((u64)machine_vcpu_thread(m, i)),
				    "props",
				    value_pairs("core-id", value_u64(i),
						"thread-id", value_u64(0),
						"socket-id", value_u64(0)),
				    "target", value_text("x86_64")));
	}
}

void qmp_query_chardev(struct qmp_call *call)
{
	const struct monitor_config *config = &call->monitor->config;

	call->result = json_object_new_array();
	for (u32 i = 0; i < config->chardev_count; i++)
		value_append(call->result,
			     value_pairs("label",
					 value_text(config->chardev[i].label),
					 "filename",
					 value_text(config->chardev[i].words),
					 "frontend-open", value_bool(true)));
}

static void query_commands(struct qmp_call *call)
{
	const struct qmp_command *command;

	call->result = json_object_new_array();
	for (u32 i = 0; (command = qmp_command_at(i)); i++)
		value_append(call->result,
			     value_pairs("name", value_text(command->name)));
}

/* ---- the list ---- */

static const struct qmp_command commands[] = {
	{"add-fd",
	 qmp_add_fd,
	 {{"fdset-id", QMP_INT, true}, {"opaque", QMP_TEXT, true}}},
	{"closefd", qmp_closefd, {{"fdname", QMP_TEXT, false}}},
	{"cont", cont, {}},
	{"getfd", qmp_getfd, {{"fdname", QMP_TEXT, false}}},
	{"human-monitor-command",
	 qmp_human_command,
	 {{"command-line", QMP_TEXT, false}, {"cpu-index", QMP_INT, true}}},
	{"input-send-event",
	 qmp_input_send_event,
	 {{"device", QMP_TEXT, true},
	  {"head", QMP_INT, true},
	  {"events", QMP_ARRAY, false}}},
	{"qmp_capabilities", qmp_capabilities, {{"enable", QMP_ARRAY, true}}},
	{"query-block", qmp_query_block, {}},
	{"query-blockstats",
	 qmp_query_blockstats,
	 {{"query-nodes", QMP_BOOL, true}}},
	{"query-chardev", qmp_query_chardev, {}},
	{"query-commands", query_commands, {}},
	{"query-cpus-fast", qmp_query_cpus_fast, {}},
	{"query-fdsets", qmp_query_fdsets, {}},
	{"query-kvm", query_kvm, {}},
	{"query-memory-size-summary", query_memory, {}},
	{"query-name", query_name, {}},
	{"query-named-block-nodes",
	 qmp_query_named_block_nodes,
	 {{"flat", QMP_BOOL, true}}},
	{"query-qmp-schema", qmp_query_schema, {}},
	{"query-status", query_status, {}},
	{"query-target", query_target, {}},
	{"query-uuid", query_uuid, {}},
	{"query-version", query_version, {}},
	{"quit", quit, {}},
	{"remove-fd",
	 qmp_remove_fd,
	 {{"fdset-id", QMP_INT, false}, {"fd", QMP_INT, true}}},
	{"screendump",
	 qmp_screendump,
	 {{"filename", QMP_TEXT, false},
	  {"device", QMP_TEXT, true},
	  {"head", QMP_INT, true},
	  {"format", QMP_TEXT, true}}},
	{"send-key",
	 qmp_send_key,
	 {{"keys", QMP_ARRAY, false}, {"hold-time", QMP_INT, true}}},
	{"stop", stop, {}},
	{"system_powerdown", system_powerdown, {}},
	{"system_reset", system_reset, {}},
};

const struct qmp_command *qmp_command_at(u32 i)
{
	return i < ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

static const struct qmp_command *find_command(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

void qmp_execute(struct qmp_call *call, const char *name)
{
	const struct qmp_command *command = find_command(name);

	if (!call->session->negotiated &&
	    (!command || command->run != qmp_capabilities)) {
		qmp_fail(call, "Expecting capabilities negotiation with "
			       "'qmp_capabilities'");
		call->error_class = "CommandNotFound";
	} else if (!command) {
		qmp_fail(call, "The command %s has not been found", name);
		call->error_class = "CommandNotFound";
	} else if (call->session->negotiated &&
		   command->run == qmp_capabilities) {
		qmp_fail(call, "Capabilities negotiation is already complete, "
			       "command ignored");
		call->error_class = "CommandNotFound";
	} else {
		check_args(call, command);
		if (!call->error_class)
			command->run(call);
	}
}
