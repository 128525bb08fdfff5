/* SPDX-License-Identifier: MIT */
/*
 * The /dev/kvm way on the real device. Where there is none, or it is not ours
 * to open, those tests are skipped and say so; the fault messages are tested
 * everywhere. The guest is real-mode code: any kind of KVM runs that.
 */
#define _GNU_SOURCE
#include "engine/kvm/kvm.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/harness_fault.h"
#include "base/test.h"

#define MEM_BYTES   (2 * MiB)
#define CODE_GPA    0x1000
#define CPUIDS_MAX  256
#define MSRS_MAX    1024
#define TEST_SIGNAL SIGUSR1

struct bench {
	struct engine *e;
	struct engine_vm *vm;
	struct engine_vcpu *vcpu;
	u8 *mem;
};

static struct engine *open_or_skip(void)
{
	struct fault fault = {0};
	struct engine *e = NULL;
	static char text[512];

	if (engine_kvm_open(&e, &fault) < 0) {
		(void)fault_format(&fault, text, sizeof(text));
		skip(text);
	}
	return e;
}

static struct bench bench_open(void)
{
	struct bench b = {.e = open_or_skip()};
	struct kvm_userspace_memory_region region = {.memory_size = MEM_BYTES};

	check_eq(b.e->ops->create_vm(b.e, 0, &b.vm), 0);
	b.mem = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check((void *)b.mem != MAP_FAILED);
	region.userspace_addr = (u64)(uintptr_t)b.mem;
	check_eq(b.vm->ops->set_tss_addr(b.vm, 0xfffbd000), 0);
	check_eq(b.vm->ops->set_identity_map_addr(b.vm, 0xfffbc000), 0);
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), 0);
	check_eq(b.vm->ops->create_vcpu(b.vm, 0, &b.vcpu), 0);
	return b;
}

static void bench_close(struct bench *b)
{
	b->vcpu->ops->free(b->vcpu);
	b->vm->ops->free(b->vm);
	b->e->ops->free(b->e);
	(void)munmap(b->mem, MEM_BYTES);
}

/* Real mode, segments at 0, at CODE_GPA. */
static void bench_code(struct bench *b, const void *code, size_t size)
{
	struct kvm_regs regs = {.rip = CODE_GPA, .rflags = 2};
	struct kvm_sregs sregs;

	memcpy(b->mem + CODE_GPA, code, size);
	check_eq(b->vcpu->ops->get_sregs(b->vcpu, &sregs), 0);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check_eq(b->vcpu->ops->set_sregs(b->vcpu, &sregs), 0);
	check_eq(b->vcpu->ops->set_regs(b->vcpu, &regs), 0);
}

/* ---- opening ---- */

TEST(an_absent_device_is_said_to_be_absent)
{
	struct fault fault = {0};
	struct engine *e = NULL;

	check_eq(kvm_way_open("/nonexistent/kvm", &e, &fault), -ENOENT);
	check(e == NULL);
	check_eq(fault.class, FAULT_NOT_FOUND);
	check(strstr(fault.text[0], "kvm_intel"));
}

TEST(a_device_of_another_kind_is_no_kvm)
{
	struct fault fault = {0};
	struct engine *e = NULL;

	check_eq(kvm_way_open("/dev/null", &e, &fault), -ENOTTY);
	check_eq(fault.class, FAULT_UNSUPPORTED);
	check(strstr(fault.text[0], "is not a KVM device"));
	check(e == NULL);
}

TEST(a_refused_device_names_who_may_open_it)
{
	char path[] = "/tmp/kvm_test.XXXXXX";
	int fd = mkstemp(path);
	struct fault fault = {0};
	struct engine *e = NULL;
	int err;

	check(fd >= 0);
	close(fd);
	check_eq(chmod(path, 0020), 0);
	if (geteuid() == 0)
		check_eq(seteuid(65534), 0);
	err = kvm_way_open(path, &e, &fault);
	if (getuid() == 0)
		check_eq(seteuid(0), 0);
	(void)unlink(path);
	check_eq(err, -EACCES);
	check_eq(fault.class, FAULT_DENIED);
	check(strstr(fault.text[0], "members of the group '"));
}

/* ---- the system ---- */

TEST(the_device_speaks_the_kvm_abi)
{
	struct engine *e = open_or_skip();

	check_str_eq(e->ops->name, "kvm");
	check(e->ops->vcpu_mmap_size(e) >= (int)sizeof(struct kvm_run));
	check(e->ops->check_extension(e, KVM_CAP_USER_MEMORY) > 0);
	check_eq(e->ops->check_extension(e, 0x7fffffff), 0);
	e->ops->free(e);
}

