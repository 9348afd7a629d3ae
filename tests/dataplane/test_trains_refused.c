/* SPDX-License-Identifier: MIT */
/* Devices and sockets that refuse trains, and what is learnt from that; see trains_rig.h. */
#include <errno.h>
#include <sys/socket.h>

#include "trains_rig.h"
#include "tun_rig.h"

enum {
	SMALL_MTU = 1000,
	TOO_LONG = 1200, /* for a train there; single ones go in fragments */
	FITTING = 900,
};

TestSuite(trains_refused, .init = trains_setup, .fini = trains_teardown, .timeout = 60);

/* 0 afterwards, as when control has told. */
static int take_train_errno(void)
{
	return train_limit_take_error(&trains.path);
}

Test(trains_refused, segments_beyond_the_mtu_go_one_by_one_and_shorter_ones_go_on_in_trains)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	struct batch *b;
	int fd, error;

	tun_setup();
	configure_device("lo", NULL, SMALL_MTU);
	fd = trains_far_socket("127.0.0.1:0", true, &route.remote);
	trains_open("127.0.0.1:0", true);
	for (unsigned round = 0; round < 3; round++) {
		b = trains_make(&random, 30, EQUAL, TOO_LONG);
		trains_send(&route, b);
		cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), 30));
		batch_free(b);
		cr_expect(eq(uint, train_limit_max(&trains.path), TOO_LONG - 1));
		error = take_train_errno();
		if (round == 0)
			cr_expect(error == EINVAL || error == EMSGSIZE, "%s", strerror(error));
		else
			cr_expect(eq(int, error, 0), "it is not tried again");
	}
	b = trains_make(&random, 30, EQUAL, FITTING);
	trains_send(&route, b);
	cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), 1));
	batch_free(b);
	for (unsigned round = 0; round < 20; round++) { /* it is learnt what fits */
		b = trains_make(&random, BATCH_MAX, (enum lengths)(round % LENGTHS), SLOT_BYTES);
		trains_send(&route, b);
		trains_expect(fd, b, &trains.sender.bound);
		batch_free(b);
	}
	cr_expect(le(uint, FITTING, train_limit_max(&trains.path)));
	cr_expect(eq(u64, counter_read(&trains.sender.tx_errors), 0));
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, counter_read(&trains.self.drops[i]), 0));
	close(fd);
}

/* A socket that is to leave checksums out sends no trains at all: EINVAL, as older kernels say of
 * the MTU too, and as any kernel says of an address that is gone.
 */
static void refuse_trains(void)
{
	int one = 1;

	cr_assert(eq(int,
	             setsockopt(trains.sender.data_fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof one),
	             0));
}

Test(trains_refused, own_address_stays_pinned_when_a_train_is_refused)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	struct endpoint want = {0};
	int fd = trains_far_socket("127.0.0.1:0", true, &route.remote);

	trains_open("0.0.0.0:0", true);
	refuse_trains();
	cr_assert(eq(int, endpoint_parse("127.0.0.5:0", 0, &route.local), 0));
	cr_assert(eq(int, endpoint_parse("127.0.0.5:0", 0, &want), 0));
	endpoint_set_port(&want, endpoint_port(&trains.sender.bound));
	for (unsigned len = TOO_LONG; len > FITTING; len -= 100) {
		struct batch *b = trains_make(&random, 10, EQUAL, len);

		trains_send(&route, b);
		cr_expect(eq(uint, trains_expect(fd, b, &want), 10), "%u bytes", len);
		cr_expect(eq(uint, train_limit_max(&trains.path), len - 1));
		cr_expect(eq(int, take_train_errno(), EINVAL));
		batch_free(b);
	}
	close(fd);
}

Test(trains_refused, batch_arrives_whole_where_every_train_in_it_is_refused)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	int fd = trains_far_socket("127.0.0.1:0", true, &route.remote);

	trains_open("127.0.0.1:0", true);
	refuse_trains();
	for (unsigned round = 0; round < 20; round++) {
		enum lengths lengths = (enum lengths)(round % LENGTHS);
		struct batch *b = trains_make(&random, BATCH_MAX, lengths, SLOT_BYTES);

		trains_send(&route, b);
		cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), BATCH_MAX));
		batch_free(b);
	}
	cr_expect(eq(u64, counter_read(&trains.sender.tx_packets), 20 * BATCH_MAX));
	cr_expect(eq(u64, counter_read(&trains.sender.tx_errors), 0));
	close(fd);
}

