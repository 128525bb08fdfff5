/* SPDX-License-Identifier: MIT */
/*
 * The software engine as a system: what it can do, and making VMs.
 *
 * A capability that is not complete reads 0. [KVM-API 4.4 "KVM_CHECK_EXTENSION"]
 */
#include "engine/soft/system.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/core/msr/msr.h"
#include "engine/soft/direct/direct.h"
#include "engine/soft/soft.h"
#include "engine/soft/thunk/thunk.h"

struct capability {
	u32 cap;
	int value;
};

static const struct capability capabilities[] = {
	{KVM_CAP_IRQCHIP, 1},
	{KVM_CAP_HLT, 1},
	{KVM_CAP_USER_MEMORY, 1},
	{KVM_CAP_SET_TSS_ADDR, 1},
	{KVM_CAP_EXT_CPUID, 1},
	{KVM_CAP_CLOCKSOURCE, 1},
	{KVM_CAP_NR_MEMSLOTS, SOFT_SLOTS_MAX},
	{KVM_CAP_PIT, 1},
	{KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET},
	{KVM_CAP_COALESCED_PIO, 1},
	{KVM_CAP_NOP_IO_DELAY, 1},
	{KVM_CAP_MP_STATE, 1},
	{KVM_CAP_SYNC_MMU, 1},
	{KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1},
	{KVM_CAP_USER_NMI, 1},
	{KVM_CAP_SET_GUEST_DEBUG, 1},
	{KVM_CAP_SET_GUEST_DEBUG2,
	 KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP |
		 KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB |
		 KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ},
	{KVM_CAP_REINJECT_CONTROL, 1},
	{KVM_CAP_IRQ_ROUTING, IRQ_ROUTES_MAX},
	{KVM_CAP_IRQ_INJECT_STATUS, 1},
	{KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1},
	{KVM_CAP_MCE, MSR_MC_BANKS_MAX},
	{KVM_CAP_IRQFD, 1},
	{KVM_CAP_PIT2, 1},
	{KVM_CAP_SET_BOOT_CPU_ID, 1},
	{KVM_CAP_PIT_STATE2, 1},
	{KVM_CAP_IOEVENTFD, 1},
	{KVM_CAP_SET_IDENTITY_MAP_ADDR, 1},
	{KVM_CAP_ADJUST_CLOCK,
	 KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC},
	{KVM_CAP_INTERNAL_ERROR_DATA, 1},
	{KVM_CAP_VCPU_EVENTS, 1},
	{KVM_CAP_INTR_SHADOW, 1},
	{KVM_CAP_DEBUGREGS, 1},
	{KVM_CAP_X86_ROBUST_SINGLESTEP, 1},
	{KVM_CAP_XSAVE, 1},
	{KVM_CAP_XCRS, 1},
	{KVM_CAP_ENABLE_CAP, 1},
	{KVM_CAP_ENABLE_CAP_VM, 1},
	{KVM_CAP_CHECK_EXTENSION_VM, 1},
	{KVM_CAP_GET_TSC_KHZ, 1},
	{KVM_CAP_TSC_CONTROL, 1},
	{KVM_CAP_VM_TSC_CONTROL, 1},
	{KVM_CAP_MAX_VCPUS, SOFT_VCPUS_MAX},
	{KVM_CAP_MAX_VCPU_ID, SOFT_VCPUS_MAX},
	{KVM_CAP_KVMCLOCK_CTRL, 1},
	{KVM_CAP_SIGNAL_MSI, 1},
	{KVM_CAP_IRQFD_RESAMPLE, 1},
	{KVM_CAP_READONLY_MEM, 1},
	{KVM_CAP_IMMEDIATE_EXIT, 1},
	{KVM_CAP_SPLIT_IRQCHIP, 1},
	{KVM_CAP_X2APIC_API,
	 KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK},
	{KVM_CAP_TSC_DEADLINE_TIMER, 1},
	{KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_INVAL |
					     KVM_MSR_EXIT_REASON_UNKNOWN |
					     KVM_MSR_EXIT_REASON_FILTER},
	{KVM_CAP_X86_MSR_FILTER, 1},
	{KVM_CAP_EXIT_HYPERCALL, 1 << 12}, /* KVM_HC_MAP_GPA_RANGE */
	{KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE},
	{KVM_CAP_GET_MSR_FEATURES, 1},
	{KVM_CAP_IOEVENTFD_NO_LENGTH, 1},
	{KVM_CAP_IOEVENTFD_ANY_LENGTH, 1},
	{KVM_CAP_SREGS2, 1},
};

