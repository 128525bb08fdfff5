/* SPDX-License-Identifier: MIT */
#include "vmm/char/escape.h"

#include "base/test.h"

struct count {
	u32 quit, help;
};

static void quit(void *ctx)
{
	((struct count *)ctx)->quit++;
}

static void help(void *ctx)
{
	((struct count *)ctx)->help++;
}

/* Runs the keys through and gives what is left for the guest. */
static void keys(const char *typed, char *ret, struct count *count)
{
	struct escape escape = {.quit = quit, .help = help, .ctx = count};
	u8 out[2];

	for (; *typed; typed++) {
		u32 n = escape_take(&escape, (u8)*typed, out);

		check(n <= 2);
		memcpy(ret, out, n);
		ret += n;
	}
	*ret = 0;
}

TEST(plain_keys_pass)
{
	struct count count = {};
	char out[16];

	keys("hx\r\x02", out, &count);
	check_str_eq(out, "hx\r\x02");
	check_eq(count.quit + count.help, 0);
}

TEST(ctrl_a_x_quits_and_ctrl_a_h_helps)
{
	struct count count = {};
	char out[16];

	keys("a\001hb\001xc", out, &count);
	check_str_eq(out, "abc");
	check_eq(count.quit, 1);
	check_eq(count.help, 1);
}

TEST(ctrl_a_twice_sends_one)
{
	struct count count = {};
	char out[16];

	keys("\001\001x", out, &count);
	check_str_eq(out, "\001x");
	check_eq(count.quit, 0);
}

TEST(ctrl_a_and_another_key_sends_both)
{
	struct count count = {};
	char out[16];

	keys("\001e", out, &count);
	check_str_eq(out, "\001e");
}
