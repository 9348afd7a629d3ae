/* SPDX-License-Identifier: MIT */
/* What arrives of batches that leave in trains; see trains_rig.h. */
#include "trains_rig.h"

TestSuite(trains, .init = trains_setup, .fini = trains_teardown, .timeout = 60);

static void expect_datagrams(const char *at)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	int fd = trains_far_socket(at, false, &route.remote);
	uint64_t packets = 0, bytes = 0;

	trains_open(at, true);
	for (unsigned count = 1; count <= BATCH_MAX; count += count < 4 ? 1 : 5) {
		for (enum lengths lengths = 0; lengths < LENGTHS; lengths++) {
			struct batch *b = trains_make(&random, count, lengths, SLOT_BYTES);

			trains_send(&route, b);
			cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), count));
			packets += count;
			bytes += trains_bytes(b);
			batch_free(b);
		}
	}
	cr_expect(eq(u64, counter_read(&trains.sender.tx_packets), packets));
	cr_expect(eq(u64, counter_read(&trains.sender.tx_bytes), bytes));
	cr_expect(eq(u64, counter_read(&trains.sender.tx_errors), 0));
	cr_expect(eq(uint, train_limit_max(&trains.path), TRAIN_ANY));
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
	struct route route = {.link = &trains.sender};
	int fd = trains_far_socket(at, true, &route.remote);
	struct batch *b = trains_make(&random, 40, lengths, 1000);

	trains_open(at, has_offloads);
	trains_send(&route, b);
	cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), messages), "%s", at);
	batch_free(b);
	link_close(&trains.sender);
	close(fd);
}

Test(trains, datagrams_of_one_length_leave_in_one_message)
{
	for (enum lengths lengths = EQUAL; lengths <= SHORTER_LAST; lengths++) {
		expect_messages("127.0.0.1:0", true, lengths, 1);
		expect_messages("[::1]:0", true, lengths, 1);
	}
}

/* The header is copied from the first: one train has one field. */
static void expect_ecn_to_part(const char *at)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	int fd = trains_far_socket(at, true, &route.remote);
	struct batch *b = trains_make(&random, 40, EQUAL, 1000);

	trains_open(at, true);
	for (unsigned i = 0; i < b->len; i++)
		b->ecn[i] = i < 10 ? 2 : i < 11 ? 3 : i < 30 ? 2 : 0;
	trains_send(&route, b);
	cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), 4), "%s", at);
	batch_free(b);
	link_close(&trains.sender);
	close(fd);
}

Test(trains, datagrams_with_another_ecn_field_make_another_train)
{
	expect_ecn_to_part("127.0.0.1:0");
	expect_ecn_to_part("[::1]:0");
}

Test(trains, without_offloads_each_datagram_is_a_message)
{
	expect_messages("127.0.0.1:0", false, EQUAL, 40);
	expect_messages("[::1]:0", false, EQUAL, 40);
	cr_expect(eq(uint, train_limit_max(&trains.sender.trains), 0));
	cr_expect(not(trains.sender.has_gro));
}

/* A train is no longer than a datagram may be, and a shorter one ends it. The oracle counts slowly.
 */
Test(trains, trains_are_as_long_as_can_be)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	int fd = trains_far_socket("127.0.0.1:0", true, &route.remote);

	trains_open("127.0.0.1:0", true);
	for (unsigned round = 0; round < 40; round++) {
		struct batch *b = trains_make(&random, BATCH_MAX, (enum lengths)(round % LENGTHS),
		                              SLOT_BYTES);
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
		trains_send(&route, b);
		cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), want), "round %u",
		          round);
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
		struct route route = {.link = &trains.sender};
		int fd = trains_far_socket(cases[i].far, true, &route.remote);
		struct batch *b = trains_make(&random, 10, EQUAL, 1000);
		struct endpoint want = {0};

		trains_open(cases[i].bind, true);
		cr_assert(eq(int, endpoint_parse(cases[i].local, 0, &route.local), 0));
		cr_assert(eq(int, endpoint_parse(cases[i].want, 0, &want), 0));
		endpoint_set_port(&want, endpoint_port(&trains.sender.bound));
		trains_send(&route, b);
		cr_expect(eq(uint, trains_expect(fd, b, &want), 1), "case %u", i);
		cr_expect(eq(uint, train_limit_max(&trains.path), TRAIN_ANY));
		batch_free(b);
		link_close(&trains.sender);
		close(fd);
	}
}

Test(trains, nothing_leaves_in_trains_where_no_limit_is_known)
{
	struct test_random random = test_random_seeded("trains");
	struct route route = {.link = &trains.sender};
	int fd = trains_far_socket("127.0.0.1:0", true, &route.remote);
	struct batch *b = trains_make(&random, 10, EQUAL, 1000);

	trains_open("127.0.0.1:0", true);
	cr_expect(eq(uint, trains_send_on(&route, NULL, b).packets, 10));
	cr_expect(eq(uint, trains_expect(fd, b, &trains.sender.bound), 10));
	batch_free(b);
	close(fd);
}