TEST(cpuid_needs_its_room)
{
	struct engine *e = open_or_skip();
	size_t size = sizeof(struct kvm_cpuid2) +
		      CPUIDS_MAX * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *cpuid = calloc(1, size);

	check(cpuid);
	cpuid->nent = 1;
	check_eq(e->ops->get_supported_cpuid(e, cpuid), -E2BIG);
	cpuid->nent = CPUIDS_MAX;
	check_eq(e->ops->get_supported_cpuid(e, cpuid), 0);
	check(cpuid->nent > 1 && cpuid->nent < CPUIDS_MAX);
	check_eq(cpuid->entries[0].function, 0);
	cpuid->nent = CPUIDS_MAX;
	check_eq(e->ops->get_emulated_cpuid(e, cpuid), 0);
	free(cpuid);
	e->ops->free(e);
}

static void check_msr_list(struct engine *e,
			   int (*get)(struct engine *, struct kvm_msr_list *))
{
	struct kvm_msr_list *list =
		calloc(1, sizeof(*list) + MSRS_MAX * sizeof(u32));

	check(list);
	check_eq(get(e, list), -E2BIG);
	check(list->nmsrs > 0); /* the kernel says how many it wants */
	check(list->nmsrs < MSRS_MAX);
	check_eq(get(e, list), 0);
	check(list->indices[0] != 0);
	free(list);
}

TEST(msr_lists_say_their_size_when_refused)
{
	struct engine *e = open_or_skip();

	check_msr_list(e, e->ops->get_msr_index_list);
	check_msr_list(e, e->ops->get_msr_feature_index_list);
	e->ops->free(e);
}

TEST(feature_msrs_come_by_index)
{
	struct engine *e = open_or_skip();
	union {
		struct kvm_msrs head;
		u8 bytes[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} msrs = {.head.nmsrs = 1};
	union {
		struct kvm_msr_list head;
		u8 bytes[sizeof(struct kvm_msr_list) + MSRS_MAX * sizeof(u32)];
	} list = {.head.nmsrs = MSRS_MAX};

	check_eq(e->ops->get_msr_feature_index_list(e, &list.head), 0);
	msrs.head.entries[0].index = list.head.indices[0];
	check_eq(e->ops->get_feature_msrs(e, &msrs.head), 1);
	msrs.head.entries[0].index = 0xdeadbeef;
	check_eq(e->ops->get_feature_msrs(e, &msrs.head), 0);
	e->ops->free(e);
}

TEST(an_unknown_machine_type_is_refused)
{
	struct engine *e = open_or_skip();
	struct engine_vm *vm = NULL;

	check_eq(e->ops->create_vm(e, 0x7777, &vm), -EINVAL);
	check(vm == NULL);
	e->ops->free(e);
}

/* ---- life-cycle ---- */

static unsigned int open_fds(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

TEST(a_vm_and_its_vcpus_leave_nothing_behind)
{
	unsigned int before = open_fds();

	for (int i = 0; i < 3; i++) {
		struct bench b = bench_open();

		check_eq(open_fds(), before + 3);
		bench_close(&b);
	}
	check_eq(open_fds(), before);
}

static int make_and_free(void)
{
	struct engine *e = NULL;
	struct engine_vm *vm = NULL;
	struct engine_vcpu *vcpu = NULL;
	int err = engine_kvm_open(&e, NULL);

	if (err == 0)
		err = e->ops->create_vm(e, 0, &vm);
	if (err == 0)
		err = vm->ops->create_vcpu(vm, 0, &vcpu);
	if (vcpu)
		vcpu->ops->free(vcpu);
	if (vm)
		vm->ops->free(vm);
	if (e)
		e->ops->free(e);
	return err;
}

TEST(a_failed_allocation_is_enomem_and_leaves_nothing)
{
	struct engine *e = open_or_skip();
	unsigned int before = open_fds();
	u32 n = 1;
	int err;

	for (; alloc_fail_at(n), (err = make_and_free()); n++) {
		check_eq(err, -ENOMEM);
		check(alloc_has_failed());
		check_eq(open_fds(), before);
	}
	alloc_fail_off();
	check_eq(n, 5); /* engine, vm, vcpu and the vcpu's mapping */
	e->ops->free(e);
}

TEST(all_descriptors_close_on_exec)
{
	struct bench b = bench_open();
	struct kvm_way *way = container_of(b.e, struct kvm_way, base);
	struct kvm_way_vm *vm = container_of(b.vm, struct kvm_way_vm, base);
	struct kvm_way_vcpu *vcpu =
		container_of(b.vcpu, struct kvm_way_vcpu, base);

	check(fcntl(way->fd, F_GETFD) & FD_CLOEXEC);
	check(fcntl(vm->fd, F_GETFD) & FD_CLOEXEC);
	check(fcntl(vcpu->fd, F_GETFD) & FD_CLOEXEC);
	bench_close(&b);
}

TEST(a_vcpu_id_is_taken_once)
{
	struct bench b = bench_open();
	struct engine_vcpu *again = NULL;

	check_eq(b.vm->ops->create_vcpu(b.vm, 0, &again), -EEXIST);
	check(again == NULL);
	bench_close(&b);
}

TEST(the_pages_of_a_vcpu_end_with_its_mapping)
{
	struct bench b = bench_open();
	u32 pages = (u32)b.e->ops->vcpu_mmap_size(b.e) / 4096;

	check(b.vcpu->ops->mapped_page(b.vcpu, 0) == b.vcpu->run);
	check(b.vcpu->ops->mapped_page(b.vcpu, pages - 1));
	check(b.vcpu->ops->mapped_page(b.vcpu, pages) == NULL);
	check(b.vcpu->ops->mapped_page(b.vcpu, UINT32_MAX) == NULL);
	bench_close(&b);
}

TEST(freeing_nothing_is_harmless)
{
	struct bench b = bench_open();

	b.vcpu->ops->free(NULL);
	b.vm->ops->free(NULL);
	b.e->ops->free(NULL);
	bench_close(&b);
}

/* ---- memory slots ---- */

TEST(memory_slots_are_checked)
{
	struct bench b = bench_open();
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.guest_phys_addr = MEM_BYTES,
		.memory_size = MEM_BYTES,
		.userspace_addr = (u64)(uintptr_t)b.mem,
	};

	region.memory_size = 100;
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), -EINVAL);
	region.memory_size = MEM_BYTES;
	region.guest_phys_addr = MEM_BYTES / 2;
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), -EEXIST);
	region.guest_phys_addr = MEM_BYTES + 1;
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), -EINVAL);
	region.guest_phys_addr = MEM_BYTES;
	region.flags = BIT(31);
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), -EINVAL);
	region.flags = 0;
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), 0);
	region.memory_size = 0; /* takes it away again */
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), 0);
	bench_close(&b);
}

