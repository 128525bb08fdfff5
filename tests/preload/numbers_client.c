/* SPDX-License-Identifier: MIT */
/* Descriptors: getting them, copying, passing, closing, forking, mapping. */
#define _GNU_SOURCE
#include "tests/preload/client.h"

#include <linux/openat2.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

#define check_opens(call)                                               \
	do {                                                            \
		int fd_ = (int)(call);                                  \
		check_ok(fd_);                                          \
		check_eq(ioctl(fd_, KVM_GET_API_VERSION, 0), 12);       \
		check_ok(close(fd_));                                   \
		check_errno(ioctl(fd_, KVM_GET_API_VERSION, 0), EBADF); \
	} while (0)

TEST(every_way_to_open_it_gives_the_device)
{
	struct open_how how = {.flags = O_RDWR};

	close(kvm_open());
	check_opens(open("/dev/kvm", O_RDWR));
	check_opens(open64("/dev/kvm", O_RDWR));
	check_opens(openat(AT_FDCWD, "/dev/kvm", O_RDWR));
	check_opens(openat64(AT_FDCWD, "/dev/kvm", O_RDWR));
	check_opens(__open_2("/dev/kvm", O_RDWR));
	check_opens(__open64_2("/dev/kvm", O_RDWR));
	check_opens(__openat_2(AT_FDCWD, "/dev/kvm", O_RDWR));
	check_opens(__openat64_2(AT_FDCWD, "/dev/kvm", O_RDWR));
	check_opens(syscall(SYS_open, "/dev/kvm", O_RDWR));
	check_opens(syscall(SYS_openat, AT_FDCWD, "/dev/kvm", O_RDWR));
	check_opens(
		syscall(SYS_openat2, AT_FDCWD, "/dev/kvm", &how, sizeof(how)));
}

TEST(other_spellings_of_the_name_give_it_too)
{
	int dev = open("/dev", O_RDONLY | O_DIRECTORY), here;

	close(kvm_open());
	check_ok(dev);
	here = open(".", O_RDONLY | O_DIRECTORY);
	check_ok(here);
	check_opens(open("//dev/./kvm", O_RDWR));
	check_opens(openat(dev, "kvm", O_RDWR));
	check_opens(openat(dev, "./kvm", O_RDONLY));
	check_ok(chdir("/dev"));
	check_opens(open("kvm", O_RDWR));
	check_ok(chdir("/"));
	check_opens(open("dev/kvm", O_RDWR));
	check_ok(fchdir(here));
	close(here);
	close(dev);
}

TEST(names_like_it_are_other_files)
{
	check_errno(open("kvm", O_RDWR), ENOENT);
	check_errno(open("/tmp/kvm", O_RDWR), ENOENT);
	check_errno(open("/dev/kvm0", O_RDWR), ENOENT);
	check_errno(open("/dev/kv", O_RDWR), ENOENT);
	check_errno(syscall(SYS_open, NULL, O_RDWR), EFAULT);
	check_errno(open("", O_RDWR), ENOENT);
}

TEST(flags_of_open_are_kept)
{
	int fd = kvm_open();

	check_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	fd = open("/dev/kvm", O_RDWR);
	check_eq(fcntl(fd, F_GETFD), 0);
	check_ok(ioctl(fd, FIOCLEX));
	check_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	check_errno(open("/dev/kvm", O_RDWR | O_DIRECTORY), ENOTDIR);
	check_errno(open("/dev/kvm", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	fd = open("/dev/kvm", O_PATH);
	if (fd >= 0) {
		check_errno(ioctl(fd, KVM_GET_API_VERSION, 0), EBADF);
		close(fd);
	}
}

/* A client sees the numbers that the kernel would have given. */
TEST(numbers_are_the_lowest_and_closed_on_exec)
{
	int first = open("/dev/null", O_RDONLY), next;
	struct client c;

	close(first);
	c = client_new(guest_spin, sizeof(guest_spin));
	next = open("/dev/null", O_RDONLY);
	check_eq(c.kvm, first);
	check_eq(c.vm, first + 1);
	check_eq(c.vcpu, first + 2);
	check_eq(next, first + 3);
	check_eq(fcntl(c.vm, F_GETFD), FD_CLOEXEC);
	check_eq(fcntl(c.vcpu, F_GETFD), FD_CLOEXEC);
	close(next);
	client_free(&c);
}

static void check_is_vm(int fd)
{
	check_eq(ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY), 1);
	check_errno(ioctl(fd, KVM_GET_API_VERSION, 0), ENOTTY);
}

TEST(copies_are_the_same_vm_until_the_last_is_closed)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	int copy[5];

	copy[0] = dup(c.vm);
	copy[1] = fcntl(c.vm, F_DUPFD, 60);
	copy[2] = fcntl(c.vm, F_DUPFD_CLOEXEC, 0);
	copy[3] = dup2(c.vm, 71);
	copy[4] = dup3(copy[0], 72, O_CLOEXEC);
	check_ok(close(c.vm));
	check_errno(ioctl(c.vm, KVM_CHECK_EXTENSION, 3), EBADF);
	check(copy[1] >= 60 && copy[3] == 71 && copy[4] == 72);
	for (u32 i = 0; i < ARRAY_SIZE(copy); i++) {
		check_is_vm(copy[i]);
		/* One vCPU of that number in the one VM. */
		check_errno(ioctl(copy[i], KVM_CREATE_VCPU, 0), EEXIST);
		check_ok(close(copy[i]));
	}
	check_errno(ioctl(copy[4], KVM_CREATE_VCPU, 0), EBADF);
	client_free(&c);
}

