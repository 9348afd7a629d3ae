/* SPDX-License-Identifier: MIT */
/* From the header of a datagram into that of the packet in it, through sockets and a running
 * engine: one by one, among others, in trains; over both families, with all else that the system
 * tells of a datagram.
 */
#include <netinet/udp.h>

#include "base/ecn.h"
#include "engine_rig.h"

enum {
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
	LEN = 200,
	DATAGRAM = 208 + TRANSPORT_OVERHEAD,
	MANY = 40,
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far;
static struct endpoint far_at, here;

static void open_at(const char *any, const char *host)
{
	rig_setup();
	rig_create(&end, 1, 1, any);
	peer = engine_create_peer(end.engine, NULL);
	far = rig_far_socket(host, &far_at);
	cr_assert(eq(int, endpoint_parse(host, 0, &here), 0));
	endpoint_set_port(&here, endpoint_port(&engine_link(end.engine, 0)->bound));
	rig_publish_target(&end, peer, 0, 0, &far_at);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	atomic_store(&peer->followed_path, PATH_ANY);
	atomic_store(&peer->frames_allowed, true);
	kp = rig_keypair(&end, peer, false, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	cr_assert(engine_link(end.engine, 0)->has_gro);
}

static void open_ipv4(void)
{
	open_at("0.0.0.0:0", "127.0.0.1:0");
}

static void open_ipv6(void)
{
	open_at("[::]:0", "[::1]:0");
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, &far, 1);
}

TestSuite(marks_carried, .fini = teardown, .timeout = 60);

/* Of all that the far end sends from now on. */
static void send_with(uint8_t outer)
{
	int value = outer, r;

	if (endpoint_family(&far_at) == AF_INET6)
		r = setsockopt(far, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
	else
		r = setsockopt(far, IPPROTO_IP, IP_TOS, &value, sizeof value);
	cr_assert(eq(int, r, 0));
}

static size_t seal(uint8_t *datagram, uint32_t seq, uint8_t inner)
{
	uint8_t packet[LEN + 8] = {0};

	rig_packet(packet, seq % 2 ? 4 : 6, THERE, HERE, seq, LEN);
	ecn_set(packet, inner);
	return rig_seal(datagram, INDEX_HERE, seq, packet, sizeof packet);
}

static void send_seq(uint32_t seq, uint8_t inner)
{
	uint8_t datagram[RIG_DATAGRAM];

	rig_send(far, &here, datagram, seal(datagram, seq, inner));
}

static void expect_seq(uint32_t seq, uint8_t ecn)
{
	uint8_t got[RIG_DATAGRAM], want[LEN];
	size_t len = rig_read(&end, got);

	cr_assert(eq(sz, len, LEN));
	cr_expect(eq(u8, ecn_of(got), ecn), "packet %u", seq);
	rig_packet(want, seq % 2 ? 4 : 6, THERE, HERE, seq, LEN);
	cr_expect(eq(u32, load_be32(got + (seq % 2 ? 20 : 40)), seq));
	ASSERT_BYTES(got + (seq % 2 ? 12 : 8), want + (seq % 2 ? 12 : 8), LEN - 12);
}

static uint64_t marks(enum mark_count what)
{
	return engine_marks(end.engine, what);
}

static void check_lone_datagrams(void)
{
	rig_start(&end);
	send_with(ECN_CE);
	send_seq(0, ECN_ECT_0);
	expect_seq(0, ECN_CE);
	send_seq(1, ECN_ECT_1);
	expect_seq(1, ECN_CE);
	send_with(0x88 | ECN_ECT_0); /* whatever the rest of the byte is */
	send_seq(2, ECN_ECT_0);
	expect_seq(2, ECN_ECT_0);
	send_with(ECN_ECT_1);
	send_seq(3, ECN_ECT_0);
	expect_seq(3, ECN_ECT_1);
	send_with(ECN_NOT_ECT);
	send_seq(4, ECN_CE);
	expect_seq(4, ECN_CE);
	cr_expect(eq(u64, marks(MARKS_CARRIED), 2));
	cr_expect(eq(u64, marks(MARKS_UNEXPECTED), 0));
	rig_expect_drops(&end, DROP_REASON_COUNT, 0);
}

Test(marks_carried, mark_of_a_datagram_is_that_of_its_packet)
{
	open_ipv4();
	check_lone_datagrams();
}

Test(marks_carried, mark_of_a_datagram_over_ipv6_is_that_of_its_packet)
{
	open_ipv6();
	check_lone_datagrams();
}

/* They are taken in together, into one batch: each has its own all the same. */
Test(marks_carried, datagrams_of_one_reception_keep_each_its_own)
{
	open_ipv4();
	for (uint32_t seq = 0; seq < MANY; seq++) {
		send_with(seq % 3 ? ECN_ECT_0 : ECN_CE);
		send_seq(seq, ECN_ECT_0);
	}
	rig_start(&end);
	for (uint32_t seq = 0; seq < MANY; seq++)
		expect_seq(seq, seq % 3 ? ECN_ECT_0 : ECN_CE);
	cr_expect(eq(u64, marks(MARKS_CARRIED), (MANY + 2) / 3));
}

static void send_train(uint32_t first, unsigned count)
{
	static uint8_t bytes[MANY * DATAGRAM];
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct iovec iov = {bytes, 0};
	struct msghdr m = {.msg_name = &here.sa,
	                   .msg_namelen = endpoint_len(&here),
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof control};
	struct cmsghdr *c = (void *)control;
	uint16_t each = DATAGRAM;

	for (unsigned i = 0; i < count; i++)
		iov.iov_len += seal(bytes + iov.iov_len, first + i, ECN_ECT_0);
	cr_assert(eq(sz, iov.iov_len, count * DATAGRAM));
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof each);
	memcpy(CMSG_DATA(c), &each, sizeof each);
	cr_assert(eq(int, (int)sendmsg(far, &m, 0), (int)iov.iov_len), "%s", strerror(errno));
}

static void check_trains(void)
{
	send_with(ECN_CE);
	send_train(0, MANY / 2);
	send_with(ECN_ECT_0);
	send_train(MANY / 2, MANY / 2);
	rig_start(&end);
	for (uint32_t seq = 0; seq < MANY; seq++)
		expect_seq(seq, seq < MANY / 2 ? ECN_CE : ECN_ECT_0);
	cr_expect(eq(u64, marks(MARKS_CARRIED), MANY / 2));
}

Test(marks_carried, mark_of_a_train_is_that_of_all_its_packets)
{
	open_ipv4();
	check_trains();
}

Test(marks_carried, mark_of_a_train_over_ipv6_is_that_of_all_its_packets)
{
	open_ipv6();
	check_trains();
}

/* The number counts all the same: what comes behind it waits for nobody. */
Test(marks_carried, mark_that_cannot_be_told_is_a_drop)
{
	open_ipv4();
	rig_start(&end);
	send_with(ECN_CE);
	send_seq(0, ECN_NOT_ECT);
	rig_until(engine_drops(end.engine, DROP_ECN_NOT_ECT) == 1);
	send_seq(1, ECN_ECT_0);
	expect_seq(1, ECN_CE);
	rig_expect_drops(&end, DROP_ECN_NOT_ECT, 1);
	cr_expect(eq(u64, marks(MARKS_UNEXPECTED), 1));
	rig_until(counter_read(&peer->path[0].rx_packets) == 2);
}

/* They have no mark to be told, and none to be dropped for. */
Test(marks_carried, frames_and_keepalives_are_none_of_it)
{
	open_ipv4();
	uint8_t datagram[RIG_DATAGRAM], frames[32] = {FRAME_MAGIC, 0x7f, 4, 0};

	rig_start(&end);
	send_with(ECN_CE);
	rig_send(far, &here, datagram, rig_seal(datagram, INDEX_HERE, 0, frames, 0));
	rig_send(far, &here, datagram, rig_seal(datagram, INDEX_HERE, 1, frames, sizeof frames));
	send_seq(2, ECN_ECT_0);
	expect_seq(2, ECN_CE);
	cr_expect(eq(u64, marks(MARKS_UNEXPECTED), 0));
	rig_expect_drops(&end, DROP_FRAME_UNKNOWN, 1);
}
