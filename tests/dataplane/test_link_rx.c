/* SPDX-License-Identifier: MIT */
/* Trains of transport data, and what is wrong with single datagrams in them; see rx_rig.h. */
#include "rx_rig.h"

TestSuite(link_rx, .init = rx_setup, .fini = rx_teardown, .timeout = 60);

static struct train train; /* filled and sent again and again */

Test(link_rx, trains_of_every_length_come_out_in_order)
{
	rig_start(&rx.end);
	for (unsigned count = 1; count <= BATCH_MAX; count++) {
		train_add_many(&train, 0, 0, count);
		train_send(0, &train);
		/* Now and then side by side. */
		for (unsigned i = 0; i < count && count % 4 == 0; i++)
			rx_take_packet();
	}
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

/* All of it waits in the socket before the RX thread starts: several receptions at once, each with
 * trains of all lengths, lone datagrams and both peers.
 */
Test(link_rx, trains_among_lone_datagrams_keep_the_order_of_their_sender)
{
	struct test_random random = test_random_seeded("link_rx");

	for (unsigned i = 0; i < 200; i++) {
		unsigned who = test_random_next(&random) % PEERS, count = 1;

		if (test_random_next(&random) % 3 == 0)
			count += test_random_next(&random) % (BATCH_MAX / 2);
		train_add_many(&train, who, 0, count);
		train_send(who, &train);
	}
	rig_start(&rx.end);
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

Test(link_rx, many_lone_datagrams_at_once_come_out_in_order)
{
	for (unsigned i = 0; i < 10 * BATCH_MAX; i++) {
		train_add(&train, i % 3 == 0, 0, 0);
		train_send(i % 3 == 0, &train);
	}
	rig_start(&rx.end);
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

/* What one socket sends, in one train. */
Test(link_rx, train_for_two_keypairs_of_a_peer_is_taken_apart)
{
	struct test_random random = test_random_seeded("link_rx");

	rig_start(&rx.end);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 40; k++)
			train_add(&train, 0, test_random_next(&random) % SECOND, 0);
		train_send(0, &train);
	}
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

/* From one address, so to both it looks as if they had moved there: no path, but authentic. */
Test(link_rx, train_for_two_peers_is_taken_apart)
{
	rig_publish_target(&rx.end, rx.peer[1], 0, 0, &rx.far_at[0]);
	rig_start(&rx.end);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 50; k++)
			train_add(&train, (i + k) / 7 % PEERS, 0, 0);
		train_send(0, &train);
	}
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

Test(link_rx, unknown_index_within_a_train_harms_no_other_wherever_it_stands)
{
	rig_start(&rx.end);
	for (unsigned at = 0; at < 30; at++) {
		train_add_many(&train, 0, 0, at);
		train_add_stranger(&train, 0x7777);
		train_add_many(&train, 0, 0, 29 - at);
		train_send(0, &train);
	}
	rx_expect_all();
	rx_expect_drops(DROP_UNKNOWN_INDEX, 30);
}

Test(link_rx, train_of_strangers_alone_leaves_nothing_behind)
{
	rig_start(&rx.end);
	for (unsigned i = 0; i < 300; i++) { /* more than there are batches */
		for (unsigned k = 0; k < 10; k++)
			train_add_stranger(&train, 0x7777);
		train_send(0, &train);
		if (i % 50 == 0)
			rig_until(rx_drops(DROP_UNKNOWN_INDEX) == (i + 1) * 10);
	}
	train_add_many(&train, 0, 0, 3);
	train_send(0, &train);
	rx_expect_all();
	rx_expect_drops(DROP_UNKNOWN_INDEX, 3000);
}

Test(link_rx, forged_datagram_within_a_train_harms_no_other_wherever_it_stands)
{
	rig_start(&rx.end);
	for (unsigned at = 0; at < 30; at++) {
		train_add_many(&train, 0, 0, at);
		train_add(&train, 0, 0, 1);
		train_add_many(&train, 0, 0, 29 - at);
		train_send(0, &train);
	}
	rx_expect_all();
	rx_expect_drops(DROP_NOT_AUTHENTIC, 30);
}

Test(link_rx, runt_at_the_end_of_a_train_is_dropped)
{
	rig_start(&rx.end);
	for (unsigned len = 1; len < TRANSPORT_OVERHEAD; len++) {
		train_add_many(&train, 0, 0, 1 + len);
		train_add_runt(&train, len);
		train_send(0, &train);
	}
	rx_expect_all();
	rx_expect_drops(DROP_MALFORMED, TRANSPORT_OVERHEAD - 1);
}

/* Each long train makes two groups, one of them copied; the pool has enough for as many as one
 * reception can hold.
 */
Test(link_rx, many_groups_in_one_reception_lose_nothing)
{
	for (unsigned i = 0; i < 60; i++) {
		unsigned who = i % PEERS;

		for (unsigned k = 0; k < 30; k++)
			train_add(&train, who, (i / PEERS + k) % SECOND, 0);
		train_send(who, &train);
	}
	rig_start(&rx.end);
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

/* From so many origins that the groups of one reception have no place: all of it waits in the
 * socket before the RX thread starts.
 */
Test(link_rx, groups_beyond_those_of_a_reception_are_dropped_and_counted)
{
	const struct link *link = engine_link(rx.end.engine, 0);
	int fd[BATCH_MAX];
	struct endpoint at;

	for (unsigned i = 0; i < BATCH_MAX; i++) {
		fd[i] = rig_far_socket("127.0.0.1:0", &at);
		train_add(&train, 0, 0, 0);
		train_add(&train, 0, 1, 0);
		train_add(&train, 1, 0, 0);
		train_send_from(fd[i], &train, DATAGRAM);
	}
	rig_start(&rx.end);
	rig_until(counter_read(&link->rx_bytes) == rx.sent_bytes);
	cr_expect(lt(u64, 0, rx_drops(DROP_POOL_EMPTY)), "the bound was not reached");
	cr_expect(lt(u64, rx_drops(DROP_POOL_EMPTY), rx.sent_packets / 2), "the most are taken");
	while (rx.came[0] + rx.came[1] + rx_drops(DROP_POOL_EMPTY) < rx.sent_packets)
		rx_take_packet();
	rx_expect_drops(DROP_POOL_EMPTY, rx.sent_packets - rx.came[0] - rx.came[1]);
	memcpy(rx.next_come, rx.next_seq, sizeof rx.next_come);
	train_add_many(&train, 0, 0, 3); /* and it goes on */
	train_send(0, &train);
	for (unsigned i = 0; i < 3; i++)
		rx_take_packet();
	engine_stop(rx.end.engine);
	cr_expect(not(rig_is_readable(rx.end.tun, 0)));
	for (unsigned i = 0; i < BATCH_MAX; i++)
		close(fd[i]);
}
