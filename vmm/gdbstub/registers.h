/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's registers as gdb numbers, names and lays them out. The numbers are
 * our own: the target description tells them.
 * [GDB "Target Descriptions"], [GDB "i386 Features"]
 */
#ifndef VMM_GDBSTUB_REGISTERS_H
#define VMM_GDBSTUB_REGISTERS_H

#include "base/buf.h"
#include "engine/engine.h"

/* Everything that is shown, in one piece. */
struct gdb_registers {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	u16 ftag; /* the tag word with two bits each; fpu.ftwx has one */
	u64 k_gs_base;
};

#define GDB_REGISTER_BYTES_MAX 16

u32 gdb_register_count(void);
/* On the wire; `index` is below the count. */
u32 gdb_register_bytes(u32 index);
void gdb_register_get(const struct gdb_registers *r, u32 index, u8 *ret_data);
void gdb_register_set(struct gdb_registers *r, u32 index, const u8 *data);

/* -errno of the engine. */
must_check int gdb_registers_load(struct engine_vcpu *vcpu,
				  struct gdb_registers *ret);
/*
 * Sets what differs between the two. -EINVAL for what cannot be: a selector
 * in protected mode, whose descriptor only the guest can load, or what the
 * engine refuses; -errno of the engine.
 */
must_check int gdb_registers_store(struct engine_vcpu *vcpu,
				   const struct gdb_registers *old,
				   const struct gdb_registers *new);

/* The target description. -ENOBUFS, -ENOMEM as buf_append. */
must_check int gdb_registers_describe(struct buf *xml);

#endif
