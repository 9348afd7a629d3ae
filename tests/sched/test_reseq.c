/* SPDX-License-Identifier: MIT */
/* What is delivered when. */
#include "sched/reseq.h"

#include "reseq_hand.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <string.h>

enum action {
	END,
	PUT,
	PROBE,
	WAIT,
	BEGIN,
	PUT_NEW /* of the second order */
};

struct step {
	enum action action;
	uint32_t at_us;
	uint64_t seq; /* of a probe: the one-way delay in us */
	unsigned path;
	const char *out; /* delivered by this step */
};

/* Both paths are used first, so that each may bring what is missing. */
#define A_AND_B                    \
	{PUT, 0, 0, A, "0 "},      \
	{                          \
		PUT, 0, 1, B, "1 " \
	}
#define A_B_C                                       \
	{PUT, 0, 0, A, "0 "}, {PUT, 0, 1, B, "1 "}, \
	{                                           \
		PUT, 0, 2, C, "2 "                  \
	}
#define DELAYS(a, b)               \
	{PROBE, 0, a, A, ""},      \
	{                          \
		PROBE, 0, b, B, "" \
	}

static const struct {
	const char *what;
	struct step steps[16];
} cases[] = {
	{"order begins with the first packet",
         {{PUT, 0, 70, A, "70 "}, {PUT, 1, 71, A, "71 "}, {PUT, 2, 69, B, "69 "}}},
	{"equal paths in order: no delay",
         {A_AND_B,
          DELAYS(10000, 10000),
          {PUT, 10, 2, A, "2 "},
          {PUT, 11, 3, B, "3 "},
          {PUT, 20, 4, A, "4 "},
          {PUT, 21, 5, A, "5 "},
          {PUT, 22, 6, B, "6 "}}},
	{"overtaken by a little: put back",
         {A_AND_B,
          {PUT, 10, 3, A, ""},
          {PUT, 20, 4, A, ""},
          {PUT, 900, 2, B, "2 3 4 "},
          {PUT, 910, 5, A, "5 "}}},
	{"a place without a packet counts",
         {A_AND_B, {PUT, 1, 3, A, ""}, {PUT, 2, 5, A, ""}, {PUT, 3, 2, B, "2 3 "}}},
	{"loss on one of two equal paths: passed by its next packet",
         {A_AND_B,
          DELAYS(10000, 10000),
          {PUT, 100, 3, B, ""}, /* 2 was sent over A and is lost */
          {PUT, 200, 4, A, "3 4 "},
          {PUT, 300, 5, B, "5 "}}},
	{"loss on the only path: passed at once",
         {{PUT, 0, 0, A, "0 "}, {PUT, 100, 2, A, "2 "}, {PUT, 200, 9, A, "9 "}}},
	{"loss on the fast path: waits for the difference",
         {A_AND_B,
          DELAYS(10000, 60000),
          {PUT, 1000, 3, A, ""},
          {PUT, 2000, 4, A, ""},
          {WAIT, 55999, 0, 0, ""},
          {WAIT, 56000, 0, 0, "3 4 "}}},
	{"loss on the fast path: the slow one passes earlier",
         {A_AND_B,
          DELAYS(10000, 60000),
          {PUT, 1000, 3, A, ""},
          {PUT, 9000, 6, A, ""},
          {PUT, 51000, 4, B, "3 4 "},
          {PUT, 58000, 5, B, "5 6 "}}},
	{"the fast path is not waited for with more than the slack",
         {A_AND_B,
          DELAYS(60000, 10000),
          {PUT, 1000, 3, A, ""},
          {WAIT, 5999, 0, 0, ""},
          {WAIT, 6000, 0, 0, "3 "}}},
	{"the worst of the slow path against the best of the fast one",
         {A_AND_B,
          DELAYS(10000, 60000),
          DELAYS(20000, 40000),
          {PUT, 0, 3, A, ""},
          {WAIT, 54999, 0, 0, ""},
          {WAIT, 55000, 0, 0, "3 "}}},
	{"delays around the wrap of the clocks",
         {A_AND_B,
          DELAYS((uint32_t)INT32_MAX - 9, (uint32_t)INT32_MAX + 2991),
          {PUT, 0, 3, A, ""},
          {WAIT, 7999, 0, 0, ""},
          {WAIT, 8000, 0, 0, "3 "}}},
	{"delays on both sides of the wrap",
         {A_AND_B,
          DELAYS((uint32_t)INT32_MAX - 9, (uint32_t)INT32_MAX - 9),
          DELAYS((uint32_t)INT32_MAX + 91, (uint32_t)INT32_MAX + 991),
          {PUT, 0, 3, A, ""},
          {WAIT, 5999, 0, 0, ""},
          {WAIT, 6000, 0, 0, "3 "}}},
	{"without probes a difference is assumed",
         {A_AND_B, {PUT, 0, 3, A, ""}, {WAIT, 24999, 0, 0, ""}, {WAIT, 25000, 0, 0, "3 "}}},
	{"an unknown path proves nothing",
         {{PUT, 0, 0, UNKNOWN, "0 "},
          {PUT, 0, 2, UNKNOWN, ""},
          {PUT, 1000, 3, UNKNOWN, ""},
          {WAIT, 4999, 0, 0, ""},
          {WAIT, 5000, 0, 0, "2 3 "}}},
	{"an unknown path and one that may bring it",
         {{PUT, 0, 0, A, "0 "},
          {PUT, 0, 2, UNKNOWN, ""},
          {PUT, 1000, 3, UNKNOWN, ""},
          {WAIT, 24999, 0, 0, ""},
          {PUT, 24999, 1, A, "1 2 3 "}}},
	{"never more than 300 ms",
         {A_AND_B,
          DELAYS(10000, 2000000),
          {PUT, 0, 3, A, ""},
          {WAIT, 299999, 0, 0, ""},
          {WAIT, 300000, 0, 0, "3 "}}},
	{"never more than 300 ms, whatever comes before it meanwhile",
         {A_B_C,
          DELAYS(0, 250000),
          {PROBE, 0, 500000, C, ""},
          {PUT, 0, 20, A, ""},
          {PUT, 250000, 10, B, ""}, /* C may be 250 ms later than B */
          {PUT, 260000, 15, B, ""},
          {WAIT, 299999, 0, 0, ""},
          {WAIT, 300000, 0, 0, "10 15 20 "}}},
	{"a path without probes that was never used is not waited for",
         {{PROBE, 0, 10000, A, ""}, {PUT, 0, 0, A, "0 "}, {PUT, 1, 2, A, "2 "}}},
	{"in the beginning a path with probes is waited for, used or not",
         {DELAYS(10000, 60000),
          {PUT, 0, 0, A, "0 "},
          {PUT, 1, 2, A, ""},
          {PUT, 40000, 1, B, "1 2 "}}},
	{"later one that was never used is not waited for",
         {DELAYS(10000, 60000),
          {PUT, 0, 0, A, "0 "},
          {PUT, 20000, 1, A, "1 "},
          {PUT, 40000, 2, A, "2 "},
          {PUT, 60000, 3, A, "3 "},
          {PUT, 80000, 4, A, "4 "},
          {PUT, 100000, 5, A, "5 "},
          {PUT, 120000, 6, A, "6 "},
          {PUT, 140000, 7, A, "7 "},
          {PUT, 160000, 8, A, "8 "},
          {PUT, 180000, 9, A, "9 "},
          {PUT, 200000, 10, A, "10 "},
          {PUT, 200001, 12, A, "12 "}}},
	{"a pause of all paths takes none out of use",
         {A_AND_B,
          DELAYS(10000, 60000),
          {PUT, 5000000, 2, A, "2 "},
          {PUT, 5001000, 4, A, ""},
          {PUT, 5051000, 3, B, "3 4 "}}},
	{"a batch with an older time: nothing falls out of use",
         {A_AND_B,
          DELAYS(10000, 10000),
          {PUT, 500, 2, A, "2 "},
          {PUT, 450, 4, B, ""}, /* 3 is on its way over A */
          {WAIT, 400, 0, 0, ""},
          {PUT, 600, 3, A, "3 4 "}}},
	{"a new order: waits for the slow path to have brought some of it",
         {A_AND_B,
          DELAYS(10000, 50000),
          {BEGIN, 1000, 0, 0, ""},
          {PUT_NEW, 1000, 0, A, ""},
          {PUT_NEW, 2000, 1, A, ""},
          {PUT, 3000, 2, B, "2 "},
          {PUT, 20000, 3, B, "3 "},
          {PUT_NEW, 30000, 2, B, "'0 '1 '2 "}}},
	{"a new order: the old one is given up at the deadline",
         {A_AND_B,
          DELAYS(10000, 50000),
          {BEGIN, 1000, 0, 0, ""},
          {PUT_NEW, 1000, 0, A, ""},
          {WAIT, 45999, 0, 0, ""},
          {WAIT, 46000, 0, 0, "'0 "},
          {PUT, 47000, 2, B, "2 "},
          {PUT_NEW, 48000, 1, A, "'1 "}}},
	{"a new order: a gap of the old one is given up by itself",
         {A_AND_B,
          DELAYS(10000, 50000),
          {PUT, 1000, 3, A, ""},
          {BEGIN, 40000, 0, 0, ""},
          {PUT_NEW, 40000, 0, A, ""},
          {WAIT, 45999, 0, 0, ""},
          {WAIT, 46000, 0, 0, "3 "},
          {PUT, 50000, 4, B, "4 "},
          {PUT_NEW, 60000, 1, B, "'0 '1 "}}},
	{"a new order: the only path has passed at once",
         {{PUT, 0, 0, A, "0 "},
          {BEGIN, 1000, 0, 0, ""},
          {PUT_NEW, 1000, 0, A, "'0 "},
          {PUT_NEW, 2000, 1, A, "'1 "}}},
	{"a new order: the paths in use stay so",
         {A_AND_B,
          DELAYS(10000, 60000),
          {BEGIN, 1000, 0, 0, ""},
          {PUT_NEW, 1000, 0, A, ""},
          {PUT_NEW, 1000, 1, B, "'0 '1 "},
          {PUT_NEW, 2000, 3, A, ""},
          {WAIT, 50000, 0, 0, ""},
          {PUT_NEW, 51500, 2, B, "'2 '3 "}}},
	{"a new order: the first number is 0",
         {{PUT, 0, 500, A, "500 "},
          {PUT, 0, 501, B, "501 "},
          {BEGIN, 1000, 0, 0, ""},
          {PUT_NEW, 1000, 1, B, ""},
          {PUT_NEW, 2000, 0, A, "'0 '1 "}}},
	{"the first to come is not the first that was sent",
         {DELAYS(10000, 60000),
          {PUT, 10, 2, A, ""},
          {PUT, 50000, 0, B, "0 "},
          {PUT, 50010, 1, B, "1 2 "}}},
	{"a jump beyond all memory with nothing waiting",
         {A_AND_B,
          {PUT, 10, RESEQ_SLOTS + 2, A, "8194 "},
          {PUT, 20, 7, B, "7 "},
          {PUT, 30, RESEQ_SLOTS + 3, A, "8195 "}}},
};

