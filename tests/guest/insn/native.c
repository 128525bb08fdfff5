/* SPDX-License-Identifier: MIT */
/*
 * The bare CPU: user-mode instructions in a jailed child process.
 *
 * The child maps code, data and stack where every way has them, takes signals
 * on a stack of its own, and then may only return from them and exit
 * (seccomp). Its first signal is its own trap: the handler puts the wanted
 * state into the signal frame, and the kernel's return from the signal loads
 * it, all registers at once. The second signal is the instruction's exception
 * or the end of the code; the frame then holds the state to be compared, the
 * vector and the error code included.
 *
 * What it leaves out: CPL 0, and whatever Linux does not let a process set.
 */
#define _GNU_SOURCE
#include "tests/guest/insn/way.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/guest/insn/feature.h"

#define SIGNAL_STACK_BYTES (64 * 1024)
#define CHILD_EXIT_SETUP   99
#define RFLAGS_USER	   0x202

/* Offsets in the memory file. */
#define FILE_CODE  0
#define FILE_DATA  (FILE_CODE + INSN_CODE_BYTES)
#define FILE_STACK (FILE_DATA + INSN_DATA_BYTES)
#define FILE_BYTES (FILE_STACK + INSN_STACK_BYTES)

/* Where _fpstate says that an XSAVE header follows the legacy region. */
#define FPSTATE_MAGIC1	  0x46505853
#define FPSTATE_MAGIC1_AT 464

enum phase { PHASE_LOAD, PHASE_RUNNING, PHASE_DONE, PHASE_NO_XSAVE };

struct shared {
	struct insn_state in, out;
	u32 phase; /* enum phase */
	u32 code_bytes;
	u32 has_avx;
	u8 signal_stack[SIGNAL_STACK_BYTES];
};

struct native_way {
	struct insn_way base;
	int fd;		       /* owned: the memory file */
	u8 *mem;	       /* owned mapping of it */
	struct shared *shared; /* owned mapping, also the child's */
};

/* The handler's way to it; set in the child alone. */
static struct shared *child_shared;

static const int greg_of[INSN_GPRS] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* ---- the child ---- */

static no_return void child_exit(int status)
{
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

static void load_frame(struct shared *shared, ucontext_t *frame)
{
	greg_t *gregs = frame->uc_mcontext.gregs;
	u8 *fp = (void *)frame->uc_mcontext.fpregs;
	u32 magic;

	memcpy(&magic, fp + FPSTATE_MAGIC1_AT, sizeof(magic));
	if (magic != FPSTATE_MAGIC1) {
		shared->phase = PHASE_NO_XSAVE;
		child_exit(0);
	}
	for (u32 i = 0; i < INSN_GPRS; i++)
		gregs[greg_of[i]] = (greg_t)shared->in.gpr[i];
	gregs[REG_RIP] = INSN_CODE;
	gregs[REG_EFL] = (greg_t)(shared->in.rflags | RFLAGS_USER);
	insn_state_to_xsave(&shared->in, fp, shared->has_avx);
	shared->phase = PHASE_RUNNING;
}

static no_return void save_frame(struct shared *shared, ucontext_t *frame)
{
	const greg_t *gregs = frame->uc_mcontext.gregs;
	struct insn_state *out = &shared->out;

	for (u32 i = 0; i < INSN_GPRS; i++)
		out->gpr[i] = (u64)gregs[greg_of[i]];
	out->rip = (u64)gregs[REG_RIP];
	out->rflags = (u64)gregs[REG_EFL] & INSN_FLAGS;
	insn_state_from_xsave(out, (void *)frame->uc_mcontext.fpregs);
	out->vector = (u8)gregs[REG_TRAPNO];
	out->error = (u32)gregs[REG_ERR];
	out->cr2 = out->vector == 14 ? (u64)gregs[REG_CR2] : 0;
	if (out->vector == 13 && out->error == 0 &&
	    out->rip == INSN_CODE + shared->code_bytes)
		out->vector = INSN_NO_VECTOR;
	shared->phase = PHASE_DONE;
	child_exit(0);
}

static void child_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	if (child_shared->phase != PHASE_LOAD)
		save_frame(child_shared, context);
	load_frame(child_shared, context);
}

static bool child_map(int fd, u64 address, size_t bytes, off_t offset,
		      int protection)
{
	void *want = (void *)(uintptr_t)address;

	return mmap(want, bytes, protection, MAP_SHARED | MAP_FIXED_NOREPLACE,
		    fd, offset) == want;
}

static bool child_catch(struct shared *shared)
{
	static const int signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS, SIGTRAP};
	stack_t stack = {
		.ss_sp = shared->signal_stack,
		.ss_size = SIGNAL_STACK_BYTES,
	};
	struct sigaction action = {
		.sa_sigaction = child_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};

	child_shared = shared;
	if (sigaltstack(&stack, NULL) < 0)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], &action, NULL) < 0)
			return false;
	return true;
}

