/* SPDX-License-Identifier: MIT */
/* The search for a path's MTU: a path that is wide, narrow, lossy, dead, or changes. */
#include "sched/pmtu.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define WANTED  1420u
#define OVERDUE (200 * NS_PER_MS)
#define RTT     (20 * NS_PER_MS)

static struct pmtu pmtu;
static uint64_t now_ns;
static unsigned width;   /* of the path: the longest packet that passes; 0: nothing does */
static unsigned refuses; /* the system refuses what is longer; 0: nothing */
static bool is_dead;     /* ordinary probes are lost too */
static unsigned probes;  /* sent so far */
static unsigned changes; /* of the limit */

static void begin(void)
{
	now_ns = 1000 * NS_PER_S;
	width = WANTED;
	refuses = probes = changes = 0;
	is_dead = false;
	pmtu = (struct pmtu){0};
	pmtu_begin(&pmtu, WANTED, now_ns);
}

TestSuite(pmtu, .init = begin, .timeout = 60);

static uint64_t heard_ns(void)
{
	return is_dead ? 0 : now_ns;
}

/* One probe and what becomes of it, at the time when that is known. */
static void probe(bool is_busy)
{
	unsigned size = pmtu_next(&pmtu, is_busy, now_ns);
	uint16_t seq = pmtu.next_seq;

	cr_assert(ne(u32, size, 0));
	cr_assert(le(u32, size, WANTED));
	pmtu_sent(&pmtu, size, OVERDUE, now_ns);
	probes++;
	if (refuses && size > refuses) {
		changes += pmtu_refused(&pmtu, seq, now_ns);
	} else if (!is_dead && size <= width) {
		now_ns += RTT;
		changes += pmtu_answered(&pmtu, seq, now_ns);
	} else {
		cr_assert(eq(u32, pmtu_next(&pmtu, is_busy, now_ns), 0), "one at a time");
		now_ns = pmtu_due_ns(&pmtu, is_busy);
		changes += pmtu_tick(&pmtu, heard_ns(), now_ns);
	}
}

/* Until nothing is due within @ns from now. */
static void run(bool is_busy, uint64_t ns)
{
	uint64_t until_ns = now_ns + ns, due_ns;

	while ((due_ns = pmtu_due_ns(&pmtu, is_busy)) <= until_ns) {
		if (due_ns > now_ns)
			now_ns = due_ns;
		probe(is_busy);
	}
	now_ns = until_ns > now_ns ? until_ns : now_ns;
}

static void search(void)
{
	for (unsigned i = 0; i < 100 && pmtu.state == PMTU_SEARCHING; i++)
		probe(false);
	cr_assert(eq(int, pmtu.state, PMTU_FOUND));
}

Test(pmtu, a_wide_path_needs_one_probe)
{
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0));
	search();
	cr_expect(eq(u32, probes, 1));
	cr_expect(eq(u32, pmtu_known(&pmtu), WANTED));
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0), "no limit");
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, false), NEVER_NS), "while nothing flows");
}

Test(pmtu, every_width_is_found_to_a_step)
{
	for (unsigned w = PMTU_LEAST; w < WANTED; w++) {
		begin();
		width = w;
		search();
		cr_expect(eq(u32, pmtu_limit(&pmtu), w - w % PMTU_STEP), "width %u", w);
		cr_expect(eq(u32, pmtu_known(&pmtu), pmtu_limit(&pmtu)));
		cr_expect(eq(u32, changes, 1), "data is told once");
		cr_expect(le(u32, probes, 1 + 5 * PMTU_TRIES), "width %u: %u probes", w, probes);
	}
}

Test(pmtu, what_the_system_refuses_is_given_up_at_once)
{
	uint64_t began_ns = now_ns;

	refuses = width = 1340;
	search();
	cr_expect(eq(u32, pmtu_limit(&pmtu), 1328));
	cr_expect(le(u64, now_ns, began_ns + 10 * RTT));
}

