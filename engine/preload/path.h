/* SPDX-License-Identifier: MIT */
/* Does a name given to open mean /dev/kvm? */
#ifndef ENGINE_PRELOAD_PATH_H
#define ENGINE_PRELOAD_PATH_H

#include "base/types.h"

/*
 * `directory` as openat's, AT_FDCWD among it. Repeated slashes and "." are seen
 * through; links and ".." are not. Asks the system only for relative names whose
 * last part is "kvm".
 */
bool path_is_kvm(int directory, const char *path);

#endif
