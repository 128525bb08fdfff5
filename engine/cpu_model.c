/* SPDX-License-Identifier: MIT */
/*
 * CPU models.
 *
 * A model is built in two steps. First the features: "host" takes the supported
 * list as it is; a level makes its leaves from a table of bits, each required
 * (its absence is an error that names it) or passed on where supported. Then
 * the place: APIC ID, topology and cache-sharing leaves are written over
 * whatever the first step left there.
 *
 * The levels carry fixed family, model and caches of a well-known part of their
 * time, so that guests choose the same work-arounds on every host.
 */
#include "engine/cpu_model.h"

#include <assert.h>
#include <string.h>

#include "engine/core/cpuid/cpuid.h"
#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/x86.h"

#define X1	0x80000001u
#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

struct model {
	const char *name;
	u32 level;	     /* 0: host */
	u32 signature_intel; /* leaf 1 EAX */
	u32 signature_amd;
	const char *brand; /* at most 47 characters */
};

static const struct model models[] = {
	{"host", 0, 0, 0, NULL},
	/* Merom, K8; Nehalem, K10; Haswell, Zen. */
	{"v1", 1, 0x000006fb, 0x00060fb1, "Keel virtual CPU, x86-64 baseline"},
	{"v2", 2, 0x000106a5, 0x00100f23, "Keel virtual CPU, x86-64-v2"},
	{"v3", 3, 0x000306c3, 0x00800f12, "Keel virtual CPU, x86-64-v3"},
};

struct level_bit {
	u32 level; /* from this level on */
	bool required;
	struct cpuid_bit bit;
};

#define NEED(level, leaf, sub, reg, bit, name)            \
	{                                                 \
		level, true,                              \
		{                                         \
			leaf, sub, CPUID_##reg, bit, name \
		}                                         \
	}
#define PASS(level, leaf, sub, reg, bit, name)            \
	{                                                 \
		level, false,                             \
		{                                         \
			leaf, sub, CPUID_##reg, bit, name \
		}                                         \
	}

static const struct level_bit level_bits[] = {
	NEED(1, 1, 0, EDX, 0, "fpu"),
	NEED(1, 1, 0, EDX, 2, "de"),
	NEED(1, 1, 0, EDX, 3, "pse"),
	NEED(1, 1, 0, EDX, 4, "tsc"),
	NEED(1, 1, 0, EDX, 5, "msr"),
	NEED(1, 1, 0, EDX, 6, "pae"),
	NEED(1, 1, 0, EDX, 7, "mce"),
	NEED(1, 1, 0, EDX, 8, "cx8"),
	NEED(1, 1, 0, EDX, 9, "apic"),
	NEED(1, 1, 0, EDX, 11, "sep"),
	NEED(1, 1, 0, EDX, 12, "mtrr"),
	NEED(1, 1, 0, EDX, 13, "pge"),
	NEED(1, 1, 0, EDX, 14, "mca"),
	NEED(1, 1, 0, EDX, 15, "cmov"),
	NEED(1, 1, 0, EDX, 16, "pat"),
	NEED(1, 1, 0, EDX, 17, "pse36"),
	NEED(1, 1, 0, EDX, 19, "clflush"),
	NEED(1, 1, 0, EDX, 23, "mmx"),
	NEED(1, 1, 0, EDX, 24, "fxsr"),
	NEED(1, 1, 0, EDX, 25, "sse"),
	NEED(1, 1, 0, EDX, 26, "sse2"),
	NEED(1, X1, 0, EDX, 11, "syscall"),
	NEED(1, X1, 0, EDX, 20, "nx"),
	NEED(1, X1, 0, EDX, 29, "lm"),
	PASS(1, 1, 0, ECX, 21, "x2apic"),
	PASS(1, 1, 0, ECX, 24, "tsc_deadline_timer"),
	PASS(1, 1, 0, ECX, 31, "hypervisor"),
	PASS(1, 6, 0, EAX, 2, "arat"),
	PASS(1, 0x80000007u, 0, EDX, 8, "constant_tsc"),

	NEED(2, 1, 0, ECX, 0, "sse3"),
	NEED(2, 1, 0, ECX, 9, "ssse3"),
	NEED(2, 1, 0, ECX, 13, "cx16"),
	NEED(2, 1, 0, ECX, 19, "sse4_1"),
	NEED(2, 1, 0, ECX, 20, "sse4_2"),
	NEED(2, 1, 0, ECX, 23, "popcnt"),
	NEED(2, X1, 0, ECX, 0, "lahf_lm"),

	NEED(3, 1, 0, ECX, 12, "fma"),
	NEED(3, 1, 0, ECX, 22, "movbe"),
	NEED(3, 1, 0, ECX, 26, "xsave"),
	NEED(3, 1, 0, ECX, 28, "avx"),
	NEED(3, 1, 0, ECX, 29, "f16c"),
	NEED(3, 7, 0, EBX, 3, "bmi1"),
	NEED(3, 7, 0, EBX, 5, "avx2"),
	NEED(3, 7, 0, EBX, 8, "bmi2"),
	NEED(3, X1, 0, ECX, 5, "abm"),
	/* The parts that brought the level had these too. */
	NEED(3, 7, 0, EBX, 0, "fsgsbase"),
	NEED(3, 7, 0, EBX, 7, "smep"),
	NEED(3, X1, 0, EDX, 26, "pdpe1gb"),
	NEED(3, X1, 0, EDX, 27, "rdtscp"),
	NEED(3, 0xd, 1, EAX, 0, "xsaveopt"),
};

