/* SPDX-License-Identifier: MIT */
/*
 * What runs in a stub process beside the guest's code.
 *
 * The process has this page, the two shared areas after it (layout.h), and the
 * guest's user pages, each at its own address. Two threads live in it:
 *
 *   the guest thread	runs guest code. Whatever the CPU or the kernel will not
 *			do for it comes as a signal, whose handler asks the
 *			monitor: its frame is the register file.
 *   the mapping thread	makes the system calls that the orders name, and asks
 *			for more. It never runs guest code, has no stack, and
 *			takes nothing from memory that the guest can write.
 *
 * "Asks" is a system call that seccomp hands to the monitor: until he answers
 * the thread is stopped in the kernel, which no guest code can feign. All other
 * calls but the few that each thread's cage lets pass become signals; those from
 * outside this page do so before seccomp is asked, which has calls of the kernel's
 * own that it lets pass.
 *
 * The filter of the VM's process lies under the cages, and must let all of it
 * pass: needs: vcpu: 0x4b454c mmap munmap rt_sigprocmask rt_sigreturn dup2
 * clone:CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM
 * exit_group? prctl:PR_SET_TSC prctl:PR_SET_SYSCALL_USER_DISPATCH futex
 * unshare:CLONE_FILES seccomp:SECCOMP_SET_MODE_FILTER close_range.
 *
 * The code is copied to wherever the window is: it knows addresses only
 * relative to itself.
 */
#include "engine/soft/direct/layout.h"

#define SYS_mmap 9
#define SYS_munmap 11
#define SYS_rt_sigprocmask 14
#define SYS_rt_sigreturn 15
#define SYS_dup2 33
#define SYS_clone 56
#define SYS_exit_group 231
#define SYS_prctl 157
#define SYS_futex 202
#define SYS_unshare 272
#define SYS_seccomp 317
#define SYS_close_range 436

#define CLONE_FILES 0x400
#define CLONE_THREAD_FLAGS 0x50f00 /* VM FS FILES SIGHAND THREAD SYSVSEM */
#define SET_MODE_FILTER 1
#define NEW_LISTENER 8
#define PR_SET_TSC 26
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#define FUTEX_WAKE 1
#define SIG_SETMASK 2

#define AT(offset) stub_begin + (offset)(%rip)
#define GUEST(offset) AT(STUB_GUEST + (offset))

	.section .rodata.stub, "a", @progbits
	.balign 64
	.globl stub_begin
	.hidden stub_begin
stub_begin:

/* ---- the guest thread's signals: RDX is the context, RSP the frame ---- */

	.globl stub_handler
	.hidden stub_handler
stub_handler:
	cld
	mov %edi, GUEST(GUEST_SIGNAL)
	mov %rdx, GUEST(GUEST_CONTEXT)
	rdfsbase %rax
	mov %rax, GUEST(GUEST_FS_BASE)
	rdgsbase %rax
	mov %rax, GUEST(GUEST_GS_BASE)
	mov %ds, GUEST(GUEST_DS)
	mov %es, GUEST(GUEST_DS + 2)
	mov %fs, GUEST(GUEST_DS + 4)
	mov %gs, GUEST(GUEST_DS + 6)
	mov $STUB_ASK, %eax
	syscall
	.globl stub_guest_asked
	.hidden stub_guest_asked
stub_guest_asked:
	/* The monitor has put what is to be into the frame. */
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov GUEST(GUEST_FS_BASE), %rax
	wrfsbase %rax
	mov GUEST(GUEST_GS_BASE), %rax
	wrgsbase %rax
	add $8, %rsp
	mov $SYS_rt_sigreturn, %eax
	syscall
	.globl stub_returned
	.hidden stub_returned
stub_returned:
	ud2

/* ---- birth ---- */

/* Says that this thread is ready. */
.macro ready
	lock incl GUEST(GUEST_READY)
	mov $SYS_futex, %eax
	lea GUEST(GUEST_READY), %rdi
	mov $FUTEX_WAKE, %esi
	mov $1, %edx
	syscall
.endm

.macro must
	test %rax, %rax
	js die