Test(reseq, delivers_in_order_and_at_the_right_time)
{
	for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
		memset(&reseq, 0, sizeof reseq);
		second = 0;
		for (const struct step *s = cases[n].steps; s->action != END; s++) {
			uint64_t now_ns = START_NS + s->at_us * NS_PER_US;

			out[0] = '\0';
			if (s->action == PUT)
				put_at(s->seq, s->path, now_ns);
			else if (s->action == PUT_NEW)
				put_at(second + s->seq, s->path, now_ns);
			else if (s->action == PROBE)
				reseq_probed(&reseq, s->path, (int32_t)(uint32_t)s->seq);
			else if (s->action == BEGIN)
				second = reseq_begin(&reseq);
			else
				run_at(now_ns);
			cr_expect(eq(str, out, (char *)s->out), "%s: step %zu, %" PRIu32 " us",
			          cases[n].what, (size_t)(s - cases[n].steps), s->at_us);
		}
	}
}

Test(reseq, a_path_without_data_for_300_ms_of_traffic_is_not_waited_for)
{
	uint64_t seq;

	put_at(0, B, START_NS);
	seq = stream(1, START_NS, 299);
	out[0] = '\0';
	put_at(seq + 1, A, START_NS + 299 * NS_PER_MS);
	cr_expect(eq(str, out, ""));
	put_at(seq + 2, A, START_NS + 300 * NS_PER_MS); /* B leaves with this one */
	cr_expect(eq(str, out, "301 302 "));
	out[0] = '\0';
	put_at(seq + 4, A, START_NS + 301 * NS_PER_MS);
	cr_expect(eq(str, out, "304 "));
	put_at(seq + 5, B, START_NS + 302 * NS_PER_MS); /* and is back */
	put_at(seq + 7, A, START_NS + 303 * NS_PER_MS);
	cr_expect(eq(str, out, "304 305 "));
}

