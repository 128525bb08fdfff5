/* SPDX-License-Identifier: MIT */
/*
 * human-monitor-command: a line typed by a person, and text for an answer. A
 * mistake in the line is answered in text, too, as QEMU does.
 */
#include <string.h>

#include "base/str.h"
#include "vmm/monitor/monitor_internal.h"

#define ANSWER_BYTES_MAX (256 * KiB)

struct human {
	struct qmp_call *call;
	struct str words; /* what follows the command's name */
	struct buf out;
	bool cut; /* an answer that does not fit ends there */
};

struct human_command {
	const char *name, *help;
	void (*run)(struct human *h);
};

#define say(h, ...)                                                 \
	do {                                                        \
		(h)->cut |= !(h)->cut &&                            \
			    buf_printf(&(h)->out, __VA_ARGS__) < 0; \
	} while (0)

/* ---- info ---- */

static void info_status(struct human *h)
{
	const char *state = monitor_run_state(h->call->monitor);

	if (strcmp(state, "running"))
		say(h, "VM status: paused%s%s%s\r\n",
		    strcmp(state, "paused") ? " (" : "",
		    strcmp(state, "paused") ? state : "",
		    strcmp(state, "paused") ? ")" : "");
	else
		say(h, "VM status: running\r\n");
}

static void info_version(struct human *h)
{
	say(h, "%s\r\n", h->call->monitor->config.package);
}

static void info_cpus(struct human *h)
{
	const struct machine *m = h->call->monitor->machine;

	for (u32 i = 0; i < machine_config(m)->cpu_count; i++)
		say(h, "%c CPU #%u: thread_id=%d\r\n", i ? ' ' : '*', i,
		    machine_vcpu_thread(m, i));
}

static void info_registers(struct human *h)
{
	struct machine *m = h->call->monitor->machine;
	s64 index = qmp_int(h->call, "cpu-index", 0);
	bool all = str_eq_c(h->words, "-a");

	if (index < 0 || index >= machine_config(m)->cpu_count) {
		qmp_fail(h->call, "Parameter 'cpu-index' expects a CPU number");
		return;
	}
	for (u32 i = 0; i < machine_config(m)->cpu_count; i++)
		if (all || i == (u32)index) {
			say(h, "\r\nCPU#%u\r\n", i);
			machine_print_vcpu(m, i, &h->out);
		}
}

static void info_block(struct human *h)
{
	const struct machine_config *config =
		machine_config(h->call->monitor->machine);

	for (u32 i = 0; i < config->disk_count; i++) {
		const struct board_disk *disk = &config->disk[i];

		if (disk->block)
			say(h, "%sdisk%u: %s (%s%s)\r\n", i ? "\r\n" : "", i,
			    disk->path, block_format(disk->block),
			    block_read_only(disk->block) ? ", read-only" : "");
		else
			say(h, "%sdisk%u: [not inserted]\r\n", i ? "\r\n" : "",
			    i);
	}
}

static void info_blockstats(struct human *h)
{
	const struct machine_config *config =
		machine_config(h->call->monitor->machine);

	for (u32 i = 0; i < config->disk_count; i++) {
		const struct block *block = config->disk[i].block;
		const struct block_stats *s = block ? block_stats(block) : NULL;

		if (!s)
			continue;
		say(h,
		    "disk%u: rd_bytes=%llu wr_bytes=%llu rd_operations=%llu "
		    "wr_operations=%llu flush_operations=%llu\r\n",
		    i, (unsigned long long)s->bytes[BLOCK_READ],
		    (unsigned long long)monitor_written(s->bytes),
		    (unsigned long long)s->count[BLOCK_READ],
		    (unsigned long long)monitor_written(s->count),
		    (unsigned long long)s->count[BLOCK_FLUSH]);
	}
}

static void info_chardev(struct human *h)
{
	const struct monitor_config *config = &h->call->monitor->config;

	for (u32 i = 0; i < config->chardev_count; i++)
		say(h, "%s: filename=%s\r\n", config->chardev[i].label,
		    config->chardev[i].words);
}

static void info_kvm(struct human *h)
{
	const struct machine_config *config =
		machine_config(h->call->monitor->machine);

	say(h, "kvm support: %s\r\n",
	    strcmp(config->engine->ops->name, "kvm") ? "disabled" : "enabled");
}

