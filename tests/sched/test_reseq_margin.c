/* SPDX-License-Identifier: MIT */
/* What is learnt from packets that come after they were given up. */
#include "sched/reseq.h"

#include "reseq_hand.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(reseq, times_that_step_back_teach_nothing)
{
	put_at(0, A, START_NS);
	put_at(2, A, START_NS); /* at once: B is not known to be in use */
	put_at(1, B, START_NS - NS_PER_US);
	cr_expect(eq(u64, reseq.margin_ns, 200 * NS_PER_US));
	put_at(3, A, START_NS + NS_PER_MS);
	put_at(4, A, START_NS - NS_PER_MS);
	cr_expect(eq(u64, reseq.margin_ns, 200 * NS_PER_US));
}

Test(reseq, what_is_older_than_the_order_teaches_nothing)
{
	put_at(70, A, START_NS);
	put_at(69, B, START_NS + 10 * NS_PER_MS);
	cr_expect(eq(u64, reseq.came_late, 0));
	cr_expect(eq(u64, reseq.margin_ns, 0));
}

/* Number 2 is given up at 25 ms and comes at 35. */
static uint64_t be_taught(void)
{
	put_at(0, A, START_NS);
	put_at(1, B, START_NS);
	put_at(3, A, START_NS);
	run_at(START_NS + 25 * NS_PER_MS);
	put_at(2, B, START_NS + 35 * NS_PER_MS);
	cr_assert(eq(str, out, "0 1 3 2 "));
	out[0] = '\0';
	return START_NS + 35 * NS_PER_MS;
}

Test(reseq, a_late_packet_teaches_to_wait_longer)
{
	uint64_t now_ns = be_taught();

	cr_expect(eq(u64, reseq.came_late, 1));
	cr_expect(eq(u64, reseq.gaps_given_up, 1));
	cr_expect(eq(u64, reseq.margin_ns, 5200 * NS_PER_US)); /* half of it and 0.2 ms */
	put_at(5, A, now_ns);
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, now_ns),
	             now_ns + UNKNOWN_NS + SLACK_NS + reseq.margin_ns));
	put_at(6, B, now_ns); /* now both have passed: the margin remains */
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, now_ns), now_ns + reseq.margin_ns));
	run_at(now_ns + reseq.margin_ns - 1);
	cr_expect(eq(str, out, ""));
	run_at(now_ns + reseq.margin_ns);
	cr_expect(eq(str, out, "5 6 "));
}

Test(reseq, a_late_train_teaches_once)
{
	uint64_t now_ns = START_NS;

	put_at(0, A, now_ns);
	put_at(1, B, now_ns);
	put_at(42, A, now_ns);
	run_at(now_ns + UNKNOWN_NS + SLACK_NS); /* 2 to 41 are given up, and come 10 ms later */
	now_ns += 35 * NS_PER_MS;
	for (uint64_t seq = 2; seq < 42; seq++)
		put_at(seq, B, now_ns);
	cr_expect(eq(u64, reseq.came_late, 40));
	cr_expect(eq(u64, reseq.margin_ns, 5200 * NS_PER_US));
}

/* Over A every second number, while B stands still; then B brings all of its own at once. Each had
 * a gap of its own, and all were given up before.
 */
Test(reseq, a_late_train_between_the_packets_of_another_path_teaches_once)
{
	uint64_t now_ns = START_NS, seq = 2;

	put_at(0, A, now_ns);
	put_at(1, B, now_ns);
	for (; seq < 200; seq += 2, now_ns += NS_PER_MS) {
		run_at(now_ns);
		put_at(seq + 1, A, now_ns);
	}
	for (uint64_t late = 2; late < 150; late += 2)
		put_at(late, B, now_ns);
	cr_expect(eq(u64, reseq.came_late, 74));
	cr_expect(le(u64, reseq.margin_ns, NS_PER_MS));
}

/* Over B everything comes 10 ms after its gap was given up, which no probe tells. Every second
 * number goes over B, so each is a gap of its own.
 */