Test(reseq, remembers_the_last_probes)
{
	put_at(0, A, START_NS);
	put_at(1, B, START_NS);
	put_at(3, A, START_NS);
	reseq_probed(&reseq, A, 10000);
	for (unsigned i = 0; i < 7; i++)
		reseq_probed(&reseq, B, 90000);
	reseq_probed(&reseq, B, 80000);
	for (unsigned i = 1; i < RESEQ_OWD_KEPT; i++)
		reseq_probed(&reseq, B, 50000);
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, START_NS), START_NS + 75 * NS_PER_MS));
	reseq_probed(&reseq, B, 50000);
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, START_NS), START_NS + 45 * NS_PER_MS));
}

/* Two links' threads read the clock on their own. */
Test(reseq, times_that_step_back_take_no_path_out_of_use)
{
	uint64_t now_ns = START_NS;

	put_at(0, B, now_ns);
	for (uint64_t seq = 1; seq < 100; seq++) {
		now_ns += 10 * NS_PER_US;
		put_at(seq, A, seq % 2 ? now_ns : now_ns - 50 * NS_PER_US);
	}
	out[0] = '\0';
	put_at(101, A, now_ns);
	put_at(100, B, now_ns);
	cr_expect(eq(str, out, "100 101 "));
}

Test(reseq, the_room_between_two_orders_is_no_loss)
{
	put_at(0, A, START_NS);
	put_at(2, A, START_NS); /* 1 is lost */
	second = reseq_begin(&reseq);
	put_at(second + 3, A, START_NS); /* and '0 to '2 */
	cr_expect(eq(str, out, "0 2 '3 "));
	cr_expect(eq(u64, reseq.gaps_given_up, 4));
}

