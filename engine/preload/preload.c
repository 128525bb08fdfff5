/* SPDX-License-Identifier: MIT */
/*
 * libkeel-kvm.so: the names of libc that a preloaded program reaches first, and
 * the state that they must all find. Each name looks whether the call is about
 * /dev/kvm or a descriptor of ours, which is one load for those that are not,
 * and else is the next library's. See docs/preload.md and decision 12.
 *
 *	open ioctl mmap close dup fcntl syscall	 -> object.h call.h
 *	sendmsg				 -> files.h
 *	sigaction signal			 -> signals.h
 *	__wrap_*   what the engine inside this library calls in their place
 *
 * No lock is taken before the call is known to be ours, nothing is allocated,
 * and errno is left alone when nothing failed.
 */
/* The checked inline forms of open and its like would stand in the way. */
#undef _FORTIFY_SOURCE

#include "engine/preload/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/ioctl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/preload/call.h"
#include "engine/preload/object.h"
#include "engine/preload/path.h"
#include "base/raw.h"
#include "engine/preload/signals.h"
#include "engine/preload/user.h"

/* The functions that would have been called without us. NULL: libc lacks it. */
struct next {
	typeof(&open) open, open64, open_2, open64_2;
	typeof(&openat) openat, openat64, openat_2, openat64_2;
	typeof(&ioctl) ioctl;
	typeof(&mmap) mmap;
	typeof(&close) close;
	typeof(&close_range) close_range;
	typeof(&closefrom) closefrom;
	typeof(&dup) dup;
	typeof(&dup2) dup2;
	typeof(&dup3) dup3;
	typeof(&fcntl) fcntl;
	typeof(&sendmsg) sendmsg;
	typeof(&sendmmsg) sendmmsg;
	typeof(&sigaction) sigaction;
	typeof(&signal) signal, sysv_signal, sigset;
	int (*sigignore)(int number);
	int (*siginterrupt)(int number, int interrupt);
};

enum { NEXT_UNKNOWN, NEXT_ASKED, NEXT_KNOWN };

static struct preload preload;
static struct preload_signals signals;
static struct next next;
static u32 next_state; /* atomic */
static _Thread_local struct signals_frame *frame;

/* A call that is none of ours. */
#define NOT_OURS LONG_MIN

/* --- the next library's functions --- */

static void find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof(found));
}

static void next_find(void)
{
	find(&next.open, "open");
	find(&next.open64, "open64");
	find(&next.openat, "openat");
	find(&next.openat64, "openat64");
	find(&next.open_2, "__open_2");
	find(&next.open64_2, "__open64_2");
	find(&next.openat_2, "__openat_2");
	find(&next.openat64_2, "__openat64_2");
	find(&next.ioctl, "ioctl");
	find(&next.mmap, "mmap");
	find(&next.close, "close");
	find(&next.close_range, "close_range");
	find(&next.closefrom, "closefrom");
	find(&next.dup, "dup");
	find(&next.dup2, "dup2");
	find(&next.dup3, "dup3");
	find(&next.fcntl, "fcntl");
	find(&next.sendmsg, "sendmsg");
	find(&next.sendmmsg, "sendmmsg");
	find(&next.sigaction, "sigaction");
	find(&next.signal, "signal");
	find(&next.sysv_signal, "sysv_signal");
	find(&next.sigset, "sigset");
	find(&next.sigignore, "sigignore");
	find(&next.siginterrupt, "siginterrupt");
}

/*
 * NULL while somebody is asking: dlsym may come back here, through an allocator
 * that opens a file. Such a call goes to the kernel itself.
 */