static const struct human_command infos[] = {
	{"block", "the disks", info_block},
	{"blockstats", "what the disks have done", info_blockstats},
	{"chardev", "serial ports and consoles", info_chardev},
	{"cpus", "the processors", info_cpus},
	{"kvm", "which engine runs the guest", info_kvm},
	{"registers", "the processor's registers; -a: of all", info_registers},
	{"status", "whether the guest runs", info_status},
	{"version", "who answers", info_version},
};

/* ---- commands ---- */

static struct str next_word(struct human *h)
{
	struct str word = {.data = "", .size = 0};

	h->words = str_trim(h->words);
	if (!str_split(&h->words, ' ', &word))
		word = str_of("");
	h->words = str_trim(h->words);
	return word;
}

static const struct human_command *find(const struct human_command *list,
					u32 count, struct str name)
{
	for (u32 i = 0; i < count; i++)
		if (str_eq_c(name, list[i].name))
			return &list[i];
	return NULL;
}

static void list_all(struct human *h, const struct human_command *list,
		     u32 count, const char *before)
{
	for (u32 i = 0; i < count; i++)
		say(h, "%s%s -- %s\r\n", before, list[i].name, list[i].help);
}

static void info(struct human *h)
{
	struct str name = next_word(h);
	const struct human_command *found = find(infos, ARRAY_SIZE(infos), name);

	if (found)
		found->run(h);
	else
		list_all(h, infos, ARRAY_SIZE(infos), "info ");
}

/* What QMP has under the same name and without arguments. */
static void same_in_qmp(struct human *h, const char *name)
{
	h->call->args = NULL;
	qmp_execute(h->call, name);
}

static void stop(struct human *h)
{
	same_in_qmp(h, "stop");
}

static void cont(struct human *h)
{
	same_in_qmp(h, "cont");
}

static void quit(struct human *h)
{
	same_in_qmp(h, "quit");
}

static void system_powerdown(struct human *h)
{
	same_in_qmp(h, "system_powerdown");
}

static void system_reset(struct human *h)
{
	same_in_qmp(h, "system_reset");
}

/* "sendkey ctrl-alt-f1 [milliseconds]" */
static void sendkey(struct human *h)
{
	struct str words = next_word(h), hold = next_word(h);
	enum qcode keys[INPUT_CHORD_MAX];
	const char *bad = NULL;
	size_t bad_size = 0;
	char text[256] = "";
	u64 hold_ms = 0;
	u32 count = 0;

	if (!words.size)
		say(h, "sendkey: string expected\r\n");
	else if (hold.size && str_parse_u64(hold, &hold_ms))
		say(h, "sendkey: invalid hold time '%.*s'\r\n", STR_ARG(hold));
	else if (!str_copy(words, text, sizeof(text)) &&
		 (count = input_parse_chord(text, keys, &bad, &bad_size)))
		monitor_type(h->call, keys, count,
			     (s64)MIN(hold_ms, (u64)INT32_MAX));
	else if (bad)
		say(h, "invalid parameter: %.*s\r\n", (int)bad_size, bad);
	else
		say(h, "too many keys\r\n");
}

static void help(struct human *h);

static const struct human_command commands[] = {
	{"c", "go on", cont},
	{"cont", "go on", cont},
	{"help", "this list", help},
	{"info", "what is asked for; alone: the list of it", info},
	{"q", "end the machine", quit},
	{"quit", "end the machine", quit},
	{"sendkey", "keys held together: ctrl-alt-delete [milliseconds]",
	 sendkey},
	{"stop", "halt the processors", stop},
	{"system_powerdown", "press the power button", system_powerdown},
	{"system_reset", "press the reset button", system_reset},
};

static void help(struct human *h)
{
	list_all(h, commands, ARRAY_SIZE(commands), "");
}

void qmp_human_command(struct qmp_call *call)
{
	struct human h = {
		.call = call,
		.words = str_of(qmp_text(call, "command-line", "")),
	};
	const struct human_command *found;
	struct str name;

	buf_init(&h.out, ANSWER_BYTES_MAX);
	name = next_word(&h);
	found = find(commands, ARRAY_SIZE(commands), name);
	if (found)
		found->run(&h);
	else if (name.size)
		say(&h, "unknown command: '%.*s'\r\n", STR_ARG(name));
	if (!call->error_class)
		call->result = json_object_new_string_len(
			h.out.size ? (const char *)h.out.data : "",
			(int)h.out.size);
	buf_release(&h.out);
}
