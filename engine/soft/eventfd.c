/* SPDX-License-Identifier: MIT */
/*
 * ioeventfd: a guest's write that becomes a count on an eventfd instead of an
 * exit. irqfd: an eventfd that becomes an interrupt; a thread of the VM's own
 * listens to all of them. [KVM-API 4.59 "KVM_IOEVENTFD", 4.75 "KVM_IRQFD"]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/soft/soft.h"

#define IOEVENTFD_FLAGS                                          \
	(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO | \
	 KVM_IOEVENTFD_FLAG_DEASSIGN)

static bool ioeventfd_same(const struct soft_ioeventfd *a,
			   const struct soft_ioeventfd *b)
{
	u32 kind = KVM_IOEVENTFD_FLAG_PIO;
	bool match_a = a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;
	bool match_b = b->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;

	if ((a->flags & kind) != (b->flags & kind) || a->address != b->address)
		return false;
	if (!a->length || !b->length)
		return true;
	return a->length == b->length &&
	       (!match_a || !match_b || a->datamatch == b->datamatch);
}

static int ioeventfd_assign(struct soft_vm *vm,
			    const struct soft_ioeventfd *event)
{
	struct soft_ioeventfd *grown, *old = vm->ioeventfd;

	for (u32 i = 0; i < vm->ioeventfd_count; i++)
		if (ioeventfd_same(&old[i], event))
			return trace_err(-EEXIST);
	if (vm->ioeventfd_count == SOFT_IOEVENTFDS_MAX)
		return trace_err(-ENOSPC);
	grown = malloc((vm->ioeventfd_count + 1) * sizeof(*grown));
	if (!grown)
		return trace_err(-ENOMEM);
	if (old)
		memcpy(grown, old, vm->ioeventfd_count * sizeof(*grown));
	grown[vm->ioeventfd_count] = *event;
	soft_exclusive_begin(vm, NULL);
	vm->ioeventfd = grown;
	vm->ioeventfd_count++;
	soft_exclusive_end(vm, NULL);
	free(old);
	return 0;
}

/*
 * Which eventfd a descriptor speaks of: the client may name it by another
 * number than it gave us. 0: not an eventfd.
 */
static u64 eventfd_identity(int fd)
{
	char path[64], line[128];
	unsigned long long id = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd); /* fits */
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "eventfd-id: %llu", &id) == 1) {
			id++; /* ids start at 0 */
			break;
		}
	}
	(void)fclose(file); /* only read from */
	return id;
}

static bool same_eventfd(int a, int b)
{
	u64 id = eventfd_identity(a);

	return id && id == eventfd_identity(b);
}

static int ioeventfd_deassign(struct soft_vm *vm,
			      const struct soft_ioeventfd *event)
{
	for (u32 i = 0; i < vm->ioeventfd_count; i++) {
		struct soft_ioeventfd *have = &vm->ioeventfd[i];
		u32 mask = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH;

		if (have->address != event->address ||
		    have->length != event->length ||
		    ((have->flags ^ event->flags) & mask) ||
		    ((have->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) &&
		     have->datamatch != event->datamatch) ||
		    !same_eventfd(have->fd, event->fd))
			continue;
		soft_exclusive_begin(vm, NULL);
		(void)close(have->fd); /* ours; its contents live on */
		*have = vm->ioeventfd[--vm->ioeventfd_count];
		soft_exclusive_end(vm, NULL);
		return 0;
	}
	return trace_err(-ENOENT);
}

static int ioeventfd_check(const struct kvm_ioeventfd *args)
{
	bool match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;

	if (args->flags & ~(u32)IOEVENTFD_FLAGS)
		return trace_err(-EINVAL);
	if (args->len != 0 && args->len != 1 && args->len != 2 &&
	    args->len != 4 && args->len != 8)
		return trace_err(-EINVAL);
	if (args->addr + args->len < args->addr || (!args->len && match))
		return trace_err(-EINVAL);
	return 0;
}

int soft_ioeventfd(struct engine_vm *handle, const struct kvm_ioeventfd *args)
{
	struct soft_vm *vm = soft_vm(handle);
	struct soft_ioeventfd event = {.address = args->addr,
				       .datamatch = args->datamatch,
				       .length = args->len,
				       .flags = args->flags,
				       .fd = args->fd};
	int err = ioeventfd_check(args);

	if (err)
		return err;
	if (!eventfd_identity(args->fd))
		return trace_err(fcntl(args->fd, F_GETFD) < 0 ? -EBADF
							      : -EINVAL);
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		mutex_lock(&vm->lock);
		err = ioeventfd_deassign(vm, &event);
		mutex_unlock(&vm->lock);
		return err;
	}
	event.fd = fcntl(args->fd, F_DUPFD_CLOEXEC, 0);
	if (event.fd < 0)
		return trace_err(-errno);
	mutex_lock(&vm->lock);
	err = ioeventfd_assign(vm, &event);
	mutex_unlock(&vm->lock);
	if (err)
		(void)close(event.fd); /* ours alone */
	return err;
}