/* A loop ends by processor time; anything but the two calls kills. */
static bool child_jail(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};
	struct rlimit cpu = {1, 2};
	struct rlimit core = {0, 0};

	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
	       setrlimit(RLIMIT_CPU, &cpu) == 0 &&
	       setrlimit(RLIMIT_CORE, &core) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static no_return void child_main(struct native_way *way)
{
	int rw = PROT_READ | PROT_WRITE;

	if (!child_map(way->fd, INSN_CODE, INSN_CODE_BYTES, FILE_CODE,
		       PROT_READ | PROT_EXEC) ||
	    !child_map(way->fd, INSN_DATA, INSN_DATA_BYTES, FILE_DATA, rw) ||
	    !child_map(way->fd, INSN_STACK_PAGE, INSN_STACK_BYTES, FILE_STACK,
		       rw) ||
	    !child_catch(way->shared) || !child_jail())
		child_exit(CHILD_EXIT_SETUP);
	__asm__ volatile("ud2");
	child_exit(CHILD_EXIT_SETUP);
}

/* ---- the parent ---- */

static struct native_way *native_of(struct insn_way *way)
{
	return container_of(way, struct native_way, base);
}

static enum insn_result judge(const struct shared *shared, int status,
			      char why[INSN_WHY_BYTES])
{
	if (WIFEXITED(status) && shared->phase == PHASE_DONE)
		return INSN_RAN;
	if (WIFEXITED(status) && shared->phase == PHASE_NO_XSAVE) {
		(void)snprintf(why, INSN_WHY_BYTES,
			       "this kernel's signal frames have no XSAVE");
		return INSN_UNABLE;
	}
	if (WIFSIGNALED(status))
		(void)snprintf(why, INSN_WHY_BYTES,
			       "the child was killed by signal %d in phase %u",
			       WTERMSIG(status), shared->phase);
	else
		(void)snprintf(why, INSN_WHY_BYTES,
			       "the child could not be set up");
	return INSN_BROKEN;
}

static enum insn_result native_run(struct insn_way *base, const u8 *code,
				   u32 size, const struct insn_state *in,
				   struct insn_state *out,
				   char why[INSN_WHY_BYTES])
{
	struct native_way *way = native_of(base);
	struct shared *shared = way->shared;
	enum insn_result result;
	int status;
	pid_t child;

	memset(way->mem + FILE_CODE, INSN_HLT, INSN_CODE_BYTES);
	memcpy(way->mem + FILE_CODE, code, size);
	memcpy(way->mem + FILE_DATA, in->data, INSN_DATA_BYTES);
	memcpy(way->mem + FILE_STACK, in->stack, INSN_STACK_BYTES);
	shared->in = *in;
	shared->phase = PHASE_LOAD;
	shared->code_bytes = size;
	shared->has_avx = base->has_avx;
	child = fork();
	if (child == 0)
		child_main(way);
	if (child < 0) {
		(void)snprintf(why, INSN_WHY_BYTES, "cannot fork");
		return INSN_BROKEN;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	result = judge(shared, status, why);
	if (result != INSN_RAN)
		return result;
	*out = shared->out;
	memcpy(out->data, way->mem + FILE_DATA, INSN_DATA_BYTES);
	memcpy(out->stack, way->mem + FILE_STACK, INSN_STACK_BYTES);
	return INSN_RAN;
}

static void native_free(struct insn_way *base)
{
	struct native_way *way = native_of(base);

	if (way->shared)
		(void)munmap(way->shared, sizeof(*way->shared));
	if (way->mem)
		(void)munmap(way->mem, FILE_BYTES);
	fd_close(&way->fd);
	free(base->cpuid);
	free(way);
}

static void *map_shared(int fd, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

int insn_native_create(struct insn_way **ret, struct fault *fault)
{
	struct native_way *way = calloc(1, sizeof(*way));

	if (!way)
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM, "no memory");
	way->fd = memfd_create("insn", MFD_CLOEXEC);
	if (way->fd >= 0 && ftruncate(way->fd, FILE_BYTES) == 0)
		way->mem = map_shared(way->fd, FILE_BYTES);
	way->shared = map_shared(-1, sizeof(*way->shared));
	way->base.cpuid = calloc(
		1, sizeof(struct kvm_cpuid2) +
			   INSN_CPUIDS_MAX * sizeof(struct kvm_cpuid_entry2));
	if (!way->mem || !way->shared || !way->base.cpuid) {
		native_free(&way->base);
		return fault_set(fault, FAULT_NO_MEMORY, -ENOMEM,
				 "no memory to share with a child");
	}
	(void)snprintf(way->base.title, sizeof(way->base.title), "bare CPU");
	insn_feature_host(way->base.cpuid);
	way->base.cpl = 3;
	way->base.has_avx = insn_feature_in(way->base.cpuid,
					    insn_feature_name(str_of("avx")));
	way->base.run = native_run;
	way->base.free = native_free;
	*ret = &way->base;
	return 0;
}