/* The room before the new order and both orders' packets share the ring. */
Test(reseq, a_full_ring_gives_up_the_end_of_the_old_order)
{
	const uint64_t room = RESEQ_SLOTS - RESEQ_ROOM;

	put_at(0, A, START_NS);
	put_at(1, B, START_NS);
	second = reseq_begin(&reseq);
	out[0] = '\0';
	for (uint64_t seq = 0; seq < room; seq++)
		put_at(second + seq, A, START_NS);
	cr_expect(eq(str, out, ""));
	cr_expect(eq(int, reseq_arrived(&reseq, second + room, A, START_NS), RESEQ_FULL));
	put_at(second + room, A, START_NS);
	cr_expect(eq(int, strncmp(out, "'0 '1 '2 ", 9), 0));
	cr_expect(eq(u32, reseq.held, 0));
}

Test(reseq, a_full_ring_gives_up_the_oldest_gap_only)
{
	uint64_t last = RESEQ_SLOTS, now_ns = START_NS;

	put_at(0, B, now_ns);
	for (uint64_t seq = 2; seq <= last; seq++) /* 1 is missing */
		put_at(seq, A, now_ns);
	cr_expect(eq(str, out, "0 "));
	cr_expect(eq(u32, reseq.held, RESEQ_SLOTS - 1));
	cr_expect(eq(u64, reseq_deadline_ns(&reseq, now_ns), now_ns + UNKNOWN_NS + SLACK_NS));

	cr_expect(eq(int, reseq_arrived(&reseq, last + 1, A, now_ns), RESEQ_FULL));
	put_at(last + 1, A, now_ns);
	cr_expect(eq(u32, reseq.held, 0));
	cr_expect(eq(u64, reseq.next, last + 2));
	cr_expect(eq(u64, reseq.gaps_given_up, 1));
}

Test(reseq, a_far_jump_empties_a_ring_of_holes)
{
	uint16_t ticket;

	put_at(0, B, START_NS);
	for (uint64_t seq = 2; seq < RESEQ_SLOTS; seq += 2)
		put_at(seq, A, START_NS);
	out[0] = '\0';
	put_at(100 * RESEQ_SLOTS, A, START_NS);
	cr_expect(eq(u32, reseq.held, 0));
	cr_expect(eq(u64, reseq.next, 100 * RESEQ_SLOTS + 1));
	cr_expect(eq(int, strncmp(out, "2 4 6 8 10 ", 11), 0));
	cr_expect(not(reseq_take_any(&reseq, START_NS, &ticket)));
}
