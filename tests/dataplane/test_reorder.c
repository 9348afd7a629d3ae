/* SPDX-License-Identifier: MIT */
/* Packets under one keypair, and their memory; see reorder_rig.h. */
#include "dataplane/reorder.h"

#include <string.h>

#include "../bytes_rig.h"
#include "reorder_rig.h"
#include "sched/patience.h"

TestSuite(reorder, .init = reorder_setup, .fini = reorder_teardown);

static uint32_t random_below(struct test_random *random, uint32_t limit)
{
	return (uint32_t)(test_random_next(random) % limit);
}

Test(reorder, puts_packets_back_in_order_byte_for_byte)
{
	put(&first_kp, 0, 100);
	EXPECT_DELIVERED(100);
	put(&first_kp, 2, 102);
	put(&first_kp, 4, 104);
	put(&first_kp, 3, 103);
	expect_delivered(0, NULL);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101, 102, 103, 104);
	put(&first_kp, 5, 105);
	EXPECT_DELIVERED(105);
}

/* A keepalive, as a rule, before the peer was known to stripe. */
Test(reorder, what_came_before_there_was_an_order_is_not_missing)
{
	uint64_t bits[REPLAY_WORDS(128)];

	replay_init(&first_kp.received[LANE_ORDERED], bits, REPLAY_WORDS(128));
	cr_assert(replay_accept(&first_kp.received[LANE_ORDERED], 0));
	cr_assert(replay_accept(&first_kp.received[LANE_ORDERED], 3));
	put(&first_kp, 3, 103);
	expect_delivered(0, NULL);
	cr_assert(replay_accept(&first_kp.received[LANE_ORDERED], 1));
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101);
	put(&first_kp, 2, 102);
	EXPECT_DELIVERED(102, 103);
	first_kp.received[LANE_ORDERED] = (struct replay_window){0};
}

Test(reorder, longest_and_shortest_packets_wait_whole)
{
	uint8_t packet[PACKET_BYTES] = {0};

	put(&first_kp, 0, 0);
	for (uint32_t tag = 1; tag < 2 * PACKET_BYTES; tag++)
		put(&first_kp, 1 + tag, tag);
	make_packet(packet, 0, len_of(0));
	reorder_put(reorder, &reorder_sink, &first_kp, 1, PATH_NONE, packet, len_of(0), NOW_NS);
	cr_expect(eq(uint, delivered_len, 2 * PACKET_BYTES + 1));
}

Test(reorder, a_packet_without_bytes_keeps_its_place_and_is_not_delivered)
{
	put_empty(&first_kp, 0);
	put_empty(&first_kp, 2);
	put(&first_kp, 3, 103);
	expect_delivered(0, NULL);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101, 103);
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
}

Test(reorder, an_oversized_packet_does_not_wait)
{
	uint8_t packet[2 * PACKET_BYTES];

	make_packet(packet, 102, sizeof packet);
	put(&first_kp, 0, 100);
	reorder_put(reorder, &reorder_sink, &first_kp, 2, PATH_NONE, packet, sizeof packet, NOW_NS);
	EXPECT_DELIVERED(100, 102);
	put(&first_kp, 3, 103);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101, 103);
}

Test(reorder, asks_to_be_run_when_the_wait_is_over)
{
	uint64_t due_ns;

	put(&first_kp, 0, 100);
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
	put(&first_kp, 2, 102);
	put(&first_kp, 4, 104);
	due_ns = run_at(NOW_NS);
	cr_assert(lt(u64, NOW_NS, due_ns));
	cr_assert(le(u64, due_ns, NOW_NS + RESEQ_WAIT_MAX_NS));
	cr_expect(eq(u64, run_at(due_ns - 1), due_ns));
	EXPECT_DELIVERED(100);
	cr_expect(eq(u64, run_at(due_ns), NEVER_NS));
	EXPECT_DELIVERED(102, 104);
}

Test(reorder, probes_tell_how_long_to_wait)
{
	put_over(0, &first_kp, 0, 100);
	put_over(1, &first_kp, 1, 101);
	reorder_probed(reorder, 0, 10000);
	reorder_probed(reorder, 1, 50000);
	put_over(0, &first_kp, 3, 103);
	cr_expect(eq(u64, run_at(NOW_NS), NOW_NS + 45 * NS_PER_MS)); /* and 5 ms of slack */
}

