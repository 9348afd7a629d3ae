/* SPDX-License-Identifier: MIT */
/* Packets between two engines: whole, in order and once, whatever the mode and the number of
 * workers.
 */
#include "tunnel_rig.h"

TestSuite(tunnel, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

/* One link keeps order, so not one packet may be out of it, however slow the machine. */
static void expect_one_link(unsigned workers)
{
	struct tunnel t;
	struct flow *there, *back;

	tunnel_open(&t, workers, 1, BONDING_AGGREGATE, NULL);
	there = flow_between(&t.a, 1, &t.b, 2, FLOW_MAX);
	back = flow_between(&t.b, 2, &t.a, 1, FLOW_MAX);
	run_flows(there, back);
	cr_expect(eq(uint, there->disordered, 0));
	cr_expect(eq(uint, back->disordered, 0));
	expect_no_drops(&t, DROP_REASON_COUNT);
	rig_until(sent_on(t.to_b, 0) == FLOW_MAX);
	rig_until(heard_on(t.to_a, 0) == FLOW_MAX);
	cr_expect(eq(u64, counter_read(&engine_link(t.b.engine, 0)->rx_packets), FLOW_MAX));
	free(there);
	free(back);
	tunnel_close(&t);
}

Test(tunnel, packets_come_out_unchanged_and_in_order_with_1_worker)
{
	expect_one_link(1);
}

Test(tunnel, packets_come_out_unchanged_and_in_order_with_2_workers)
{
	expect_one_link(2);
}

Test(tunnel, packets_come_out_unchanged_and_in_order_with_4_workers)
{
	expect_one_link(4);
}

/* One at a time over all paths: then order begins with every path known to carry data. */
static void warm_up(struct tunnel *t)
{
	for (unsigned i = 0; i < 8; i++)
		run_there(t, 1);
}

static void expect_two_links(unsigned workers)
{
	struct tunnel t;

	tunnel_open(&t, workers, 2, BONDING_AGGREGATE, (const uint32_t[]){1, 3});
	cr_assert(eq(int, engine_enable_reorder(t.to_a), 0));
	warm_up(&t);
	cr_expect(eq(uint, run_there(&t, FLOW_MAX), 0));
	expect_no_drops(&t, DROP_REASON_COUNT);
	/* Shared by weight in bytes; the lengths are as random on the one as on the other. */
	rig_until(sent_on(t.to_b, 0) + sent_on(t.to_b, 1) == FLOW_MAX + 8);
	cr_expect(lt(u64, FLOW_MAX / 5, sent_on(t.to_b, 0)));
	cr_expect(lt(u64, FLOW_MAX * 3 / 5, sent_on(t.to_b, 1)));
	tunnel_close(&t);
}

Test(tunnel, two_links_together_keep_order_with_1_worker)
{
	expect_two_links(1);
}

Test(tunnel, two_links_together_keep_order_with_2_workers)
{
	expect_two_links(2);
}

Test(tunnel, two_links_together_keep_order_with_4_workers)
{
	expect_two_links(4);
}

Test(tunnel, without_resequencer_two_links_bring_each_once)
{
	struct tunnel t;

	tunnel_open(&t, 2, 2, BONDING_AGGREGATE, NULL);
	run_there(&t, FLOW_MAX); /* fails by itself when one comes twice, changed or not at all */
	expect_no_drops(&t, DROP_REASON_COUNT);
	tunnel_close(&t);
}

/* Whichever copy is first: each link keeps order, so the first copies are in order as well. */
static void expect_redundant(unsigned workers)
{
	struct tunnel t;

	tunnel_open(&t, workers, 3, BONDING_REDUNDANT, NULL);
	cr_expect(eq(uint, run_there(&t, FLOW_MAX), 0));
	for (unsigned i = 0; i < 3; i++) {
		rig_until(sent_on(t.to_b, i) == FLOW_MAX);
		cr_expect(eq(u64, sent_on(t.to_a, i), 0));
	}
	rig_until(engine_drops(t.b.engine, DROP_REPLAY) == 2 * FLOW_MAX);
	expect_no_drops(&t, DROP_REPLAY);
	cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_UNORDERED]), FLOW_MAX));
	cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_ORDERED]), 0));
	tunnel_close(&t);
}

