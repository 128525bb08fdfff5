/* SPDX-License-Identifier: MIT */
/*
 * One table says of each register where it is in the engine's structs and what
 * the target description calls it.
 */
#include "vmm/gdbstub/registers.h"

#include <assert.h>
#include <string.h>

#define MSR_KERNEL_GS_BASE_ 0xc0000102u /* [SDM4 2.17 "Architectural MSRs"] */
#define CR0_PE_		    1u

enum feature { CORE, SSE, SEGMENTS, SYSTEM, FEATURE_COUNT };

struct gdb_register {
	const char *name, *type;
	u8 feature;
	u8 wire_bytes, stored_bytes; /* zeros fill the difference */
	u16 offset;		     /* in struct gdb_registers */
};

#define STORED(member) sizeof(((struct gdb_registers *)0)->member)
#define REG(feature_, name_, type_, bytes, member)                 \
	{                                                          \
		.name = name_, .type = type_, .feature = feature_, \
		.wire_bytes = bytes,                               \
		.stored_bytes = MIN_(bytes, STORED(member)),       \
		.offset = offsetof(struct gdb_registers, member)   \
	}
#define MIN_(a, b) ((a) < (b) ? (a) : (b))

#define GPR(name, type)	      REG(CORE, #name, type, 8, regs.name)
#define SEGMENT(name)	      REG(CORE, #name, "int32", 4, sregs.name.selector)
#define ST(n)		      REG(CORE, "st" #n, "i387_ext", 10, fpu.fpr[n])
#define X87(name, bytes_from) REG(CORE, name, "int", 4, bytes_from)
#define XMM(n)		      REG(SSE, "xmm" #n, "vec128", 16, fpu.xmm[n])
#define CR(name)	      REG(SYSTEM, #name, "int64", 8, sregs.name)

/* An instruction or data pointer of the x87: offset below, selector above. */
#define POINTER_HALF(name_, member, half)                                 \
	{                                                                 \
		.name = name_, .type = "int", .feature = CORE,            \
		.wire_bytes = 4, .stored_bytes = 4,                       \
		.offset = offsetof(struct gdb_registers, member) + (half) \
	}

static const struct gdb_register table[] = {
	GPR(rax, "int64"),
	GPR(rbx, "int64"),
	GPR(rcx, "int64"),
	GPR(rdx, "int64"),
	GPR(rsi, "int64"),
	GPR(rdi, "int64"),
	GPR(rbp, "data_ptr"),
	GPR(rsp, "data_ptr"),
	GPR(r8, "int64"),
	GPR(r9, "int64"),
	GPR(r10, "int64"),
	GPR(r11, "int64"),
	GPR(r12, "int64"),
	GPR(r13, "int64"),
	GPR(r14, "int64"),
	GPR(r15, "int64"),
	GPR(rip, "code_ptr"),
	REG(CORE, "eflags", "eflags", 4, regs.rflags),
	SEGMENT(cs),
	SEGMENT(ss),
	SEGMENT(ds),
	SEGMENT(es),
	SEGMENT(fs),
	SEGMENT(gs),
	ST(0),
	ST(1),
	ST(2),
	ST(3),
	ST(4),
	ST(5),
	ST(6),
	ST(7),
	X87("fctrl", fpu.fcw),
	X87("fstat", fpu.fsw),
	X87("ftag", ftag),
	POINTER_HALF("fiseg", fpu.last_ip, 4),
	POINTER_HALF("fioff", fpu.last_ip, 0),
	POINTER_HALF("foseg", fpu.last_dp, 4),
	POINTER_HALF("fooff", fpu.last_dp, 0),
	X87("fop", fpu.last_opcode),
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	REG(SSE, "mxcsr", "int", 4, fpu.mxcsr),
	REG(SEGMENTS, "fs_base", "int64", 8, sregs.fs.base),
	REG(SEGMENTS, "gs_base", "int64", 8, sregs.gs.base),
	REG(SYSTEM, "k_gs_base", "int64", 8, k_gs_base),
	CR(cr0),
	CR(cr2),
	CR(cr3),
	CR(cr4),
	CR(cr8),
	CR(efer),
};

u32 gdb_register_count(void)
{
	return ARRAY_SIZE(table);
}

u32 gdb_register_bytes(u32 index)
{
	assert(index < ARRAY_SIZE(table));
	return table[index].wire_bytes;
}

void gdb_register_get(const struct gdb_registers *r, u32 index, u8 *ret_data)
{
	const struct gdb_register *reg = &table[index];

	assert(index < ARRAY_SIZE(table));
	memset(ret_data, 0, reg->wire_bytes);
	memcpy(ret_data, (const u8 *)r + reg->offset, reg->stored_bytes);
}

