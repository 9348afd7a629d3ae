/* SPDX-License-Identifier: MIT */
/* Batches sent in trains (UDP_SEGMENT) over a link with offloads, as a far socket sees them: a
 * plain one gets datagrams, one with UDP_GRO gets the trains themselves.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "dataplane/link_tx.h"
#include "dataplane/tun.h"
#include "engine_rig.h"

enum {
	SLOT_BYTES = 1472,
	SMALL_MTU = 1000,
	TOO_LONG = 1200, /* for a train there; single ones go in fragments */
	FITTING = 900,
};

static struct engine engine; /* what a link tells control goes there */
static struct link sender;
static struct train_limit path; /* what is known of where it sends to */
static struct dp_thread self;
static struct batch_pool pool;

static void setup(void)
{
	rig_setup();
	cr_assert(eq(int, mailbox_init(&engine.mailbox), 0));
	train_limit_set(&path, TRAIN_ANY);
	cr_assert(eq(int, batch_pool_init(&pool, 4, batch_bytes_for(SLOT_BYTES), SLOT_BYTES), 0));
}

static void teardown(void)
{
	link_close(&sender);
	batch_pool_fini(&pool);
	mailbox_fini(&engine.mailbox);
	rig_teardown();
}

TestSuite(trains, .init = setup, .fini = teardown, .timeout = 60);

static struct link_settings link_at(const char *at, bool has_offloads)
{
	struct link_settings set = {.name = "test", .has_offloads = has_offloads};

	cr_assert(eq(int, endpoint_parse(at, 0, &set.bind), 0));
	return set;
}

static void open_sender(const char *at, bool has_offloads)
{
	struct link_settings set = link_at(at, has_offloads);

	cr_assert(eq(int, link_open(&sender, &set), 0));
}

static int far_socket(const char *at, bool has_gro, struct endpoint *ret)
{
	int fd = rig_far_socket(at, ret), one = 1;

	if (has_gro)
		cr_assert(eq(int, setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one), 0));
	return fd;
}

/* ---- batches ---- */

enum lengths {
	EQUAL,
	SHORTER_LAST,
	SPELLS, /* some of one length, then some of another */
	RANDOM,
	LENGTHS,
};

static struct batch *make_batch(struct test_random *random, unsigned count, enum lengths lengths,
                                unsigned longest)
{
	struct batch *b = batch_get(&pool);
	unsigned len = longest;

	cr_assert(ne(ptr, b, NULL));
	cr_assert(le(uint, count, pool.slots));
	for (unsigned i = 0; i < count; i++) {
		struct segment *seg = batch_append(b, pool.stride);

		if (lengths == RANDOM || (lengths == SPELLS && test_random_next(random) % 5 == 0) ||
		    (lengths == SHORTER_LAST && i == count - 1))
			len = (unsigned)(1 + test_random_next(random) % longest);
		seg->len = (uint16_t)len;
		test_random_fill(random, segment_header(b, seg), seg->len);
	}
	return b;
}

static uint64_t bytes_of(const struct batch *b)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < b->len; i++)
		bytes += b->segment[i].len;
	return bytes;
}

/* One message: a datagram, or a train of datagrams of *@ret_step bytes. Waits for it. */
static size_t receive(int fd, uint8_t *buf, size_t size, unsigned *ret_step, struct endpoint *from)
{
	_Alignas(struct cmsghdr) uint8_t control[64];
	struct iovec iov = {buf, size};
	struct msghdr m = {.msg_name = &from->sa,
	                   .msg_namelen = sizeof *from,
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof control};
	struct cmsghdr *c;
	ssize_t n;
	int step;

	*from = (struct endpoint){0};
	cr_assert(rig_is_readable(fd, RIG_WAIT_MS), "nothing came");
	n = recvmsg(fd, &m, 0);
	cr_assert(lt(int, 0, (int)n));
	*ret_step = (unsigned)n;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
		memcpy(&step, CMSG_DATA(c), sizeof step);
		*ret_step = (unsigned)step;
	}
	return (size_t)n;
}