Test(reseq, a_lasting_difference_is_learnt_gap_by_gap)
{
	const uint64_t behind = (UNKNOWN_NS + SLACK_NS + 10 * NS_PER_MS) / (2 * NS_PER_MS);
	uint64_t now_ns = START_NS, late = 0;

	put_at(0, A, now_ns);
	put_at(1, B, now_ns);
	for (uint64_t n = 1; n <= 150; n++, now_ns += 2 * NS_PER_MS) {
		run_at(now_ns);
		put_at(2 * n + 1, A, now_ns);
		if (n > behind)
			put_at(2 * (n - behind), B, now_ns + NS_PER_US);
		if (n == 100)
			late = reseq.came_late;
	}
	cr_expect(lt(u64, 10, late));
	cr_expect(le(u64, reseq.came_late - late, 2)); /* when the margin has faded a little */
}

Test(reseq, the_margin_is_bounded_and_fades)
{
	uint64_t now_ns = be_taught(), margin_ns = reseq.margin_ns, seq = 4;

	seq = stream(seq, now_ns, 100);
	cr_expect(eq(u64, reseq.margin_ns, margin_ns));
	now_ns += 100 * NS_PER_MS;
	put_at(seq++, A, now_ns);
	cr_expect(eq(u64, reseq.margin_ns, margin_ns - margin_ns / 50 - 1));
	put_at(seq + 1, A, now_ns);
	run_at(now_ns + RESEQ_WAIT_MAX_NS);
	put_at(seq, B, now_ns + RESEQ_WAIT_MAX_NS + 200 * NS_PER_MS);
	cr_expect(eq(u64, reseq.margin_ns, 60 * NS_PER_MS));
	put_at(seq + 2, A, now_ns + 600 * NS_PER_S);
	cr_expect(eq(u64, reseq.margin_ns, 0));
}

/* Were each to wait for the margin in its turn, a steady loss would let us fall behind for ever. */
Test(reseq, gaps_that_were_passed_wait_for_the_margin_together)
{
	uint64_t now_ns = be_taught(), margin_ns = reseq.margin_ns, last_ns;

	for (uint64_t seq = 5; seq < 25; seq += 2) {
		put_at(seq, seq % 4 == 1 ? A : B, now_ns);
		now_ns += 100 * NS_PER_US;
	}
	cr_expect(eq(str, out, ""));
	last_ns = now_ns + 2 * margin_ns;
	while (reseq.held && reseq_deadline_ns(&reseq, now_ns) <= last_ns) {
		now_ns = reseq_deadline_ns(&reseq, now_ns);
		run_at(now_ns);
	}
	cr_expect(eq(str, out, "5 7 9 11 13 15 17 19 21 "));
}

Test(reseq, the_margin_begins_when_the_last_path_has_passed)
{
	uint64_t now_ns = be_taught(), margin_ns = reseq.margin_ns;

	put_at(5, A, now_ns);
	now_ns += NS_PER_MS;
	put_at(6, B, now_ns);
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, now_ns), now_ns + margin_ns));
	put_at(8, A, now_ns); /* 7 is another gap, which B may bring */
	now_ns += margin_ns;
	run_at(now_ns);
	cr_expect(eq(str, out, "5 6 "));
	put_at(9, B, now_ns);
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, now_ns), now_ns + margin_ns));
}

Test(reseq, what_was_passed_in_the_old_order_says_nothing_of_the_new_one)
{
	uint64_t now_ns = be_taught();

	for (uint64_t seq = 5; seq < 15; seq += 2)
		put_at(seq, seq % 4 == 1 ? A : B, now_ns);
	run_at(now_ns + RESEQ_WAIT_MAX_NS);
	now_ns += 2 * RESEQ_WAIT_MAX_NS;
	cr_expect(eq(u32, reseq.held, 0));
	second = reseq_begin(&reseq);
	put_at(second + 1, A, now_ns);
	put_at(second + 2, B, now_ns);
	cr_expect(lt(u64, 0, reseq.margin_ns));
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, now_ns), now_ns + reseq.margin_ns));
}