/* What is being built. */
struct build {
	const struct model *model;
	const struct kvm_cpuid2 *supported;
	const struct cpu_topology *topology;
	u32 cpu_index;
	struct kvm_cpuid2 *ret;
	u32 room;
	bool full;			  /* an entry found no room */
	struct kvm_cpuid_entry2 overflow; /* and was written here */
	bool amd;
};

const char *cpu_model_name(u32 index)
{
	return index < ARRAY_SIZE(models) ? models[index].name : NULL;
}

/* Bits that count `n` things, numbered from 0. */
static u32 field_bits(u32 n)
{
	u32 bits = 0;

	while (((u32)1 << bits) < n)
		bits++;
	return bits;
}

static u32 package_bits(const struct cpu_topology *t)
{
	return field_bits(t->threads) + field_bits(t->cores);
}

static u32 cpus_of(const struct cpu_topology *t)
{
	return t->sockets * t->cores * t->threads;
}

u32 cpu_model_apic_id(const struct cpu_topology *topology, u32 cpu_index)
{
	u32 thread = cpu_index % topology->threads;
	u32 core = cpu_index / topology->threads % topology->cores;
	u32 socket = cpu_index / topology->threads / topology->cores;

	assert(cpu_index < cpus_of(topology));
	return socket << package_bits(topology) |
	       core << field_bits(topology->threads) | thread;
}

static struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *list, u32 leaf,
				     u32 subleaf)
{
	const struct kvm_cpuid_entry2 *e =
		cpuid_find(list->entries, list->nent, leaf, subleaf);

	/* Only lists that this file writes are ever written through it. */
	return (struct kvm_cpuid_entry2 *)(uintptr_t)e;
}