/* Expects the datagrams of @b at @fd, in order, and nothing else; returns in how many messages. */
static unsigned expect_batch(int fd, const struct batch *b, const struct endpoint *want_from)
{
	static uint8_t buf[65536];
	unsigned messages = 0, step;
	struct endpoint from;

	for (unsigned i = 0; i < b->len; messages++) {
		size_t n = receive(fd, buf, sizeof buf, &step, &from);

		cr_expect(endpoint_equal(&from, want_from));
		for (size_t at = 0; at < n; at += step, i++) {
			const struct segment *seg = &b->segment[i];

			cr_assert(lt(uint, i, b->len));
			cr_assert(eq(sz, n - at < step ? n - at : step, seg->len), "datagram %u",
			          i);
			ASSERT_BYTES(buf + at, segment_header(b, seg), seg->len);
		}
	}
	cr_expect(not(rig_is_readable(fd, 0)));
	return messages;
}

static struct link_sent send_on(const struct route *route, struct train_limit *limit,
                                const struct batch *b)
{
	struct iovec segment[BATCH_MAX];

	return link_send(&self, route, limit, segment, batch_refer(b, segment));
}

/* Sends @b and expects the system to take all of it. */
static void send_batch(const struct route *route, const struct batch *b)
{
	struct link_sent sent = send_on(route, &path, b);

	cr_assert(eq(uint, sent.packets, b->len));
	cr_assert(eq(u64, sent.bytes, bytes_of(b)));
	cr_assert(eq(int, sent.error, 0));
}

/* ---- what arrives ---- */

static void expect_datagrams(const char *at)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	int fd = far_socket(at, false, &route.remote);
	uint64_t packets = 0, bytes = 0;

	open_sender(at, true);
	for (unsigned count = 1; count <= BATCH_MAX; count += count < 4 ? 1 : 5) {
		for (enum lengths lengths = 0; lengths < LENGTHS; lengths++) {
			struct batch *b = make_batch(&random, count, lengths, SLOT_BYTES);

			send_batch(&route, b);
			cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), count));
			packets += count;
			bytes += bytes_of(b);
			batch_free(b);
		}
	}
	cr_expect(eq(u64, counter_read(&sender.tx_packets), packets));
	cr_expect(eq(u64, counter_read(&sender.tx_bytes), bytes));
	cr_expect(eq(u64, counter_read(&sender.tx_errors), 0));
	cr_expect(eq(uint, train_limit_max(&path), TRAIN_ANY));
	close(fd);
}

Test(trains, plain_socket_gets_every_datagram_byte_for_byte_in_order_over_ipv4)
{
	expect_datagrams("127.0.0.1:0");
}

Test(trains, plain_socket_gets_every_datagram_byte_for_byte_in_order_over_ipv6)
{
	expect_datagrams("[::1]:0");
}

/* @messages: for batches of 40 datagrams of 1000 bytes. */
static void expect_messages(const char *at, bool has_offloads, enum lengths lengths,
                            unsigned messages)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	int fd = far_socket(at, true, &route.remote);
	struct batch *b = make_batch(&random, 40, lengths, 1000);

	open_sender(at, has_offloads);
	send_batch(&route, b);
	cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), messages), "%s", at);
	batch_free(b);
	link_close(&sender);
	close(fd);
}

Test(trains, datagrams_of_one_length_leave_in_one_message)
{
	for (enum lengths lengths = EQUAL; lengths <= SHORTER_LAST; lengths++) {
		expect_messages("127.0.0.1:0", true, lengths, 1);
		expect_messages("[::1]:0", true, lengths, 1);
	}
}

Test(trains, without_offloads_each_datagram_is_a_message)
{
	expect_messages("127.0.0.1:0", false, EQUAL, 40);
	expect_messages("[::1]:0", false, EQUAL, 40);
	cr_expect(eq(uint, train_limit_max(&sender.trains), 0));
	cr_expect(not(sender.has_gro));
}

/* A train is no longer than a datagram may be, and a shorter one ends it. The oracle counts slowly.
 */
