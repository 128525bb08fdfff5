/* SPDX-License-Identifier: MIT */
/* What a client sends, in the pieces in which it comes. */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/kick.h"
#include "vmm/machine/fake_engine.h"
#include "vmm/monitor/monitor_internal.h"

static void on_ended(void *ctx, int status)
{
	(void)ctx, (void)status;
}

static struct {
	struct fake_engine engine;
	struct boot boot;
	u8 kernel[4096];
	struct loop *loop;
	struct monitor monitor;
} f;

static void prepare(void)
{
	const u32 header[] = {0x1badb002, 0x10003,  -(0x1badb002 + 0x10003),
			      0x100000,	  0x100000, 0,
			      0,	  0x100020};
	struct fault fault = {};

	memcpy(f.kernel, header, sizeof(header));
	kick_setup();
	if (loop_create(&f.loop) ||
	    boot_from_memory(&f.boot, f.kernel, sizeof(f.kernel), NULL, 0, "",
			     &fault))
		__builtin_trap();
}

static struct machine *new_machine(void)
{
	struct machine *machine;
	struct fault fault = {};

	fake_engine_init(&f.engine);
	if (machine_create(
		    &(struct machine_config){
			    .engine = &f.engine.engine,
			    .loop = f.loop,
			    .memory_bytes = 16 * MiB,
			    .cpu_count = 2,
			    .cpu_model = "host",
			    .boot = &f.boot,
			    .ended = on_ended,
		    },
		    &machine, &fault))
		__builtin_trap();
	return machine;
}

/* A first byte says how long the next piece is; answers are thrown away. */
static void talk(int fd, const u8 *data, size_t size)
{
	u8 answer[4096];

	while (size > 1) {
		size_t piece = MIN((size_t)data[0] + 1, size - 1);

		if (send(fd, data + 1, piece, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		data += 1 + piece;
		size -= 1 + piece;
		if (loop_run_once(f.loop, 0))
			__builtin_trap();
		while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			continue;
	}
	for (u32 i = 0; i < 4; i++)
		if (loop_run_once(f.loop, 0))
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char hello[] = "{'execute':'qmp_capabilities'}";
	struct session *session;
	int pair[2];

	if (!f.loop)
		prepare();
	f.monitor = (struct monitor){
		.machine = new_machine(),
		.listen_fd = -1,
		.session_count = 1,
		.config = {.loop = f.loop, .package = "keel", .jailed = true}};
	list_init(&f.monitor.sessions);
	for (u32 i = 0; i < MONITOR_FD_MAX; i++)
		f.monitor.fd[i].fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ||
	    session_create(&f.monitor, f.loop, pair[0], &session))
		__builtin_trap();
	list_add_tail(&f.monitor.sessions, &session->link);
	/* What is not negotiated gets no further: nine in ten are. */
	if (size && data[0] % 10 && send(pair[1], hello, strlen(hello), 0) < 0)
		__builtin_trap();
	talk(pair[1], data, size);
	close(pair[1]);
	if (!list_empty(&f.monitor.sessions))
		session_free(session);
	machine_free(f.monitor.machine);
	return 0;
}
