/* SPDX-License-Identifier: MIT */
/*
 * Keeping all vCPUs outside guest code for a moment, and waking them.
 *
 * A vCPU counts itself in when it starts to run guest code and out when it
 * stops, sleeps or is asked to pause, which it looks for before each block. So
 * whoever holds vm.exclusive and has seen the count reach zero may change what
 * vCPUs read without a lock.
 */
#include <assert.h>
#include <unistd.h>

#include "engine/soft/soft.h"
#include "engine/soft/ticker.h"

void soft_guest_enter(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->vm;

	assert(!vcpu->inside);
	mutex_lock(&vm->run_lock);
	while (vm->paused)
		cond_wait(&vm->run_cond, &vm->run_lock);
	vm->inside++;
	vcpu->inside = true;
	mutex_unlock(&vm->run_lock);
	if (vm->ticker)
		ticker_wake(vm->ticker);
}

void soft_guest_leave(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->vm;

	assert(vcpu->inside);
	mutex_lock(&vm->run_lock);
	vcpu->inside = false;
	vm->inside--;
	if (vm->paused && !vm->inside)
		cond_wake_all(&vm->run_cond);
	mutex_unlock(&vm->run_lock);
}

void soft_request(struct soft_vcpu *vcpu, u32 request)
{
	u64 one = 1;

	__atomic_fetch_or(&vcpu->request, request, __ATOMIC_SEQ_CST);
	/* No key that any jump in the table has: the next one will not be
	 * found, and asks. */
	__atomic_store_n(&vcpu->hot.wanted, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < 2; i++)
		__atomic_store_n(&vcpu->hot.jump_key[i], vcpu->hot.jump_poison,
				 __ATOMIC_SEQ_CST);
	/* A full eventfd is as good as a written one. */
	if (__atomic_load_n(&vcpu->sleeping, __ATOMIC_SEQ_CST))
		(void)!write(vcpu->wake_fd, &one, sizeof(one));
}

void soft_request_all(struct soft_vm *vm, u32 request)
{
	for (u32 i = 0; i < SOFT_VCPUS_MAX; i++)
		if (vm->vcpu[i])
			soft_request(vm->vcpu[i], request);
}

void soft_exclusive_begin(struct soft_vm *vm, struct soft_vcpu *self)
{
	if (self)
		soft_guest_leave(self);
	mutex_lock(&vm->exclusive);
	mutex_lock(&vm->run_lock);
	vm->paused = true;
	if (vm->inside)
		soft_request_all(vm, REQUEST_PAUSE);
	while (vm->inside)
		cond_wait(&vm->run_cond, &vm->run_lock);
	mutex_unlock(&vm->run_lock);
	if (self)
		self->exclusive_held = true;
}

void soft_exclusive_end(struct soft_vm *vm, struct soft_vcpu *self)
{
	if (self)
		self->exclusive_held = self->cpu.exclusive = false;
	mutex_lock(&vm->run_lock);
	vm->paused = false;
	cond_wake_all(&vm->run_cond);
	mutex_unlock(&vm->run_lock);
	mutex_unlock(&vm->exclusive);
	if (self)
		soft_guest_enter(self);
}
