/* SPDX-License-Identifier: MIT */
/* One keypair follows another; see reorder_rig.h. */
#include "dataplane/reorder.h"

#include "reorder_rig.h"

TestSuite(reorder_keys, .init = reorder_setup, .fini = reorder_teardown);

Test(reorder_keys, packets_of_a_new_keypair_wait_behind_those_of_the_old_one)
{
	put(&first_kp, 40, 140);
	put(&first_kp, 42, 142);
	put(&first_kp, 45, 145);
	put(&second_kp, 1, 201);
	put(&second_kp, 0, 200);
	EXPECT_DELIVERED(140);
	put(&first_kp, 41, 141);
	EXPECT_DELIVERED(141, 142);
	put(&first_kp, 44, 144);
	put(&first_kp, 43, 143);
	EXPECT_DELIVERED(143, 144, 145);
	put(&first_kp, 46, 146); /* nothing of the first one was known beyond 45 */
	EXPECT_DELIVERED(146);
	cr_expect(eq(u64, run_at(NOW_NS), NOW_NS + 5 * NS_PER_MS));
	cr_expect(eq(u64, run_at(NOW_NS + 5 * NS_PER_MS), NEVER_NS));
	EXPECT_DELIVERED(200, 201);
}

/* One packet per millisecond, in turn over paths of 5 and 45 ms, and every hundredth begins a new
 * keypair.
 */
Test(reorder_keys, a_change_of_keys_under_load_keeps_the_order)
{
	enum {
		PACKETS = 400,
		FAST_MS = 5,
		SLOW_MS = 45
	};
	static struct keypair kp[PACKETS / 100]; /* sanitizers align the stack less than it wants */

	for (unsigned i = 0; i < PACKETS / 100; i++) {
		kp[i].born_ns = NOW_NS + i * NS_PER_S;
		kp[i].local_index = i;
	}
	for (unsigned ms = FAST_MS; ms < PACKETS + SLOW_MS; ms++) {
		uint64_t now_ns = NOW_NS + ms * NS_PER_MS;
		unsigned fast = ms - FAST_MS, slow = ms - SLOW_MS;

		if (fast < PACKETS && fast % 2 == 0)
			put_at(now_ns, 0, &kp[fast / 100], fast % 100, fast);
		if (ms >= SLOW_MS && slow % 2 == 1)
			put_at(now_ns, 1, &kp[slow / 100], slow % 100, slow);
		if (ms == SLOW_MS + 1) { /* the first ones of the slow path were not waited for */
			reorder_probed(reorder, 0, FAST_MS * 1000);
			reorder_probed(reorder, 1, SLOW_MS * 1000);
			delivered_len = 0;
		}
		run_at(now_ns);
	}
	cr_assert(eq(u64, run_at(NOW_NS + 2 * PACKETS * NS_PER_MS), NEVER_NS));
	cr_assert(lt(uint, PACKETS - SLOW_MS - 2, delivered_len));
	for (unsigned i = 1; i < delivered_len; i++)
		cr_assert(lt(u32, delivered[i - 1], delivered[i]), "delivery %u", i);
}

Test(reorder_keys, the_old_order_is_over_when_all_paths_have_brought_the_new_one)
{
	put_over(0, &first_kp, 40, 140);
	put_over(1, &first_kp, 41, 141);
	put_over(0, &second_kp, 0, 200);
	put_over(0, &second_kp, 2, 202);
	put_over(1, &first_kp, 42, 142);
	EXPECT_DELIVERED(140, 141, 142);
	cr_expect(lt(u64, NOW_NS, run_at(NOW_NS)));
	put_over(1, &second_kp, 1, 201);
	run_at(NOW_NS);
	EXPECT_DELIVERED(200, 201, 202);
}

Test(reorder_keys, late_packets_of_the_old_keypair_do_not_wait_and_disturb_nothing)
{
	put_over(0, &first_kp, 40, 140);
	put_over(0, &second_kp, 0, 200);
	put_over(1, &second_kp, 1, 201);
	run_at(NOW_NS);
	put_over(0, &second_kp, 3, 203);
	put(&first_kp, 1, 101); /* a number that is missing, but of the other order */
	put(&first_kp, 42, 142);
	put(&first_kp, 2, 102);
	put_empty(&first_kp, 3);
	EXPECT_DELIVERED(140, 200, 201, 101, 142, 102);
	put_over(1, &second_kp, 2, 202);
	EXPECT_DELIVERED(202, 203);
}

Test(reorder_keys, keypairs_born_at_the_same_time_have_orders_of_their_own)
{
	put(&second_kp, 0, 200);
	put(&second_kp, 5, 205);
	put(&twin_kp, 5, 305); /* the younger one by its index */
	EXPECT_DELIVERED(200);
	put(&second_kp, 4, 204);
	for (uint32_t seq = 1; seq < 4; seq++)
		put(&second_kp, seq, 200 + seq);
	EXPECT_DELIVERED(201, 202, 203, 204, 205);
	run_at(NOW_NS + NS_PER_S);
	EXPECT_DELIVERED(305);
}
