/* SPDX-License-Identifier: MIT */
/*
 * The judgement with made-up results, the probe itself on whatever KVM this
 * machine has, and the cache against everything that may lie in its place.
 * No test says what kind of KVM is here.
 */
#define _GNU_SOURCE
#include "engine/kvm/probe.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "engine/kvm/probe_cache.h"

static const struct kvm_probe_result all_fine;

/* ---- the judgement ---- */

TEST(three_fine_checks_make_a_full_kvm)
{
	char why[256];

	check_eq(kvm_probe_classify(&all_fine, why, sizeof(why)), KVM_FULL);
	check(why[0] != '\0');
	check(kvm_probe_is_final(&all_fine));
}

TEST(any_wrong_check_limits_and_is_named)
{
	static const char *const name[KVM_PROBE_CHECK_COUNT] = {
		[KVM_PROBE_SYSCALL] =
			"this /dev/kvm is limited: SYSCALL from CPL 3 does "
			"not reach CPL 0",
		[KVM_PROBE_PAGING32] = "this /dev/kvm is limited: 32-bit "
				       "paging cannot be entered",
		[KVM_PROBE_POPCNT] = "this /dev/kvm is limited: popcnt at "
				     "CPL 0 fails",
	};
	char why[256];

	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++) {
		struct kvm_probe_result result = all_fine;

		result.check[i].outcome = KVM_PROBE_WRONG;
		check_eq(kvm_probe_classify(&result, why, sizeof(why)),
			 KVM_LIMITED);
		check_str_eq(why, name[i]);
		check(kvm_probe_is_final(&result));
	}
}

TEST(a_timeout_limits_but_is_not_final)
{
	struct kvm_probe_result result = all_fine;
	char why[256];

	result.check[KVM_PROBE_POPCNT].outcome = KVM_PROBE_TIMEOUT;
	check_eq(kvm_probe_classify(&result, why, sizeof(why)), KVM_LIMITED);
	check(strstr(why, "in time: popcnt at CPL 0"));
	check(!kvm_probe_is_final(&result));
}

TEST(an_error_limits_and_says_which)
{
	struct kvm_probe_result result = all_fine;
	char why[256];

	result.check[KVM_PROBE_SYSCALL].outcome = KVM_PROBE_ERROR;
	result.check[KVM_PROBE_SYSCALL].err = -ENOMEM;
	check_eq(kvm_probe_classify(&result, why, sizeof(why)), KVM_LIMITED);
	check(strstr(why, strerror(ENOMEM)));
	check(!kvm_probe_is_final(&result));
}

TEST(a_short_reason_is_cut_and_terminated)
{
	char why[8];

	memset(why, 'x', sizeof(why));
	(void)kvm_probe_classify(&all_fine, why, sizeof(why));
	check_eq(strlen(why), sizeof(why) - 1);
}

/* ---- this machine's ---- */

static struct engine *open_or_skip(void)
{
	static char text[512];
	struct fault fault = {0};
	struct engine *e = NULL;

	if (engine_kvm_open(&e, &fault) < 0) {
		(void)fault_format(&fault, text, sizeof(text));
		skip(text);
	}
	return e;
}

TEST(a_live_probe_ends_within_its_bound)
{
	struct engine *e = open_or_skip();
	struct kvm_probe_result result;
	u64 start_ns = clock_now_ns();
	u64 took_ns;

	kvm_probe_run(e, KVM_PROBE_BUDGET_NS, &result);
	took_ns = clock_now_ns() - start_ns;
	/* Beside the guests there is one VM to make, on a busy host perhaps. */
	check(took_ns < KVM_PROBE_BUDGET_NS + 2 * NS_PER_S);
	for (u32 i = 0; i < KVM_PROBE_CHECK_COUNT; i++)
		check(result.check[i].outcome != KVM_PROBE_ERROR);
	e->ops->free(e);
}

TEST(a_probe_without_time_says_timeout)
{
	struct engine *e = open_or_skip();
	struct kvm_probe_result result;

	kvm_probe_run(e, 0, &result);
	check_eq(result.check[KVM_PROBE_SYSCALL].outcome, KVM_PROBE_TIMEOUT);
	check_eq(result.check[KVM_PROBE_POPCNT].outcome, KVM_PROBE_TIMEOUT);
	e->ops->free(e);
}