Test(trains, trains_are_as_long_as_can_be)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	int fd = far_socket("127.0.0.1:0", true, &route.remote);

	open_sender("127.0.0.1:0", true);
	for (unsigned round = 0; round < 40; round++) {
		struct batch *b =
			make_batch(&random, BATCH_MAX, (enum lengths)(round % LENGTHS), SLOT_BYTES);
		unsigned want = 0, first_len = 0, last_len = 0, sum = 0;

		for (unsigned i = 0; i < b->len; i++) {
			unsigned len = b->segment[i].len;

			if (i == 0 || last_len < first_len || len > first_len ||
			    sum + len > UDP_PAYLOAD_MAX) {
				want++;
				first_len = len;
				sum = 0;
			}
			sum += len;
			last_len = len;
		}
		send_batch(&route, b);
		cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), want), "round %u", round);
		batch_free(b);
	}
	close(fd);
}

Test(trains, own_address_is_pinned_in_trains_while_it_exists)
{
	static const struct {
		const char *bind, *local, *far, *want;
	} cases[] = {
		{"0.0.0.0:0", "127.0.0.5:0", "127.0.0.1:0", "127.0.0.5:0"},
		{"0.0.0.0:0", "203.0.113.77:0", "127.0.0.1:0", "127.0.0.1:0"},
		{"[::]:0", "[::1]:0", "[::1]:0", "[::1]:0"},
		{"[::]:0", "[2001:db8:77::1]:0", "[::1]:0", "[::1]:0"},
	};
	struct test_random random = test_random_seeded("trains");

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct route route = {.link = &sender};
		int fd = far_socket(cases[i].far, true, &route.remote);
		struct batch *b = make_batch(&random, 10, EQUAL, 1000);
		struct endpoint want = {0};

		open_sender(cases[i].bind, true);
		cr_assert(eq(int, endpoint_parse(cases[i].local, 0, &route.local), 0));
		cr_assert(eq(int, endpoint_parse(cases[i].want, 0, &want), 0));
		endpoint_set_port(&want, endpoint_port(&sender.bound));
		send_batch(&route, b);
		cr_expect(eq(uint, expect_batch(fd, b, &want), 1), "case %u", i);
		cr_expect(eq(uint, train_limit_max(&path), TRAIN_ANY));
		batch_free(b);
		link_close(&sender);
		close(fd);
	}
}

/* ---- devices that refuse trains ---- */

static void enter_namespace(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("needs a network namespace: %s", strerror(errno));
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		cr_skip_test("needs /dev/net/tun: %s", strerror(errno));
}

/* Sets the MTU, and the address unless it is NULL, and brings the device up. */
static void configure_device(const char *name, const char *address, int bytes)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq mtu = {.ifr_mtu = bytes}, flags = {.ifr_flags = IFF_UP};
	struct ifreq addr = {0}, mask = {0};
	struct endpoint at = {0}, wide = {0};

	strcpy(mtu.ifr_name, name);
	strcpy(flags.ifr_name, name);
	strcpy(addr.ifr_name, name);
	strcpy(mask.ifr_name, name);
	cr_assert(eq(int, ioctl(sock, SIOCSIFMTU, &mtu), 0));
	if (address) {
		cr_assert(eq(int, endpoint_parse(address, 0, &at), 0));
		cr_assert(eq(int, endpoint_parse("255.255.255.0:0", 0, &wide), 0));
		memcpy(&addr.ifr_addr, &at.in4, sizeof at.in4);
		memcpy(&mask.ifr_netmask, &wide.in4, sizeof wide.in4);
		cr_assert(eq(int, ioctl(sock, SIOCSIFADDR, &addr), 0));
		cr_assert(eq(int, ioctl(sock, SIOCSIFNETMASK, &mask), 0));
	}
	cr_assert(eq(int, ioctl(sock, SIOCSIFFLAGS, &flags), 0));
	close(sock);
}

/* 0 afterwards, as when control has told. */
static int take_train_errno(void)
{
	return train_limit_take_error(&path);
}