static u32 *reg_of(struct kvm_cpuid_entry2 *e, u32 reg)
{
	switch (reg) {
	case CPUID_EAX:
		return &e->eax;
	case CPUID_EBX:
		return &e->ebx;
	case CPUID_ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

/* The entry to write: an existing one, or a new one of zeros. */
static struct kvm_cpuid_entry2 *entry_for(struct build *b, u32 leaf,
					  u32 subleaf, u32 flags)
{
	struct kvm_cpuid_entry2 *e = find(b->ret, leaf, subleaf);

	if (e)
		return e;
	if (b->ret->nent == b->room) {
		b->full = true;
		return &b->overflow;
	}
	e = &b->ret->entries[b->ret->nent++];
	*e = (struct kvm_cpuid_entry2){
		.function = leaf, .index = subleaf, .flags = flags};
	return e;
}

static void drop_leaf(struct kvm_cpuid2 *list, u32 leaf)
{
	u32 kept = 0;

	for (u32 i = 0; i < list->nent; i++)
		if (list->entries[i].function != leaf)
			list->entries[kept++] = list->entries[i];
	list->nent = kept;
}

static void copy_leaf(struct build *b, u32 leaf)
{
	const struct kvm_cpuid_entry2 *from = find(b->supported, leaf, 0);

	if (from)
		*entry_for(b, leaf, 0, from->flags) = *from;
}

/* ------------------------------------------------------------- features -- */

static bool is_supported(const struct kvm_cpuid2 *supported,
			 const struct cpuid_bit *bit)
{
	struct kvm_cpuid_entry2 *e = find(supported, bit->leaf, bit->subleaf);

	return e && *reg_of(e, bit->reg) >> bit->bit & 1;
}

static u32 flags_of(u32 leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xd ? INDEXED : 0;
}

static int level_features(struct build *b, struct fault *fault)
{
	for (u32 i = 0; i < ARRAY_SIZE(level_bits); i++) {
		const struct level_bit *row = &level_bits[i];
		const struct cpuid_bit *bit = &row->bit;

		if (row->level > b->model->level)
			continue;
		if (is_supported(b->supported, bit)) {
			*reg_of(entry_for(b, bit->leaf, bit->subleaf,
					  flags_of(bit->leaf)),
				bit->reg) |= (u32)1 << bit->bit;
		} else if (row->required) {
			return fault_set(fault, FAULT_UNSUPPORTED,
					 trace_err(-ENOTSUP),
					 "cpu model '%s' needs '%s', which this "
					 "host does not offer",
					 b->model->name, bit->name);
		}
	}
	return 0;
}

static void brand_string(struct build *b)
{
	char text[48] = {0};

	strncpy(text, b->model->brand, sizeof(text) - 1);
	for (u32 i = 0; i < 3; i++)
		memcpy(&entry_for(b, 0x80000002u + i, 0, 0)->eax, text + i * 16,
		       16);
}

/* Deterministic cache parameters. [SDM2 3.3, "INPUT EAX = 04H"] */
static void level_caches(struct build *b)
{
	/* type, level, ways, sets of 64-byte lines: 32K, 32K, 512K, 16M. */
	static const u32 cache[4][4] = {
		{1, 1, 8, 64}, {2, 1, 8, 64}, {3, 2, 8, 1024}, {3, 3, 16, 16384}};
	u32 leaf = b->amd ? 0x8000001du : 4;

	for (u32 i = 0; i < ARRAY_SIZE(cache); i++) {
		struct kvm_cpuid_entry2 *e = entry_for(b, leaf, i, INDEXED);

		e->eax = cache[i][0] | cache[i][1] << 5 | 1u << 8;
		e->ebx = (cache[i][2] - 1) << 22 | 63;
		e->ecx = cache[i][3] - 1;
	}
	(void)entry_for(b, leaf, ARRAY_SIZE(cache), INDEXED);
	if (!b->amd) {
		/* Descriptor FFH: see leaf 4. */
		entry_for(b, 2, 0, 0)->eax = 0x0000ff01;
		return;
	}
	/* [APM3 E.4.4, E.4.5]: the same in AMD's old form. */
	entry_for(b, 0x80000005u, 0, 0)->ecx = 32u << 24 | 8 << 16 | 1 << 8 | 64;
	entry_for(b, 0x80000005u, 0, 0)->edx = 32u << 24 | 8 << 16 | 1 << 8 | 64;
	entry_for(b, 0x80000006u, 0, 0)->ecx = 512u << 16 | 6 << 12 | 1 << 8 |
					       64;
	entry_for(b, 0x80000006u, 0, 0)->edx = 32u << 18 | 8 << 12 | 1 << 8 | 64;
}

static void level_xsave(struct build *b)
{
	const u64 mask = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	struct kvm_cpuid_entry2 *e;

	if (b->model->level < 3)
		return;
	e = entry_for(b, 0xd, 0, INDEXED);
	e->eax = (u32)mask;
	e->ebx = cpuid_xsave_bytes(mask);
	e->ecx = cpuid_xsave_bytes(mask);
	e = entry_for(b, 0xd, 2, INDEXED);
	e->eax = XSAVE_SIZE - XSAVE_YMMH;
	e->ebx = XSAVE_YMMH;
}

#define LEVEL_PHYSICAL_BITS 40u

static void level_identity(struct build *b)
{
	struct kvm_cpuid_entry2 *e;
	u32 physical = 36;

	copy_leaf(b, 0);
	e = entry_for(b, 0, 0, 0);
	/* Leaf BH is needed for topology; DH comes with XSAVE. */
	e->eax = b->model->level < 3 ? 0xb : 0xd;
	e = entry_for(b, 1, 0, 0);
	e->eax = b->amd ? b->model->signature_amd : b->model->signature_intel;
	e->ebx = 8u << 8; /* CLFLUSH line of 64 bytes */
	e = entry_for(b, 0x80000000u, 0, 0);
	*e = (struct kvm_cpuid_entry2){.function = 0x80000000u};
	e->eax = b->amd ? 0x8000001eu : 0x80000008u;
	if (b->amd) {
		const struct kvm_cpuid_entry2 *vendor = find(b->ret, 0, 0);

		e->ebx = vendor->ebx;
		e->ecx = vendor->ecx;
		e->edx = vendor->edx;
		entry_for(b, X1, 0, 0)->eax = b->model->signature_amd;
		entry_for(b, X1, 0, 0)->edx |= find(b->ret, 1, 0)->edx &
					       CPUID_X1_EDX_SHARED;
		entry_for(b, X1, 0, 0)->ecx |= CPUID_X1_ECX_TOPOEXT;
	}
	e = find(b->supported, 0x80000008u, 0);
	if (e)
		physical = MIN(e->eax & 0xff, LEVEL_PHYSICAL_BITS);
	entry_for(b, 0x80000008u, 0, 0)->eax = physical | 48u << 8;
}

static int build_level(struct build *b, struct fault *fault)
{
	int err = level_features(b, fault);

	if (err)
		return err;
	level_identity(b);
	level_caches(b);
	level_xsave(b);
	brand_string(b);
	copy_leaf(b, CPUID_KVM_SIGNATURE);
	copy_leaf(b, CPUID_KVM_FEATURES);
	copy_leaf(b, CPUID_KVM_FREQUENCY);
	return 0;
}

static void build_host(struct build *b)
{
	u32 count = MIN(b->supported->nent, b->room);

	b->full = b->supported->nent > b->room;
	memcpy(b->ret->entries, b->supported->entries,
	       count * sizeof(b->ret->entries[0]));
	b->ret->nent = count;
}

/* ------------------------------------------------------------- topology -- */

/*
 * Levels of an extended topology leaf: each tells how far to shift the x2APIC
 * ID to get past it. [SDM2 3.3, "INPUT EAX = 0BH"]
 */
static void place_extended(struct build *b, u32 leaf, u32 apic_id)
{
	const struct cpu_topology *t = b->topology;
	const struct kvm_cpuid_entry2 *basic;
	struct kvm_cpuid_entry2 *e;

	drop_leaf(b->ret, leaf);
	basic = find(b->ret, 0, 0);
	if (!basic || basic->eax < leaf)
		return;
	e = entry_for(b, leaf, 0, INDEXED);
	e->eax = field_bits(t->threads);
	e->ebx = t->threads;
	e->ecx = 1u << 8;
	e->edx = apic_id;
	e = entry_for(b, leaf, 1, INDEXED);
	e->eax = package_bits(t);
	e->ebx = t->cores * t->threads;
	e->ecx = 2u << 8 | 1;
	e->edx = apic_id;
	e = entry_for(b, leaf, 2, INDEXED);
	e->ecx = 2;
	e->edx = apic_id;
}

/* First and second level caches belong to a core, the third to a socket. */
static void place_caches(struct build *b)
{
	const struct cpu_topology *t = b->topology;

	for (u32 i = 0; i < b->ret->nent; i++) {
		struct kvm_cpuid_entry2 *e = &b->ret->entries[i];
		u32 level = e->eax >> 5 & 7, sharing;

		if ((e->function != 4 && e->function != 0x8000001du) ||
		    !(e->eax & 0x1f))
			continue;
		sharing = level < 3 ? field_bits(t->threads) : package_bits(t);
		e->eax &= 0x3fff;
		if (e->function == 4) {
			e->eax |= (((u32)1 << sharing) - 1) << 14;
			e->eax |= MIN(((u32)1 << field_bits(t->cores)) - 1, 63u)
				  << 26;
		} else {
			/* Counted exactly. [APM3 E.4.17] */
			e->eax |= (MIN(level < 3 ? t->threads
						 : t->cores * t->threads,
				       4096u) -
				   1)
				  << 14;
		}
	}
}

static void place_amd(struct build *b, u32 apic_id)
{
	const struct cpu_topology *t = b->topology;
	u32 cpus = t->cores * t->threads;
	u32 core = b->cpu_index / t->threads % t->cores;
	u32 socket = b->cpu_index / cpus;
	struct kvm_cpuid_entry2 *e;

	if (cpus > 1)
		entry_for(b, X1, 0, 0)->ecx |= CPUID_X1_ECX_CMP_LEGACY;
	e = entry_for(b, 0x80000008u, 0, 0);
	e->ecx = (MIN(cpus, 256u) - 1) | package_bits(t) << 12;
	drop_leaf(b->ret, 0x8000001eu);
	if (!(entry_for(b, X1, 0, 0)->ecx & CPUID_X1_ECX_TOPOEXT))
		return;
	e = find(b->ret, 0x80000000u, 0);
	if (e && e->eax < 0x8000001eu)
		e->eax = 0x8000001eu;
	/* [APM3 E.4.18]: core, threads in it; node. */
	e = entry_for(b, 0x8000001eu, 0, 0);
	e->eax = apic_id;
	e->ebx = (core & 0xff) | (t->threads - 1) << 8;
	e->ecx = socket & 0xff;
}

static void place(struct build *b)
{
	const struct cpu_topology *t = b->topology;
	u32 apic_id = cpu_model_apic_id(t, b->cpu_index);
	u32 logical = MIN((u32)1 << package_bits(t), 255u);
	struct kvm_cpuid_entry2 *e = entry_for(b, 1, 0, 0);

	e->ebx = (e->ebx & 0xffff) | logical << 16 | (apic_id & 0xff) << 24;
	e->edx &= ~CPUID_1_EDX_HTT;
	if (t->cores * t->threads > 1)
		e->edx |= CPUID_1_EDX_HTT;
	place_caches(b);
	place_extended(b, 0xb, apic_id);
	drop_leaf(b->ret, 0x1f);
	if (!b->amd)
		place_extended(b, 0x1f, apic_id);
	if (b->amd)
		place_amd(b, apic_id);
}

static bool topology_ok(const struct cpu_topology *t, u32 cpu_index)
{
	const u32 max = CPU_TOPOLOGY_CPUS_MAX;

	return t->sockets && t->cores && t->threads && t->sockets <= max &&
	       t->cores <= max && t->threads <= 256 && cpus_of(t) <= max &&
	       cpu_index < cpus_of(t);
}

static const struct model *model_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(models); i++)
		if (strcmp(models[i].name, name) == 0)
			return &models[i];
	return NULL;
}

