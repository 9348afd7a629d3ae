/* SPDX-License-Identifier: MIT */
/* Packets that no path carries, and those that one path carries. */
#include "dataplane/too_long.h"

#include "base/ip.h"
#include "outflow_rig.h"

enum {
	NARROW = 1344,
	WIDE = 1392,
	LONG = 1400
};

TestSuite(too_long, .init = outflow_setup, .fini = outflow_teardown, .timeout = 60);

static uint16_t flags4 = 0x4000; /* DF */

/* Paths 0 and 1 carry so much; 0: any. */
static void limit(enum bonding_mode mode, uint16_t first, uint16_t second)
{
	const struct path_candidate candidates[] = {
		{.path_id = 0, .weight = 1, .packet_max = first},
		{.path_id = 1, .weight = 1, .packet_max = second}};

	engine_publish_paths(peer, path_table_build(mode, candidates, PATHS));
}

static void send_one(uint32_t seq, size_t len)
{
	struct read_pool *reads = &end.engine->dispatcher[0].reads;
	struct virtio_net_hdr header = {0};
	struct read_buffer *read;

	cr_assert(read_pool_has_room(reads));
	read = read_pool_next(reads);
	rig_packet(read->data, seq % 2 ? 6 : 4, HERE, THERE, seq, len);
	if (seq % 2 == 0) {
		store_be16(read->data + 6, flags4);
		ip_set_len(read->data, len, 20);
	}
	cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, len), 1));
	cr_assert(outflow_put(out, read_pool_keep(reads, read, len)));
	expect_run(0, OUTFLOW_DONE);
}

/* The sender of a packet of LONG bytes is told @mtu. */
static void expect_answer(bool is_v6, uint32_t mtu)
{
	int fd = end.queue[dp_peer_queue(peer)];
	uint8_t answer[RIG_DATAGRAM];
	ssize_t len;

	cr_assert(rig_is_readable(fd, RIG_WAIT_MS));
	len = read(fd, answer, sizeof answer);
	cr_assert(lt(i64, 48, len));
	cr_expect(eq(int, answer[0] >> 4, is_v6 ? 6 : 4));
	if (is_v6)
		cr_expect(eq(u32, load_be32(answer + 44), mtu));
	else
		cr_expect(eq(u32, load_be16(answer + 26), mtu));
	cr_expect(eq(sz, ip_packet_len(answer + (is_v6 ? 48 : 28), LONG), LONG));
}

static bool is_answered(void)
{
	return rig_is_readable(end.queue[dp_peer_queue(peer)], 0);
}

static size_t next_len(unsigned path)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	size_t len = rig_unseal(far[path], INDEX_THERE, &counter, payload);

	return ip_packet_len(payload, len);
}

Test(too_long, senders_are_told_what_the_widest_path_carries)
{
	begin_session(BONDING_AGGREGATE, PATHS);
	limit(BONDING_AGGREGATE, NARROW, WIDE);
	for (uint32_t seq = 0; seq < 2; seq++) {
		send_one(seq, LONG);
		expect_answer(seq, WIDE);
	}
	send_one(2, WIDE);
	cr_expect(not(is_answered()));
}

/* Until they heed it: what is dropped is lost for certain. */
Test(too_long, what_is_too_long_is_sent_all_the_same)
{
	unsigned came = 0;

	begin_session(BONDING_AGGREGATE, PATHS);
	limit(BONDING_AGGREGATE, NARROW, WIDE);
	for (uint32_t seq = 0; seq < 8; seq++)
		send_one(seq, LONG);
	for (unsigned path = 0; path < PATHS; path++) {
		while (rig_is_readable(far[path], 0))
			came += next_len(path) == LONG;
	}
	cr_expect(eq(uint, came, 8));
}

Test(too_long, nobody_is_told_about_what_may_be_fragmented)
{
	begin_session(BONDING_AGGREGATE, PATHS);
	limit(BONDING_AGGREGATE, NARROW, WIDE);
	flags4 = 0;
	send_one(0, LONG);
	cr_expect(not(is_answered()));
	cr_expect(rig_is_readable(far[0], 0) || rig_is_readable(far[1], 0));
}

Test(too_long, what_one_path_carries_goes_there)
{
	begin_session(BONDING_AGGREGATE, PATHS);
	limit(BONDING_AGGREGATE, NARROW, 0);
	for (uint32_t seq = 0; seq < 20; seq++) {
		send_one(seq, LONG);
		cr_expect(eq(sz, next_len(1), LONG));
	}
	cr_expect(not(rig_is_readable(far[0], 0)));
	send_one(20, NARROW);
	cr_expect(eq(sz, next_len(0), NARROW), "and it has its share of the others");
	cr_expect(not(is_answered()));
}

/* Batches are joined where they leave alike: copies for one path are not copies for two. */
Test(too_long, copies_go_where_they_fit)
{
	begin_session(BONDING_REDUNDANT, PATHS);
	atomic_store(&kp->send_lanes, true);
	limit(BONDING_REDUNDANT, 0, NARROW);
	for (uint32_t seq = 0; seq < 6; seq++) {
		size_t len = seq % 3 ? LONG : NARROW;

		send_one(seq, len);
		cr_expect(eq(sz, next_len(0), len));
		if (len == NARROW)
			cr_expect(eq(sz, next_len(1), NARROW));
		cr_expect(not(rig_is_readable(far[1], 0)));
	}
}

Test(too_long, there_are_not_more_answers_than_may_be)
{
	unsigned answers = 0;
	uint8_t answer[RIG_DATAGRAM];

	begin_session(BONDING_AGGREGATE, PATHS);
	limit(BONDING_AGGREGATE, NARROW, NARROW);
	for (uint32_t seq = 0; seq < 3 * TOO_LONG_PER_S; seq++) {
		send_one(seq, LONG);
		while (is_answered()) {
			cr_assert(lt(i64, 0,
			             read(end.queue[dp_peer_queue(peer)], answer, sizeof answer)));
			answers++;
		}
	}
	cr_expect(ge(uint, answers, TOO_LONG_PER_S));
	cr_expect(lt(uint, answers, 3 * TOO_LONG_PER_S));
}