int soft_check_extension(struct engine *e, u32 cap)
{
	(void)e;
	if (cap == KVM_CAP_NR_VCPUS)
		return (int)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1l);
	for (u32 i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].cap == cap)
			return capabilities[i].value;
	return 0;
}

static void engine_free(struct engine *e)
{
	struct soft_engine *soft = soft_engine(e);

	thunk_host_free(soft->fpu);
	free(soft);
}

static int vcpu_mmap_size(struct engine *e)
{
	(void)e;
	return SOFT_RUN_PAGES * 4096;
}

static int get_supported_cpuid(struct engine *e, struct kvm_cpuid2 *cpuid)
{
	struct soft_engine *soft = soft_engine(e);

	if (cpuid->nent < soft->supported_count)
		return trace_err(-E2BIG);
	memcpy(cpuid->entries, soft->supported,
	       soft->supported_count * sizeof(soft->supported[0]));
	cpuid->nent = soft->supported_count;
	return 0;
}

/* Nothing is emulated that the host does not have. */
static int get_emulated_cpuid(struct engine *e, struct kvm_cpuid2 *cpuid)
{
	(void)e;
	if (!cpuid->nent)
		return trace_err(-E2BIG);
	cpuid->nent = 0;
	return 0;
}

static int list_copy(struct kvm_msr_list *list, const u32 *from, u32 count)
{
	u32 room = list->nmsrs;

	list->nmsrs = count;
	if (room < count)
		return trace_err(-E2BIG);
	memcpy(list->indices, from, count * sizeof(*from));
	return 0;
}

static int get_msr_index_list(struct engine *e, struct kvm_msr_list *list)
{
	(void)e;
	return list_copy(list, msr_index_list, msr_index_count);
}

static int get_msr_feature_index_list(struct engine *e,
				      struct kvm_msr_list *list)
{
	(void)e;
	return list_copy(list, msr_feature_list, msr_feature_count);
}

static int get_feature_msrs(struct engine *e, struct kvm_msrs *msrs)
{
	struct soft_engine *soft = soft_engine(e);
	bool amd = cpuid_vendor_amd(soft->supported, soft->supported_count);
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++) {
		u64 value;

		if (!msr_feature_get(msrs->entries[i].index, amd,
				     soft->arch_capabilities, &value))
			break;
		msrs->entries[i].data = value;
	}
	return (int)i;
}

static int create_vm(struct engine *e, unsigned long type,
		     struct engine_vm **ret)
{
	return type ? trace_err(-EINVAL) : soft_vm_create(soft_engine(e), ret);
}

static const struct engine_ops soft_ops = {
	.name = "soft",
	.free = engine_free,
	.check_extension = soft_check_extension,
	.vcpu_mmap_size = vcpu_mmap_size,
	.get_supported_cpuid = get_supported_cpuid,
	.get_emulated_cpuid = get_emulated_cpuid,
	.get_msr_index_list = get_msr_index_list,
	.get_msr_feature_index_list = get_msr_feature_index_list,
	.get_feature_msrs = get_feature_msrs,
	.create_vm = create_vm,
};

static void host_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 ret_regs[4])
{
	(void)ctx;
	__cpuid_count(leaf, subleaf, ret_regs[0], ret_regs[1], ret_regs[2],
		      ret_regs[3]);
}

static u64 host_xcr0(void)
{
	u32 a, b, c, d, low, high;

	__cpuid(1, a, b, c, d);
	if (!(c >> 27 & 1)) /* OSXSAVE */
		return 0;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (u64)high << 32 | low;
}

/* Buffers and predictors that guest code shares with this process: whether the
 * host's kernel says that its CPU does not leak them, in ARCH_CAPABILITIES bits.
 * [SDM4 table 2-2 "IA32_ARCH_CAPABILITIES"] */
static u64 host_arch_capabilities(void)
{
	static const struct {
		const char *name;
		u64 bits;
	} files[] = {
		{"spec_store_bypass", BIT(4)},
		{"mds", BIT(5)},
		{"mmio_stale_data", BIT(13) | BIT(14) | BIT(15)},
		{"gather_data_sampling", BIT(26)},
		{"reg_file_data_sampling", BIT(27)},
	};
	u64 bits = 0;

	for (u32 i = 0; i < ARRAY_SIZE(files); i++) {
		char path[96], text[16] = "";
		FILE *file;

		(void)snprintf(path, sizeof(path), /* fits */
			       "/sys/devices/system/cpu/vulnerabilities/%s",
			       files[i].name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(text, sizeof(text), file) &&
		    !strncmp(text, "Not affected", 12))
			bits |= files[i].bits;
		(void)fclose(file); /* only read from */
	}
	return bits;
}

