/* SPDX-License-Identifier: MIT */
/*
 * Any bytes from a client. An input that begins with 'p' is lines, which are
 * made to packets with the right sum; others come as they are. The machine has
 * no vCPU threads: what it lets go stands again at the next Ctrl-C.
 */
#include "vmm/gdbstub/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kick.h"
#include "vmm/machine/fake_engine.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct bench {
	struct fake_engine engine;
	struct loop *loop;
	struct boot boot;
	struct gdb_session session;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void on_ended(void *ctx, int status)
{
	(void)ctx;
	(void)status;
}

static void on_wake(struct gdb_session *session)
{
	(void)session;
}

static struct machine *create(struct bench *b)
{
	static const u32 header[1024] = {
		0x1badb002, 0x10003,  -(0x1badb002 + 0x10003),
		0x100000,   0x100000, 0,
		0,	    0x100020};
	struct machine_config config = {
		.engine = &b->engine.engine,
		.memory_bytes = GUEST_MEM_SIZE_MIN,
		.cpu_count = 3,
		.cpu_model = "host",
		.boot = &b->boot,
		.ended = on_ended,
	};
	struct machine *machine = NULL;
	struct fault fault = {};

	kick_setup();
	fake_engine_init(&b->engine);
	require(!loop_create(&b->loop));
	config.loop = b->loop;
	require(!boot_from_memory(&b->boot, header, sizeof(header), NULL, 0, "",
				  &fault));
	require(!machine_create(&config, &machine, &fault));
	return machine;
}

static void packet(struct gdb_session *s, const u8 *data, size_t size)
{
	char tail[4];
	u8 sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (u8)(sum + data[i]);
	snprintf(tail, sizeof(tail), "#%02x", sum);
	gdb_session_receive(s, (const u8 *)"$", 1);
	gdb_session_receive(s, data, size);
	gdb_session_receive(s, (const u8 *)tail, 3);
	gdb_session_receive(s, (const u8 *)"\x03", 1);
}

static void lines(struct gdb_session *s, const u8 *data, size_t size)
{
	while (size) {
		const u8 *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;

		packet(s, data, n);
		require(s->out.size <= GDB_OUT_BYTES_MAX);
		buf_truncate(&s->out);
		n += end != NULL;
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct machine *machine;

	require(b);
	machine = create(b);
	b->session.wakes = on_wake;
	require(!gdb_session_begin(&b->session, machine));
	if (size && data[0] == 'p')
		lines(&b->session, data + 1, size - 1);
	else
		gdb_session_receive(&b->session, data, size);
	require(b->session.out.size <= GDB_OUT_BYTES_MAX);
	gdb_session_end(&b->session);
	machine_free(machine);
	loop_free(b->loop);
	free(b);
	return 0;
}
