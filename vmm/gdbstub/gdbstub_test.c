/* SPDX-License-Identifier: MIT */
/* Sockets: who may listen, who is heard, who is dropped. */
#include "vmm/gdbstub/gdbstub.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "vmm/machine/fake_machine.h"

static struct fake_machine m;

static struct {
	struct gdbstub *stub;
	char dir[32], path[64], where[80];
} t;

static void begin(void)
{
	struct fault fault = {};

	strcpy(t.dir, "/tmp/gdbstub.XXXXXX");
	check(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/socket", t.dir);
	snprintf(t.where, sizeof(t.where), "unix:%s", t.path);
	fake_machine_init(&m);
	fake_machine_create(&m);
	machine_cont(m.machine);
	check_eq(gdbstub_create(t.where, &t.stub, &fault), 0);
	check_eq(gdbstub_attach(t.stub, m.machine, &fault), 0);
}

static void end(void)
{
	gdbstub_free(t.stub);
	check_eq(access(t.path, F_OK), -1);
	check_eq(rmdir(t.dir), 0);
	fake_machine_release(&m);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0);
	strcpy(address.sun_path, path);
	check_eq(connect(fd, (void *)&address, sizeof(address)), 0);
	return fd;
}

/* All that waits is done. */
static void settle(void)
{
	for (u32 i = 0; i < 50; i++)
		check_eq(loop_run_once(m.loop, 0), 0);
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) == 0 || errno == ECONNRESET;
}

TEST(a_client_is_heard_and_answered)
{
	char answer[32] = "";
	int fd;

	begin();
	fd = connect_to(t.path);
	settle();
	check_eq(machine_status(m.machine), MACHINE_STOPPED);
	check_eq(write_full(fd, "$qC#b4", 6), 0);
	settle();
	check(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
	check_str_eq(answer, "+$QC1#c5");
	close(fd);
	settle();
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	end();
}

TEST(a_second_client_is_closed_and_a_later_one_is_not)
{
	int first, second;

	begin();
	first = connect_to(t.path);
	settle();
	second = connect_to(t.path);
	settle();
	check(is_closed(second) && !is_closed(first));
	close(second);
	close(first);
	settle();
	second = connect_to(t.path);
	settle();
	check(!is_closed(second));
	check_eq(machine_status(m.machine), MACHINE_STOPPED);
	close(second);
	end();
}

TEST(a_detach_closes_after_its_answer)
{
	char answer[32] = "";
	int fd;

	begin();
	fd = connect_to(t.path);
	check_eq(write_full(fd, "$D#44", 5), 0);
	settle();
	check_eq(recv(fd, answer, sizeof(answer) - 1, 0), 7);
	check_str_eq(answer, "+$OK#9a");
	check(is_closed(fd));
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	close(fd);
	end();
}

TEST(a_client_that_talks_nonsense_is_dropped_and_the_machine_goes_on)
{
	char nonsense[4096];
	int fd;

	begin();
	memset(nonsense, 'G', sizeof(nonsense));
	fd = connect_to(t.path);
	check_eq(write_full(fd, nonsense, sizeof(nonsense)), 0);
	settle();
	check(is_closed(fd));
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	close(fd);
	end();
}

/* It asks for ever and takes nothing: what waits for it stays bounded. */
TEST(a_client_that_does_not_read_is_not_read_either)
{
	u32 sent = 0;
	int fd;

	begin();
	fd = connect_to(t.path);
	while (sent < 1000000 && send(fd, "$m0,400#8d", 10, MSG_NOSIGNAL) == 10) {
		settle();
		sent++;
	}
	check(sent < 1000000);
	check(errno == EAGAIN || errno == EPIPE);
	close(fd);
	settle();
	check_eq(machine_status(m.machine), MACHINE_RUNS);
	end();
}

TEST(its_file_is_its_owners_alone)
{
	struct stat info;

	begin();
	check_eq(stat(t.path, &info), 0);
	check_eq(info.st_mode & 0777, 0600);
	end();
}

TEST(a_path_that_somebody_listens_on_is_taken_and_a_stale_one_is_not)
{
	struct gdbstub *other = NULL;
	struct fault fault = {};

	begin();
	check_eq(gdbstub_create(t.where, &other, &fault), -EADDRINUSE);
	check(strstr(fault.text[0], t.path));
	gdbstub_jailed(t.stub);
	gdbstub_free(t.stub);
	check_eq(access(t.path, F_OK), 0);
	check_eq(gdbstub_create(t.where, &t.stub, &fault), 0);
	end();
}

TEST(a_file_that_is_no_socket_is_left_alone)
{
	struct gdbstub *other = NULL;
	struct fault fault = {};
	char path[64], where[80];
	int fd;

	begin();
	snprintf(path, sizeof(path), "%s/file", t.dir);
	snprintf(where, sizeof(where), "unix:%s", path);
	fd = fd_open(path, O_CREAT | O_WRONLY, 0600);
	check(fd >= 0);
	fd_close(&fd);
	check_eq(gdbstub_create(where, &other, &fault), -EADDRINUSE);
	check_eq(access(path, F_OK), 0);
	check_eq(unlink(path), 0);
	end();
}

TEST(other_words_are_refused_with_a_sentence)
{
	static const char *const words[] = {
		"",	     "unix:",	      "tcp:",	  "tcp:0",
		"tcp:65536", "tcp:x",	      "tcp::1",	  "tcp:1.2.3:1",
		"1234",	     "tcp:host:1234", "udp:1234", "tcp:1.2.3.4.5:1",
	};

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		struct gdbstub *stub = NULL;
		struct fault fault = {};

		check_eq(gdbstub_create(words[i], &stub, &fault), -EINVAL);
		check(strstr(fault.text[0], "is not unix:PATH"));
	}
}