TEST(a_dirty_log_needs_its_slot)
{
	struct bench b = bench_open();
	u64 bits[MEM_BYTES / 4096 / 64] = {0};
	struct kvm_dirty_log log = {.slot = 9, .dirty_bitmap = bits};
	struct kvm_userspace_memory_region region = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.memory_size = MEM_BYTES,
		.userspace_addr = (u64)(uintptr_t)b.mem,
	};
	static const u8 code[] = {
		0x88, 0x06, 0x00, 0x50, /* mov %al, 0x5000 */
		0xe6, 0x80,		/* out %al, $0x80 */
	};

	check_eq(b.vm->ops->get_dirty_log(b.vm, &log), -ENOENT);
	log.slot = 0;
	check_eq(b.vm->ops->get_dirty_log(b.vm, &log), -ENOENT);
	check_eq(b.vm->ops->set_user_memory_region(b.vm, &region), 0);
	bench_code(&b, code, sizeof(code));
	check_eq(b.vcpu->ops->run(b.vcpu), 0);
	check_eq(b.vcpu->run->exit_reason, KVM_EXIT_IO);
	check_eq(b.vm->ops->get_dirty_log(b.vm, &log), 0);
	check_eq(bits[0], BIT(5));
	check_eq(b.vm->ops->get_dirty_log(b.vm, &log), 0);
	check_eq(bits[0], 0);
	bench_close(&b);
}

/* ---- running ---- */