/* Inside guest code: the array holds still. */
bool soft_ioeventfd_write(struct soft_vm *vm, u64 address, const void *data,
			  u32 size, bool pio)
{
	u64 value = 0, one = 1;

	if (likely(!vm->ioeventfd_count))
		return false;
	memcpy(&value, data, size);
	for (u32 i = 0; i < vm->ioeventfd_count; i++) {
		const struct soft_ioeventfd *event = &vm->ioeventfd[i];

		if (event->address != address ||
		    (event->length && event->length != size) ||
		    !!(event->flags & KVM_IOEVENTFD_FLAG_PIO) != pio)
			continue;
		if ((event->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) &&
		    event->datamatch != value)
			continue;
		(void)!write(event->fd, &one, sizeof(one)); /* full is as good */
		return true;
	}
	return false;
}

/* --- irqfd --- */

static void irqfd_fire(struct soft_vm *vm, struct soft_irqfd *irqfd)
{
	u64 count;

	if (!irqfd->used ||
	    read(irqfd->fd, &count, sizeof(count)) != sizeof(count) ||
	    irqfd->gsi >= IRQ_ROUTES_MAX) /* routed nowhere */
		return;
	if (irqfd->resample_fd >= 0) {
		irqfd->raised = true;
		(void)irqchip_set_gsi(vm->irqchip, IRQ_SOURCE_RESAMPLE,
				      irqfd->gsi, true, false);
		return;
	}
	(void)irqchip_set_gsi(vm->irqchip, IRQ_SOURCE_CLIENT, irqfd->gsi, true,
			      false);
	(void)irqchip_set_gsi(vm->irqchip, IRQ_SOURCE_CLIENT, irqfd->gsi, false,
			      false);
}

/* Index in the event, or SOFT_IRQFDS_MAX for the stop eventfd. */
static void irqfd_listen(void *ctx)
{
	struct soft_vm *vm = ctx;
	struct epoll_event events[16];

	for (;;) {
		int n = epoll_wait(vm->irqfd_epoll, events, ARRAY_SIZE(events),
				   -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == SOFT_IRQFDS_MAX)
				return;
			mutex_lock(&vm->irq_lock);
			irqfd_fire(vm, &vm->irqfd[events[i].data.u32]);
			mutex_unlock(&vm->irq_lock);
		}
	}
}

/* The thread inherits a full signal mask: signals are the client's. */
static int irqfd_thread_start(struct soft_vm *vm)
{
	struct epoll_event stop = {.events = EPOLLIN,
				   .data.u32 = SOFT_IRQFDS_MAX};
	sigset_t all, old;
	int err;

	vm->irqfd = calloc(SOFT_IRQFDS_MAX, sizeof(*vm->irqfd));
	vm->irqfd_epoll = epoll_create1(EPOLL_CLOEXEC);
	vm->irqfd_stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!vm->irqfd || vm->irqfd_epoll < 0 || vm->irqfd_stop < 0 ||
	    epoll_ctl(vm->irqfd_epoll, EPOLL_CTL_ADD, vm->irqfd_stop, &stop)) {
		err = trace_err(-ENOMEM);
		goto undo;
	}
	(void)sigfillset(&all); /* cannot fail, as the two below */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = thread_start(&vm->irqfd_thread, "irqfd", irqfd_listen, vm);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return 0;
undo:
	if (vm->irqfd_epoll >= 0)
		(void)close(vm->irqfd_epoll);
	if (vm->irqfd_stop >= 0)
		(void)close(vm->irqfd_stop);
	free(vm->irqfd);
	vm->irqfd = NULL;
	vm->irqfd_epoll = vm->irqfd_stop = -1;
	return err;
}

static void irqfd_close(struct soft_vm *vm, struct soft_irqfd *irqfd)
{
	(void)epoll_ctl(vm->irqfd_epoll, EPOLL_CTL_DEL, irqfd->fd, NULL);
	(void)close(irqfd->fd); /* duplicates of ours */
	if (irqfd->resample_fd >= 0)
		(void)close(irqfd->resample_fd);
	if (irqfd->raised)
		(void)irqchip_set_gsi(vm->irqchip, IRQ_SOURCE_RESAMPLE,
				      irqfd->gsi, false, false);
	*irqfd = (struct soft_irqfd){0};
}