TEST(copies_by_syscall_are_copies)
{
	int fd = kvm_open();
	long copy[4] = {syscall(SYS_dup, fd), syscall(SYS_dup2, fd, 71),
			syscall(SYS_dup3, fd, 72, O_CLOEXEC),
			syscall(SYS_fcntl, fd, F_DUPFD, 80)};

	close(fd);
	for (u32 i = 0; i < ARRAY_SIZE(copy); i++) {
		check_eq(syscall(SYS_ioctl, copy[i], KVM_GET_API_VERSION, 0),
			 12);
		check_eq(syscall(SYS_close, copy[i]), 0);
		check_errno(ioctl((int)copy[i], KVM_GET_API_VERSION, 0), EBADF);
	}
}

TEST(dup2_over_a_vm_closes_it)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	int null = open("/dev/null", O_RDWR);

	check_eq(dup2(null, c.vm), c.vm);
	check_errno(ioctl(c.vm, KVM_CHECK_EXTENSION, 3), ENOTTY);
	check_eq(dup2(c.kvm, c.vm), c.vm);
	check_eq(ioctl(c.vm, KVM_GET_API_VERSION, 0), 12);
	check_eq(dup2(c.kvm, c.kvm), c.kvm);
	check_eq(ioctl(c.kvm, KVM_GET_API_VERSION, 0), 12);
	close(null);
	client_free(&c);
}

TEST(close_range_closes_ours_and_others)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	int vm = dup2(c.vm, 90), null = dup2(0, 91), kvm = dup2(c.kvm, 92);

	check_ok(close_range(90, 91, 0));
	check_errno(ioctl(vm, KVM_CHECK_EXTENSION, 3), EBADF);
	check_errno(fcntl(null, F_GETFD), EBADF);
	check_eq(ioctl(kvm, KVM_GET_API_VERSION, 0), 12);
	check_ok(close_range(80, 99, CLOSE_RANGE_CLOEXEC));
	check_eq(fcntl(kvm, F_GETFD), FD_CLOEXEC);
	check_errno(close_range(5, 4, 0), EINVAL);
	/* What the library opened for itself is not the client's to close. */
	check_ok(close_range(90, ~0u, 0));
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	closefrom(90);
	expect_port(&c, KVM_EXIT_IO_IN, 0x11);
	client_free(&c);
}

TEST(a_vm_lives_while_a_vcpu_is_open)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));

	check_ok(close(c.vm));
	check_ok(close(c.kvm));
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	client_free(&c);
}

/* And a vCPU is the VM's: its number is taken after it was closed. */
TEST(a_closed_vcpu_is_still_there)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));

	check_ok(close(c.vcpu));
	check_errno(ioctl(c.vm, KVM_CREATE_VCPU, 0), EEXIST);
	client_free(&c);
}

static void *spin_main(void *ctx)
{
	struct client *c = ctx;
	long rc = ioctl(c->vcpu, KVM_RUN, 0);

	return (void *)(intptr_t)(rc ? errno : 0);
}

static void nothing(int number)
{
	(void)number;
}

TEST(closing_does_not_hurt_a_run_under_way)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	const struct sigaction action = {.sa_handler = nothing};
	const struct timespec pause = {0, 20000000};
	pthread_t thread;
	void *result;

	sigaction(SIGUSR1, &action, NULL);
	check_eq(pthread_create(&thread, NULL, spin_main, &c), 0);
	nanosleep(&pause, NULL);
	check_ok(close(c.vcpu));
	check_ok(close(c.vm));
	nanosleep(&pause, NULL);
	check_eq(pthread_kill(thread, SIGUSR1), 0);
	pthread_join(thread, &result);
	check_eq((intptr_t)result, EINTR);
	client_free(&c);
}

/* --- passing --- */

