/* SPDX-License-Identifier: MIT */
#include "cli/status.h"

int status_of_fault(const struct fault *fault)
{
	switch (fault->class) {
	case FAULT_INVALID:
	case FAULT_NOT_FOUND:
	case FAULT_UNSUPPORTED:
	case FAULT_DENIED:
		return STATUS_USAGE;
	default:
		return STATUS_FAILED;
	}
}