Test(pmtu, a_path_too_narrow_for_ipv6_takes_that_in_fragments)
{
	width = 1200;
	search();
	cr_expect(eq(u32, pmtu_limit(&pmtu), PMTU_LEAST));
	cr_expect(eq(u32, pmtu_known(&pmtu), 0));
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), now_ns + PMTU_RAISE_NS),
	          "there is nothing to confirm");
}

Test(pmtu, a_tunnel_that_needs_no_more_needs_no_search)
{
	for (unsigned wanted = 576; wanted <= PMTU_LEAST; wanted += 704) {
		pmtu_begin(&pmtu, wanted, now_ns);
		cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), NEVER_NS));
		cr_expect(eq(u32, pmtu_known(&pmtu), wanted));
		cr_expect(eq(u32, pmtu_limit(&pmtu), 0));
		pmtu_look_again(&pmtu, now_ns);
		pmtu_suspect(&pmtu, now_ns + NS_PER_S);
		cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), NEVER_NS));
	}
}

Test(pmtu, off_is_without_limit_and_asks_nothing)
{
	pmtu = (struct pmtu){0};
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), NEVER_NS));
	cr_expect(eq(u32, pmtu_next(&pmtu, true, now_ns), 0));
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0));
	pmtu_look_again(&pmtu, now_ns);
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), NEVER_NS));
}

/* Two of three lost are chance, whatever the size. */
Test(pmtu, a_size_is_given_up_after_several_losses_in_a_row)
{
	for (unsigned i = 0; i + 1 < PMTU_TRIES; i++) {
		width = 0;
		probe(false);
	}
	width = WANTED;
	probe(false);
	cr_expect(eq(u32, pmtu_known(&pmtu), WANTED));
	cr_expect(eq(u32, changes, 0));
}

Test(pmtu, a_late_answer_counts_for_its_size)
{
	uint16_t first = pmtu.next_seq;

	width = 1300;
	probe(false); /* lost, it seems */
	pmtu_sent(&pmtu, pmtu_next(&pmtu, false, now_ns), OVERDUE, now_ns);
	pmtu_answered(&pmtu, first, now_ns + RTT);
	cr_expect(eq(u32, pmtu_known(&pmtu), WANTED));
	cr_expect(eq(int, pmtu.state, PMTU_FOUND));
	cr_expect(not(pmtu_answered(&pmtu, (uint16_t)(first + 1), now_ns + RTT)));
}

Test(pmtu, an_answer_to_a_size_given_up_says_nothing)
{
	uint16_t first = pmtu.next_seq;

	width = 1300;
	while (!pmtu.failed)
		probe(false);
	pmtu_answered(&pmtu, first, now_ns);
	pmtu_answered(&pmtu, (uint16_t)(pmtu.next_seq + 7), now_ns);
	cr_expect(eq(u32, pmtu_known(&pmtu), 0));
	search();
	cr_expect(eq(u32, pmtu_limit(&pmtu), 1296));
}

/* Nothing passes: that is no matter of length. */
Test(pmtu, a_dead_path_teaches_nothing)
{
	is_dead = true;
	for (unsigned i = 0; i < 20; i++)
		probe(false);
	cr_expect(eq(u32, pmtu.failed, 0));
	cr_expect(eq(u32, changes, 0));
	is_dead = false;
	search();
	cr_expect(eq(u32, pmtu_known(&pmtu), WANTED));
}

Test(pmtu, losses_before_a_pause_are_forgotten)
{
	width = 0;
	for (unsigned i = 0; i + 1 < PMTU_TRIES; i++)
		probe(false);
	pmtu_sent(&pmtu, pmtu_next(&pmtu, false, now_ns), OVERDUE, now_ns);
	pmtu_pause(&pmtu);
	probe(false);
	cr_expect(eq(u32, pmtu.failed, 0));
}

Test(pmtu, the_size_found_is_confirmed_while_data_flows)
{
	search();
	probes = 0;
	run(true, 60 * NS_PER_S);
	cr_expect(ge(u32, probes, 11));
	cr_expect(le(u32, probes, 13));
	probes = 0;
	run(false, 60 * NS_PER_S);
	cr_expect(eq(u32, probes, 0), "nor while there is none");
	cr_expect(eq(u32, changes, 0));
}

