/* SPDX-License-Identifier: MIT */
#include "engine/preload/path.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

TEST(the_name_is_known_in_every_spelling_without_links)
{
	static const char *const yes[] = {"/dev/kvm", "//dev//kvm",
					  "/./dev/././kvm", "///dev/kvm"};
	static const char *const no[] = {
		"",	      "/",	   "/dev",	 "/dev/",
		"/dev/kvm/",  "/dev/kvmx", "/dev/kv",	 "/devkvm",
		"kvm",	      "dev/kvm",   "./kvm",	 "/kvm",
		"/dev/a/kvm", "/dev/.kvm", "/x/dev/kvm", "/dev/..kvm"};

	for (u32 i = 0; i < ARRAY_SIZE(yes); i++)
		check(path_is_kvm(AT_FDCWD, yes[i]));
	for (u32 i = 0; i < ARRAY_SIZE(no); i++)
		check(!path_is_kvm(AT_FDCWD, no[i]));
	check(!path_is_kvm(AT_FDCWD, NULL));
	check(!path_is_kvm(AT_FDCWD, (const char *)(uintptr_t)1));
}

TEST(relative_names_count_from_their_directory)
{
	int dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	check(dev >= 0 && root >= 0 && tmp >= 0);
	check(path_is_kvm(dev, "kvm"));
	check(path_is_kvm(dev, "./kvm"));
	check(!path_is_kvm(dev, "dev/kvm"));
	check(path_is_kvm(root, "dev/kvm"));
	check(!path_is_kvm(root, "kvm"));
	check(!path_is_kvm(tmp, "kvm"));
	check(!path_is_kvm(-5, "kvm"));
	check(path_is_kvm(-5, "/dev/kvm")); /* absolute: nobody looks at it */
	close(dev);
	close(root);
	close(tmp);
}
