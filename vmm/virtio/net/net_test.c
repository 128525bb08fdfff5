/* SPDX-License-Identifier: MIT */
#include "vmm/virtio/net/net.h"

#include <errno.h>

#include "base/buf.h"
#include "base/test.h"
#include "vmm/net/fake_netdev.h"
#include "vmm/virtio/fake_driver.h"

#define DATA FAKE_DRIVER_DATA_GPA
#define HDR  ((u32)sizeof(struct virtio_net_hdr))

#define ALL_FEATURES                                                       \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU |  \
	 VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | \
	 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX |                     \
	 VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_CTRL_MAC_ADDR)

static const u8 own[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const u8 other[] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};

static struct guest_mem mem;
static struct virtio_net net;
static struct fake_netdev netdev;
static struct fake_driver driver;

static void start(u64 features)
{
	struct virtio_net_setup setup = {.netdev = &netdev.netdev, .mem = &mem};

	if (!mem.base)
		fake_driver_mem_init(&mem);
	memcpy(setup.mac, own, sizeof(own));
	fake_netdev_init(&netdev);
	virtio_net_init(&net, &setup);
	fake_driver_start(&driver, &net.virtio, features);
	netdev.wanted_count = 0;
}

static bool is_broken(void)
{
	return net.virtio.status & VIRTIO_NEEDS_RESET;
}

static void put(gpa_t gpa, const void *data, u32 size)
{
	check(guest_mem_write(&mem, gpa, data, size));
}

static const u8 *at(gpa_t gpa, u32 size)
{
	const u8 *data = guest_mem_at(&mem, gpa, size);

	check(data != NULL);
	return data;
}

static struct virtq_used_elem used(u32 queue)
{
	struct virtq_used_elem elem = {};

	check(fake_driver_used(&driver, queue, &elem));
	return elem;
}

static bool none_used(u32 queue)
{
	struct virtq_used_elem elem;

	return !fake_driver_used(&driver, queue, &elem);
}

/* ---- sending ---- */

static void send_parts(const struct virtio_net_hdr *hdr, const char *a,
		       const char *b)
{
	const struct fake_driver_part part[] = {
		{DATA, HDR, false},
		{DATA + 64, (u32)strlen(a), false},
		{DATA + 128, (u32)strlen(b), false},
	};

	put(DATA, hdr, HDR);
	put(DATA + 64, a, (u32)strlen(a));
	put(DATA + 128, b, (u32)strlen(b));
	fake_driver_add(&driver, VIRTIO_NET_TX, part, 3);
	fake_driver_kick(&driver, VIRTIO_NET_TX);
}

static void send_text(const char *a, const char *b)
{
	send_parts(&(struct virtio_net_hdr){}, a, b);
}

TEST(virtio_5_1_6_2_a_frame_goes_out_without_its_header)
{
	start(0);
	send_text("0123456789abc", "def");
	check_eq(netdev.sent_count, 1);
	check_eq(netdev.size, 16);
	check_mem_eq(netdev.frame, "0123456789abcdef", 16);
	check_eq(used(VIRTIO_NET_TX).len, 0);
	check_eq(driver.interrupts[VIRTIO_NET_TX], 1);
}

TEST(virtio_2_7_4_1_the_header_may_lie_in_any_number_of_parts)
{
	struct fake_driver_part part[HDR + 1];

	start(0);
	for (u32 i = 0; i < HDR; i++)
		part[i] = (struct fake_driver_part){DATA + 2 * i, 1, false};
	part[HDR - 1].size = 1 + 16;
	put(part[HDR - 1].gpa + 1, "0123456789abcdef", 16);
	fake_driver_add(&driver, VIRTIO_NET_TX, part, HDR);
	fake_driver_kick(&driver, VIRTIO_NET_TX);
	check_mem_eq(netdev.frame, "0123456789abcdef", 16);
}

TEST(virtio_5_1_6_2_1_a_chain_without_a_whole_header_needs_a_reset)
{
	const struct fake_driver_part part = {DATA, HDR - 1, false};

	start(0);
	fake_driver_add(&driver, VIRTIO_NET_TX, &part, 1);
	fake_driver_kick(&driver, VIRTIO_NET_TX);
	check(is_broken());
	check_eq(netdev.sent_count, 0);
	check_eq(driver.config_changes, 1);
	/* Nothing is served until then. */
	send_text("0123456789abc", "def");
	check_eq(netdev.sent_count, 0);
}