Test(trains, segments_beyond_the_mtu_go_one_by_one_and_shorter_ones_go_on_in_trains)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	struct batch *b;
	int fd, error;

	enter_namespace();
	configure_device("lo", NULL, SMALL_MTU);
	fd = far_socket("127.0.0.1:0", true, &route.remote);
	open_sender("127.0.0.1:0", true);
	for (unsigned round = 0; round < 3; round++) {
		b = make_batch(&random, 30, EQUAL, TOO_LONG);
		send_batch(&route, b);
		cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), 30));
		batch_free(b);
		cr_expect(eq(uint, train_limit_max(&path), TOO_LONG - 1));
		error = take_train_errno();
		if (round == 0)
			cr_expect(error == EINVAL || error == EMSGSIZE, "%s", strerror(error));
		else
			cr_expect(eq(int, error, 0), "it is not tried again");
	}
	b = make_batch(&random, 30, EQUAL, FITTING);
	send_batch(&route, b);
	cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), 1));
	batch_free(b);
	for (unsigned round = 0; round < 20; round++) { /* it is learnt what fits */
		b = make_batch(&random, BATCH_MAX, (enum lengths)(round % LENGTHS), SLOT_BYTES);
		send_batch(&route, b);
		expect_batch(fd, b, &sender.bound);
		batch_free(b);
	}
	cr_expect(le(uint, FITTING, train_limit_max(&path)));
	cr_expect(eq(u64, counter_read(&sender.tx_errors), 0));
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, counter_read(&self.drops[i]), 0));
	close(fd);
}

/* A socket that is to leave checksums out sends no trains at all: EINVAL, as older kernels say of
 * the MTU too, and as any kernel says of an address that is gone.
 */
static void refuse_trains(void)
{
	int one = 1;

	cr_assert(
		eq(int, setsockopt(sender.data_fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof one), 0));
}

Test(trains, own_address_stays_pinned_when_a_train_is_refused)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	struct endpoint want = {0};
	int fd = far_socket("127.0.0.1:0", true, &route.remote);

	open_sender("0.0.0.0:0", true);
	refuse_trains();
	cr_assert(eq(int, endpoint_parse("127.0.0.5:0", 0, &route.local), 0));
	cr_assert(eq(int, endpoint_parse("127.0.0.5:0", 0, &want), 0));
	endpoint_set_port(&want, endpoint_port(&sender.bound));
	for (unsigned len = TOO_LONG; len > FITTING; len -= 100) {
		struct batch *b = make_batch(&random, 10, EQUAL, len);

		send_batch(&route, b);
		cr_expect(eq(uint, expect_batch(fd, b, &want), 10), "%u bytes", len);
		cr_expect(eq(uint, train_limit_max(&path), len - 1));
		cr_expect(eq(int, take_train_errno(), EINVAL));
		batch_free(b);
	}
	close(fd);
}

Test(trains, batch_arrives_whole_where_every_train_in_it_is_refused)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	int fd = far_socket("127.0.0.1:0", true, &route.remote);

	open_sender("127.0.0.1:0", true);
	refuse_trains();
	for (unsigned round = 0; round < 20; round++) {
		enum lengths lengths = (enum lengths)(round % LENGTHS);
		struct batch *b = make_batch(&random, BATCH_MAX, lengths, SLOT_BYTES);

		send_batch(&route, b);
		cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), BATCH_MAX));
		batch_free(b);
	}
	cr_expect(eq(u64, counter_read(&sender.tx_packets), 20 * BATCH_MAX));
	cr_expect(eq(u64, counter_read(&sender.tx_errors), 0));
	close(fd);
}

/* A TUN device plays the uplink; what leaves there is read from it. */
static struct tun create_uplink_of(int mtu)
{
	struct tun_settings set = {.name = "vtl0", .queue_len_pkts = 500, .queues = 1};
	struct tun tun;

	cr_assert(eq(int, tun_open(&tun, &set), 0));
	configure_device("vtl0", "10.88.0.1:0", mtu);
	return tun;
}

static struct tun create_uplink(void)
{
	return create_uplink_of(SMALL_MTU);
}

/* Expects @count IPv4 packets to leave and no more. */
static void expect_packets(const struct tun *tun, unsigned count)
{
	uint8_t packet[2048];

	while (count) {
		cr_assert(rig_is_readable(tun->fd[0], RIG_WAIT_MS), "%u are missing", count);
		if (read(tun->fd[0], packet, sizeof packet) >= 20 && packet[0] >> 4 == 4)
			count--;
	}
	while (read(tun->fd[0], packet, sizeof packet) > 0)
		cr_assert(eq(u8, packet[0] >> 4, 6)); /* the device announces itself */
}

