/* SPDX-License-Identifier: MIT */
/* The field of a packet on the datagrams that carry it, out of a running engine: to whom, and to
 * whom not.
 */
#include "base/ecn.h"
#include "outbound_rig.h"

enum {
	FIELDS = 4,
	LEN = 100,
	PADDED = 112,
};

static const int one = 1;

static void setup(void)
{
	outbound_setup();
	for (unsigned i = 0; i < PATHS; i++)
		cr_assert(eq(int, setsockopt(far[i], IPPROTO_IP, IP_RECVTOS, &one, sizeof one), 0));
}

TestSuite(marks_copied, .init = setup, .fini = outbound_teardown, .timeout = 60);

static void write_with(uint32_t seq, uint8_t tos)
{
	uint8_t packet[LEN];

	rig_packet(packet, 4, HERE, THERE, seq, LEN);
	packet[1] = tos;
	cr_assert(rig_write(&ours, packet, LEN));
}

/* The type of service of the next datagram, which stays there. */
static int next_tos(int fd)
{
	_Alignas(struct cmsghdr) uint8_t control[64];
	struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *c;

	cr_assert(rig_is_readable(fd, RIG_WAIT_MS));
	cr_assert(ge(int, (int)recvmsg(fd, &msg, MSG_PEEK), 0));
	c = CMSG_FIRSTHDR(&msg);
	cr_assert(ne(ptr, c, NULL));
	cr_assert(eq(int, c->cmsg_type, IP_TOS));
	return *CMSG_DATA(c);
}

/* The packet itself is as it was. */
static void expect_with(unsigned path, uint32_t seq, uint8_t tos, int outer)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	cr_expect(eq(int, next_tos(far[path]), outer), "packet %u", seq);
	cr_assert(eq(sz, rig_unseal(far[path], INDEX_THERE, &counter, payload), PADDED));
	cr_expect(eq(u8, payload[1], tos));
	cr_expect(eq(u32, load_be32(payload + 20), seq));
}

static void bond(void)
{
	begin_session(true, 0);
	atomic_store(&kp->send_lanes, true);
}

/* And nothing else of the byte: what class a packet has is not told. */
Test(marks_copied, datagrams_to_a_bonded_peer_have_the_field_of_their_packets)
{
	bond();
	rig_start(&ours);
	for (uint32_t seq = 0; seq < 64; seq++)
		write_with(seq, (uint8_t)(0xb8 | seq % FIELDS));
	for (uint32_t seq = 0; seq < 64; seq++)
		expect_with(0, seq, (uint8_t)(0xb8 | seq % FIELDS), (int)(seq % FIELDS));
}

Test(marks_copied, redundant_copies_have_it_on_every_path)
{
	bond();
	rig_publish_paths(peer, BONDING_REDUNDANT, 3, NULL);
	rig_start(&ours);
	for (uint32_t seq = 0; seq < FIELDS; seq++)
		write_with(seq, (uint8_t)seq);
	for (unsigned path = 0; path < 3; path++) {
		for (uint32_t seq = 0; seq < FIELDS; seq++)
			expect_with(path, seq, (uint8_t)seq, (int)seq);
	}
}

/* Marks would be lost there, and a router's queue grow for want of a loss. */
Test(marks_copied, plain_peer_that_may_know_no_marks_gets_none)
{
	begin_session(true, 0);
	rig_start(&ours);
	write_with(0, ECN_ECT_0);
	expect_with(0, 0, ECN_ECT_0, ECN_NOT_ECT);
}

static void send_from_peer(uint64_t counter, uint8_t inner, int outer)
{
	uint8_t packet[LEN + 12] = {0}, datagram[RIG_DATAGRAM], got[RIG_DATAGRAM];

	rig_packet(packet, 4, THERE, HERE, 7, LEN);
	ecn_set(packet, inner);
	cr_assert(eq(int, setsockopt(far[0], IPPROTO_IP, IP_TOS, &outer, sizeof outer), 0));
	rig_send(far[0], &engine_link(ours.engine, 0)->bound, datagram,
	         rig_seal(datagram, INDEX_HERE, counter, packet, PADDED));
	cr_assert(eq(sz, rig_read(&ours, got), LEN));
}

/* As the kernel's WireGuard does, which makes ECT(0) of a mark on the packet. */
Test(marks_copied, plain_peer_that_copies_the_field_itself_gets_it)
{
	begin_session(true, 0);
	rig_start(&ours);
	send_from_peer(0, ECN_ECT_0, ECN_NOT_ECT);
	write_with(0, ECN_ECT_0);
	expect_with(0, 0, ECN_ECT_0, ECN_NOT_ECT);
	send_from_peer(1, ECN_CE, ECN_ECT_0);
	write_with(1, ECN_ECT_0);
	expect_with(0, 1, ECN_ECT_0, ECN_ECT_0);
}

/* Somebody on the way sets bits at random: that is no sign of the peer. */
Test(marks_copied, field_that_nobody_sends_makes_no_copier)
{
	begin_session(true, 0);
	rig_start(&ours);
	send_from_peer(0, ECN_NOT_ECT, ECN_ECT_0);
	rig_until(engine_marks(ours.engine, MARKS_UNEXPECTED) == 1);
	write_with(0, ECN_ECT_0);
	expect_with(0, 0, ECN_ECT_0, ECN_NOT_ECT);
}

Test(marks_copied, field_of_ipv6_packets_is_copied_too)
{
	uint8_t packet[LEN], payload[RIG_DATAGRAM];
	uint64_t counter;

	bond();
	rig_start(&ours);
	for (uint8_t ecn = 0; ecn < FIELDS; ecn++) {
		rig_packet(packet, 6, HERE, THERE, ecn, LEN);
		ecn_set(packet, ecn);
		cr_assert(rig_write(&ours, packet, LEN));
		cr_expect(eq(int, next_tos(far[0]), ecn));
		cr_assert(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), PADDED));
		ASSERT_BYTES(payload, packet, LEN);
	}
}
