/* SPDX-License-Identifier: MIT */
/* What a command's end says to who started it. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "base/err.h"

#define STATUS_FAILED 1
#define STATUS_USAGE  2 /* a mistake of the user's */

/* Of a fault: which of the two it is. */
int status_of_fault(const struct fault *fault);

#endif