static int passed_on(int fd)
{
	int pair[2], got = -1;
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	check_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	check_eq(sendmsg(pair[0], &message, 0), 1);
	check_eq(recvmsg(pair[1], &message, 0), 1);
	head = CMSG_FIRSTHDR(&message);
	if (head)
		memcpy(&got, CMSG_DATA(head), sizeof(got));
	close(pair[0]);
	close(pair[1]);
	return got;
}

TEST(a_descriptor_passed_over_a_socket_is_the_same)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	int vm = passed_on(c.vm), vcpu = passed_on(c.vcpu),
	    kvm = passed_on(c.kvm);

	check(vm != c.vm && vcpu != c.vcpu);
	check_is_vm(vm);
	check_errno(ioctl(vm, KVM_CREATE_VCPU, 0), EEXIST);
	check_eq(ioctl(kvm, KVM_GET_API_VERSION, 0), 12);
	check_ok(close(c.vcpu));
	check_ok(ioctl(vcpu, KVM_RUN, 0));
	check_eq(c.run->exit_reason, KVM_EXIT_IO);
	close(vm);
	close(vcpu);
	close(kvm);
	client_free(&c);
}

TEST(they_poll_as_ready_and_do_not_epoll)
{
	struct client c = client_new(guest_spin, sizeof(guest_spin));
	const int fds[] = {c.kvm, c.vm, c.vcpu};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (u32 i = 0; i < ARRAY_SIZE(fds); i++) {
		struct epoll_event event = {.events = EPOLLIN};
		struct pollfd poll_fd = {.fd = fds[i],
					 .events = POLLIN | POLLOUT};

		check_eq(poll(&poll_fd, 1, 0), 1);
		check_eq(poll_fd.revents, POLLIN | POLLOUT);
		check_errno(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event),
			    EPERM);
	}
	close(epoll);
	client_free(&c);
}

/* --- other processes --- */

#define expect(what)                           \
	do {                                   \
		if (!(what))                   \
			return __LINE__ & 127; \
	} while (0)

static bool gives(long rc, int err)
{
	return rc == -1 && errno == err;
}

static int child_of_fork(void *ctx)
{
	struct client *c = ctx;
	struct kvm_regs regs;
	int vm, vcpu;

	expect(gives(ioctl(c->vm, KVM_CHECK_EXTENSION, 3), EIO));
	expect(gives(ioctl(c->vm, KVM_CREATE_VCPU, 1), EIO));
	expect(gives(ioctl(c->vm, 0x1234, 0), EIO));
	expect(gives(ioctl(c->vcpu, KVM_RUN, 0), EIO));
	expect(gives(ioctl(c->vcpu, KVM_GET_REGS, &regs), EIO));
	/* The device itself belongs to nobody. */
	expect(ioctl(c->kvm, KVM_GET_API_VERSION, 0) == 12);
	vm = ioctl(c->kvm, KVM_CREATE_VM, 0);
	expect(vm >= 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	expect(vcpu >= 0 && ioctl(vcpu, KVM_GET_REGS, &regs) == 0);
	expect(close(c->vm) == 0 && close(c->vcpu) == 0);
	expect(close(vm) == 0 && close(vcpu) == 0);
	return 0;
}

TEST(in_a_forked_child_every_call_on_the_vm_is_eio)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));

	for (u32 i = 0; i < 3; i++)
		check_eq(in_child(child_of_fork, &c), 0);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	client_free(&c);
}

static int child_of_child(void *ctx)
{
	struct client *c = ctx, own = client_new(guest_ports, 7);

	expect(gives(ioctl(c->vcpu, KVM_RUN, 0), EIO));
	expect(ioctl(own.vcpu, KVM_RUN, 0) == 0);
	expect(in_child(child_of_fork, &own) == 0);
	expect(ioctl(own.vcpu, KVM_RUN, 0) == 0);
	return 0;
}

TEST(a_forked_child_may_have_a_vm_of_its_own)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));

	check_eq(in_child(child_of_child, &c), 0);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	client_free(&c);
}

/* The memory of a vfork's child is ours, its descriptors are not. */
TEST(a_vfork_child_closes_its_own_descriptors_only)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	struct sigaction action = {.sa_handler = nothing}, after;
	pid_t pid;
	int status;

	sigaction(SIGSEGV, &action, NULL);
	pid = vfork();
	if (!pid) {
		close(c.vm);
		close_range(3, ~0u, 0);
		signal(SIGSEGV, SIG_DFL);
		_exit(0);
	}
	check_ok(pid);
	check_eq(waitpid(pid, &status, 0), pid);
	check_is_vm(c.vm);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	sigaction(SIGSEGV, NULL, &after);
	check(after.sa_handler == nothing);
	signal(SIGSEGV, SIG_DFL);
	client_free(&c);
}

