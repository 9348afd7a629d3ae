/* SPDX-License-Identifier: MIT */
/* When the kernel took in what a link received. */
#include "dataplane/feedback.h"
#include "engine_rig.h"

enum {
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far;
static struct endpoint far_at;

/* Nobody receives yet. */
static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 1, "0.0.0.0:0");
	peer = engine_create_peer(end.engine, NULL);
	far = rig_far_socket("127.0.0.1:0", &far_at);
	rig_publish_target(&end, peer, 0, 0, &far_at);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	atomic_store(&peer->followed_path, PATH_ANY);
	kp = rig_keypair(&end, peer, false, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	cr_assert(engine_link(end.engine, 0)->has_stamps);
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, &far, 1);
}

TestSuite(link_stamps, .init = setup, .fini = teardown, .timeout = 60);

static void send_seq(uint32_t seq)
{
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	struct endpoint to;
	size_t len = rig_flow_packet(packet, THERE, HERE, seq);

	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &to), 0));
	endpoint_set_port(&to, endpoint_port(&engine_link(end.engine, 0)->bound));
	rig_send(far, &to, datagram, rig_seal(datagram, INDEX_HERE, seq, packet, len));
}

static uint64_t wall_ns(void)
{
	struct timespec now = clock_wall();

	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

Test(link_stamps, come_with_the_message)
{
	struct link *link = engine_link(end.engine, 0);
	_Alignas(struct cmsghdr) uint8_t control[LINK_CONTROL_LEN];
	uint8_t data[RIG_DATAGRAM];
	struct iovec iov = {data, sizeof data};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = control,
	                     .msg_controllen = sizeof control};
	struct link_message m = {0};
	uint64_t before_ns = wall_ns(), after_ns;

	send_seq(0);
	after_ns = wall_ns();
	cr_assert(rig_is_readable(link->data_fd, RIG_WAIT_MS));
	cr_assert(lt(int, 0, (int)recvmsg(link->data_fd, &msg, 0)));
	cr_assert(eq(int, msg.msg_flags &MSG_CTRUNC, 0));
	link_read_message(link, &msg, 1, &m);
	cr_expect(ge(u64, m.stamp_ns, before_ns));
	cr_expect(le(u64, m.stamp_ns, after_ns));
	cr_expect(eq(int, endpoint_family(&m.route.local), AF_INET), "there is room for all");
}

/* It lay in the socket for a while. */
Test(link_stamps, tell_when_it_came_however_late_it_was_read)
{
	const struct arrivals_path *came;
	uint64_t before_ns = clock_boot_ns(), after_ns;

	send_seq(0);
	after_ns = clock_boot_ns();
	while (clock_boot_ns() < after_ns + 20 * NS_PER_MS)
		;
	rig_start(&end);
	rig_until(counter_read(&peer->path[0].rx_packets) == 1);
	engine_stop(end.engine);
	came = &peer->feedback->arrivals.path[0];
	cr_expect(ge(u64, came->newest_ns + 100 * NS_PER_US, before_ns));
	cr_expect(le(u64, came->newest_ns, after_ns + 100 * NS_PER_US));
}
