/* SPDX-License-Identifier: MIT */
#include "vmm/net/passt.h"

#include "base/test.h"

static struct passt_args args;

/* The words of its command line with a blank after each. */
static const char *line_of(const char *text)
{
	static char line[4096];
	struct net_options options;

	check_eq(net_options_parse(text, &options, NULL), 0);
	passt_args_fill(&args, &options);
	line[0] = 0;
	for (u32 i = 0; args.argv[i]; i++) {
		strcat(line, args.argv[i]);
		strcat(line, " ");
	}
	return line;
}

TEST(nothing_is_forwarded_unless_it_is_asked_for)
{
	const char *line = line_of("user");

	check(!strncmp(line, "passt --foreground ", 19));
	check(strstr(line, "--fd 3 "));
	check(strstr(line, "--mtu 65520 "));
	check(strstr(line, "--udp-ports none "));
	check(!strstr(line, "--tcp-ports"));
	check(!strstr(line, "--no-map-gw"));
}

TEST(forwards_are_told_in_its_own_form)
{
	const char *line = line_of("user,hostfwd=tcp:127.0.0.1:2222-:22,"
				   "hostfwd=tcp::80-:8080,mtu=1500");

	check(strstr(line, "--tcp-ports 127.0.0.1/2222:22 "));
	check(strstr(line, "--tcp-ports 80:8080 "));
	check(strstr(line, "--udp-ports none "));
	check(strstr(line, "--mtu 1500 "));
	line = line_of("user,hostfwd=udp:255.255.255.255:65535-:65535");
	check(strstr(line, "--udp-ports 255.255.255.255/65535:65535 "));
	check(!strstr(line, "--udp-ports none"));
}

TEST(a_restricted_guest_does_not_reach_the_host)
{
	check(strstr(line_of("user,restrict"), "--no-map-gw "));
}

TEST(the_most_forwards_have_room)
{
	char text[1024] = "user,restrict";

	for (u32 i = 0; i < NET_FORWARD_MAX; i++)
		strcat(text, ",hostfwd=tcp::1-:1");
	(void)line_of(text);
}

TEST(the_last_line_that_says_something_is_kept)
{
	struct passt_words words = {};
	char large[1000];

	passt_words_add(&words, "Failed to bi", 12);
	check_str_eq(words.said, "");
	passt_words_add(&words, "nd\n\nFailed to send 1 bytes to syslog\nx", 38);
	check_str_eq(words.said, "Failed to bind");
	memset(large, 'y', sizeof(large));
	passt_words_add(&words, large, sizeof(large));
	passt_words_add(&words, "\n", 1);
	check_eq(strlen(words.said), PASST_LINE_BYTES_MAX - 1);
}