static const struct next *next_get(void)
{
	u32 unknown = NEXT_UNKNOWN;
	int saved;

	if (likely(__atomic_load_n(&next_state, __ATOMIC_ACQUIRE) == NEXT_KNOWN))
		return &next;
	if (!__atomic_compare_exchange_n(&next_state, &unknown, NEXT_ASKED, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return unknown == NEXT_KNOWN ? &next : NULL;
	saved = errno;
	next_find();
	errno = saved;
	__atomic_store_n(&next_state, NEXT_KNOWN, __ATOMIC_RELEASE);
	return &next;
}

/* A result of the kernel's form in libc's. */
static long answer(long rc)
{
	if (likely(rc >= 0 || rc < -4095))
		return rc;
	errno = (int)-rc;
	return -1;
}

/* --- calls of ours --- */

static void call_begin(struct signals_frame *mine)
{
	signals_hold(&signals, &frame, mine);
}

static void call_end(struct signals_frame *mine)
{
	signals_release(&frame, mine);
}

/* The number was closed and given away where we could not see it. */
static void forget(int number)
{
	struct signals_frame mine;
	struct preload_file *before;

	if (process_is_borrowed(&preload.process))
		return;
	call_begin(&mine);
	before = files_set(&preload.files, number, NULL);
	if (before)
		files_put(&preload.files, before);
	call_end(&mine);
}

/* After the kernel gave out a number. */
static long given(long number)
{
	if (unlikely(number >= 0 && files_peek(&preload.files, (int)number)))
		forget((int)number);
	return number;
}

static bool is_internal(int number)
{
	return files_peek(&preload.files, number) == NUMBER_INTERNAL &&
	       __atomic_load_n(&preload.internal_process, __ATOMIC_ACQUIRE) ==
		       process_id(&preload.process) &&
	       !process_is_borrowed(&preload.process);
}

static long ours_open(int directory, const char *path, int flags)
{
	struct signals_frame mine;
	int fd;

	if (likely(!path_is_kvm(directory, path)) || flags & O_PATH)
		return NOT_OURS;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	call_begin(&mine);
	fd = object_open_system(&preload, flags);
	call_end(&mine);
	return fd;
}

/* Of the generic requests those that the kernel knows for each descriptor. */
static bool is_generic(u32 request)
{
	return request == FIOCLEX || request == FIONCLEX ||
	       request == FIONBIO || request == FIOASYNC;
}

/* NOT_OURS also for a number that turns out to be another's by now. */
static long ours_ioctl(int fd, u32 request, u64 arg)
{
	bool kvm = _IOC_TYPE(request) == KVMIO;
	struct call call = {.p = &preload, .arg = arg};
	struct signals_frame mine;
	long rc = NOT_OURS;

	if (likely(!files_peek(&preload.files, fd) && !kvm) ||
	    is_generic(request))
		return NOT_OURS;
	call_begin(&mine);
	call.client_mask = mine.client_mask;
	call.file = files_get(&preload.files, fd);
	if (call.file && !kvm && !object_is(call.file, fd)) {
		files_put(&preload.files, call.file);
		call.file = NULL;
	} else if (!call.file && kvm) {
		call.file = object_adopt(&preload, fd);
	}
	if (call.file) {
		rc = call_ioctl(&call, request);
		files_put(&preload.files, call.file);
	}
	call_end(&mine);
	return rc;
}

static long ours_mmap(void *at, size_t size, int protection, int flags, int fd,
		      off_t offset)
{
	struct signals_frame mine;
	struct preload_file *file;
	long rc = NOT_OURS;

	if (likely(flags & MAP_ANONYMOUS || !files_peek(&preload.files, fd)))
		return NOT_OURS;
	call_begin(&mine);
	file = files_get(&preload.files, fd);
	if (file) {
		if (object_is(file, fd))
			rc = object_map(file, raw_address(at), size,
					(u64)protection, (u64)flags, fd,
					(u64)offset);
		files_put(&preload.files, file);
	}
	call_end(&mine);
	return rc;
}

static long ours_close(int fd)
{
	struct signals_frame mine;
	struct preload_file *before;
	long rc;

	if (likely(!files_peek(&preload.files, fd)) ||
	    process_is_borrowed(&preload.process))
		return NOT_OURS;
	if (is_internal(fd))
		return -EBADF;
	call_begin(&mine);
	/* First: once it is closed, the number may be somebody else's. */
	before = files_set(&preload.files, fd, NULL);
	rc = raw_call(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
	if (before)
		files_put(&preload.files, before);
	call_end(&mine);
	return rc;
}

static long raw_close_range(u32 first, u32 last, int flags)
{
	return raw_call(SYS_close_range, first, last, (u64)flags, 0, 0, 0);
}

/* Closes ours one by one, those between at a stroke, the engine's not. */
static long ours_close_range(u32 first, u32 last, int flags)
{
	u32 start = first;
	long rc = 0;
	int number;

	if (flags & CLOSE_RANGE_CLOEXEC || first > last ||
	    files_next(&preload.files, first, last) < 0 ||
	    process_is_borrowed(&preload.process))
		return NOT_OURS;
	while (!rc && start <= last &&
	       (number = files_next(&preload.files, start, last)) >= 0) {
		if ((u32)number > start)
			rc = raw_close_range(start, (u32)number - 1, flags);
		/* Not open any more: just as well. */
		if (!rc && ours_close(number) == NOT_OURS)
			(void)raw_call(SYS_close, (u64)number, 0, 0, 0, 0, 0);
		start = (u32)number + 1;
	}
	if (!rc && start <= last)
		rc = raw_close_range(start, last, flags);
	return rc;
}

/* `to` now names what `from` does; the kernel has done its part. */
static long copied(int from, long to)
{
	struct signals_frame mine;
	struct preload_file *file, *before;

	if (to < 0 || from == to ||
	    likely(!files_peek(&preload.files, from) &&
		   !files_peek(&preload.files, (int)to)) ||
	    process_is_borrowed(&preload.process) || to >= NUMBERS_MAX)
		return to;
	call_begin(&mine);
	file = files_get(&preload.files, from);
	if (file && !object_is(file, (int)to)) {
		files_put(&preload.files, file);
		file = NULL;
	}
	before = files_set(&preload.files, (int)to, file);
	if (before)
		files_put(&preload.files, before);
	call_end(&mine);
	return to;
}

static bool is_copying(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

/*
 * A descriptor on a socket is open while nobody has a number for it, and the
 * number that comes out at the other end is given where we do not see it. So
 * what was sent once stays for good; object_adopt finds it.
 */
static void sent(int number)
{
	struct signals_frame mine;
	struct preload_file *file;

	if (likely(!files_peek(&preload.files, number)))
		return;
	call_begin(&mine);
	file = files_get(&preload.files, number);
	if (file && __atomic_exchange_n(&file->sent, true, __ATOMIC_ACQ_REL))
		files_put(&preload.files, file); /* it has one already */
	call_end(&mine);
}

static void sent_all(const struct msghdr *message)
{
	struct msghdr copy = *message;
	size_t size;

	if (likely(!copy.msg_control))
		return;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&copy); head;
	     head = CMSG_NXTHDR(&copy, head)) {
		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS ||
		    head->cmsg_len < CMSG_LEN(0))
			continue;
		size = head->cmsg_len - CMSG_LEN(0);
		for (size_t i = 0; i + sizeof(int) <= size; i += sizeof(int)) {
			int number;

			memcpy(&number, CMSG_DATA(head) + i, sizeof(number));
			sent(number);
		}
	}
}

/* --- open --- */

#pragma GCC visibility push(default)

#define MODE_OF(flags, mode)                        \
	do {                                        \
		va_list list_;                      \
		va_start(list_, flags);             \
		mode = va_arg(list_, unsigned int); \
		va_end(list_);                      \
	} while (0)

static long raw_openat(int directory, const char *path, int flags,
		       unsigned int mode)
{
	return answer(raw_call(SYS_openat, (u64)directory, raw_address(path),
			       (u64)flags, mode, 0, 0));
}

/* The mode is there or is not looked at: its register always is. */
#define OPEN(name, member)                                                       \
	int name(const char *path, int flags, ...)                               \
	{                                                                        \
		const struct next *to = next_get();                              \
		long rc = ours_open(AT_FDCWD, path, flags);                      \
		unsigned int mode;                                               \
                                                                                 \
		MODE_OF(flags, mode);                                            \
		if (rc != NOT_OURS)                                              \
			return (int)answer(rc);                                  \
		return (int)given(to ? to->member(path, flags, mode)             \
				     : raw_openat(AT_FDCWD, path, flags, mode)); \
	}

#define OPENAT(name, member)                                            \
	int name(int directory, const char *path, int flags, ...)       \
	{                                                               \
		const struct next *to = next_get();                     \
		long rc = ours_open(directory, path, flags);            \
		unsigned int mode;                                      \
                                                                        \
		MODE_OF(flags, mode);                                   \
		if (rc != NOT_OURS)                                     \
			return (int)answer(rc);                         \
		return (int)given(                                      \
			to ? to->member(directory, path, flags, mode)   \
			   : raw_openat(directory, path, flags, mode)); \
	}

/* What the compiler's checked forms call; without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

#define OPEN_2(name, member)                                                  \
	int name(const char *path, int flags)                                 \
	{                                                                     \
		const struct next *to = next_get();                           \
		long rc = ours_open(AT_FDCWD, path, flags);                   \
                                                                              \
		if (rc != NOT_OURS)                                           \
			return (int)answer(rc);                               \
		return (int)given(to ? to->member(path, flags)                \
				     : raw_openat(AT_FDCWD, path, flags, 0)); \
	}

#define OPENAT_2(name, member)                                                 \
	int name(int directory, const char *path, int flags)                   \
	{                                                                      \
		const struct next *to = next_get();                            \
		long rc = ours_open(directory, path, flags);                   \
                                                                               \
		if (rc != NOT_OURS)                                            \
			return (int)answer(rc);                                \
		return (int)given(to ? to->member(directory, path, flags)      \
				     : raw_openat(directory, path, flags, 0)); \
	}

OPEN(open, open)
OPEN(open64, open64)
OPENAT(openat, openat)
OPENAT(openat64, openat64)
OPEN_2(__open_2, open_2)
OPEN_2(__open64_2, open64_2)
OPENAT_2(__openat_2, openat_2)
OPENAT_2(__openat64_2, openat64_2)

/* --- ioctl, mmap --- */

int ioctl(int fd, unsigned long request, ...)
{
	const struct next *to = next_get();
	va_list list;
	void *arg;
	long rc;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	rc = ours_ioctl(fd, (u32)request, raw_address(arg));
	if (rc != NOT_OURS)
		return (int)answer(rc);
	if (to)
		return to->ioctl(fd, request, arg);
	return (int)answer(raw_call(SYS_ioctl, (u64)fd, request,
				    raw_address(arg), 0, 0, 0));
}

void *mmap(void *at, size_t size, int protection, int flags, int fd,
	   off_t offset)
{
	const struct next *to = next_get();
	long rc = ours_mmap(at, size, protection, flags, fd, offset);

	if (rc == NOT_OURS) {
		if (to)
			return to->mmap(at, size, protection, flags, fd, offset);
		rc = raw_call(SYS_mmap, raw_address(at), size, (u64)protection,
			      (u64)flags, (u64)fd, (u64)offset);
	}
	return (void *)answer(rc); /* MAP_FAILED is -1 */
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd,
	     off64_t offset)
{
	return mmap(at, size, protection, flags, fd, offset);
}

/* --- close, dup, fcntl --- */

int close(int fd)
{
	const struct next *to = next_get();
	long rc = ours_close(fd);

	if (rc == NOT_OURS && to)
		return to->close(fd);
	if (rc == NOT_OURS)
		rc = raw_call(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
	return (int)answer(rc);
}

int close_range(unsigned int first, unsigned int last, int flags)
{
	const struct next *to = next_get();
	long rc = ours_close_range(first, last, flags);

	if (rc == NOT_OURS && to && to->close_range)
		return to->close_range(first, last, flags);
	if (rc == NOT_OURS)
		rc = raw_close_range(first, last, flags);
	return (int)answer(rc);
}

void closefrom(int first)
{
	const struct next *to = next_get();
	u32 from = (u32)MAX(first, 0);

	if (ours_close_range(from, UINT32_MAX, 0) == NOT_OURS) {
		if (to && to->closefrom)
			to->closefrom(first);
		else
			(void)raw_close_range(from, UINT32_MAX, 0);
	}
}

int dup(int fd)
{
	const struct next *to = next_get();

	return (int)copied(
		fd, to ? to->dup(fd)
		       : answer(raw_call(SYS_dup, (u64)fd, 0, 0, 0, 0, 0)));
}

int dup2(int fd, int number)
{
	const struct next *to = next_get();

	if (unlikely(is_internal(number)))
		return (int)answer(-EBUSY);
	return (int)copied(fd, to ? to->dup2(fd, number)
				  : answer(raw_call(SYS_dup2, (u64)fd,
						    (u64)number, 0, 0, 0, 0)));
}

int dup3(int fd, int number, int flags)
{
	const struct next *to = next_get();

	if (unlikely(is_internal(number)))
		return (int)answer(-EBUSY);
	return (int)copied(fd,
			   to ? to->dup3(fd, number, flags)
			      : answer(raw_call(SYS_dup3, (u64)fd, (u64)number,
						(u64)flags, 0, 0, 0)));
}

static int fcntl_any(int fd, int command, void *arg)
{
	const struct next *to = next_get();
	long rc = to ? to->fcntl(fd, command, arg)
		     : answer(raw_call(SYS_fcntl, (u64)fd, (u64)command,
				       raw_address(arg), 0, 0, 0));

	return (int)(is_copying(command) ? copied(fd, rc) : rc);
}

int fcntl(int fd, int command, ...)
{
	va_list list;
	void *arg;

	va_start(list, command);
	arg = va_arg(list, void *);
	va_end(list);
	return fcntl_any(fd, command, arg);
}

int fcntl64(int fd, int command, ...)
{
	va_list list;
	void *arg;

	va_start(list, command);
	arg = va_arg(list, void *);
	va_end(list);
	return fcntl_any(fd, command, arg);
}

/* --- sockets --- */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	const struct next *to = next_get();

	if (message && preload.engine)
		sent_all(message);
	return to ? to->sendmsg(fd, message, flags)
		  : answer(raw_call(SYS_sendmsg, (u64)fd, raw_address(message),
				    (u64)flags, 0, 0, 0));
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	const struct next *to = next_get();

	for (u32 i = 0; messages && preload.engine && i < count; i++)
		sent_all(&messages[i].msg_hdr);
	return to ? to->sendmmsg(fd, messages, count, flags)
		  : (int)answer(raw_call(SYS_sendmmsg, (u64)fd,
					 raw_address(messages), count,
					 (u64)flags, 0, 0));
}

/* --- signals --- */

/* Another name of libc's sigaction, which nobody interposes. */
int __sigaction(int number, const struct sigaction *action,
		struct sigaction *old);

static signals_sigaction *system_sigaction(void)
{
	const struct next *to = next_get();

	return to ? to->sigaction : __sigaction;
}

static void forward(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	signals_forward(&signals, &preload.process, frame, number, info,
			context, system_sigaction());
	errno = saved;
}

/* Ours to answer: the engine took it, and the actions are this process's. */
static bool is_taken(int number)
{
	return unlikely(signals_is_taken(&signals, number)) &&
	       !process_is_borrowed(&preload.process);
}

static void client_action(int number, const struct sigaction *action,
			  struct sigaction *old)
{
	signals_client(&signals, &preload.process, number, action, old,
		       system_sigaction());
}

int sigaction(int number, const struct sigaction *restrict action,
	      struct sigaction *restrict old)
{
	if (!is_taken(number))
		return system_sigaction()(number, action, old);
	client_action(number, action, old);
	return 0;
}

static sighandler_t handler_set(int number, sighandler_t handler, int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags},
			 old;

	if (!(flags & SA_NODEFER))
		(void)sigaddset(&action.sa_mask, number); /* it is legal */
	client_action(number, &action, &old);
	return old.sa_handler;
}

