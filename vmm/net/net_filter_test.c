/* SPDX-License-Identifier: MIT */
#include "vmm/net/net_filter.h"

#include "base/test.h"

static struct net_options options;

/* A frame of IPv4 and TCP or UDP, 10.0.2.15:source to 10.0.2.2:target. */
static struct {
	u8 data[94];
	u32 size;
} f;

static void make(u8 protocol, u16 source, u16 target)
{
	static const u8 ends[] = {10, 0, 2, 15, 10, 0, 2, 2};

	memset(&f, 0, sizeof(f));
	f.size = 54;
	f.data[12] = 8;
	f.data[14] = 0x45;
	f.data[23] = protocol;
	memcpy(f.data + 26, ends, sizeof(ends));
	f.data[34] = (u8)(source >> 8);
	f.data[35] = (u8)source;
	f.data[36] = (u8)(target >> 8);
	f.data[37] = (u8)target;
	f.data[47] = 0x10;
	check_eq(net_options_parse("user,restrict,hostfwd=tcp::2222-:22",
				   &options, NULL),
		 0);
}

/* Of memory of its own, so that a read beyond its end is seen. */
static bool passes(void)
{
	u8 *frame = malloc(f.size);
	bool answer;

	check(frame != NULL);
	memcpy(frame, f.data, f.size);
	answer = net_filter_passes(&options, frame, f.size);
	free(frame);
	return answer;
}

TEST(answers_from_a_forwarded_port_pass)
{
	make(6, 22, 40000);
	check(passes());
	f.data[47] = 0x12; /* SYN and ACK */
	check(passes());
	make(6, 23, 40000);
	check(!passes());
}

TEST(what_begins_a_connection_is_dropped)
{
	make(6, 22, 40000);
	f.data[47] = 0x02;
	check(!passes());
	f.data[47] = 0x07;
	check(!passes());
}

TEST(only_dhcp_of_udp_passes_and_only_to_the_server)
{
	make(17, 68, 67);
	check(passes());
	memset(f.data + 30, 255, 4);
	check(passes());
	f.data[33] = 1;
	check(!passes());
	make(17, 68, 53);
	check(!passes());
	make(17, 22, 67);
	check(!passes());
}

TEST(fragments_and_odd_headers_are_dropped)
{
	make(6, 22, 40000);
	f.data[20] = 0x20; /* more of it follows */
	check(!passes());
	f.data[20] = 0x40; /* "do not fragment" is harmless */
	check(passes());
	f.data[21] = 1; /* not the first */
	check(!passes());
	make(6, 22, 40000);
	f.data[14] = 0x44;
	check(!passes());
	f.data[14] = 0x46; /* options push the ports further on */
	check(!passes());
	make(1, 22, 40000);
	check(!passes());
}

TEST(a_header_with_options_is_skipped_whole)
{
	make(6, 0, 0);
	f.size = 94;
	f.data[14] = 0x4f;
	f.data[14 + 60 + 1] = 22;
	f.data[14 + 60 + 13] = 0x10;
	check(passes());
	f.size--;
	check(!passes());
}

TEST(arp_passes_and_other_protocols_do_not)
{
	make(6, 22, 40000);
	f.data[13] = 6;
	check(passes());
	f.data[12] = 0x86; /* IPv6 */
	f.data[13] = 0xdd;
	check(!passes());
	f.data[12] = 0x81; /* a VLAN's tag */
	f.data[13] = 0;
	check(!passes());
}

TEST(a_frame_that_is_cut_short_is_dropped)
{
	make(6, 22, 40000);
	while (--f.size >= 14)
		check(!passes());
}
