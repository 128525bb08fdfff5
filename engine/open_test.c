/* SPDX-License-Identifier: MIT */
/* The choice of the way: what is asked for, what is got, and the one line. */
#include "engine/engine.h"

#include <string.h>
#include <sys/resource.h>

#include "base/test.h"
#include "engine/kvm/probe.h"

TEST(an_unknown_accelerator_is_refused_with_the_known_ones)
{
	struct fault fault = {0};
	struct engine *e = NULL;

	check_eq(engine_open("tcg", &e, NULL, 0, &fault), -EINVAL);
	check(e == NULL);
	check_eq(fault.class, FAULT_INVALID);
	check(strstr(fault.text[0], "auto, kvm or soft"));
	check_eq(engine_open("", &e, NULL, 0, NULL), -EINVAL);
	check_eq(engine_open("kvm ", &e, NULL, 0, NULL), -EINVAL);
}

TEST(soft_is_taken_at_its_word)
{
	struct fault fault = {0};
	struct engine *e = NULL;
	char reason[256];

	check_eq(engine_open("soft", &e, reason, sizeof(reason), &fault), 0);
	check_str_eq(e->ops->name, "soft");
	check_str_eq(reason, "accel: soft (as asked)");
	e->ops->free(e);
}

TEST(kvm_is_taken_at_its_word_whatever_its_quality)
{
	struct fault fault = {0};
	struct engine *e = NULL;
	char reason[256];
	int err = engine_open("kvm", &e, reason, sizeof(reason), &fault);

	if (err < 0) {
		check(fault_is_set(&fault));
		check_eq(fault.err, err);
		skip("no /dev/kvm here; its fault was checked");
	}
	check_str_eq(e->ops->name, "kvm");
	check_str_eq(reason, "accel: kvm (as asked)");
	e->ops->free(e);
}

/* Which one depends on the machine; that it follows the probe does not. */
TEST(auto_follows_the_probe)
{
	struct engine *e = NULL, *kvm = NULL;
	enum kvm_quality quality = KVM_ABSENT;
	char reason[600], why[256] = "";
	bool is_full;

	if (engine_kvm_open(&kvm, NULL) == 0) {
		quality = kvm_probe(kvm, why, sizeof(why));
		kvm->ops->free(kvm);
	}
	is_full = quality == KVM_FULL;
	check_eq(engine_open("auto", &e, reason, sizeof(reason), NULL), 0);
	check_str_eq(e->ops->name, is_full ? "kvm" : "soft");
	check(strstr(reason, is_full ? "accel: kvm (" : "accel: soft (") ==
	      reason);
	check(strstr(reason, why));
	e->ops->free(e);
}

TEST(a_small_reason_is_cut_and_terminated)
{
	struct engine *e = NULL;
	char reason[6];

	memset(reason, 'x', sizeof(reason));
	check_eq(engine_open("soft", &e, reason, sizeof(reason), NULL), 0);
	check_str_eq(reason, "accel");
	e->ops->free(e);
}

TEST(the_software_engine_passes_the_probe)
{
	struct kvm_probe_result result;
	struct engine *e = NULL;
	char why[256];

	check_eq(engine_open("soft", &e, NULL, 0, NULL), 0);
	kvm_probe_run(e, KVM_PROBE_BUDGET_NS, &result);
	if (kvm_probe_classify(&result, why, sizeof(why)) != KVM_FULL)
		test_fail("%s", why);
	e->ops->free(e);
}

/* Executable memory is asked for by a descriptor: without one it is refused. */
TEST(without_executable_memory_it_interprets_and_says_so)
{
	struct rlimit old, none;
	struct engine *e = NULL;
	char reason[256];
	int err;

	check_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	check_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = engine_open("soft", &e, reason, sizeof(reason), NULL);
	check_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	check_eq(err, 0);
	check(!engine_soft_translates(e));
	check(strstr(reason, "executable memory is not to be had") != NULL);
	e->ops->free(e);
	check_eq(engine_open("soft", &e, reason, sizeof(reason), NULL), 0);
	check(engine_soft_translates(e));
	e->ops->free(e);
}