sighandler_t signal(int number, sighandler_t handler)
{
	const struct next *to = next_get();
	struct sigaction action = {.sa_handler = handler,
				   .sa_flags = SA_RESTART},
			 old;

	if (is_taken(number))
		return handler_set(number, handler, SA_RESTART);
	if (to)
		return to->signal(number, handler);
	return __sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

sighandler_t bsd_signal(int number, sighandler_t handler);
sighandler_t bsd_signal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

sighandler_t ssignal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

sighandler_t sysv_signal(int number, sighandler_t handler)
{
	const struct next *to = next_get();

	if (is_taken(number))
		return handler_set(number, handler,
				   (int)(SA_RESETHAND | SA_NODEFER));
	return to ? to->sysv_signal(number, handler) : SIG_ERR;
}

sighandler_t __sysv_signal(int number, sighandler_t handler)
{
	return sysv_signal(number, handler);
}

sighandler_t sigset(int number, sighandler_t handler)
{
	const struct next *to = next_get();
	struct sigaction old;
	sigset_t one, before;
	bool held;

	if (!is_taken(number))
		return to ? to->sigset(number, handler) : SIG_ERR;
	(void)sigemptyset(&one); /* legal, as the two below */
	(void)sigaddset(&one, number);
	client_action(number, NULL, &old);
	if (handler != SIG_HOLD) {
		struct sigaction action = {.sa_handler = handler};

		client_action(number, &action, NULL);
	}
	(void)pthread_sigmask(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK,
			      &one, &before);
	held = sigismember(&before, number) == 1;
	return held ? SIG_HOLD : old.sa_handler;
}

int sigignore(int number)
{
	const struct next *to = next_get();

	if (!is_taken(number))
		return to ? to->sigignore(number) : -1;
	(void)handler_set(number, SIG_IGN, 0);
	return 0;
}

int siginterrupt(int number, int interrupt)
{
	const struct next *to = next_get();
	struct sigaction action;

	if (!is_taken(number))
		return to ? to->siginterrupt(number, interrupt) : -1;
	client_action(number, NULL, &action);
	action.sa_flags &= ~SA_RESTART;
	action.sa_flags |= interrupt ? 0 : SA_RESTART;
	client_action(number, &action, NULL);
	return 0;
}

/* --- syscall(2) --- */

/* The kernel's struct sigaction. */
struct kernel_action {
	u64 handler, flags, restorer, mask;
};

static long raw_sigaction(int number, u64 action, u64 old, u64 size)
{
	struct sigaction given_action = {0}, before;
	struct kernel_action kernel;

	if (!is_taken(number) || size != sizeof(kernel.mask))
		return NOT_OURS;
	if (action) {
		if (user_read(&kernel, action, sizeof(kernel)))
			return -EFAULT;
		memcpy(&given_action.sa_mask, &kernel.mask, sizeof(u64));
		given_action.sa_flags = (int)kernel.flags;
		given_action.sa_handler =
			(sighandler_t)(uintptr_t)kernel.handler;
	}
	client_action(number, action ? &given_action : NULL, &before);
	if (!old)
		return 0;
	kernel = (struct kernel_action){
		.handler = (u64)(uintptr_t)before.sa_handler,
		.flags = (u32)before.sa_flags,
	};
	memcpy(&kernel.mask, &before.sa_mask, sizeof(u64));
	return user_write(old, &kernel, sizeof(kernel));
}

/* openat2 has its flags in a struct. */
static long raw_openat2(int directory, const char *path, u64 how)
{
	u64 flags;

	if (!path_is_kvm(directory, path))
		return NOT_OURS;
	if (user_read(&flags, how, sizeof(flags)))
		return -EFAULT;
	return ours_open(directory, path, (int)flags);
}

static const char *text(u64 at)
{
	return (const char *)(uintptr_t)at;
}

static long ours_syscall(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	switch (number) {
	case SYS_open:
		return ours_open(AT_FDCWD, text(a), (int)b);
	case SYS_openat:
		return ours_open((int)a, text(b), (int)c);
	case SYS_openat2:
		return raw_openat2((int)a, text(b), c);
	case SYS_close:
		return ours_close((int)a);
	case SYS_close_range:
		return ours_close_range((u32)a, (u32)b, (int)c);
	case SYS_ioctl:
		return ours_ioctl((int)a, (u32)b, c);
	case SYS_mmap:
		return ours_mmap((void *)(uintptr_t)a, b, (int)c, (int)d,
				 (int)e, (off_t)f);
	case SYS_dup2:
	case SYS_dup3:
		return is_internal((int)b) ? -EBUSY : NOT_OURS;
	case SYS_rt_sigaction:
		return raw_sigaction((int)a, b, c, d);
	default:
		return NOT_OURS;
	}
}

long preload_syscall(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	long rc = ours_syscall(number, a, b, c, d, e, f);

	if (rc == NOT_OURS) {
		rc = raw_call(number, a, b, c, d, e, f);
		if (number == SYS_dup || number == SYS_dup2 ||
		    number == SYS_dup3 ||
		    (number == SYS_fcntl && is_copying((int)b)))
			rc = copied((int)a, rc);
		else if (number == SYS_open || number == SYS_openat ||
			 number == SYS_openat2)
			rc = given(rc);
	}
	return answer(rc);
}

#pragma GCC visibility pop

/* --- what the engine calls --- */

/*
 * The linker gives the engine these for the names without __wrap_. Its
 * descriptors are out of the client's sight and reach, and its handlers go
 * before the client's.
 */
int __wrap_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old);
int __wrap_close(int fd);
int __wrap_eventfd(unsigned int count, int flags);
int __wrap_epoll_create1(int flags);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_fcntl(int fd, int command, ...);

