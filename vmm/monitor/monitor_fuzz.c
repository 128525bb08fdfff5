/* SPDX-License-Identifier: MIT */
/* What a client sends, in the pieces in which it comes. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/machine/fake_machine.h"
#include "vmm/monitor/monitor.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct fake_machine fake;
static char path[64];

static void turn(u32 rounds)
{
	while (rounds--)
		if (loop_run_once(fake.loop, 0))
			__builtin_trap();
}

static struct monitor *begin(void)
{
	struct monitor_config config = {.path = path, .package = "keel"};
	struct monitor *monitor;

	(void)snprintf(path, sizeof(path), "/tmp/monitor-fuzz-%d", getpid());
	fake_machine_init(&fake);
	fake.config.memory_bytes = GUEST_MEM_SIZE_MIN;
	fake.config.cpu_count = 2;
	fake_machine_create(&fake);
	config.loop = fake.loop;
	if (monitor_create(&config, &monitor, &fake.fault) ||
	    monitor_start(monitor, fake.machine))
		__builtin_trap();
	monitor_jailed(monitor);
	return monitor;
}

static int connect_client(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, sizeof(path));
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		__builtin_trap();
	turn(1);
	return fd;
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
		turn(1);
		while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			continue;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char hello[] = "{'execute':'qmp_capabilities'}";
	struct monitor *monitor = begin();
	int fd = connect_client();

	/* What is not negotiated gets no further: nine in ten are. */
	if (size && data[0] % 10 && send(fd, hello, strlen(hello), 0) < 0)
		__builtin_trap();
	talk(fd, data, size);
	turn(3);
	(void)close(fd);
	turn(3);
	monitor_free(monitor);
	fake_machine_release(&fake);
	(void)unlink(path);
	return 0;
}