TEST(an_out_instruction_comes_out)
{
	struct bench b = bench_open();
	static const u8 code[] = {
		0xb8, 0x34, 0x12, /* mov $0x1234, %ax */
		0xe7, 0x80,	  /* out %ax, $0x80 */
		0xf4,		  /* hlt */
	};
	struct kvm_run *run = b.vcpu->run;

	bench_code(&b, code, sizeof(code));
	check_eq(b.vcpu->ops->run(b.vcpu), 0);
	check_eq(run->exit_reason, KVM_EXIT_IO);
	check_eq(run->io.direction, KVM_EXIT_IO_OUT);
	check_eq(run->io.port, 0x80);
	check_eq(run->io.size, 2);
	check_eq(run->io.count, 1);
	check_mem_eq((u8 *)run + run->io.data_offset, "\x34\x12", 2);
	check_eq(b.vcpu->ops->run(b.vcpu), 0);
	check_eq(run->exit_reason, KVM_EXIT_HLT);
	bench_close(&b);
}

TEST(an_immediate_exit_is_an_interruption)
{
	struct bench b = bench_open();
	static const u8 code[] = {0xf4};

	bench_code(&b, code, sizeof(code));
	b.vcpu->run->immediate_exit = 1;
	check_eq(b.vcpu->ops->run(b.vcpu), -EINTR);
	b.vcpu->run->immediate_exit = 0;
	check_eq(b.vcpu->ops->run(b.vcpu), 0);
	check_eq(b.vcpu->run->exit_reason, KVM_EXIT_HLT);
	bench_close(&b);
}

