/* SPDX-License-Identifier: MIT */
#include "vmm/net/net_options.h"

#include "base/test.h"

static struct net_options o;
static struct fault fault;

static void accept(const char *text)
{
	check_eq(net_options_parse(text, &o, &fault), 0);
}

/* The sentence has both the word and what would be accepted. */
static void refuse(const char *text, const char *word, const char *instead)
{
	fault_clear(&fault);
	check_eq(net_options_parse(text, &o, &fault), -EINVAL);
	if (!strstr(fault.text[0], word) || !strstr(fault.text[0], instead))
		test_fail("'%s' has not '%s' and '%s'", fault.text[0], word,
			  instead);
}

TEST(the_kinds_are_known_by_their_names)
{
	accept("none");
	check_eq(o.kind, NET_NONE);
	accept("user");
	check_eq(o.kind, NET_USER);
	check(!o.has_mac && !o.restricted && !o.forward_count && !o.mtu);
	accept("socket,path=/run/wire,,1");
	check_eq(o.kind, NET_SOCKET);
	check_str_eq(o.path, "/run/wire,1");
	refuse("tap", "'tap'", "user, socket or none");
	refuse("", "''", "user, socket or none");
	refuse("none,mac=52:54:00:12:34:56", "mac=", "stands alone");
}

TEST(a_forward_names_both_its_ends)
{
	accept("user,hostfwd=tcp:127.0.0.1:2222-:22,"
	       "hostfwd=udp::5353-10.0.2.15:53");
	check_eq(o.forward_count, 2);
	check(!o.forward[0].udp && o.forward[1].udp);
	check_str_eq(o.forward[0].host, "127.0.0.1");
	check_eq(o.forward[0].host_port, 2222);
	check_eq(o.forward[0].guest_port, 22);
	check_str_eq(o.forward[1].host, "");
	check_eq(o.forward[1].host_port, 5353);
	check_eq(o.forward[1].guest_port, 53);
}

TEST(a_forward_that_cannot_be_is_refused_with_the_form)
{
	static const char *const wrong[] = {
		"",
		"2222",
		"sctp::1-:1",
		"tcp:2222-:22",
		"tcp::2222",
		"tcp::2222-22",
		"tcp::0-:22",
		"tcp::2222-:0",
		"tcp::65536-:22",
		"tcp::2222-:65536",
		"tcp:localhost:2222-:22",
		"tcp:[::1]:2222-:22",
		"tcp:127.0.0.1.1.1.1.1:2222-:22",
		"tcp::2222-10.0.2.16:22",
		"tcp::-1-:22",
		"tcp::2222-:22x",
		"tcp::2222-:22-:23",
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(text, sizeof(text), "user,hostfwd=%s", wrong[i]);
		refuse(text, wrong[i], "tcp:[ADDRESS]:PORT-[ADDRESS]:PORT");
	}
}

TEST(there_is_a_most_of_forwards)
{
	char text[1024] = "user";

	for (u32 i = 0; i < NET_FORWARD_MAX; i++)
		strcat(text, ",hostfwd=tcp::1-:1");
	accept(text);
	check_eq(o.forward_count, NET_FORWARD_MAX);
	strcat(text, ",hostfwd=tcp::1-:1");
	refuse(text, "tcp::1-:1", "32");
}

TEST(an_address_of_a_card_is_six_pairs_of_digits)
{
	static const u8 mac[] = {0x52, 0x54, 0, 0x12, 0xaB, 0xff};
	static const char *const wrong[] = {
		"",
		"52:54:00:12:34",
		"52-54-00-12-34-56",
		"52:54:00:12:34:5g",
		"5:254:00:12:34:56",
		"52:54:00:12:34:56:",
		"01:00:5e:00:00:01",
		"00:00:00:00:00:00",
		"52:54:00:12:34:-1",
	};
	char text[64];

	accept("user,mac=52:54:00:12:aB:ff");
	check(o.has_mac);
	check_mem_eq(o.mac, mac, sizeof(mac));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(text, sizeof(text), "user,mac=%s", wrong[i]);
		refuse(text, wrong[i], "mac=");
	}
}

TEST(cards_without_an_address_get_different_ones)
{
	struct net_options other;

	accept("user");
	other = o;
	net_options_default_mac(&o, 0);
	net_options_default_mac(&other, 1);
	check(memcmp(o.mac, other.mac, sizeof(o.mac)));
	check(!(o.mac[0] & 1));
	accept("user,mac=52:54:00:12:aB:ff");
	net_options_default_mac(&o, 0);
	check_eq(o.mac[5], 0xff);
}

TEST(an_mtu_has_bounds)
{
	accept("user,mtu=1500");
	check_eq(o.mtu, 1500);
	accept("user,mtu=65520");
	refuse("user,mtu=67", "67", "65520");
	refuse("user,mtu=65521", "65521", "65520");
	refuse("user,mtu=", "''", "65520");
}

TEST(a_restricted_guest_has_no_udp)
{
	accept("user,restrict,hostfwd=tcp::2222-:22");
	check(o.restricted);
	accept("user,restrict=on");
	refuse("user,restrict=off", "off", "restrict");
	refuse("user,hostfwd=udp::1-:1,restrict", "udp", "exclude");
}

TEST(words_of_another_kind_and_unknown_ones_are_refused)
{
	refuse("user,path=/x", "path=/x", "user takes");
	refuse("socket,path=/x,restrict", "restrict", "socket takes");
	refuse("socket", "socket", "needs path=");
	refuse("socket,path=", "''", "path=");
	refuse("user,", "''", "user takes");
	refuse("user,hostfwds=1", "hostfwds=1", "user takes");
	refuse("user,=1", "=1", "user takes");
}

TEST(a_path_or_a_text_that_is_too_long_is_refused)
{
	char text[4096] = "socket,path=";

	memset(text + 12, 'x', NET_PATH_BYTES_MAX - 1);
	accept(text);
	check_eq(strlen(o.path), NET_PATH_BYTES_MAX - 1);
	strcat(text, "x");
	refuse(text, "xxx", "107");
	memset(text + 12, 'x', sizeof(text) - 13);
	refuse(text, "socket,path=", "too long");
}