static const struct patience patience = {.repair_ns = 50 * NS_PER_MS, .death_ns = 80 * NS_PER_MS};

/* Number 2 is lost; both paths bring something behind it. */
static void lose_one(void)
{
	put_over(0, &first_kp, 0, 100);
	put_over(1, &first_kp, 1, 101);
	put_over(0, &first_kp, 3, 103);
	put_over(1, &first_kp, 4, 104);
}

Test(reorder, without_repairs_a_gap_that_all_have_passed_is_given_up)
{
	reorder_expect_repairs(reorder, &patience);
	reorder_expect_repairs(reorder, NULL);
	lose_one();
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
	EXPECT_DELIVERED(100, 101, 103, 104);
	cr_expect(eq(u64, reorder_passed_gap(reorder), UINT64_MAX));
}

Test(reorder, a_gap_that_all_have_passed_waits_for_its_repair)
{
	reorder_expect_repairs(reorder, &patience);
	lose_one();
	cr_expect(eq(u64, run_at(NOW_NS), NOW_NS + patience.repair_ns));
	EXPECT_DELIVERED(100, 101);
	put_over(1, &first_kp, 2, 102);
	EXPECT_DELIVERED(102, 103, 104);
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
}

/* A path that is silent may have died: the sender needs some time to find that. */
Test(reorder, a_gap_that_a_path_may_fill_waits_for_its_death_and_the_repair)
{
	uint64_t due_ns;

	put_over(0, &first_kp, 0, 100);
	put_over(1, &first_kp, 1, 101);
	put_over(0, &first_kp, 3, 103);
	due_ns = run_at(NOW_NS);
	reorder_expect_repairs(reorder, &patience);
	cr_expect(eq(u64, run_at(NOW_NS), due_ns + patience.repair_ns + patience.death_ns));
}

Test(reorder, a_passed_gap_is_told_with_its_place)
{
	uint64_t gap;

	reorder_expect_repairs(reorder, &patience);
	cr_expect(eq(u64, reorder_passed_gap(reorder), UINT64_MAX), "nothing came");
	put_over(0, &first_kp, 0, 100);
	put_over(1, &first_kp, 1, 101);
	put_over(0, &first_kp, 3, 103);
	run_at(NOW_NS);
	cr_expect(eq(u64, reorder_passed_gap(reorder), UINT64_MAX), "path 1 may bring it");
	put_over(1, &first_kp, 4, 104);
	run_at(NOW_NS);
	gap = reorder_passed_gap(reorder);
	cr_assert(ne(u64, gap, UINT64_MAX));
	put_over(0, &first_kp, 7, 107);
	put_over(1, &first_kp, 8, 108);
	run_at(NOW_NS);
	cr_expect(eq(u64, reorder_passed_gap(reorder), gap), "the lowest");
	put_over(0, &first_kp, 2, 102);
	run_at(NOW_NS);
	cr_expect(eq(u64, reorder_passed_gap(reorder), gap + 3));
	put_over(0, &first_kp, 5, 105);
	put_over(0, &first_kp, 6, 106);
	run_at(NOW_NS);
	cr_expect(eq(u64, reorder_passed_gap(reorder), UINT64_MAX));
	EXPECT_DELIVERED(100, 101, 102, 103, 104, 105, 106, 107, 108);
}

/* The packets of a block come in random order, one block after the other. */
Test(reorder, memory_is_used_again)
{
	enum {
		BLOCK = REORDER_HELD_MAX - 1
	};
	static uint32_t order[BLOCK];

	struct test_random random = test_random_seeded("reorder");
	put(&first_kp, 0, 0);
	for (uint32_t base = 1; base < 10 * REORDER_HELD_MAX; base += BLOCK) {
		for (uint32_t i = 0; i < BLOCK; i++) {
			uint32_t at = random_below(&random, i + 1);

			order[i] = order[at];
			order[at] = base + i;
		}
		for (uint32_t i = 0; i < BLOCK; i++)
			put(&first_kp, order[i], order[i]);
		cr_assert(eq(uint, delivered_len, base + BLOCK));
	}
	for (uint32_t tag = 0; tag < delivered_len; tag++)
		cr_assert(eq(u32, delivered[tag], tag));
}

/* What is delivered out of this memory stays there until it is flushed: then at the latest when the
 * memory is wanted. let_go() looks at every byte.
 */