void gdb_register_set(struct gdb_registers *r, u32 index, const u8 *data)
{
	const struct gdb_register *reg = &table[index];

	assert(index < ARRAY_SIZE(table));
	memcpy((u8 *)r + reg->offset, data, reg->stored_bytes);
}

/* ---- the x87's tags ---- */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

/* [SDM1 8.1.7 "x87 FPU Tag Word"] */
static u32 tag_of(const u8 *value)
{
	u16 exponent;
	u64 mantissa;

	memcpy(&mantissa, value, sizeof(mantissa));
	memcpy(&exponent, value + 8, sizeof(exponent));
	exponent &= 0x7fff;
	if (!exponent && !mantissa)
		return TAG_ZERO;
	return exponent && exponent != 0x7fff && mantissa >> 63 ? TAG_VALID
								: TAG_SPECIAL;
}

/* Tags go by physical register, contents by distance from the top. */
static u16 tags_full(const struct kvm_fpu *fpu)
{
	u32 top = fpu->fsw >> 11 & 7, tags = 0;

	for (u32 i = 0; i < 8; i++) {
		u32 tag = fpu->ftwx >> i & 1 ? tag_of(fpu->fpr[(i - top) & 7])
					     : (u32)TAG_EMPTY;

		tags |= tag << (2 * i);
	}
	return (u16)tags;
}

static u8 tags_abridged(u16 full)
{
	u32 tags = 0;

	for (u32 i = 0; i < 8; i++)
		if ((full >> (2 * i) & 3) != TAG_EMPTY)
			tags |= 1u << i;
	return (u8)tags;
}

/* ---- the engine's side ---- */

union one_msr {
	struct kvm_msrs head;
	struct {
		u32 count, pad;
		struct kvm_msr_entry entry;
	};
};

/* A CPU without long mode has none: 0. */
static u64 k_gs_base_get(struct engine_vcpu *vcpu)
{
	union one_msr msr = {.count = 1};

	msr.entry.index = MSR_KERNEL_GS_BASE_;
	return vcpu->ops->get_msrs(vcpu, &msr.head) == 1 ? msr.entry.data : 0;
}

static int k_gs_base_set(struct engine_vcpu *vcpu, u64 value)
{
	union one_msr msr = {.count = 1};
	int n;

	msr.entry.index = MSR_KERNEL_GS_BASE_;
	msr.entry.data = value;
	n = vcpu->ops->set_msrs(vcpu, &msr.head);
	if (n < 0)
		return n;
	return n == 1 ? 0 : trace_err(-EINVAL);
}

int gdb_registers_load(struct engine_vcpu *vcpu, struct gdb_registers *ret)
{
	struct gdb_registers r = {};
	int err = vcpu->ops->get_regs(vcpu, &r.regs);

	if (!err)
		err = vcpu->ops->get_sregs(vcpu, &r.sregs);
	if (!err)
		err = vcpu->ops->get_fpu(vcpu, &r.fpu);
	if (err)
		return err;
	r.ftag = tags_full(&r.fpu);
	r.k_gs_base = k_gs_base_get(vcpu);
	*ret = r;
	return 0;
}

static int load_segment(const struct kvm_sregs *old,
			struct kvm_segment *segment, u16 before)
{
	if (segment->selector == before)
		return 0;
	if (old->cr0 & CR0_PE_)
		return trace_err(-EINVAL);
	segment->base = (u64)segment->selector << 4;
	return 0;
}

static int store_sregs(struct engine_vcpu *vcpu, const struct kvm_sregs *old,
		       const struct kvm_sregs *new)
{
	struct kvm_sregs sregs = *new;
	int err = load_segment(old, &sregs.cs, old->cs.selector);

	if (!err)
		err = load_segment(old, &sregs.ss, old->ss.selector);
	if (!err)
		err = load_segment(old, &sregs.ds, old->ds.selector);
	if (!err)
		err = load_segment(old, &sregs.es, old->es.selector);
	if (!err)
		err = load_segment(old, &sregs.fs, old->fs.selector);
	if (!err)
		err = load_segment(old, &sregs.gs, old->gs.selector);
	return err ? err : vcpu->ops->set_sregs(vcpu, &sregs);
}

static int store_fpu(struct engine_vcpu *vcpu, const struct gdb_registers *new)
{
	struct kvm_fpu fpu = new->fpu;

	fpu.ftwx = tags_abridged(new->ftag);
	return vcpu->ops->set_fpu(vcpu, &fpu);
}