static int irqfd_deassign(struct soft_vm *vm, const struct kvm_irqfd *args)
{
	mutex_lock(&vm->irq_lock);
	for (u32 i = 0; vm->irqfd && i < SOFT_IRQFDS_MAX; i++)
		if (vm->irqfd[i].used && vm->irqfd[i].gsi == args->gsi &&
		    same_eventfd(vm->irqfd[i].fd, (int)args->fd))
			irqfd_close(vm, &vm->irqfd[i]);
	mutex_unlock(&vm->irq_lock);
	return 0; /* what was not assigned is gone as well */
}

static int irqfd_place(struct soft_vm *vm, const struct kvm_irqfd *args)
{
	struct soft_irqfd *free_one = NULL;
	struct epoll_event event = {.events = EPOLLIN};
	bool resample = args->flags & KVM_IRQFD_FLAG_RESAMPLE;

	for (u32 i = 0; i < SOFT_IRQFDS_MAX; i++) {
		if (!vm->irqfd[i].used)
			free_one = free_one ? free_one : &vm->irqfd[i];
		else if (same_eventfd(vm->irqfd[i].fd, (int)args->fd))
			return trace_err(-EBUSY);
	}
	if (!free_one)
		return trace_err(-ENOSPC);
	*free_one = (struct soft_irqfd){.gsi = args->gsi, .resample_fd = -1};
	free_one->fd = fcntl((int)args->fd, F_DUPFD_CLOEXEC, 0);
	if (free_one->fd < 0)
		return trace_err(-errno);
	if (resample) {
		free_one->resample_fd =
			fcntl((int)args->resamplefd, F_DUPFD_CLOEXEC, 0);
		if (free_one->resample_fd < 0) {
			(void)close(free_one->fd);
			return trace_err(-EBADF);
		}
	}
	free_one->used = true;
	event.data.u32 = (u32)(free_one - vm->irqfd);
	if (epoll_ctl(vm->irqfd_epoll, EPOLL_CTL_ADD, free_one->fd, &event)) {
		int err = -errno;

		irqfd_close(vm, free_one);
		return trace_err(err);
	}
	return 0;
}

int soft_irqfd(struct engine_vm *handle, const struct kvm_irqfd *args)
{
	struct soft_vm *vm = soft_vm(handle);
	int err = 0;

	if (args->flags &
	    ~(u32)(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return trace_err(-EINVAL);
	if (!eventfd_identity((int)args->fd))
		return trace_err(fcntl((int)args->fd, F_GETFD) < 0 ? -EBADF
								   : -EINVAL);
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return irqfd_deassign(vm, args);
	if (!vm->irqchip)
		return trace_err(-EINVAL);
	mutex_lock(&vm->lock);
	if (!vm->irqfd)
		err = irqfd_thread_start(vm);
	if (!err) {
		mutex_lock(&vm->irq_lock);
		err = irqfd_place(vm, args);
		mutex_unlock(&vm->irq_lock);
	}
	mutex_unlock(&vm->lock);
	return err;
}

/* All irqfds that share the line are told; the line falls first. */
void soft_irqfd_acked(struct soft_vm *vm, u32 gsi)
{
	u64 one = 1;

	for (u32 i = 0; vm->irqfd && i < SOFT_IRQFDS_MAX; i++) {
		struct soft_irqfd *irqfd = &vm->irqfd[i];

		if (!irqfd->used || irqfd->resample_fd < 0 || irqfd->gsi != gsi)
			continue;
		if (irqfd->raised)
			(void)irqchip_set_gsi(vm->irqchip, IRQ_SOURCE_RESAMPLE,
					      gsi, false, false);
		irqfd->raised = false;
		(void)!write(irqfd->resample_fd, &one,
			     sizeof(one)); /* full: told */
	}
}

void soft_eventfd_release(struct soft_vm *vm)
{
	u64 one = 1;

	if (vm->irqfd) {
		(void)!write(vm->irqfd_stop, &one, sizeof(one)); /* never full */
		thread_join(&vm->irqfd_thread);
		for (u32 i = 0; i < SOFT_IRQFDS_MAX; i++)
			if (vm->irqfd[i].used)
				irqfd_close(vm, &vm->irqfd[i]);
		(void)close(vm->irqfd_epoll);
		(void)close(vm->irqfd_stop);
		free(vm->irqfd);
	}
	for (u32 i = 0; i < vm->ioeventfd_count; i++)
		(void)close(vm->ioeventfd[i].fd);
	free(vm->ioeventfd);
}
