/* SPDX-License-Identifier: MIT */
/*
 * Guest time: the TSC and kvmclock, both made of the host's TSC and
 * CLOCK_MONOTONIC.
 *
 * A guest's TSC is the host's, scaled when KVM_SET_TSC_KHZ asks, plus an
 * offset. kvmclock is one line over the host's TSC for the whole VM: at
 * clock_base_tsc it read clock_base_ns. Every vCPU's page describes that same
 * line in terms of its own TSC, so time cannot step back between vCPUs.
 * [KVM-MSR "MSR_KVM_SYSTEM_TIME_NEW"] [KVM-API 4.29 "KVM_GET_CLOCK"]
 */
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <x86gprintrin.h>

#include "base/clock.h"
#include "engine/soft/soft.h"

#define MEASURE_NS	    (2 * NS_PER_MS)
#define CLOCK_STABLE	    1u /* PVCLOCK_TSC_STABLE_BIT */
#define CLOCK_GUEST_STOPPED 2u /* PVCLOCK_GUEST_STOPPED */

/* The tightest of some tries. */
struct soft_instant soft_instant_now(void)
{
	struct soft_instant best = {0};
	u64 narrowest = ~0ull;

	for (u32 i = 0; i < 16; i++) {
		u64 before = __rdtsc(), ns = clock_now_ns(), after = __rdtsc();

		if (after - before < narrowest) {
			narrowest = after - before;
			best.tsc = before + (after - before) / 2;
			best.ns = ns;
		}
	}
	return best;
}

/* What CPUID says, if it does: leaf 15H, or a hypervisor's 40000010H. */
static u32 tsc_khz_told(void)
{
	u32 a, b, c, d;

	if (__get_cpuid_count(0x15, 0, &a, &b, &c, &d) && a && b && c)
		return (u32)((u64)c * b / a / 1000);
	__cpuid(0x40000000, a, b, c, d);
	if (a >= 0x40000010 && a < 0x40010000 && b == 0x4b4d564b) {
		__cpuid(0x40000010, a, b, c, d);
		return a;
	}
	return 0;
}

static u32 tsc_khz_measured(struct soft_instant first)
{
	struct soft_instant last;

	do
		last = soft_instant_now();
	while (last.ns - first.ns < MEASURE_NS);
	return (u32)((last.tsc - first.tsc) * 1000000 / (last.ns - first.ns));
}

/*
 * A told frequency is believed when a measurement is near it: a hypervisor may
 * hand down a figure that is not this host's.
 */
u32 soft_host_tsc_khz(struct soft_instant since)
{
	u32 told = tsc_khz_told(), measured = tsc_khz_measured(since);
	u32 difference = told > measured ? told - measured : measured - told;

	return told && difference < measured / 1000 ? told : measured;
}

static u64 scale(u64 value, u64 ratio)
{
	return ratio ? (u64)((unsigned __int128)value * ratio >> 32) : value;
}

u64 soft_guest_tsc(struct soft_vcpu *vcpu)
{
	return scale(__rdtsc(), vcpu->tsc_ratio) + vcpu->tsc_offset;
}

void soft_guest_tsc_write(struct soft_vcpu *vcpu, u64 value)
{
	vcpu->tsc_offset += value - soft_guest_tsc(vcpu);
	__atomic_fetch_or(&vcpu->request, REQUEST_CLOCK, __ATOMIC_RELAXED);
	if (!vcpu->has_lapic)
		return;
	mutex_lock(&vcpu->vm->irq_lock);
	lapic_timer_tsc_changed(&vcpu->lapic);
	mutex_unlock(&vcpu->vm->irq_lock);
}

/* When CLOCK_MONOTONIC shows that this vCPU's TSC has reached a value. */
u64 soft_tsc_to_ns(struct soft_vcpu *vcpu, u64 guest_tsc)
{
	u64 now = soft_guest_tsc(vcpu), ns = clock_now_ns();
	s64 ticks = (s64)(guest_tsc - now);

	if (ticks <= 0)
		return ns;
	return ns +
	       (u64)((unsigned __int128)(u64)ticks * 1000000 / vcpu->tsc_khz);
}

int soft_vcpu_set_tsc_khz(struct soft_vcpu *vcpu, u32 khz)
{
	u32 host = vcpu->vm->engine->tsc_khz;
	u64 before;

	if (!khz)
		khz = host;
	/* Outside this range the scaled value would lose its precision. */
	if (khz / 256 > host || host / 256 > khz)
		return trace_err(-EINVAL);
	before = soft_guest_tsc(vcpu);
	vcpu->tsc_khz = khz;
	vcpu->tsc_ratio = khz == host ? 0 : ((u64)khz << 32) / host;
	soft_guest_tsc_write(vcpu, before);
	return 0;
}

/* struct pvclock_vcpu_time_info [KVM-MSR] */
struct clock_page {
	u32 version;
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
} __attribute__((packed));