#define HWCAP2_FSGSBASE 2u

static int option_number(struct str value, u64 min, u64 max, u64 *ret)
{
	int err = str_parse_size(value, ret);

	if (!err && (*ret < min || *ret > max))
		err = trace_err(-EINVAL);
	return err;
}

/* One word of the options. */
static int option_take(struct soft_engine *soft, struct str word)
{
	struct translate_options *options = &soft->translate;
	struct str name;
	u64 value = 0;
	int err;

	if (str_eq_c(word, "kick")) {
		options->stress_kick = true;
		return 0;
	}
	if (str_eq_c(word, "flush")) {
		options->flush_every = 1;
		return 0;
	}
	if (!str_split(&word, '=', &name))
		return trace_err(-EINVAL);
	if (str_eq_c(name, "tier")) {
		err = option_number(word, 0, 3, &value);
		if (value == 2)
			err = trace_err(-EINVAL); /* units are one tier */
		soft->tier = (u32)value;
	} else if (str_eq_c(name, "promote")) {
		err = option_number(word, 0, 1000000, &value);
		soft->promote = (s32)value;
	} else if (str_eq_c(name, "threshold")) {
		err = option_number(word, 1, 200, &value);
		options->threshold = (u32)value;
	} else if (str_eq_c(name, "verify")) {
		err = option_number(word, 0, 1000000000, &value);
		options->verify_every = (u32)value;
	} else if (str_eq_c(name, "cache")) {
		err = option_number(word, 64 * KiB, 64 * MiB, &value);
		options->cache_bytes = value & ~4095ull;
	} else if (str_eq_c(name, "flush")) {
		err = option_number(word, 1, 1000000, &value);
		options->flush_every = (u32)value;
	} else {
		err = trace_err(-EINVAL);
	}
	return err;
}

static int options_take(struct soft_engine *soft, const char *text,
			struct fault *fault)
{
	struct str rest = str_of(text), word;

	while (str_split(&rest, ',', &word))
		if (option_take(soft, word))
			return fault_set(
				fault, FAULT_INVALID, trace_err(-EINVAL),
				"'%.*s' is no option of the software "
				"engine: tier=, promote=, threshold=, verify=, "
				"cache=, kick, flush, flush=",
				(int)word.size, word.data);
	return 0;
}

int engine_soft_open(const char *options, struct engine **ret,
		     struct fault *fault)
{
	struct soft_instant begin = soft_instant_now();
	struct soft_engine *soft = calloc(1, sizeof(*soft));
	struct cpuid_host host = {.cpuid = host_cpuid,
				  .xcr0 = host_xcr0(),
				  .flags = CPUID_OFFER_SPEC_CTRL,
				  .kvm_features = CPUID_KVM_FEATURES_DEFAULT,
				  .apic_bus_khz = 1000000};
	int err;

	if (!soft)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "no memory for the software engine");
	soft->fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	soft->tier = 3;
	soft->promote = SOFT_PROMOTE;
	if (options) {
		err = options_take(soft, options, fault);
		if (err) {
			free(soft);
			return err;
		}
	}
	if (soft->tier && !translator_possible())
		soft->tier = 0;
	if (soft->tier == 3 &&
	    (soft->translate.verify_every || !direct_possible()))
		soft->tier = 1;
	err = soft_guard_install();
	if (!err)
		err = thunk_host_create(&soft->fpu);
	if (err) {
		free(soft);
		return fault_set(fault, FAULT_INTERNAL, err,
				 "cannot start the software engine");
	}
	soft->engine.ops = &soft_ops;
	soft->ops = soft_cpu_ops;
	soft->ops.fpu = soft->fpu;
	soft->arch_capabilities = host_arch_capabilities();
	soft->tsc_khz = soft_host_tsc_khz(begin);
	host.tsc_khz = soft->tsc_khz;
	soft->supported_count =
		cpuid_host_supported(&host, soft->supported, CPUID_ENTRIES_MAX);
	cpuid_features(soft->supported, soft->supported_count, soft->features);
	*ret = &soft->engine;
	return 0;
}

bool engine_soft_translates(const struct engine *e)
{
	return ((const struct soft_engine *)(const void *)e)->tier > 0;
}