TEST(frames_too_small_or_large_are_lost_and_harm_nothing)
{
	const struct fake_driver_part header = {DATA, HDR, false};
	const struct fake_driver_part large[] = {
		{DATA, HDR, false}, {DATA, NETDEV_FRAME_BYTES_MAX + 1, false}};
	const struct fake_driver_part huge[] = {{DATA, 0x200000, false},
						{DATA, 0x200000, false}};

	start(0);
	fake_driver_add(&driver, VIRTIO_NET_TX, &header, 1);
	fake_driver_add(&driver, VIRTIO_NET_TX, large, 2);
	fake_driver_add(&driver, VIRTIO_NET_TX, huge, 2);
	fake_driver_kick(&driver, VIRTIO_NET_TX);
	check(!is_broken());
	check_eq(netdev.sent_count, 0);
	for (u32 i = 0; i < 3; i++)
		(void)used(VIRTIO_NET_TX);
}

TEST(a_full_netdev_leaves_frames_in_the_queue_in_their_order)
{
	start(0);
	netdev.limit = 1;
	for (char c = 'a'; c < 'e'; c++) {
		const char text[] = {c, 0};

		put(DATA + 64, text, 1);
		send_text("0123456789abc", text);
	}
	check_eq(netdev.sent_count, 1);
	(void)used(VIRTIO_NET_TX);
	check(none_used(VIRTIO_NET_TX));
	fake_netdev_writable(&netdev, 2);
	check_eq(netdev.sent_count, 2);
	fake_netdev_writable(&netdev, 100);
	check_eq(netdev.sent_count, 4);
	for (u32 i = 1; i < 4; i++)
		check_eq(used(VIRTIO_NET_TX).id, 3 * i);
}

TEST(a_reset_forgets_that_the_netdev_was_full)
{
	start(0);
	netdev.limit = 0;
	send_text("0123456789abc", "def");
	check(none_used(VIRTIO_NET_TX));
	fake_driver_start(&driver, &net.virtio, 0);
	fake_netdev_writable(&netdev, 10);
	check_eq(netdev.sent_count, 0);
	send_text("0123456789abc", "def");
	check_eq(netdev.sent_count, 1);
}

/* ---- checksums ---- */

static void send_partial(u16 csum_start, u16 csum_offset)
{
	const struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = csum_start,
		.csum_offset = csum_offset,
	};

	send_parts(&hdr, "dddddd", "ssssssttABCDEFGHIJKL");
}

