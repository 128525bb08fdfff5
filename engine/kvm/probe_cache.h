/* SPDX-License-Identifier: MIT */
/*
 * The probe's result, kept for the boot: a small text file of this user's in
 * $XDG_RUNTIME_DIR, /run/keel or /tmp, the first that can be written.
 *
 * It holds the key it was made under (boot id, kernel release, the KVM
 * modules loaded) and is believed only if the whole text is what this program
 * would write under today's key. It must also be a regular file with one
 * name, ours alone to read and write: whoever may put files into /tmp must
 * not be able to choose our accelerator.
 *
 * A cache that cannot be read or written is no error: the probe just runs.
 */
#ifndef ENGINE_KVM_PROBE_CACHE_H
#define ENGINE_KVM_PROBE_CACHE_H

#include "base/types.h"
#include "engine/kvm/probe.h"

#define KVM_PROBE_CACHE_BYTES_MAX 1024

/* False: there is none to be believed, and *ret is not written. */
bool kvm_probe_cache_load(struct kvm_probe_result *ret);

/* `result` must be final (kvm_probe_is_final). */
void kvm_probe_cache_store(const struct kvm_probe_result *result);

/* The parts, for tests: one file, and the text it would hold. */
bool kvm_probe_cache_load_file(const char *path, struct kvm_probe_result *ret);
must_check int kvm_probe_cache_store_file(const char *path,
					  const struct kvm_probe_result *result);
/* 0, or -errno when this host does not say its boot id or release. */
must_check int kvm_probe_cache_text(const struct kvm_probe_result *result,
				    char text[KVM_PROBE_CACHE_BYTES_MAX]);

#endif
