/* SPDX-License-Identifier: MIT */
/*
 * See launcher.h. Two pairs of sockets lead to the launcher: one for questions,
 * each of which is answered at once, and one on which it tells of ends.
 */
#include "vmm/jail/launcher.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/raw.h"

#define PROGRAM_FD 3 /* where a program finds its socket */

struct launcher {
	pid_t pid;
	int calls;   /* owned: questions and answers */
	int notices; /* owned: ends */
};

bool launcher_question(const struct launcher_message *m, s64 size, u32 count)
{
	return size == (s64)sizeof(*m) && m->program < count &&
	       (m->verb == LAUNCHER_START || m->verb == LAUNCHER_STOP);
}

/* ---- in the launcher ---- */

struct office {
	const struct launcher_program *programs;
	u32 count;
	int calls, notices, children; /* the last a signalfd */
	pid_t pid[LAUNCHER_PROGRAMS_MAX];
};

static no_return void leave(int status)
{
	for (;;)
		(void)raw_call(SYS_exit_group, (u64)status, 0, 0, 0, 0, 0);
}

static void signals_default(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* fails for some, which have it */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A child of the launcher's; `report` closes when the program runs. */
static no_return void become(const struct launcher_program *program, int socket,
			     int report, pid_t launcher)
{
	static const char *const environment[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int err;

	signals_default();
	/* The launcher has nothing from 3 on but what is close-on-exec. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ||
	    getppid() != launcher || dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ||
	    dup2(socket, PROGRAM_FD) < 0 || fcntl(PROGRAM_FD, F_SETFD, 0) ||
	    execve(program->path, (char *const *)(uintptr_t)program->argv,
		   (char *const *)(uintptr_t)environment)) {
		err = -errno;
		(void)!write(report, &err, sizeof(err)); /* or it says 1 */
	}
	leave(1);
}

static int run_program(struct office *o, u32 index, int socket)
{
	int report[2], err = 0;
	pid_t launcher = getpid(), pid;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		become(&o->programs[index], socket, report[1], launcher);
	if (pid < 0)
		err = -errno;
	(void)close(report[1]);
	/* Nothing comes when exec has closed the other end. */
	if (!err && read(report[0], &err, sizeof(err)) != sizeof(err))
		err = 0;
	(void)close(report[0]);
	if (!err)
		o->pid[index] = pid;
	else if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* it has no program: it ends */
	return err;
}

/* Answers, with a descriptor unless `fd` is -1. */
static void answer(struct office *o, const struct launcher_message *m, int fd)
{
	union {
		struct cmsghdr head;
		u8 space[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct launcher_message copy = *m;
	struct iovec data = {&copy, sizeof(copy)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS};
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	/* Who does not read it will not ask again either. */
	(void)sendmsg(o->calls, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void start(struct office *o, struct launcher_message *m)
{
	int pair[2] = {-1, -1};

	m->value = o->pid[m->program] ? -EBUSY : 0;
	if (!m->value && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		m->value = -errno;
	if (!m->value)
		m->value = run_program(o, m->program, pair[1]);
	answer(o, m, m->value ? -1 : pair[0]);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void stop(struct office *o, struct launcher_message *m)
{
	pid_t pid = o->pid[m->program];

	m->value = pid ? 0 : -ESRCH;
	if (pid)
		(void)kill(pid, SIGKILL); /* a child, not reaped */
	answer(o, m, -1);
}

/* False: there is nobody to serve any more. */
static bool serve(struct office *o)
{
	struct launcher_message m = {};
	ssize_t n = recv(o->calls, &m, sizeof(m), MSG_TRUNC);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (!launcher_question(&m, n, o->count)) {
		m.value = -EINVAL;
		answer(o, &m, -1);
	} else if (m.verb == LAUNCHER_START) {
		start(o, &m);
	} else {
		stop(o, &m);
	}
	return true;
}

static void reap(struct office *o)
{
	struct launcher_message m = {.verb = LAUNCHER_ENDED};
	struct signalfd_siginfo info;
	pid_t pid;

	(void)!read(o->children, &info, sizeof(info)); /* empties it */
	while ((pid = waitpid(-1, &m.value, WNOHANG)) > 0)
		for (u32 i = 0; i < o->count; i++)
			if (o->pid[i] == pid) {
				o->pid[i] = 0;
				m.program = i;
				/* Fewer than a socket holds, or unwanted. */
				(void)send(o->notices, &m, sizeof(m),
					   MSG_NOSIGNAL | MSG_DONTWAIT);
			}
}

static void limit_privileges(void)
{
	const struct rlimit none = {};

	(void)prctl(PR_SET_NAME, "keel-launcher", 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* exists since 3.5 */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setsid(); /* a child leads no group: cannot fail */
	if (chdir("/")) {
		/* A place that cannot be unmounted meanwhile, no more. */
	}
}

/* Standard input and output are /dev/null's; nothing else of the VM's stays. */
static bool descriptors_keep(struct office *o)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int keep[] = {o->calls, o->notices};
	int at = STDERR_FILENO + 1;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(keep); i++, at++)
		if (keep[i] != at && dup3(keep[i], at, O_CLOEXEC) < 0)
			return false;
	o->calls = STDERR_FILENO + 1;
	o->notices = STDERR_FILENO + 2;
	return !syscall(SYS_close_range, at, ~0u, 0);
}

/* Moves both sockets out of the way of descriptors_keep(). */
static bool descriptors_lift(struct office *o)
{
	o->calls = fcntl(o->calls, F_DUPFD_CLOEXEC, 16);
	o->notices = fcntl(o->notices, F_DUPFD_CLOEXEC, 16);
	return o->calls >= 0 && o->notices >= 0;
}

static no_return void office_run(struct office *o)
{
	struct pollfd wait[2];
	sigset_t child;

	signals_default();
	limit_privileges();
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	if (!descriptors_lift(o) || !descriptors_keep(o) ||
	    sigprocmask(SIG_BLOCK, &child, NULL))
		leave(1);
	o->children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	wait[0] = (struct pollfd){.fd = o->calls, .events = POLLIN};
	wait[1] = (struct pollfd){.fd = o->children, .events = POLLIN};
	while (o->children >= 0 && (poll(wait, 2, -1) > 0 || errno == EINTR)) {
		if (wait[1].revents)
			reap(o);
		if (wait[0].revents && !serve(o))
			break;
	}
	leave(0); /* and the programs with us, by PR_SET_PDEATHSIG */
}

/* ---- in the VM's process ---- */

int launcher_create(const struct launcher_program *programs, u32 count,
		    struct launcher **ret, struct fault *fault)
{
	struct launcher *launcher = calloc(1, sizeof(*launcher));
	int calls[2] = {-1, -1}, notices[2] = {-1, -1}, err;
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	assert(count && count <= LAUNCHER_PROGRAMS_MAX);
	if (!launcher)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "launcher");
	if (socketpair(AF_UNIX, type, 0, calls) ||
	    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, notices))
		goto refused;
	launcher->pid = fork();
	if (launcher->pid < 0)
		goto refused;
	if (!launcher->pid)
		office_run(&(struct office){.programs = programs,
					    .count = count,
					    .calls = calls[1],
					    .notices = notices[1]});
	fd_close(&calls[1]);
	fd_close(&notices[1]);
	launcher->calls = calls[0];
	launcher->notices = notices[0];
	*ret = launcher;
	return 0;
refused:
	err = trace_err(-errno);
	for (u32 i = 0; i < 2; i++) {
		fd_close(&calls[i]);
		fd_close(&notices[i]);
	}
	free(launcher);
	return fault_set(fault, FAULT_INTERNAL, err, "cannot fork the launcher");
}

void launcher_free(struct launcher *launcher)
{
	if (!launcher)
		return;
	fd_close(&launcher->calls); /* which ends it */
	fd_close(&launcher->notices);
	while (waitpid(launcher->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(launcher);
}

/* The descriptor that came with an answer, or -1. */
static int descriptor_of(struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	int fd;

	if (!head || head->cmsg_level != SOL_SOCKET ||
	    head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* Sends a question and waits for its answer: 0 or -errno. */
static int ask(struct launcher *launcher, u32 verb, u32 program, int *ret_fd)
{
	union {
		struct cmsghdr head;
		u8 space[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct launcher_message m = {.verb = verb, .program = program};
	struct iovec data = {&m, sizeof(m)};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n;

	if (write(launcher->calls, &m, sizeof(m)) != sizeof(m))
		return trace_err(-EPIPE);
	do
		n = recvmsg(launcher->calls, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(m))
		return trace_err(-EPIPE);
	if (ret_fd && !m.value)
		*ret_fd = descriptor_of(&message);
	return m.value ? trace_err(m.value) : 0;
}

int launcher_start(struct launcher *launcher, u32 program, int *ret_fd)
{
	int fd = -1, err = ask(launcher, LAUNCHER_START, program, &fd);

	if (err)
		return err;
	if (fd < 0) /* no room for it in our table */
		return trace_err(-EMFILE);
	*ret_fd = fd;
	return 0;
}

int launcher_stop(struct launcher *launcher, u32 program)
{
	return ask(launcher, LAUNCHER_STOP, program, NULL);
}

int launcher_fd(const struct launcher *launcher)
{
	return launcher->notices;
}

int launcher_ended(struct launcher *launcher, u32 *ret_program, int *ret_status)
{
	struct launcher_message m;
	ssize_t n = read(launcher->notices, &m, sizeof(m));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n != sizeof(m))
		return trace_err(-EPIPE);
	*ret_program = m.program;
	*ret_status = m.value;
	return 0;
}
