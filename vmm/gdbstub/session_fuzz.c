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

#include "vmm/machine/fake_machine.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void on_wake(struct gdb_session *session)
{
	(void)session;
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
	static struct fake_machine fake;
	static struct gdb_session session;

	fake_machine_init(&fake);
	fake.config.memory_bytes = GUEST_MEM_SIZE_MIN;
	fake.config.cpu_count = 3;
	fake_machine_create(&fake);
	session.wakes = on_wake;
	require(!gdb_session_begin(&session, fake.machine));
	if (size && data[0] == 'p')
		lines(&session, data + 1, size - 1);
	else
		gdb_session_receive(&session, data, size);
	require(session.out.size <= GDB_OUT_BYTES_MAX);
	gdb_session_end(&session);
	fake_machine_release(&fake);
	return 0;
}