int gdb_registers_store(struct engine_vcpu *vcpu,
			const struct gdb_registers *old,
			const struct gdb_registers *new)
{
	int err = 0;

	if (memcmp(&old->sregs, &new->sregs, sizeof(old->sregs)) != 0)
		err = store_sregs(vcpu, &old->sregs, &new->sregs);
	if (!err && memcmp(&old->regs, &new->regs, sizeof(old->regs)) != 0)
		err = vcpu->ops->set_regs(vcpu, &new->regs);
	if (!err && (memcmp(&old->fpu, &new->fpu, sizeof(old->fpu)) != 0 ||
		     old->ftag != new->ftag))
		err = store_fpu(vcpu, new);
	if (!err && old->k_gs_base != new->k_gs_base)
		err = k_gs_base_set(vcpu, new->k_gs_base);
	return err;
}

/* ---- the target description ---- */

/* What comes before the registers of a feature. */
static const char *const feature_head[FEATURE_COUNT] = {
	[CORE] = "<feature name=\"org.gnu.gdb.i386.core\">\n"
		 "<flags id=\"eflags\" size=\"4\">\n"
		 "<field name=\"CF\" start=\"0\" end=\"0\"/>\n"
		 "<field name=\"PF\" start=\"2\" end=\"2\"/>\n"
		 "<field name=\"AF\" start=\"4\" end=\"4\"/>\n"
		 "<field name=\"ZF\" start=\"6\" end=\"6\"/>\n"
		 "<field name=\"SF\" start=\"7\" end=\"7\"/>\n"
		 "<field name=\"TF\" start=\"8\" end=\"8\"/>\n"
		 "<field name=\"IF\" start=\"9\" end=\"9\"/>\n"
		 "<field name=\"DF\" start=\"10\" end=\"10\"/>\n"
		 "<field name=\"OF\" start=\"11\" end=\"11\"/>\n"
		 "<field name=\"NT\" start=\"14\" end=\"14\"/>\n"
		 "<field name=\"RF\" start=\"16\" end=\"16\"/>\n"
		 "<field name=\"VM\" start=\"17\" end=\"17\"/>\n"
		 "<field name=\"AC\" start=\"18\" end=\"18\"/>\n"
		 "<field name=\"VIF\" start=\"19\" end=\"19\"/>\n"
		 "<field name=\"VIP\" start=\"20\" end=\"20\"/>\n"
		 "<field name=\"ID\" start=\"21\" end=\"21\"/>\n"
		 "</flags>\n",
	[SSE] = "<feature name=\"org.gnu.gdb.i386.sse\">\n"
		"<vector id=\"floats\" type=\"ieee_single\" count=\"4\"/>\n"
		"<vector id=\"doubles\" type=\"ieee_double\" count=\"2\"/>\n"
		"<vector id=\"bytes\" type=\"int8\" count=\"16\"/>\n"
		"<vector id=\"words\" type=\"int32\" count=\"4\"/>\n"
		"<vector id=\"longs\" type=\"int64\" count=\"2\"/>\n"
		"<union id=\"vec128\">\n"
		"<field name=\"v4_float\" type=\"floats\"/>\n"
		"<field name=\"v2_double\" type=\"doubles\"/>\n"
		"<field name=\"v16_int8\" type=\"bytes\"/>\n"
		"<field name=\"v4_int32\" type=\"words\"/>\n"
		"<field name=\"v2_int64\" type=\"longs\"/>\n"
		"<field name=\"uint128\" type=\"uint128\"/>\n"
		"</union>\n",
	[SEGMENTS] = "<feature name=\"org.gnu.gdb.i386.segments\">\n",
	[SYSTEM] = "<feature name=\"keel.system\">\n",
};

static int describe_feature(struct buf *xml, u32 feature)
{
	int err = buf_append_str(xml, feature_head[feature]);

	for (u32 i = 0; !err && i < ARRAY_SIZE(table); i++)
		if (table[i].feature == feature)
			err = buf_printf(xml,
					 "<reg name=\"%s\" bitsize=\"%u\" "
					 "type=\"%s\" regnum=\"%u\"/>\n",
					 table[i].name, table[i].wire_bytes * 8u,
					 table[i].type, i);
	return err ? err : buf_append_str(xml, "</feature>\n");
}

int gdb_registers_describe(struct buf *xml)
{
	int err = buf_append_str(xml, "<?xml version=\"1.0\"?>\n"
				      "<!DOCTYPE target SYSTEM "
				      "\"gdb-target.dtd\">\n<target>\n"
				      "<architecture>i386:x86-64"
				      "</architecture>\n");

	for (u32 i = 0; !err && i < FEATURE_COUNT; i++)
		err = describe_feature(xml, i);
	return err ? err : buf_append_str(xml, "</target>\n");
}