.endm

/* Installs the filter at `program`. */
.macro filter program, flags
	mov $SYS_seccomp, %eax
	mov $SET_MODE_FILTER, %edi
	mov $\flags, %esi
	lea AT(\program), %rdx
	syscall
	must
.endm

/* Leaves the monitor's table of descriptors, all of whose are still open. */
.macro leave_files
	mov $SYS_unshare, %eax
	mov $CLONE_FILES, %edi
	syscall
	must
.endm

.macro close_from first
	mov $SYS_close_range, %eax
	mov $\first, %edi
	mov $-1, %esi
	xor %edx, %edx
	syscall
	must
.endm

	.globl stub_start
	.hidden stub_start
stub_start:
	mov $SYS_clone, %eax
	mov $CLONE_THREAD_FLAGS, %edi
	xor %esi, %esi
	xor %edx, %edx
	xor %r10d, %r10d
	xor %r8d, %r8d
	syscall
	must
	jz mapping_thread
	/* Signals are this thread's; the mask is an order not yet written: 0. */
	mov $SYS_rt_sigprocmask, %eax
	mov $SIG_SETMASK, %edi
	lea AT(STUB_ORDERS), %rsi
	xor %edx, %edx
	mov $8, %r10d
	syscall
	must
	/* Nothing of the monitor's memory stays. */
	mov $SYS_munmap, %eax
	xor %edi, %edi
	lea stub_begin(%rip), %rsi
	syscall
	must
	mov $SYS_munmap, %eax
	lea AT(STUB_WINDOW_BYTES), %rdi
	mov AT(BIRTH_TOP), %rsi
	sub %rdi, %rsi
	syscall
	must
	filter BIRTH_WATCH_GUEST, NEW_LISTENER
	mov %eax, GUEST(GUEST_WATCH_A)
	leave_files
	close_from 0
	mov $SYS_prctl, %eax
	mov $PR_SET_TSC, %edi
	mov AT(BIRTH_TSC), %esi
	syscall
	must
	mov $SYS_prctl, %eax
	mov $PR_SET_SYSCALL_USER_DISPATCH, %edi
	mov $PR_SYS_DISPATCH_ON, %esi
	lea stub_begin(%rip), %rdx
	mov $STUB_CODE_BYTES, %r10d
	xor %r8d, %r8d
	syscall
	must
	ready
	filter BIRTH_CAGE_GUEST, 0
	hlt /* a first frame */
	ud2

mapping_thread:
	filter BIRTH_WATCH_MAPS, NEW_LISTENER
	mov %eax, GUEST(GUEST_WATCH_B)
	leave_files
	mov $SYS_dup2, %eax
	mov AT(BIRTH_RAM_FD), %edi
	xor %esi, %esi
	syscall
	must
	close_from 1
	ready
	filter BIRTH_CAGE_MAPS, 0
	xor %edi, %edi /* nothing has failed */

/* ---- the mapping thread: asks, with the first failure in RDI ---- */

maps_ask:
	mov $STUB_ASK, %eax
	syscall
	.globl stub_maps_asked
	.hidden stub_maps_asked
stub_maps_asked:
	mov %rax, %r12 /* so many orders */
	lea AT(STUB_ORDERS), %rbx
	xor %r13d, %r13d
order:
	test %r12, %r12
	jle maps_done
	mov 0(%rbx), %rax
	mov 8(%rbx), %rdi
	mov 16(%rbx), %rsi
	mov 24(%rbx), %rdx
	mov 32(%rbx), %r10
	mov 40(%rbx), %r8
	mov 48(%rbx), %r9
	syscall
	test %rax, %rax
	js failed
	add $ORDER_BYTES, %rbx
	dec %r12
	jmp order
failed:
	mov %rax, %r13
maps_done:
	mov %r13, %rdi
	jmp maps_ask

die:
	mov %eax, %edi
	neg %edi
	mov $SYS_exit_group, %eax
	syscall
	ud2

	.globl stub_end
	.hidden stub_end
stub_end:
	.section .note.GNU-stack, "", @progbits