/* The words from byte 14 on, added up as the Internet does. */
static u32 sum_of_frame(void)
{
	u32 sum = 0;

	for (u32 i = 14; i < 26; i += 2)
		sum += (u32)netdev.frame[i] << 8 | netdev.frame[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

TEST(virtio_5_1_6_2_a_checksum_that_is_left_out_is_filled_in)
{
	u32 checksum;

	start(VIRTIO_NET_F_CSUM);
	send_partial(14, 4);
	check_eq(netdev.size, 26);
	checksum = (u32)netdev.frame[18] << 8 | netdev.frame[19];
	/* What was in its place is part of the sum. */
	memcpy(netdev.frame + 18, "EF", 2);
	check_mem_eq(netdev.frame, "ddddddssssssttABCDEFGHIJKL", 26);
	check_eq(checksum, sum_of_frame() ^ 0xffff);
	check_mem_eq(at(DATA + 128, 20), "ssssssttABCDEFGHIJKL", 20);
}

TEST(virtio_5_1_6_2_2_without_the_feature_or_the_flag_nothing_is_filled_in)
{
	start(0);
	send_partial(14, 4);
	check_mem_eq(netdev.frame, "ddddddssssssttABCDEFGHIJKL", 26);
	start(VIRTIO_NET_F_CSUM);
	send_parts(&(struct virtio_net_hdr){.csum_start = 14, .csum_offset = 4},
		   "dddddd", "ssssssttABCDEFGHIJKL");
	check_mem_eq(netdev.frame, "ddddddssssssttABCDEFGHIJKL", 26);
}

TEST(nobody_fills_in_what_nobody_looks_at)
{
	start(VIRTIO_NET_F_CSUM);
	netdev.netdev.trusts_checksums = true;
	send_partial(14, 4);
	check_mem_eq(netdev.frame, "ddddddssssssttABCDEFGHIJKL", 26);
}

TEST(a_place_for_the_checksum_beyond_the_frame_loses_it)
{
	start(VIRTIO_NET_F_CSUM);
	send_partial(14, 11);
	send_partial(65535, 65535);
	check_eq(netdev.sent_count, 0);
	check(!is_broken());
	(void)used(VIRTIO_NET_TX);
	(void)used(VIRTIO_NET_TX);
}

/* ---- receiving ---- */

/* `count` buffers of `size` bytes each, one after the other. */
static void give_buffers(u32 count, u32 size)
{
	for (u32 i = 0; i < count; i++) {
		const struct fake_driver_part part = {DATA + i * size, size,
						      true};

		fake_driver_add(&driver, VIRTIO_NET_RX, &part, 1);
	}
	fake_driver_kick(&driver, VIRTIO_NET_RX);
}

static void make_frame(u8 *frame, u32 size)
{
	for (u32 i = 0; i < size; i++)
		frame[i] = (u8)(i * 7 + (i >> 8));
	memcpy(frame, own, sizeof(own));
}

static u16 num_buffers(gpa_t gpa)
{
	struct virtio_net_hdr hdr;

	memcpy(&hdr, at(gpa, HDR), HDR);
	return hdr.num_buffers;
}

TEST(virtio_5_1_6_4_a_frame_comes_behind_its_header)
{
	const struct fake_driver_part part[] = {
		{DATA, 5, true}, {DATA + 100, 7, true}, {DATA + 200, 200, true}};
	u8 frame[60];

	start(0);
	make_frame(frame, sizeof(frame));
	fake_driver_add(&driver, VIRTIO_NET_RX, part, 3);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(used(VIRTIO_NET_RX).len, HDR + 60);
	check_mem_eq(at(DATA + 200, 60), frame, 60);
	/* "num_buffers is 1 if VIRTIO_NET_F_MRG_RXBUF was not negotiated" */
	check_eq(at(DATA + 100 + 5, 2)[0], 1);
	check_eq(driver.interrupts[VIRTIO_NET_RX], 1);
}

TEST(virtio_5_1_6_4_1_a_large_frame_is_spread_over_buffers)
{
	static u8 frame[9000];
	u32 total = 0;

	start(VIRTIO_NET_F_MRG_RXBUF);
	make_frame(frame, sizeof(frame));
	give_buffers(10, 1024);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(num_buffers(DATA), 9);
	for (u32 i = 0; i < 9; i++) {
		struct virtq_used_elem elem = used(VIRTIO_NET_RX);

		check_eq(elem.id, i);
		total += elem.len;
	}
	check(none_used(VIRTIO_NET_RX));
	check_eq(total, HDR + sizeof(frame));
	check_mem_eq(at(DATA + HDR, sizeof(frame)), frame, sizeof(frame));
	check_eq(driver.interrupts[VIRTIO_NET_RX], 1);
}

TEST(the_largest_frame_fits_into_a_queue_of_small_buffers)
{
	static u8 frame[NETDEV_FRAME_BYTES_MAX];

	start(VIRTIO_NET_F_MRG_RXBUF);
	make_frame(frame, sizeof(frame));
	give_buffers(VIRTIO_NET_QUEUE_SIZE, 257);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(num_buffers(DATA), (sizeof(frame) + HDR + 256) / 257);
	check_mem_eq(at(DATA + HDR, sizeof(frame)), frame, sizeof(frame));
}

TEST(a_frame_that_never_fits_is_lost_and_its_buffers_are_not)
{
	static u8 frame[NETDEV_FRAME_BYTES_MAX];

	start(VIRTIO_NET_F_MRG_RXBUF);
	make_frame(frame, sizeof(frame));
	give_buffers(VIRTIO_NET_QUEUE_SIZE, 200);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check(none_used(VIRTIO_NET_RX));
	check(fake_netdev_give(&netdev, frame, 60));
	check_eq(used(VIRTIO_NET_RX).id, 0);
	start(0);
	give_buffers(2, 1024);
	check(fake_netdev_give(&netdev, frame, 1024));
	check(none_used(VIRTIO_NET_RX));
	check(fake_netdev_give(&netdev, frame, 1024 - HDR));
	check_eq(used(VIRTIO_NET_RX).len, 1024);
}

TEST(without_buffers_the_netdev_waits_and_is_called_when_there_are_some)
{
	u8 frame[60];

	start(0);
	make_frame(frame, sizeof(frame));
	check(!fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(netdev.wanted_count, 0);
	give_buffers(1, 1024);
	check_eq(netdev.wanted_count, 1);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check(!fake_netdev_give(&netdev, frame, sizeof(frame)));
}

TEST(virtio_2_7_10_with_too_few_buffers_the_driver_tells_of_one_more)
{
	static u8 frame[4000];
	u16 event;

	start(VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_EVENT_IDX);
	make_frame(frame, sizeof(frame));
	give_buffers(3, 1024);
	check(!fake_netdev_give(&netdev, frame, sizeof(frame)));
	/* Not of the first that it has not used, which are there already. */
	event = net.virtio.queue[VIRTIO_NET_RX].used[2 + 4 * VIRTIO_NET_QUEUE_SIZE];
	check_eq(event, 3);
	check(none_used(VIRTIO_NET_RX));
	give_buffers(1, 1024);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(num_buffers(DATA), 4);
}

TEST(virtio_2_1_2_before_the_driver_is_ready_frames_are_dropped)
{
	u8 frame[60];

	start(0);
	make_frame(frame, sizeof(frame));
	mutex_lock(&net.virtio.dev.lock);
	virtio_set_status(&net.virtio, 0);
	mutex_unlock(&net.virtio.dev.lock);
	/* What it held back comes to be dropped. */
	check_eq(netdev.wanted_count, 1);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check(!is_broken());
}

TEST(virtio_5_1_6_3_1_a_buffer_without_room_for_the_header_needs_a_reset)
{
	u8 frame[60];

	make_frame(frame, sizeof(frame));
	start(VIRTIO_NET_F_MRG_RXBUF);
	give_buffers(2, HDR - 1);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check(is_broken());
	/* Nothing in it that the device may write. */
	start(VIRTIO_NET_F_MRG_RXBUF);
	give_buffers(1, 40);
	fake_driver_add(&driver, VIRTIO_NET_RX,
			&(struct fake_driver_part){DATA, 100, false}, 1);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check(is_broken());
	check(none_used(VIRTIO_NET_RX));
	/* What comes is dropped, so nobody waits for this guest. */
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
}

TEST(a_loop_of_descriptors_needs_a_reset)
{
	u8 frame[60];

	start(0);
	make_frame(frame, sizeof(frame));
	fake_driver_put_desc(
		&driver, VIRTIO_NET_RX, 0,
		(struct virtq_desc){DATA, 16,
				    VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 0});
	fake_driver_offer(&driver, VIRTIO_NET_RX, 0);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check(is_broken());
}

TEST(virtio_5_1_6_4_1_good_checksums_are_called_so_if_the_driver_asks)
{
	u8 frame[60];

	make_frame(frame, sizeof(frame));
	start(VIRTIO_NET_F_GUEST_CSUM);
	give_buffers(2, 1024);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(at(DATA, 1)[0], 0);
	netdev.netdev.trusts_checksums = true;
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(at(DATA + 1024, 1)[0], VIRTIO_NET_HDR_F_DATA_VALID);
	start(0);
	netdev.netdev.trusts_checksums = true;
	give_buffers(1, 1024);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	check_eq(at(DATA, 1)[0], 0);
}

/* ---- configuration ---- */

static struct virtio_net_config config(void)
{
	struct virtio_net_config c = {};

	mutex_lock(&net.virtio.dev.lock);
	virtio_config_read(&net.virtio, 0, &c, sizeof(c));
	mutex_unlock(&net.virtio.dev.lock);
	return c;
}

TEST(virtio_5_1_4_the_configuration_has_address_link_and_mtu)
{
	struct virtio_net_config c;
	u8 byte;

	start(ALL_FEATURES);
	check_eq(net.virtio.status & VIRTIO_FEATURES_OK, VIRTIO_FEATURES_OK);
	netdev.netdev.mtu = 65520;
	c = config();
	check_mem_eq(c.mac, own, sizeof(own));
	check_eq(c.status, VIRTIO_NET_S_LINK_UP);
	check_eq(c.mtu, 65520);
	check_eq(c.max_virtqueue_pairs, 1);
	mutex_lock(&net.virtio.dev.lock);
	virtio_config_read(&net.virtio, 5, &byte, 1);
	mutex_unlock(&net.virtio.dev.lock);
	check_eq(byte, own[5]);
}

TEST(virtio_5_1_6_5_4_a_link_that_comes_back_asks_for_an_announcement)
{
	start(ALL_FEATURES);
	fake_netdev_set_link(&netdev, false);
	check_eq(config().status, 0);
	check_eq(driver.config_changes, 1);
	fake_netdev_set_link(&netdev, true);
	check_eq(config().status, VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	check_eq(driver.config_changes, 2);
	start(VIRTIO_NET_F_STATUS);
	fake_netdev_set_link(&netdev, false);
	fake_netdev_set_link(&netdev, true);
	check_eq(config().status, VIRTIO_NET_S_LINK_UP);
}

/* ---- commands ---- */

/* The answer. */
static u8 command(const void *data, u32 size)
{
	const struct fake_driver_part part[] = {{DATA, size, false},
						{DATA + 0x1000, 1, true}};

	put(DATA, data, size);
	put(DATA + 0x1000, "\xee", 1);
	fake_driver_add(&driver, VIRTIO_NET_CTRL, part, 2);
	fake_driver_kick(&driver, VIRTIO_NET_CTRL);
	check_eq(used(VIRTIO_NET_CTRL).len, 1);
	return at(DATA + 0x1000, 1)[0];
}

#define COMMAND(bytes) command(bytes, sizeof(bytes) - 1)

static bool gets_through(const u8 mac[6])
{
	u8 frame[60] = {};
	u64 before = net.virtio.queue[VIRTIO_NET_RX].next_used;

	memcpy(frame, mac, 6);
	give_buffers(1, 1024);
	check(fake_netdev_give(&netdev, frame, sizeof(frame)));
	return net.virtio.queue[VIRTIO_NET_RX].next_used != before;
}

TEST(virtio_5_1_6_5_1_frames_for_others_are_let_in_as_the_driver_says)
{
	static const u8 all[] = {255, 255, 255, 255, 255, 255};

	start(ALL_FEATURES);
	check(gets_through(other));
	check_eq(COMMAND("\0\0\0"), 0);
	check(!gets_through(other));
	check(gets_through(own));
	check(gets_through(all));
	check_eq(COMMAND("\0\1\1"), 0);
	check(!gets_through(other));
	check_eq(COMMAND("\0\0\1"), 0);
	check(gets_through(other));
}

TEST(virtio_5_1_6_5_2_the_table_of_addresses_is_let_in)
{
	u8 many[2 + 4 + 17 * 6 + 4] = {1, 0, 17};

	start(ALL_FEATURES);
	check_eq(COMMAND("\0\0\0"), 0);
	check_eq(COMMAND("\1\0\1\0\0\0\x52\x54\0\x12\x34\x57\1\0\0\0"
			 "\1\0\x5e\0\0\1"),
		 0);
	check(gets_through(other));
	check_eq(COMMAND("\1\0\0\0\0\0\0\0\0\0"), 0);
	check(!gets_through(other));
	/* More than there is room for: rather too many than too few. */
	check_eq(command(many, sizeof(many)), 0);
	check(gets_through(other));
	check_eq(COMMAND("\1\0\0\0\0\0\0\0\0\0"), 0);
	check(!gets_through(other));
}

TEST(virtio_5_1_6_5_2_the_driver_can_change_the_cards_address)
{
	start(ALL_FEATURES);
	check_eq(COMMAND("\0\0\0"), 0);
	check_eq(COMMAND("\1\1\x52\x54\0\x12\x34\x57"), 0);
	check(gets_through(other));
	check(!gets_through(own));
	check_mem_eq(config().mac, other, 6);
	fake_driver_start(&driver, &net.virtio, ALL_FEATURES);
	check_mem_eq(config().mac, own, 6);
}

TEST(virtio_2_7_10_each_queue_that_is_served_asks_for_the_next_chain)
{
	static const u32 queue[] = {VIRTIO_NET_TX, VIRTIO_NET_CTRL};

	start(ALL_FEATURES | VIRTIO_F_EVENT_IDX);
	for (u16 n = 1; n < 4; n++) {
		send_text("0123456789abc", "def");
		check_eq(COMMAND("\0\0\0"), 0);
		for (u32 i = 0; i < ARRAY_SIZE(queue); i++) {
			const struct virtq *vq = &net.virtio.queue[queue[i]];

			check_eq(vq->used[2 + 4 * VIRTIO_NET_QUEUE_SIZE], n);
		}
	}
}

TEST(virtio_5_1_6_5_4_an_announcement_is_acknowledged)
{
	start(ALL_FEATURES);
	fake_netdev_set_link(&netdev, false);
	fake_netdev_set_link(&netdev, true);
	check_eq(COMMAND("\3\0"), 0);
	check_eq(config().status, VIRTIO_NET_S_LINK_UP);
}

TEST(commands_that_are_cut_short_or_unknown_are_answered_with_an_error)
{
	start(ALL_FEATURES);
	check_eq(COMMAND("\0\0"), 1);
	check_eq(COMMAND("\0\2\1"), 1);
	check_eq(COMMAND("\1\0"), 1);
	check_eq(COMMAND("\1\0\1\0\0\0\x52\x54\0\x12\x34"), 1);
	check_eq(COMMAND("\1\0\xff\xff\xff\xff\0\0\0\0"), 1);
	check_eq(COMMAND("\1\0\0\0\0\0\xff\xff\xff\xff"), 1);
	check_eq(COMMAND("\1\0\0\0\0\0\1\0\0\0\1\0\x5e\0\0"), 1);
	check_eq(COMMAND("\1\1\x52\x54\0\x12\x34"), 1);
	check_eq(COMMAND("\1\2\x52\x54\0\x12\x34\x57"), 1);
	check_eq(COMMAND("\3\1"), 1);
	check_eq(COMMAND("\4\0\1\0"), 1);
	check_eq(COMMAND("\xff\xff"), 1);
	check(!is_broken());
	check_mem_eq(config().mac, own, 6);
}

TEST(commands_of_features_that_were_not_taken_are_errors)
{
	start(VIRTIO_NET_F_CTRL_VQ);
	check_eq(COMMAND("\0\0\1"), 1);
	check_eq(COMMAND("\1\0\0\0\0\0\0\0\0\0"), 1);
	check_eq(COMMAND("\1\1\x52\x54\0\x12\x34\x57"), 1);
	check_eq(COMMAND("\3\0"), 1);
}

TEST(virtio_5_1_6_5_a_command_without_a_head_or_an_answer_needs_a_reset)
{
	const struct fake_driver_part headless[] = {{DATA, 1, false},
						    {DATA + 64, 1, true}};
	const struct fake_driver_part mute = {DATA, 3, false};

	start(ALL_FEATURES);
	fake_driver_add(&driver, VIRTIO_NET_CTRL, headless, 2);
	fake_driver_kick(&driver, VIRTIO_NET_CTRL);
	check(is_broken());
	start(ALL_FEATURES);
	fake_driver_add(&driver, VIRTIO_NET_CTRL, &mute, 1);
	fake_driver_kick(&driver, VIRTIO_NET_CTRL);
	check(is_broken());
}

/* ---- state ---- */

TEST(what_is_saved_and_restored_is_the_same)
{
	static struct virtio_net saved;
	struct buf record, again;
	const char *name = "";

	start(ALL_FEATURES);
	check_eq(COMMAND("\0\0\0"), 0);
	check_eq(COMMAND("\1\1\x52\x54\0\x12\x34\x58"), 0);
	check_eq(COMMAND("\1\0\1\0\0\0\x52\x54\0\x12\x34\x57\0\0\0\0"), 0);
	fake_netdev_set_link(&netdev, false);
	fake_netdev_set_link(&netdev, true);
	check(gets_through(other));
	saved = net;
	buf_init(&record, 65536);
	buf_init(&again, 65536);
	check_eq(dev_save(&net.virtio.dev, &record), 0);
	/* The load resets first; rings and buffers are memory's. */
	check_eq(dev_load(&net.virtio.dev, 1, record.data, record.size), 0);
	check(fields_equal(&net.virtio.dev.class->state, &net, &saved, &name));
	check_eq(dev_save(&net.virtio.dev, &again), 0);
	check_eq(again.size, record.size);
	check_mem_eq(again.data, record.data, record.size);
	check(gets_through(other));
	check(!gets_through(own));
	net.filter_count = VIRTIO_NET_FILTER_MAX + 1;
	buf_truncate(&again);
	check_eq(dev_save(&net.virtio.dev, &again), 0);
	check_eq(dev_load(&net.virtio.dev, 1, again.data, again.size), -EINVAL);
	buf_release(&record);
	buf_release(&again);
}