/* The program once more, as `PROGRAM --exec NUMBER VM`. */
TEST(a_device_kept_over_exec_works_and_a_vm_does_not)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	char kvm[16], vm[16];
	int status;
	pid_t pid;

	check_ok(fcntl(c.kvm, F_SETFD, 0));
	check_ok(fcntl(c.vm, F_SETFD, 0));
	snprintf(kvm, sizeof(kvm), "%d", c.kvm);
	snprintf(vm, sizeof(vm), "%d", c.vm);
	pid = fork();
	check_ok(pid);
	if (!pid) {
		setenv("CLIENT_KVM", kvm, 1);
		setenv("CLIENT_VM", vm, 1);
		execl("/proc/self/exe", "client", "this_is_the_other_side",
		      (char *)NULL);
		_exit(9);
	}
	check_eq(waitpid(pid, &status, 0), pid);
	check_eq(status, 0);
	expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	client_free(&c);
}

TEST(this_is_the_other_side)
{
	const char *kvm = getenv("CLIENT_KVM"), *vm = getenv("CLIENT_VM");
	int fd;

	if (!kvm || !vm)
		return;
	check_eq(ioctl(atoi(kvm), KVM_GET_API_VERSION, 0), 12);
	fd = ioctl(atoi(kvm), KVM_CREATE_VM, 0);
	check_ok(fd);
	check_errno(ioctl(atoi(vm), KVM_CHECK_EXTENSION, 3), EIO);
}

/* --- mapping --- */

TEST(the_mapping_is_shared_and_outlives_its_numbers)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	struct kvm_run *other =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c.vcpu, 0);
	u8 *byte;

	check(other != MAP_FAILED && other != c.run);
	byte = expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
	check_eq(other->exit_reason, KVM_EXIT_IO);
	check_eq(other->io.port, 0x10);
	check_eq(*byte, 0);
	check_eq(c.run->io.data_offset, PAGE); /* the next page */
	*expect_port(&c, KVM_EXIT_IO_IN, 0x11) = 0x5a;
	check_eq(*expect_port(&c, KVM_EXIT_IO_OUT, 0x12), 0x5a);
	check_ok(munmap(other, PAGE));
	close(c.vcpu);
	close(c.vm);
	check_eq(c.run->io.port, 0x12);
	c.run->immediate_exit = 1;
	client_free(&c);
}

TEST(all_vcpus_of_a_vm_have_one_coalesced_ring)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));
	size_t at = (size_t)KVM_COALESCED_MMIO_PAGE_OFFSET * PAGE;
	int vcpu = ioctl(c.vm, KVM_CREATE_VCPU, 1);
	struct kvm_coalesced_mmio_ring *first, *second, *alone, *other;
	struct client d;

	check_ok(vcpu);
	first = (void *)((u8 *)c.run + at);
	second = mmap(NULL, c.run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      vcpu, 0);
	check(second != MAP_FAILED);
	second = (void *)((u8 *)second + at);
	alone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		     (off_t)at);
	check(alone != MAP_FAILED);
	first->first = 77;
	check_eq(second->first, 77);
	alone->last = 99;
	check_eq(first->last, 99);
	d = client_new(guest_ports, sizeof(guest_ports));
	other = (void *)((u8 *)d.run + at);
	check_eq(other->first, 0); /* each VM its own */
	first->first = first->last = 0;
	client_free(&d);
	close(vcpu);
	client_free(&c);
}

TEST(only_a_vcpu_can_be_mapped)
{
	struct client c = client_new(guest_ports, sizeof(guest_ports));

	check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, c.vm, 0) == MAP_FAILED);
	check_eq(errno, ENODEV);
	check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, c.kvm, 0) == MAP_FAILED);
	check_eq(errno, ENODEV);
	client_free(&c);
}

/* A number that libc closed behind our back names what it names now. */
TEST(a_number_given_away_unseen_is_not_ours_any_more)
{
	int fd = kvm_open(), file;
	FILE *stream = fdopen(fd, "r");
	struct stat st;

	check(stream);
	fclose(stream);
	file = open("/dev/zero", O_RDWR);
	check_eq(file, fd);
	check_errno(ioctl(file, KVM_GET_API_VERSION, 0), ENOTTY);
	check(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED);
	check_ok(fstat(file, &st));
	check_ok(close(file));
}

TEST(a_hundred_vms_leave_nothing_behind)
{
	int before = open("/dev/null", O_RDONLY), after;

	close(before);
	for (u32 i = 0; i < 100; i++) {
		struct client c = client_new(guest_ports, sizeof(guest_ports));

		expect_port(&c, KVM_EXIT_IO_OUT, 0x10);
		client_free(&c);
	}
	after = open("/dev/null", O_RDONLY);
	check_eq(after, before);
	close(after);
	check_errno(fcntl(200, F_GETFD), EBADF);
}