TEST(a_signal_open_in_the_vcpu_alone_interrupts_it)
{
	struct bench b = bench_open();
	static const u8 code[] = {0xeb, 0xfe}; /* jmp . */
	const struct timespec none = {0};
	u64 mask = ~BIT(TEST_SIGNAL - 1);
	sigset_t set, old;

	bench_code(&b, code, sizeof(code));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, TEST_SIGNAL);
	check_eq(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
	check_eq(b.vcpu->ops->set_signal_mask(b.vcpu, &mask), 0);
	check_eq(pthread_kill(pthread_self(), TEST_SIGNAL), 0);
	check_eq(b.vcpu->ops->run(b.vcpu), -EINTR);
	check_eq(b.vcpu->ops->run(b.vcpu), -EINTR); /* it stays pending */
	check_eq(sigtimedwait(&set, NULL, &none), TEST_SIGNAL);
	check_eq(b.vcpu->ops->set_signal_mask(b.vcpu, NULL), 0);
	check_eq(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	bench_close(&b);
}

/* ---- vcpu state: one call of each shape ---- */

TEST(state_that_is_set_is_got_back)
{
	struct bench b = bench_open();
	const struct engine_vcpu_ops *ops = b.vcpu->ops;
	struct kvm_regs regs = {.rip = 5, .rax = 7, .r15 = 9, .rflags = 2};
	struct kvm_regs got = {0};
	struct kvm_sregs2 sregs2;
	struct kvm_fpu fpu;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;

	check_eq(ops->set_regs(b.vcpu, &regs), 0);
	check_eq(ops->get_regs(b.vcpu, &got), 0);
	check_mem_eq(&got, &regs, sizeof(regs));
	check_eq(ops->get_sregs2(b.vcpu, &sregs2), 0);
	sregs2.cr3 = 0x5000;
	check_eq(ops->set_sregs2(b.vcpu, &sregs2), 0);
	sregs2.cr3 = 0;
	check_eq(ops->get_sregs2(b.vcpu, &sregs2), 0);
	check_eq(sregs2.cr3, 0x5000);
	check_eq(ops->get_fpu(b.vcpu, &fpu), 0);
	fpu.fcw = 0x27f;
	check_eq(ops->set_fpu(b.vcpu, &fpu), 0);
	check_eq(ops->get_debugregs(b.vcpu, &debug), 0);
	check_eq(ops->set_debugregs(b.vcpu, &debug), 0);
	check_eq(ops->get_vcpu_events(b.vcpu, &events), 0);
	check_eq(ops->set_vcpu_events(b.vcpu, &events), 0);
	check_eq(ops->get_mp_state(b.vcpu, &mp), 0);
	check_eq(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	bench_close(&b);
}

TEST(the_extended_state_comes_in_its_4096_bytes)
{
	struct bench b = bench_open();
	struct kvm_xsave *xsave = aligned_alloc(64, sizeof(*xsave));
	struct kvm_xcrs xcrs;

	check(xsave);
	check_eq(b.vcpu->ops->get_xsave(b.vcpu, xsave), 0);
	check_eq(b.vcpu->ops->set_xsave(b.vcpu, xsave), 0);
	check_eq(b.vcpu->ops->get_xcrs(b.vcpu, &xcrs), 0);
	check_eq(b.vcpu->ops->set_xcrs(b.vcpu, &xcrs), 0);
	check(xcrs.nr_xcrs > 0);
	free(xsave);
	bench_close(&b);
}

TEST(msrs_stop_at_the_first_refused)
{
	struct bench b = bench_open();
	union {
		struct kvm_msrs head;
		u8 bytes[sizeof(struct kvm_msrs) +
			 3 * sizeof(struct kvm_msr_entry)];
	} msrs = {.head.nmsrs = 3};

	msrs.head.entries[0].index = 0x277; /* IA32_PAT */
	msrs.head.entries[0].data = 0x0007040600070406;
	msrs.head.entries[1].index = 0xdeadbeef;
	msrs.head.entries[2].index = 0x277;
	check_eq(b.vcpu->ops->set_msrs(b.vcpu, &msrs.head), 1);
	msrs.head.entries[0].data = 0;
	check_eq(b.vcpu->ops->get_msrs(b.vcpu, &msrs.head), 1);
	check_eq(msrs.head.entries[0].data, 0x0007040600070406);
	bench_close(&b);
}

TEST(a_local_apic_needs_the_irqchip)
{
	struct bench b = bench_open();
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

	check_eq(b.vcpu->ops->get_lapic(b.vcpu, &lapic), -EINVAL);
	check_eq(b.vm->ops->get_irqchip(b.vm, &chip), -ENXIO);
	/* Too late: a vcpu exists. */
	check_eq(b.vm->ops->create_irqchip(b.vm), -EINVAL);
	bench_close(&b);
}

TEST(an_irqchip_routes_and_takes_lines)
{
	struct engine *e = open_or_skip();
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};
	struct kvm_irq_level level = {.irq = 4, .level = 1};
	struct kvm_lapic_state lapic;
	struct engine_vcpu *vcpu;
	struct engine_vm *vm;
	union {
		struct kvm_irq_routing head;
		u8 bytes[sizeof(struct kvm_irq_routing) +
			 sizeof(struct kvm_irq_routing_entry)];
	} routing = {.head.nr = 1};

	check_eq(e->ops->create_vm(e, 0, &vm), 0);
	check_eq(vm->ops->create_irqchip(vm), 0);
	check_eq(vm->ops->create_vcpu(vm, 0, &vcpu), 0);
	check_eq(vm->ops->get_irqchip(vm, &chip), 0);
	check_eq(vm->ops->set_irqchip(vm, &chip), 0);
	check_eq(vcpu->ops->get_lapic(vcpu, &lapic), 0);
	check_eq(vcpu->ops->set_lapic(vcpu, &lapic), 0);
	check_eq(vm->ops->irq_line(vm, &level), 0);
	check_eq(vm->ops->irq_line_status(vm, &level), 0);
	routing.head.entries[0].gsi = 4;
	routing.head.entries[0].type = 77;
	check_eq(vm->ops->set_gsi_routing(vm, &routing.head), -EINVAL);
	routing.head.entries[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	routing.head.entries[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	routing.head.entries[0].u.irqchip.pin = 4;
	check_eq(vm->ops->set_gsi_routing(vm, &routing.head), 0);
	vcpu->ops->free(vcpu);
	vm->ops->free(vm);
	e->ops->free(e);
}

TEST(an_ioeventfd_takes_the_write_from_the_guest)
{
	struct bench b = bench_open();
	static const u8 code[] = {0xe6, 0x90, 0xf4}; /* out %al, $0x90; hlt */
	struct kvm_ioeventfd ioeventfd = {
		.addr = 0x90,
		.len = 1,
		.fd = fd_eventfd(),
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	u64 count = 0;

	check(ioeventfd.fd >= 0);
	check_eq(b.vm->ops->ioeventfd(b.vm, &ioeventfd), 0);
	bench_code(&b, code, sizeof(code));
	check_eq(b.vcpu->ops->run(b.vcpu), 0);
	check_eq(b.vcpu->run->exit_reason, KVM_EXIT_HLT);
	check_eq(read_full(ioeventfd.fd, &count, sizeof(count)), 0);
	check_eq(count, 1);
	close(ioeventfd.fd);
	bench_close(&b);
}

TEST(an_interrupt_vector_passes_by_number)
{
	struct bench b = bench_open();

	check_eq(b.vcpu->ops->interrupt(b.vcpu, 256), -EINVAL);
	check_eq(b.vcpu->ops->interrupt(b.vcpu, 32), 0);
	bench_close(&b);
}