int __wrap_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old)
{
	if (!action)
		return system_sigaction()(number, NULL, old);
	return signals_take(&signals, &preload.process, number, action, old,
			    forward, system_sigaction());
}

static int internal(long fd)
{
	return (int)answer(fd < 0 ? fd : object_internal_fd(&preload, (int)fd));
}

int __wrap_close(int fd)
{
	if (files_peek(&preload.files, fd) == NUMBER_INTERNAL)
		files_set_internal(&preload.files, fd, false);
	return (int)answer(raw_call(SYS_close, (u64)fd, 0, 0, 0, 0, 0));
}

int __wrap_eventfd(unsigned int count, int flags)
{
	return internal(raw_call(SYS_eventfd2, count, (u64)flags, 0, 0, 0, 0));
}

int __wrap_epoll_create1(int flags)
{
	return internal(raw_call(SYS_epoll_create1, (u64)flags, 0, 0, 0, 0, 0));
}

int __wrap_timerfd_create(int clock, int flags)
{
	return internal(raw_call(SYS_timerfd_create, (u64)clock, (u64)flags, 0,
				 0, 0, 0));
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list list;
	u64 arg;
	long rc;

	va_start(list, command);
	arg = va_arg(list, u64);
	va_end(list);
	rc = raw_call(SYS_fcntl, (u64)fd, (u64)command, arg, 0, 0, 0);
	return is_copying(command) ? internal(rc) : (int)answer(rc);
}