Test(tunnel, redundant_packets_go_everywhere_and_come_out_once)
{
	expect_redundant(1);
	expect_redundant(4);
}

Test(tunnel, failover_uses_the_heaviest_path_and_then_the_other)
{
	struct tunnel t;

	tunnel_open(&t, 2, 2, BONDING_FAILOVER, (const uint32_t[]){1, 3});
	cr_expect(eq(uint, run_there(&t, 500), 0));
	rig_until(sent_on(t.to_b, 1) == 500);
	cr_expect(eq(u64, sent_on(t.to_b, 0), 0));
	rig_publish_paths(t.to_b, BONDING_FAILOVER, 1, NULL); /* path 1 is down */
	cr_expect(eq(uint, run_there(&t, 300), 0));
	rig_until(sent_on(t.to_b, 0) == 300);
	cr_expect(eq(u64, sent_on(t.to_b, 1), 500));
	cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_UNORDERED]), 800));
	expect_no_drops(&t, DROP_REASON_COUNT);
	tunnel_close(&t);
}

/* Nothing tells a plain peer of lanes: the first one carries everything. */
Test(tunnel, peer_that_takes_no_lanes_gets_lane_0_in_every_mode)
{
	static const enum bonding_mode modes[] = {BONDING_AGGREGATE, BONDING_REDUNDANT,
	                                          BONDING_FAILOVER, BONDING_LOWLAT,
	                                          BONDING_BALANCE};

	for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
		struct tunnel t;

		tunnel_open(&t, 1, 1, modes[i], NULL);
		atomic_store(&t.kp_a->send_lanes, false);
		t.kp_b->accepts_lanes = false;
		cr_expect(eq(uint, run_there(&t, 100), 0));
		cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_ORDERED]), 100));
		tunnel_close(&t);
	}
}

Test(tunnel, modes_change_under_load_and_nothing_is_lost_or_doubled)
{
	struct tunnel t;
	struct flow *f;

	tunnel_open(&t, 4, 2, BONDING_AGGREGATE, NULL);
	f = flow_between(&t.a, 1, &t.b, 2, 0);
	for (unsigned i = 0; i < 60; i++) {
		f->count += FLOW_MAX / 60;
		rig_publish_paths(t.to_b, (enum bonding_mode)(i % 3), 2, NULL);
		flow_send(f);
		/* The mode changes while a window of packets is on its way. */
		rig_publish_paths(t.to_b, (enum bonding_mode)((i + 1) % 3), 2, NULL);
		run_flows(f, NULL);
	}
	expect_no_drops(&t, DROP_REPLAY);
	free(f);
	tunnel_close(&t);
}

/* One link, so the order of the old session's packets and the new one's is that of sending. */
Test(tunnel, session_is_renewed_under_load_without_loss_or_disorder)
{
	struct tunnel t;
	struct keypair *old_a, *old_b;
	struct flow *f;

	tunnel_open(&t, 2, 1, BONDING_AGGREGATE, NULL);
	cr_assert(eq(int, engine_enable_reorder(t.to_a), 0));
	f = flow_between(&t.a, 1, &t.b, 2, 0);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t now_ns = clock_boot_ns();

		f->count += FLOW_MAX / 10;
		flow_send(f);
		old_a = t.kp_a;
		old_b = t.kp_b;
		t.kp_b = rig_keypair(&t.b, t.to_a, false, 0xc0 + i, 0xd0 + i, now_ns);
		t.kp_a = rig_keypair(&t.a, t.to_b, true, 0xd0 + i, 0xc0 + i, now_ns);
		rig_use_keypair(t.to_b, t.kp_a);
		rig_use_keypair(t.to_a, t.kp_b);
		run_flows(f, NULL);
		/* Here the session before goes; batches may still hold it. */
		cr_expect(index_remove(engine_index(t.a.engine), old_a));
		cr_expect(index_remove(engine_index(t.b.engine), old_b));
		keypair_put(old_a);
		keypair_put(old_b);
	}
	cr_expect(eq(uint, f->disordered, 0));
	expect_no_drops(&t, DROP_REASON_COUNT);
	rig_await_event(&t.b, PEER_EVENT_CONFIRMED);
	free(f);
	tunnel_close(&t);
}