Test(pmtu, a_black_hole_is_found_and_data_keeps_to_the_least_until_more_passes)
{
	uint64_t shrank_ns;

	search();
	run(true, 7 * NS_PER_S);
	width = 1350;
	shrank_ns = now_ns;
	while (pmtu.state == PMTU_FOUND) {
		now_ns = pmtu_due_ns(&pmtu, true) > now_ns ? pmtu_due_ns(&pmtu, true) : now_ns;
		probe(true);
	}
	cr_expect(eq(u32, pmtu_limit(&pmtu), PMTU_LEAST));
	cr_expect(le(u64, now_ns, shrank_ns + PMTU_CONFIRM_NS + PMTU_CONFIRM_TRIES * OVERDUE));
	search();
	cr_expect(eq(u32, pmtu_limit(&pmtu), 1344));
	cr_expect(eq(u32, changes, 2));
	cr_expect(le(u64, now_ns, shrank_ns + PMTU_CONFIRM_NS + 20 * OVERDUE));
}

Test(pmtu, lost_data_makes_it_look_at_once_but_not_again_and_again)
{
	search();
	run(true, 2 * NS_PER_S);
	pmtu_suspect(&pmtu, now_ns);
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), now_ns));
	probe(true);
	pmtu_suspect(&pmtu, now_ns);
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), now_ns + PMTU_CONFIRM_NS));
	now_ns += PMTU_SUSPECT_NS;
	pmtu_suspect(&pmtu, now_ns);
	cr_expect(eq(u64, pmtu_due_ns(&pmtu, true), now_ns));
}

/* A third of all probes is lost, of whatever size: the chance of a row of five is 1 in 243, and it
 * mends itself by the search that follows.
 */
Test(pmtu, losses_without_a_reason_do_not_narrow_a_path)
{
	search();
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t due_ns = pmtu_due_ns(&pmtu, true);

		now_ns = due_ns > now_ns ? due_ns : now_ns;
		width = i % 3 ? WANTED : 0;
		probe(true);
	}
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0));
	cr_expect(eq(u32, changes, 0));
}

Test(pmtu, a_path_that_became_wider_is_found_by_the_raise_timer)
{
	width = 1300;
	search();
	width = WANTED;
	run(true, PMTU_RAISE_NS - NS_PER_S);
	cr_expect(eq(u32, pmtu_limit(&pmtu), 1296));
	run(true, 2 * NS_PER_S);
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0));
	cr_expect(eq(u32, changes, 2));
}

Test(pmtu, a_raise_that_finds_nothing_leaves_the_limit_alone)
{
	width = 1400;
	search();
	run(true, PMTU_RAISE_NS + 30 * NS_PER_S);
	cr_expect(eq(u32, pmtu_limit(&pmtu), 1392));
	cr_expect(eq(u32, changes, 1));
}

Test(pmtu, other_routes_make_it_look_again_in_both_directions)
{
	width = 1300;
	search();
	width = WANTED;
	pmtu_look_again(&pmtu, now_ns);
	run(false, NS_PER_S);
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0));

	run(true, NS_PER_S);
	width = 1300;
	pmtu_look_again(&pmtu, now_ns);
	run(true, 4 * NS_PER_S);
	cr_expect(eq(u32, pmtu_limit(&pmtu), 1296));
}

Test(pmtu, another_endpoint_is_searched_from_the_beginning)
{
	uint16_t seq;

	width = 1300;
	search();
	seq = pmtu.next_seq;
	width = WANTED;
	pmtu_begin(&pmtu, WANTED, now_ns);
	cr_expect(eq(u32, pmtu_limit(&pmtu), 0));
	cr_expect(eq(u32, pmtu.next_seq, seq), "answers from before are told from those after");
	search();
	cr_expect(eq(u32, pmtu_known(&pmtu), WANTED));
}