TEST(a_probe_leaves_the_threads_signals_alone)
{
	struct engine *e = open_or_skip();
	struct kvm_probe_result result;
	sigset_t before, after, pending;

	check_eq(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
	kvm_probe_run(e, 1, &result);
	check_eq(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
	for (int signal = 1; signal <= SIGRTMAX; signal++)
		check_eq(sigismember(&before, signal),
			 sigismember(&after, signal));
	check_eq(sigpending(&pending), 0);
	check_eq(sigismember(&pending, SIGRTMAX), 0);
	e->ops->free(e);
}

TEST(probing_twice_gives_the_same)
{
	struct engine *e = open_or_skip();
	char first[256], second[256];
	enum kvm_quality quality = kvm_probe(e, first, sizeof(first));

	check_eq(kvm_probe(e, second, sizeof(second)), quality);
	check(quality == KVM_FULL || quality == KVM_LIMITED);
	check_str_eq(first, second);
	e->ops->free(e);
}

/* ---- the cache ---- */

static char dir[PATH_MAX / 2];
static char path[PATH_MAX];
static struct kvm_probe_result kept;

/* A fresh directory with a good cache file in it. */
static void cache_begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/probe_test.XXXXXX");
	check(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cache", dir);
	kept = all_fine;
	kept.check[KVM_PROBE_PAGING32].outcome = KVM_PROBE_WRONG;
	check_eq(kvm_probe_cache_store_file(path, &kept), 0);
}

static void cache_end(void)
{
	(void)unlink(path);
	check_eq(rmdir(dir), 0); /* nothing else was left there */
}

static bool cache_loads(void)
{
	struct kvm_probe_result result;

	memset(&result, 0xff, sizeof(result));
	if (!kvm_probe_cache_load_file(path, &result))
		return false;
	check_mem_eq(&result, &kept, sizeof(kept));
	return true;
}

static void overwrite(const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	check(fd >= 0);
	check_eq(write(fd, text, size), size);
	close(fd);
}

TEST(a_stored_result_is_loaded)
{
	struct stat st;

	cache_begin();
	check_eq(stat(path, &st), 0);
	check_eq(st.st_mode & 07777, 0600);
	check(cache_loads());
	cache_end();
}

TEST(the_umask_does_not_spoil_the_cache)
{
	mode_t old = umask(0777);

	cache_begin();
	umask(old);
	check(cache_loads());
	cache_end();
}

TEST(storing_again_replaces)
{
	cache_begin();
	kept.check[KVM_PROBE_POPCNT].outcome = KVM_PROBE_WRONG;
	check_eq(kvm_probe_cache_store_file(path, &kept), 0);
	check(cache_loads());
	cache_end();
}

TEST(an_absent_cache_is_ignored)
{
	cache_begin();
	check_eq(unlink(path), 0);
	check(!cache_loads());
	cache_end();
}

TEST(a_cache_cut_anywhere_is_ignored)
{
	char text[KVM_PROBE_CACHE_BYTES_MAX];

	cache_begin();
	check_eq(kvm_probe_cache_text(&kept, text), 0);
	for (size_t size = 0; size < strlen(text); size++) {
		overwrite(text, size);
		check(!cache_loads());
	}
	overwrite(text, strlen(text));
	check(cache_loads());
	cache_end();
}

TEST(a_cache_with_any_byte_changed_is_not_believed_as_it_was)
{
	char text[KVM_PROBE_CACHE_BYTES_MAX];

	cache_begin();
	check_eq(kvm_probe_cache_text(&kept, text), 0);
	for (size_t i = 0; i < strlen(text); i++) {
		text[i] ^= 1;
		overwrite(text, strlen(text));
		check(!cache_loads());
		text[i] ^= 1;
	}
	cache_end();
}

TEST(a_cache_with_more_behind_it_is_ignored)
{
	char text[KVM_PROBE_CACHE_BYTES_MAX + 64] = {0};

	cache_begin();
	check_eq(kvm_probe_cache_text(&kept, text), 0);
	overwrite(text, strlen(text) + 1); /* a NUL */
	check(!cache_loads());
	overwrite(text, sizeof(text)); /* more than any cache has */
	check(!cache_loads());
	cache_end();
}

TEST(garbage_is_ignored)
{
	char text[900];

	cache_begin();
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 151 + 7);
	overwrite(text, sizeof(text));
	check(!cache_loads());
	cache_end();
}

TEST(a_symbolic_link_is_not_followed)
{
	char real[PATH_MAX + 8];

	cache_begin();
	snprintf(real, sizeof(real), "%s.real", path);
	check_eq(rename(path, real), 0);
	check_eq(symlink(real, path), 0);
	check(!cache_loads());
	/* Storing replaces the link and leaves what it pointed at. */
	check_eq(kvm_probe_cache_store_file(path, &kept), 0);
	check(cache_loads());
	check_eq(unlink(real), 0);
	cache_end();
}

TEST(a_second_name_of_the_file_is_not_trusted)
{
	char other[PATH_MAX + 8];

	cache_begin();
	snprintf(other, sizeof(other), "%s.other", path);
	check_eq(link(path, other), 0);
	check(!cache_loads());
	check_eq(unlink(other), 0);
	check(cache_loads());
	cache_end();
}

TEST(a_file_others_may_write_is_not_trusted)
{
	cache_begin();
	check_eq(chmod(path, 0660), 0);
	check(!cache_loads());
	check_eq(chmod(path, 0602), 0);
	check(!cache_loads());
	check_eq(chmod(path, 0600), 0);
	check(cache_loads());
	cache_end();
}

TEST(a_foreign_owners_file_is_not_trusted)
{
	if (geteuid() != 0)
		skip("only root can give a file away");
	cache_begin();
	check_eq(chown(path, 65534, 65534), 0);
	check(!cache_loads());
	cache_end();
}

TEST(a_pipe_does_not_hold_us_up)
{
	cache_begin();
	check_eq(unlink(path), 0);
	check_eq(mkfifo(path, 0600), 0);
	check(!cache_loads());
	cache_end();
}

TEST(a_directory_in_its_place_is_ignored_and_not_replaced)
{
	cache_begin();
	check_eq(unlink(path), 0);
	check_eq(mkdir(path, 0700), 0);
	check(!cache_loads());
	check(kvm_probe_cache_store_file(path, &kept) < 0);
	check_eq(rmdir(path), 0);
	cache_end(); /* the temporary file is gone too */
}