/* One link, two ways: what the smaller MTU refuses is the other's no matter. */
Test(trains, limit_of_one_path_leaves_the_others_of_the_link_alone)
{
	struct test_random random = test_random_seeded("trains");
	struct route near = {.link = &sender}, far = {.link = &sender};
	struct train_limit limits[2];
	struct batch *b = make_batch(&random, 10, EQUAL, TOO_LONG);
	struct endpoint from;
	struct tun tun;
	int fd;

	enter_namespace();
	configure_device("lo", NULL, SMALL_MTU);
	tun = create_uplink_of(1500);
	fd = far_socket("127.0.0.1:0", true, &near.remote);
	cr_assert(eq(int, endpoint_parse("10.88.0.2:9", 0, &far.remote), 0));
	open_sender("0.0.0.0:0", true);
	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &from), 0));
	endpoint_set_port(&from, endpoint_port(&sender.bound));
	train_limit_set(&limits[0], TRAIN_ANY);
	train_limit_set(&limits[1], TRAIN_ANY);
	for (unsigned round = 0; round < 3; round++) {
		cr_expect(eq(uint, send_on(&near, &limits[0], b).packets, 10));
		cr_expect(eq(uint, expect_batch(fd, b, &from), 10));
		cr_expect(eq(uint, send_on(&far, &limits[1], b).packets, 10));
		expect_packets(&tun, 10);
		cr_expect(eq(uint, train_limit_max(&limits[0]), TOO_LONG - 1));
		cr_expect(eq(uint, train_limit_max(&limits[1]), TRAIN_ANY));
		cr_expect(eq(uint, train_limit_max(&sender.trains), TRAIN_ANY));
	}
	batch_free(b);
	tun_close(&tun);
	close(fd);
}

Test(trains, nothing_leaves_in_trains_where_no_limit_is_known)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &sender};
	int fd = far_socket("127.0.0.1:0", true, &route.remote);
	struct batch *b = make_batch(&random, 10, EQUAL, 1000);

	open_sender("127.0.0.1:0", true);
	cr_expect(eq(uint, send_on(&route, NULL, b).packets, 10));
	cr_expect(eq(uint, expect_batch(fd, b, &sender.bound), 10));
	batch_free(b);
	close(fd);
}

Test(trains, device_that_comes_back_gets_its_chance_again)
{
	struct test_random random = test_random_seeded("trains");
	struct link_settings set = link_at("0.0.0.0:0", true);
	struct route route = {.link = &sender};
	struct tun tun;
	struct batch *b;

	enter_namespace();
	tun = create_uplink();
	set.device = "vtl0";
	cr_assert(eq(int, endpoint_parse("10.88.0.2:9", 0, &route.remote), 0));
	cr_assert(eq(int, link_open(&sender, &set), 0));
	b = make_batch(&random, 10, EQUAL, TOO_LONG);
	send_batch(&route, b);
	expect_packets(&tun, 20); /* two fragments each */
	cr_expect(eq(uint, train_limit_max(&path), TOO_LONG - 1));
	cr_expect(ne(int, take_train_errno(), 0));
	train_limit_lower(&sender.trains, 0,
	                  EIO); /* as one without a checksum offload is found to be */
	cr_assert(eq(int, link_follow_device(&sender, &set), 0));
	cr_expect(eq(uint, train_limit_max(&sender.trains), 0), "the same as before");

	tun_close(&tun);
	tun = create_uplink();
	cr_assert(eq(int, link_follow_device(&sender, &set), 0));
	cr_expect(eq(uint, train_limit_max(&sender.trains), TRAIN_ANY));
	cr_expect(eq(int, train_limit_take_error(&sender.trains), 0));
	train_limit_set(&path, TRAIN_ANY); /* as control does then */
	send_batch(&route, b);
	expect_packets(&tun, 20);
	cr_expect(eq(uint, train_limit_max(&path), TOO_LONG - 1));
	cr_expect(ne(int, take_train_errno(), 0));
	batch_free(b);
	tun_close(&tun);
}
