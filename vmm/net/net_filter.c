/* SPDX-License-Identifier: MIT */
/* A restricted guest's frames: see net_filter.h. */
#include "vmm/net/net_filter.h"

#include <string.h>

#define ETHERNET_BYTES 14
#define IPV4_BYTES_MIN 20
#define TCP_BYTES_MIN  20
#define UDP_BYTES      8

/* [RFC791 "Internet Header Format"], [RFC9293 3.1 "Header Format"] */
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
/* "More fragments", and the place of this one. */
#define FRAGMENT_MASK 0x3fff
#define TCP_SYN	      0x02
#define TCP_ACK	      0x10

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

static u16 at16(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

/* To the server that passt is, and to nobody behind it. */
static bool is_dhcp(const u8 *ip, const u8 *udp, u32 size)
{
	static const u8 all[] = {255, 255, 255, 255};
	static const u8 host[] = {10, 0, 2, 2}; /* NET_USER_HOST */

	return size >= UDP_BYTES && at16(udp) == DHCP_CLIENT_PORT &&
	       at16(udp + 2) == DHCP_SERVER_PORT &&
	       (!memcmp(ip + 16, all, 4) || !memcmp(ip + 16, host, 4));
}

static bool is_answer(const struct net_options *options, const u8 *tcp, u32 size)
{
	if (size < TCP_BYTES_MIN ||
	    ((tcp[13] & TCP_SYN) && !(tcp[13] & TCP_ACK)))
		return false;
	for (u32 i = 0; i < options->forward_count; i++)
		if (at16(tcp) == options->forward[i].guest_port)
			return true;
	return false;
}

static bool ipv4_passes(const struct net_options *options, const u8 *ip,
			u32 size)
{
	u32 header = 4 * (ip[0] & 0x0fu);

	if (size < IPV4_BYTES_MIN || ip[0] >> 4 != 4 || header < IPV4_BYTES_MIN ||
	    size < header || (at16(ip + 6) & FRAGMENT_MASK))
		return false;
	if (ip[9] == PROTOCOL_UDP)
		return is_dhcp(ip, ip + header, size - header);
	return ip[9] == PROTOCOL_TCP &&
	       is_answer(options, ip + header, size - header);
}

bool net_filter_passes(const struct net_options *options, const u8 *frame,
		       u32 size)
{
	const u8 *type = frame + 12;

	if (size <= ETHERNET_BYTES)
		return false;
	if (at16(type) == 0x0806) /* ARP */
		return true;
	return at16(type) == 0x0800 &&
	       ipv4_passes(options, frame + ETHERNET_BYTES,
			   size - ETHERNET_BYTES);
}