Test(reorder, delivered_packets_keep_their_bytes_until_the_flush)
{
	put(&first_kp, 0, 0);
	for (uint32_t seq = 2; seq <= REORDER_HELD_MAX; seq++)
		put(&first_kp, seq, seq);
	cr_expect(eq(uint, flushes, 0));
	put(&first_kp, 1, 1); /* all go, and nothing is free yet */
	cr_expect(eq(uint, kept_len, REORDER_HELD_MAX + 1));
	for (uint32_t seq = 2; seq <= 3; seq++)
		put(&first_kp, REORDER_HELD_MAX + seq, REORDER_HELD_MAX + seq);
	cr_expect(eq(uint, flushes, 1), "memory was wanted");
	cr_expect(eq(uint, kept_len, 0));
	put(&first_kp, REORDER_HELD_MAX + 1, REORDER_HELD_MAX + 1);
	cr_expect(eq(uint, kept_len, 3));
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
	cr_expect(eq(uint, flushes, 2), "a run flushes");
	cr_expect(eq(uint, kept_len, 0));
	cr_expect(eq(uint, delivered_len, REORDER_HELD_MAX + 4));
}

Test(reorder, where_memory_ends_the_oldest_gap_is_given_up)
{
	uint64_t seq;

	put(&first_kp, 0, 0);
	delivered_len = 0;
	for (seq = 100; seq < 100 + REORDER_HELD_MAX - 1; seq++)
		put(&first_kp, seq, (uint32_t)seq);
	expect_delivered(0, NULL);
	put(&first_kp, 50,
	    50); /* has the last place, and is the lowest: no reason to break order */
	EXPECT_DELIVERED(50);
	put(&first_kp, seq, (uint32_t)seq);
	EXPECT_DELIVERED(100);
	put(&first_kp, 70, 70); /* late; the gap is past, so all the others follow */
	cr_expect(eq(uint, delivered_len, REORDER_HELD_MAX));
	cr_expect(eq(u32, delivered[0], 70));
	for (uint32_t i = 1; i < delivered_len; i++)
		cr_assert(eq(u32, delivered[i], 100 + i));
}

Test(reorder, a_packet_that_fills_the_gap_needs_no_memory)
{
	put(&first_kp, 0, 0);
	for (uint32_t seq = 2; seq <= REORDER_HELD_MAX; seq++)
		put(&first_kp, seq, seq);
	put(&first_kp, 1, 1);
	cr_assert(eq(uint, delivered_len, REORDER_HELD_MAX + 1));
	for (uint32_t tag = 0; tag < delivered_len; tag++)
		cr_assert(eq(u32, delivered[tag], tag));
}

Test(reorder, a_far_jump_delivers_what_waits_before)
{
	put(&first_kp, 0, 100);
	put(&first_kp, 2, 102);
	put(&first_kp, 9, 109);
	put(&first_kp, 5 * RESEQ_SLOTS, 110);
	EXPECT_DELIVERED(100, 102, 109, 110);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101);
}

/* Whatever comes, each packet goes out once. */
Test(reorder, delivers_each_packet_once)
{
	static bool is_put[2][REORDER_HELD_MAX * 2];
	static uint8_t seen[2][REORDER_HELD_MAX * 2];
	const struct keypair *kps[] = {&first_kp, &second_kp};
	unsigned puts = 0;

	struct test_random random = test_random_seeded("reorder");
	for (unsigned i = 0; i < 5 * REORDER_HELD_MAX; i++) {
		unsigned k = i > 3 * REORDER_HELD_MAX && random_below(&random, 3) != 0;
		uint32_t seq = i / 3 + random_below(&random, 1 + random_below(&random, 500));

		if (is_put[k][seq])
			continue; /* the replay window's business */
		is_put[k][seq] = true;
		puts++;
		put_over(random_below(&random, 3), kps[k], seq, seq * 2 + k);
	}
	cr_expect(eq(u64, run_at(NOW_NS + NS_PER_S), NEVER_NS));
	cr_expect(eq(uint, delivered_len, puts));
	for (unsigned i = 0; i < delivered_len; i++)
		seen[delivered[i] % 2][delivered[i] / 2]++;
	for (unsigned i = 0; i < 2 * REORDER_HELD_MAX; i++) {
		cr_assert(eq(uint, seen[0][i], is_put[0][i]));
		cr_assert(eq(uint, seen[1][i], is_put[1][i]));
	}
}
