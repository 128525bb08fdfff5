/* SPDX-License-Identifier: MIT */
/*
 * Attempts to get out, from each kind of thread, by every door that a kernel of
 * Linux has and that has been used for it; each in a forked child. Then the same
 * with the filters only logging: what stands behind them must hold as well.
 */
#include "vmm/jail/jail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/raw.h"
#include "base/test.h"
#include "base/thread.h"
#include "vmm/jail/filter.h"

#define X32_BIT 0x40000000

static const char shadow[] = "/etc/shadow";
static pid_t parent;
static volatile int refused;

/* ---- in the child ---- */

static void on_refusal(int number, siginfo_t *info, void *context)
{
	(void)info;
	refused++;
	if (number == SIGSEGV) /* int 0x80 where the kernel has no such entry */
		((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void count_refusals(void)
{
	const struct sigaction action = {.sa_sigaction = on_refusal,
					 .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

static bool separate(enum jail_mode mode, const char *engine, struct jail **ret)
{
	const struct jail_config config = {mode, engine, 1};

	if (jail_create(&config, ret, NULL))
		return false;
	jail_separate(*ret);
	return true;
}

struct attempt {
	const char *name;
	long number;
	u64 arg[5];
	bool io_may; /* the first thread, to what it has open */
};

#define CALL(title, call, ...)                                        \
	{                                                             \
		.name = title, .number = call, .arg = { __VA_ARGS__ } \
	}

#define CALL_NOT_IO(title, call, ...)                                \
	{                                                            \
		.name = title, .number = call, .arg = {__VA_ARGS__}, \
		.io_may = true                                       \
	}

/* int 0x80 has numbers of its own: 20 is getpid, 11 execve. */
static void by_32_bit_entry(u64 number)
{
	u64 rax = number;

	__asm__ volatile("int $0x80"
			 : "+a"(rax)
			 : "b"(0), "c"(0), "d"(0)
			 : "r8", "r9", "r10", "r11", "memory");
}

#define AT(pointer) ((u64)(uintptr_t)(pointer))

/*
 * 0, or which of the attempts was not refused, from 1.
 * long: it is a table.
 */
static int try_all(bool io, u32 *ret_count)
{
	static char *const words[] = {NULL};
	static char byte;
	const struct attempt attempt[] = {
		CALL("open", SYS_open, AT(shadow), O_RDONLY),
		CALL("openat", SYS_openat, (u64)AT_FDCWD, AT(shadow), O_RDONLY),
		CALL("openat of /", SYS_openat, (u64)AT_FDCWD, AT("/"), O_PATH),
		CALL("openat2", SYS_openat2, (u64)AT_FDCWD, AT(shadow)),
		CALL("creat", SYS_creat, AT("/tmp/x"), 0600),
		CALL("stat", SYS_stat, AT(shadow), AT(&byte)),
		CALL("newfstatat", SYS_newfstatat, (u64)AT_FDCWD, AT(shadow)),
		CALL("access", SYS_access, AT(shadow), R_OK),
		CALL("unlink", SYS_unlink, AT("/tmp/x")),
		CALL("rename", SYS_rename, AT("/tmp/x"), AT("/tmp/y")),
		CALL("link", SYS_link, AT("/tmp/x"), AT("/tmp/y")),
		CALL("symlink", SYS_symlink, AT("/tmp/x"), AT("/tmp/y")),
		CALL("mknod", SYS_mknod, AT("/tmp/x"), 0600),
		CALL("chmod", SYS_chmod, AT(shadow), 0666),
		CALL("chdir", SYS_chdir, AT("/")),
		CALL("fchdir", SYS_fchdir, 0),
		CALL("name_to_handle_at", SYS_name_to_handle_at),
		CALL("open_by_handle_at", SYS_open_by_handle_at),
		CALL("execve", SYS_execve, AT("/bin/sh"), AT(words), AT(words)),
		CALL("execveat", SYS_execveat, 0, AT(""), AT(words), AT(words)),
		CALL("fork", SYS_fork),
		CALL("vfork", SYS_vfork),
		CALL("clone like fork", SYS_clone, SIGCHLD),
		CALL("clone of a user namespace", SYS_clone,
		     CLONE_NEWUSER | CLONE_FILES | SIGCHLD),
		CALL("clone3", SYS_clone3),
		CALL("ptrace", SYS_ptrace, PTRACE_ATTACH, (u64)parent),
		CALL("process_vm_readv", SYS_process_vm_readv, (u64)parent),
		CALL("process_vm_writev", SYS_process_vm_writev, (u64)parent),
		CALL("kill of the parent", SYS_kill, (u64)parent, 0),
		CALL("kill of everybody", SYS_kill, (u64)-1, 0),
		CALL("kill of a group", SYS_kill, 0, 0),
		CALL("tkill", SYS_tkill, (u64)parent, 0),
		CALL("tgkill of the parent", SYS_tgkill, (u64)parent,
		     (u64)parent, 0),
		CALL("rt_sigqueueinfo", SYS_rt_sigqueueinfo, (u64)parent),
		CALL("pidfd_open", SYS_pidfd_open, (u64)parent),
		CALL("pidfd_getfd", SYS_pidfd_getfd, 0, 0),
		CALL("kcmp", SYS_kcmp, (u64)parent, (u64)parent),
		CALL("socket, UNIX", SYS_socket, AF_UNIX, SOCK_STREAM),
		CALL("socket, TCP", SYS_socket, AF_INET, SOCK_STREAM),
		CALL("socket, packet", SYS_socket, AF_PACKET, SOCK_RAW),
		CALL("socket, netlink", SYS_socket, AF_NETLINK, SOCK_RAW),
		CALL("socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM),
		CALL("connect", SYS_connect, 0),
		CALL("bind", SYS_bind, 0),
		CALL("listen", SYS_listen, 0),
		CALL("accept", SYS_accept, 0),
		CALL_NOT_IO("sendto", SYS_sendto, 0),
		CALL_NOT_IO("sendmsg", SYS_sendmsg, 0),
		CALL_NOT_IO("recvmsg", SYS_recvmsg, 0),
		CALL("setsockopt that puts a program to it", SYS_setsockopt, 0,
		     SOL_SOCKET, SO_ATTACH_FILTER),
		CALL("sendmmsg", SYS_sendmmsg, 0),
		CALL("recvmmsg", SYS_recvmmsg, 0),
		CALL("mount", SYS_mount, 0, AT("/"), 0, MS_REMOUNT),
		CALL("umount2", SYS_umount2, AT("/")),
		CALL("fsopen", SYS_fsopen, AT("proc")),
		CALL("open_tree", SYS_open_tree, (u64)AT_FDCWD, AT("/")),
		CALL("move_mount", SYS_move_mount),
		CALL("pivot_root", SYS_pivot_root, AT("."), AT(".")),
		CALL("chroot", SYS_chroot, AT("/")),
		CALL("unshare of the user namespace", SYS_unshare, CLONE_NEWUSER),
		CALL("unshare of mounts", SYS_unshare, CLONE_NEWNS),
		CALL("setns", SYS_setns, 0),
		CALL("setuid", SYS_setuid, 0),
		CALL("setresuid", SYS_setresuid, 0, 0, 0),
		CALL("setgroups", SYS_setgroups, 0),
		CALL("capset", SYS_capset),
		CALL("prctl of seccomp", SYS_prctl, PR_SET_SECCOMP),
		CALL("prctl of the securebits", SYS_prctl, PR_SET_SECUREBITS),
		CALL("prctl of the tracer", SYS_prctl, PR_SET_PTRACER),
		CALL("arch_prctl", SYS_arch_prctl),
		CALL("personality", SYS_personality, 0x0400000),
		CALL("bpf", SYS_bpf),
		CALL("perf_event_open", SYS_perf_event_open),
		CALL("userfaultfd", SYS_userfaultfd),
		CALL("keyctl", SYS_keyctl),
		CALL("add_key", SYS_add_key),
		CALL("request_key", SYS_request_key),
		CALL("io_uring_setup", SYS_io_uring_setup, 8),
		CALL("io_uring_register", SYS_io_uring_register),
		CALL("io_setup", SYS_io_setup, 8),
		CALL("init_module", SYS_init_module),
		CALL("finit_module", SYS_finit_module),
		CALL("kexec_load", SYS_kexec_load),
		CALL("reboot", SYS_reboot),
		CALL("swapon", SYS_swapon),
		CALL("acct", SYS_acct),
		CALL("syslog", SYS_syslog, 3),
		CALL("iopl", SYS_iopl, 3),
		CALL("ioperm", SYS_ioperm, 0x70, 2, 1),
		CALL("modify_ldt", SYS_modify_ldt),
		CALL("vmsplice", SYS_vmsplice),
		CALL("splice", SYS_splice),
		CALL("shmget", SYS_shmget),
		CALL("mq_open", SYS_mq_open),
		CALL("inotify_init1", SYS_inotify_init1),
		CALL("fanotify_init", SYS_fanotify_init),
		CALL("settimeofday", SYS_settimeofday),
		CALL("clock_adjtime", SYS_clock_adjtime),
		CALL("sethostname", SYS_sethostname),
		CALL("setpriority", SYS_setpriority),
		CALL("sched_setscheduler", SYS_sched_setscheduler),
		CALL("setrlimit", SYS_setrlimit),
		CALL("prlimit64", SYS_prlimit64, (u64)parent),
		CALL("setsid", SYS_setsid),
		CALL("setpgid", SYS_setpgid),
		CALL("fcntl", SYS_fcntl, 0, F_SETOWN, (u64)parent),
		CALL("ioctl that types for the user", SYS_ioctl, 0, TIOCSTI,
		     AT(&byte)),
		CALL("ioctl that takes the terminal", SYS_ioctl, 0, TIOCSCTTY, 1),
		CALL("ioctl of the console", SYS_ioctl, 0, TIOCLINUX, AT(&byte)),
		CALL("ioctl that changes the line's rules", SYS_ioctl, 0,
		     TIOCSETD, AT(&byte)),
		CALL("ioctl that asks for signals", SYS_ioctl, 0, FIOASYNC,
		     AT(&byte)),
		CALL("mprotect", SYS_mprotect, 0, 4096, PROT_EXEC),
		CALL("process_madvise", SYS_process_madvise),
		CALL("a call by the x32 entry", SYS_getpid | X32_BIT),
		CALL("write by the x32 entry", SYS_write | X32_BIT, 1, AT(&byte)),
		CALL("a number that is none", 1000000),
	};
	int before;

	for (u32 i = 0; i < ARRAY_SIZE(attempt); i++) {
		const struct attempt *t = &attempt[i];

		if (io && t->io_may)
			continue;
		before = refused;
		(void)raw_call(t->number, t->arg[0], t->arg[1], t->arg[2],
			       t->arg[3], t->arg[4], 0);
		if (refused == before) {
			(void)!write(1, t->name, strlen(t->name));
			(void)!write(1, ": not refused\n", 14);
			return (int)i + 1;
		}
	}
	before = refused;
	by_32_bit_entry(20);
	by_32_bit_entry(11);
	*ret_count = ARRAY_SIZE(attempt) + 2;
	return refused == before + 2 ? 0 : 250;
}

/* The child's end; libc's may call what is not on the list. */
static no_return void leave(int status)
{
	for (;;)
		raw_call(SYS_exit_group, (u64)status, 0, 0, 0, 0, 0);
}

static u32 tried;

static void try_in_thread(void *ctx)
{
	int *ret = ctx;

	*ret = try_all(false, &tried);
}

static int from_thread(const char *name, const char *engine)
{
	struct thread thread;
	struct jail *jail;
	int result = 251;

	if (!separate(JAIL_ON, engine, &jail) ||
	    thread_start(&thread, name, try_in_thread, &result))
		return 252;
	thread_join(&thread);
	return result ? result : tried < 100 ? 253 : 0;
}

static int from_first_thread(void)
{
	struct jail *jail;

	if (!separate(JAIL_ON, "soft", &jail) || jail_close(jail, NULL))
		return 252;
	return try_all(true, &tried);
}

static int from_vcpu_soft(void)
{
	return from_thread("vcpu0", "soft");
}

static int from_vcpu_kvm(void)
{
	return from_thread("vcpu0", "kvm");
}

static int from_worker(void)
{
	return from_thread("chardev", "soft");
}

/* ---- in the parent ---- */

/* The child's exit status, or 1000 and the signal it died of. */
static int in_child(int (*fn)(void))
{
	pid_t child;
	int status;

	if (SANITIZED)
		skip("builds with a sanitizer have no jail");
	fflush(stdout);
	parent = getpid();
	child = fork();
	if (!child) {
		count_refusals();
		leave(fn());
	}
	check_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(the_io_thread_gets_nowhere)
{
	check_eq(in_child(from_first_thread), 0);
}

TEST(a_vcpu_thread_of_the_software_engine_gets_nowhere)
{
	check_eq(in_child(from_vcpu_soft), 0);
}

TEST(a_vcpu_thread_on_kvm_gets_nowhere)
{
	check_eq(in_child(from_vcpu_kvm), 0);
}

TEST(a_worker_gets_nowhere)
{
	check_eq(in_child(from_worker), 0);
}

/* ---- what only some may do ---- */

static bool allowed(long number, u64 a, u64 b, u64 c)
{
	int before = refused;

	(void)raw_call(number, a, b, c, 0, 0, 0);
	return refused == before;
}

static int each_has_its_own(void)
{
	struct jail *jail;

	if (!separate(JAIL_ON, "kvm", &jail) || jail_close(jail, NULL))
		return 1;
	/* KVM_RUN of nothing, a terminal's setting of nothing. */
	if (!allowed(SYS_ioctl, (u64)-1, 0xae80, 0) ||
	    !allowed(SYS_ioctl, (u64)-1, TCGETS, 0))
		return 2;
	if (allowed(SYS_ioctl, (u64)-1, SECCOMP_IOCTL_NOTIF_RECV, 0) ||
	    allowed(SYS_memfd_create, 0, 0, 0) ||
	    allowed(SYS_mprotect, 0, 0, PROT_EXEC) ||
	    allowed(SYS_mmap, 0, 4096, PROT_EXEC))
		return 3;
	if (!allowed(SYS_kill, (u64)getpid(), 0, 0) ||
	    !allowed(SYS_epoll_wait, (u64)-1, 0, 0))
		return 4;
	return 0;
}

TEST(what_the_other_engine_or_thread_needs_is_refused)
{
	check_eq(in_child(each_has_its_own), 0);
}

#define LEFT_OPEN 40
#define OURS	  200

/* As a shell's "exec 40<file" leaves it, and of ours what stands above a gap. */
static int with_descriptors(void)
{
	struct jail *jail;
	char byte;

	if (dup2(STDOUT_FILENO, LEFT_OPEN) < 0 ||
	    dup3(STDOUT_FILENO, OURS, O_CLOEXEC) < 0 ||
	    !separate(JAIL_ON, "soft", &jail) || jail_close(jail, NULL))
		return 1;
	if (write(LEFT_OPEN, &byte, 0) >= 0 || errno != EBADF)
		return 2;
	return write(OURS, &byte, 0) ? 3 : refused;
}

TEST(what_others_left_open_is_closed)
{
	check_eq(in_child(with_descriptors), 0);
}

static void wait_for_ever(void *ctx)
{
	for (;;)
		pause();
	(void)ctx;
}

static int with_a_thread_already(void)
{
	const struct rlimit none = {};
	struct thread thread;
	struct jail *jail;

	setrlimit(RLIMIT_CORE, &none);
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	if (thread_start(&thread, "disk", wait_for_ever, NULL))
		return 1;
	return separate(JAIL_ON, "soft", &jail) ? 2 : 3;
}

TEST(no_thread_can_have_been_started_outside)
{
	check_eq(in_child(with_a_thread_already), 1000 + SIGABRT);
}

/* ---- what libc does by itself ---- */

#define MANY 20

static pthread_barrier_t all_there;

static void allocate(void *ctx)
{
	*(void **)ctx = malloc(100);
	pthread_barrier_wait(&all_there); /* so that none takes another's arena */
	free(*(void **)ctx);
}

static int many_allocate(void)
{
	struct thread thread[MANY];
	void *memory[MANY] = {};
	struct jail *jail;

	if (!separate(JAIL_ON, "soft", &jail) ||
	    pthread_barrier_init(&all_there, NULL, MANY + 1))
		return 1;
	for (u32 i = 0; i < MANY; i++)
		if (thread_start(&thread[i], "vcpu", allocate, &memory[i]))
			return 2;
	pthread_barrier_wait(&all_there);
	for (u32 i = 0; i < MANY; i++)
		thread_join(&thread[i]);
	return refused ? 3 : 0;
}

TEST(many_threads_may_allocate)
{
	check_eq(in_child(many_allocate), 0);
}

/* ---- how a refusal looks ---- */

static void tell_and_die(int number, siginfo_t *info, void *context)
{
	(void)context;
	jail_tell_refusal(info);
	signal(number, SIG_DFL);
	raise(number);
}

static int line_fd;

static int refused_loudly(void)
{
	const struct sigaction action = {.sa_sigaction = tell_and_die,
					 .sa_flags = SA_SIGINFO};
	struct jail *jail;

	dup2(line_fd, STDERR_FILENO);
	sigaction(SIGSYS, &action, NULL);
	if (!separate(JAIL_ON, "soft", &jail) || jail_close(jail, NULL))
		return 1;
	socket(AF_UNIX, SOCK_STREAM, 0);
	return 2;
}

TEST(a_refused_call_is_named_and_ends_the_process)
{
	char line[200] = "";
	int ends[2];

	check(!pipe(ends));
	line_fd = ends[1];
	check_eq(in_child(refused_loudly), 1000 + SIGSYS);
	close(ends[1]);
	check(read(ends[0], line, sizeof(line) - 1) > 0);
	close(ends[0]);
	check_str_eq(line, "keel: the jail refused system call 41 (socket) of "
			   "the I/O thread\n");
}

/* ---- what stands behind the filters ---- */

static struct sockaddr_in listening;

static int listen_somewhere(void)
{
	socklen_t size = sizeof(listening);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	listening = (struct sockaddr_in){.sin_family = AF_INET};
	listening.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(fd >= 0 &&
	      !bind(fd, (struct sockaddr *)&listening, sizeof(listening)) &&
	      !listen(fd, 1) &&
	      !getsockname(fd, (struct sockaddr *)&listening, &size));
	return fd;
}

static int without_filters(void)
{
	const struct sockaddr_un abstract = {AF_UNIX, "\0keel-jail-test"};
	bool root = !geteuid();
	char *const words[] = {NULL};
	struct jail *jail;
	int fd;

	if (!separate(JAIL_LOG, "soft", &jail) || jail_close(jail, NULL))
		return 1;
	if (*jail_missing(jail))
		return 77;
	if (open(shadow, O_RDONLY) >= 0 || open("/", O_RDONLY) >= 0 ||
	    open("/x", O_CREAT | O_WRONLY, 0600) >= 0 ||
	    open("/proc/self/status", O_RDONLY) >= 0)
		return 2;
	execve("/bin/true", words, words);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&listening,
				sizeof(listening)))
		return 3;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd >= 0 &&
	    !connect(fd, (const struct sockaddr *)&abstract, sizeof(abstract)))
		return 4;
	if (!mount("none", "/", "tmpfs", 0, NULL) || !unshare(CLONE_NEWNET) ||
	    !chroot("/"))
		return 5;
	if (!ptrace(PTRACE_ATTACH, parent, 0, 0))
		return 6;
	/* Others of the same user are for the filters alone to protect. */
	if (root && (!kill(parent, 0) || !setuid(0) || !getuid()))
		return 7;
	return 0;
}

TEST(behind_the_filters_there_is_nothing_to_reach)
{
	int listener = listen_somewhere(), status = in_child(without_filters);

	close(listener);
	if (status == 77)
		skip("this host does not give all of the jail");
	check_eq(status, 0);
}

/* A host, or a container around us, that refuses what it can refuse. */
static int where_little_is_allowed(void)
{
	const struct filter_rule rules[] = {
		{SYS_unshare, FILTER_ANY, 0, 0},
		{SYS_landlock_create_ruleset, FILTER_ANY, 0, 0},
	};
	static struct filter f;
	struct sock_fprog program = {.filter = f.insn};
	struct jail *jail;

	filter_make(rules, 2, SECCOMP_RET_ALLOW, &f);
	for (u32 i = 0; i + 1 < f.count; i++) /* what it allows, it refuses */
		if (f.insn[i].code == (BPF_RET | BPF_K) && i > 4 &&
		    f.insn[i - 1].code == (BPF_RET | BPF_K))
			f.insn[i].k = SECCOMP_RET_ERRNO | EPERM;
	program.len = f.count;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return 1;
	if (!separate(JAIL_ON, "soft", &jail) || jail_close(jail, NULL))
		return 2;
	if (strcmp(jail_missing(jail), "Landlock, namespaces"))
		return 3;
	return try_all(true, &tried);
}

TEST(where_the_host_refuses_namespaces_the_filters_stand)
{
	check_eq(in_child(where_little_is_allowed), 0);
}

/* In a container: root, with all rights but the one to namespaces. */
static int root_of_a_container(void)
{
	struct {
		u32 version;
		int pid;
	} header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[2];
	struct jail *jail;

	if (syscall(SYS_capget, &header, sets))
		return 1;
	for (u32 i = 0; i < 2; i++)
		sets[i].inheritable = 0;
	sets[0].effective &= ~(u32)BIT(CAP_SYS_ADMIN);
	sets[0].permitted &= ~(u32)BIT(CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &header, sets))
		return 1;
	if (!separate(JAIL_ON, "soft", &jail) || jail_close(jail, NULL))
		return 2;
	/* Either there is no namespace, or no other user in it. */
	return *jail_missing(jail) ? refused : 3;
}

TEST(root_that_stays_root_outside_is_told_of)
{
	if (geteuid())
		skip("only root can stay it");
	check_eq(in_child(root_of_a_container), 0);
}

TEST(off_means_nothing_is_made)
{
	const struct jail_config config = {JAIL_OFF, "soft", 1};
	struct jail *jail = (void *)&parent;

	check_eq(jail_create(&config, &jail, NULL), 0);
	check(!jail);
	jail_separate(jail);
	check_eq(jail_close(jail, NULL), 0);
	check_str_eq(jail_missing(jail), "");
	jail_free(jail);
}