int cpu_model_cpuid(const char *name, const struct kvm_cpuid2 *supported,
		    u32 cpu_index, const struct cpu_topology *topology,
		    struct kvm_cpuid2 *ret, struct fault *fault)
{
	struct build b = {
		.model = model_find(name),
		.supported = supported,
		.topology = topology,
		.cpu_index = cpu_index,
		.ret = ret,
		.room = ret->nent,
		.amd = cpuid_vendor_amd(supported->entries, supported->nent),
	};
	int err = 0;

	assert(name && supported && topology && ret);
	if (!b.model)
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "there is no cpu model '%s'", name);
	if (!topology_ok(topology, cpu_index))
		return fault_set(fault, FAULT_INVALID, trace_err(-EINVAL),
				 "vcpu %u is not in a topology of %u sockets, "
				 "%u cores, %u threads",
				 cpu_index, topology->sockets, topology->cores,
				 topology->threads);
	ret->nent = 0;
	if (b.model->level)
		err = build_level(&b, fault);
	else
		build_host(&b);
	if (err)
		return err;
	place(&b);
	if (b.full)
		return fault_set(fault, FAULT_INTERNAL, trace_err(-E2BIG),
				 "cpu model '%s' has more than %u cpuid entries",
				 name, b.room);
	return 0;
}