/* A TUN device plays the uplink; what leaves there is read from it. */
static struct tun create_uplink_of(int mtu)
{
	struct tun tun = open_plain("vtl0");

	configure_device("vtl0", "10.88.0.1", mtu);
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
Test(trains_refused, limit_of_one_path_leaves_the_others_of_the_link_alone)
{
	struct test_random random = test_random_seeded("trains");
	struct route near = {.link = &trains.sender}, far = {.link = &trains.sender};
	struct train_limit limits[2];
	struct batch *b = trains_make(&random, 10, EQUAL, TOO_LONG);
	struct endpoint from;
	struct tun tun;
	int fd;

	tun_setup();
	configure_device("lo", NULL, SMALL_MTU);
	tun = create_uplink_of(1500);
	fd = trains_far_socket("127.0.0.1:0", true, &near.remote);
	cr_assert(eq(int, endpoint_parse("10.88.0.2:9", 0, &far.remote), 0));
	trains_open("0.0.0.0:0", true);
	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &from), 0));
	endpoint_set_port(&from, endpoint_port(&trains.sender.bound));
	train_limit_set(&limits[0], TRAIN_ANY);
	train_limit_set(&limits[1], TRAIN_ANY);
	for (unsigned round = 0; round < 3; round++) {
		cr_expect(eq(uint, trains_send_on(&near, &limits[0], b).packets, 10));
		cr_expect(eq(uint, trains_expect(fd, b, &from), 10));
		cr_expect(eq(uint, trains_send_on(&far, &limits[1], b).packets, 10));
		expect_packets(&tun, 10);
		cr_expect(eq(uint, train_limit_max(&limits[0]), TOO_LONG - 1));
		cr_expect(eq(uint, train_limit_max(&limits[1]), TRAIN_ANY));
		cr_expect(eq(uint, train_limit_max(&trains.sender.trains), TRAIN_ANY));
	}
	batch_free(b);
	tun_close(&tun);
	close(fd);
}

Test(trains_refused, device_that_comes_back_gets_its_chance_again)
{
	struct test_random random = test_random_seeded("trains");
	struct link_settings set = trains_link_at("0.0.0.0:0", true);
	struct route route = {.link = &trains.sender};
	struct tun tun;
	struct batch *b;

	tun_setup();
	tun = create_uplink();
	set.device = "vtl0";
	cr_assert(eq(int, endpoint_parse("10.88.0.2:9", 0, &route.remote), 0));
	cr_assert(eq(int, link_open(&trains.sender, &set), 0));
	b = trains_make(&random, 10, EQUAL, TOO_LONG);
	trains_send(&route, b);
	expect_packets(&tun, 20); /* two fragments each */
	cr_expect(eq(uint, train_limit_max(&trains.path), TOO_LONG - 1));
	cr_expect(ne(int, take_train_errno(), 0));
	train_limit_lower(&trains.sender.trains, 0,
	                  EIO); /* as one without a checksum offload is found to be */
	cr_assert(eq(int, link_follow_device(&trains.sender, &set), 0));
	cr_expect(eq(uint, train_limit_max(&trains.sender.trains), 0), "the same as before");

	tun_close(&tun);
	tun = create_uplink();
	cr_assert(eq(int, link_follow_device(&trains.sender, &set), 0));
	cr_expect(eq(uint, train_limit_max(&trains.sender.trains), TRAIN_ANY));
	cr_expect(eq(int, train_limit_take_error(&trains.sender.trains), 0));
	train_limit_set(&trains.path, TRAIN_ANY); /* as control does then */
	trains_send(&route, b);
	expect_packets(&tun, 20);
	cr_expect(eq(uint, train_limit_max(&trains.path), TOO_LONG - 1));
	cr_expect(ne(int, take_train_errno(), 0));
	batch_free(b);
	tun_close(&tun);
}
