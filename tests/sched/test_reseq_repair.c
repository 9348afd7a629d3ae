/* SPDX-License-Identifier: MIT */
/* Gaps that a sender fills when it is told of them. */
#include "sched/reseq.h"

#include "random.h"
#include "reseq_hand.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define REPAIR_NS (50 * NS_PER_MS)
#define DEATH_NS  (80 * NS_PER_MS)

static void begin(void)
{
	seed_random();
	put_at(0, A, START_NS);
	put_at(1, B, START_NS);
}

TestSuite(reseq_repair, .init = begin);

Test(reseq_repair, a_gap_that_all_have_passed_waits_for_its_repair)
{
	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	put_at(3, A, START_NS);
	put_at(4, B, START_NS);
	cr_expect(reseq_is_passed(&reseq));
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, START_NS), START_NS + REPAIR_NS));
	put_at(2, B, START_NS + REPAIR_NS - 1);
	cr_expect(eq(str, out, "0 1 2 3 4 "));
	cr_expect(eq(u64, reseq.gaps_given_up, 0));
}

Test(reseq_repair, it_is_given_up_when_that_does_not_come)
{
	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	put_at(3, A, START_NS);
	put_at(4, B, START_NS);
	run_at(START_NS + REPAIR_NS - 1);
	cr_expect(eq(str, out, "0 1 "));
	run_at(START_NS + REPAIR_NS);
	cr_expect(eq(str, out, "0 1 3 4 "));
}

Test(reseq_repair, a_silent_path_may_have_died)
{
	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	put_at(3, A, START_NS);
	cr_expect(not(reseq_is_passed(&reseq)));
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, START_NS),
	             START_NS + UNKNOWN_NS + SLACK_NS + DEATH_NS + REPAIR_NS));
}

Test(reseq_repair, nothing_waits_longer_than_the_most)
{
	reseq_expect_repair(&reseq, NS_PER_S, NS_PER_S);
	put_at(3, A, START_NS);
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, START_NS), START_NS + RESEQ_WAIT_MAX_NS));
}

Test(reseq_repair, without_repairs_a_lost_one_is_passed_at_once)
{
	put_at(3, A, START_NS);
	put_at(4, B, START_NS);
	cr_expect(eq(str, out, "0 1 3 4 "));
}

/* Whose sender has nothing to choose from. */
Test(reseq_repair, over_a_single_path_nothing_is_repaired)
{
	reseq = (struct reseq){0};
	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	put_at(0, A, START_NS);
	put_at(2, A, START_NS);
	cr_expect(eq(str, out, "0 1 0 2 "), "the first two are of begin()");
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, START_NS), NEVER_NS));
}

/* What one path loses is sent again over another that only probes came over so far. */
Test(reseq_repair, a_path_is_known_by_its_probes)
{
	reseq = (struct reseq){0};
	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	reseq_probed(&reseq, B, 0);
	put_at(0, A, START_NS);
	put_at(2, A, START_NS);
	run_at(START_NS + REPAIR_NS - 1);
	cr_expect(eq(str, out, "0 1 0 "), "the first two are of begin()");
}

Test(reseq_repair, missing_is_what_lies_below_something_held)
{
	uint64_t from, to;

	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	cr_expect(not(reseq_missing(&reseq, 0, &from, &to)), "nothing is held");
	put_at(5, A, START_NS);
	put_at(6, A, START_NS);
	put_at(200, A, START_NS);
	cr_assert(reseq_missing(&reseq, 0, &from, &to));
	cr_expect(eq(u64, from, 2));
	cr_expect(eq(u64, to, 5));
	cr_assert(reseq_missing(&reseq, to, &from, &to));
	cr_expect(eq(u64, from, 7));
	cr_expect(eq(u64, to, 200));
	cr_expect(not(reseq_missing(&reseq, to, &from, &to)), "the last one");
}

/* Which numbers of the ring came, against what it calls missing. */
Test(reseq_repair, missing_and_held_make_up_the_ring)
{
	static bool came[RESEQ_SLOTS + 2];
	uint64_t from, to, at = 0, last = 0;

	reseq_expect_repair(&reseq, REPAIR_NS, DEATH_NS);
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t seq = 3 + random_below(RESEQ_SLOTS - 1);

		if (came[seq])
			continue;
		came[seq] = true;
		last = seq > last ? seq : last;
		put_at(seq, A, START_NS);
	}
	for (uint64_t seq = 2; seq < last; seq++) {
		if (came[seq])
			continue;
		if (seq >= at) {
			cr_assert(reseq_missing(&reseq, seq, &from, &to));
			cr_assert(eq(u64, from, seq));
			at = to;
		}
		cr_assert(lt(u64, seq, to));
	}
	cr_expect(not(reseq_missing(&reseq, last, &from, &to)));
}
