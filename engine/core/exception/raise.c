/* SPDX-License-Identifier: MIT */
/* Raising: what goes into cpu->exception. The contract is in x86.h. */
#include "engine/core/exception/exception.h"

int raise_fault(struct x86_cpu *cpu, enum x86_vector vector)
{
	cpu->exception = (struct x86_exception){.vector = (u8)vector};
	return X86_FAULT;
}

int raise_error(struct x86_cpu *cpu, enum x86_vector vector, u32 error)
{
	cpu->exception = (struct x86_exception){
		.vector = (u8)vector, .has_error = true, .error = error};
	return X86_FAULT;
}

int raise_page_fault(struct x86_cpu *cpu, gva_t address, u32 error)
{
	cpu->exception = (struct x86_exception){.vector = VECTOR_PF,
						.has_error = true,
						.error = error,
						.payload = address};
	return X86_FAULT;
}

int debug_raise(struct x86_cpu *cpu, u64 bits, bool trap)
{
	cpu->exception = (struct x86_exception){
		.vector = VECTOR_DB, .trap = trap, .payload = bits};
	return X86_FAULT;
}