/* ns = (ticks << shift) * mul >> 32, for ticks of khz. */
static void clock_scale(struct clock_page *page, u32 khz)
{
	u64 rate = (u64)khz * 1000, base = NS_PER_S;
	s8 shift = 0;

	while (rate > base * 2) { /* ticks shorter than half a nanosecond */
		rate >>= 1;
		shift--;
	}
	while (rate <= base) {
		rate <<= 1;
		shift++;
	}
	page->tsc_shift = shift;
	page->tsc_to_system_mul = (u32)((base << 32) / rate);
}

/* What the line reads at a host TSC, by the arithmetic that guests use. */
static u64 clock_at(const struct soft_vm *vm, u64 tsc)
{
	struct clock_page page;
	u64 ticks = tsc - vm->clock_base_tsc;

	clock_scale(&page, vm->engine->tsc_khz);
	ticks = page.tsc_shift < 0 ? ticks >> -page.tsc_shift
				   : ticks << page.tsc_shift;
	return vm->clock_base_ns +
	       (u64)((unsigned __int128)ticks * page.tsc_to_system_mul >> 32);
}

u64 soft_clock_ns(const struct soft_vm *vm)
{
	return clock_at(vm, __rdtsc());
}

void soft_clock_start(struct soft_vm *vm, u64 value_ns)
{
	vm->clock_base_tsc = __rdtsc();
	vm->clock_base_ns = value_ns;
}

/*
 * The page's version is odd while it is being written; each field is in place
 * before the version turns even again.
 */
void soft_clock_write(struct soft_vcpu *vcpu)
{
	u64 msr = vcpu->cpu.msr.kvm_system_time;
	gpa_t gpa = msr & ~1ull;
	struct clock_page page = {0};
	u32 version = 0;

	if (!(msr & 1) ||
	    !soft_memory_read(vcpu->vm, gpa, &version, sizeof(version)))
		return;
	page.version = (version | 1) + (version & 1 ? 2 : 0);
	page.tsc_timestamp = scale(vcpu->vm->clock_base_tsc, vcpu->tsc_ratio) +
			     vcpu->tsc_offset;
	page.system_time = vcpu->vm->clock_base_ns;
	page.flags = CLOCK_STABLE |
		     (vcpu->guest_stopped ? CLOCK_GUEST_STOPPED : 0);
	vcpu->guest_stopped = false;
	clock_scale(&page, vcpu->tsc_khz);
	if (!soft_memory_write(vcpu->vm, gpa, &page.version, sizeof(u32)))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	(void)soft_memory_write(vcpu->vm, gpa + 8, &page.tsc_timestamp,
				sizeof(page) - 8);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	page.version++;
	(void)soft_memory_write(vcpu->vm, gpa, &page.version, sizeof(u32));
}

/* struct pvclock_wall_clock: the time of day when kvmclock read zero. */
void soft_wall_clock_write(struct soft_vcpu *vcpu, gpa_t gpa)
{
	u64 boot = clock_realtime_ns() - soft_clock_ns(vcpu->vm);
	u32 page[3] = {0, (u32)(boot / NS_PER_S), (u32)(boot % NS_PER_S)};
	u32 version = 0;

	(void)soft_memory_read(vcpu->vm, gpa, &version, sizeof(version));
	page[0] = (version & ~1u) + 2;
	(void)soft_memory_write(vcpu->vm, gpa, page, sizeof(page));
}

int soft_get_clock(struct engine_vm *handle, struct kvm_clock_data *clock)
{
	struct soft_vm *vm = soft_vm(handle);

	memset(clock, 0, sizeof(*clock));
	mutex_lock(&vm->lock);
	clock->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
		       KVM_CLOCK_HOST_TSC;
	clock->host_tsc = __rdtsc();
	clock->clock = clock_at(vm, clock->host_tsc);
	clock->realtime = clock_realtime_ns();
	mutex_unlock(&vm->lock);
	return 0;
}

int soft_set_clock(struct engine_vm *handle, const struct kvm_clock_data *clock)
{
	struct soft_vm *vm = soft_vm(handle);
	u64 value = clock->clock, now;

	if (clock->flags & ~(u32)(KVM_CLOCK_REALTIME | KVM_CLOCK_TSC_STABLE |
				  KVM_CLOCK_HOST_TSC))
		return trace_err(-EINVAL);
	if (clock->flags & KVM_CLOCK_REALTIME) { /* time went on meanwhile */
		now = clock_realtime_ns();
		if (now > clock->realtime)
			value += now - clock->realtime;
	}
	mutex_lock(&vm->lock);
	soft_exclusive_begin(vm, NULL);
	soft_clock_start(vm, value);
	soft_request_all(vm, REQUEST_CLOCK);
	soft_exclusive_end(vm, NULL);
	mutex_unlock(&vm->lock);
	return 0;
}
