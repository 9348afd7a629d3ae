/* SPDX-License-Identifier: MIT */
#include "sched/reseq.h"

#include "../emulation.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sched/epochs.h"

#define START_NS   (1000 * NS_PER_S)
#define SLACK_NS   (5 * NS_PER_MS)
#define UNKNOWN_NS (20 * NS_PER_MS) /* assumed difference of paths that were not probed */

static struct reseq reseq;

/* ---- by hand ---- */

/* Numbers delivered since it was looked at, e.g. "3 4 "; those of a second order as "'0 '1 ". */
static char out[4096];
static uint64_t second; /* where its numbers begin; 0: there is none */

static void say(uint64_t seq)
{
	size_t len = strlen(out);

	if (second && seq >= second)
		snprintf(out + len, sizeof out - len, "'%" PRIu64 " ", seq - second);
	else
		snprintf(out + len, sizeof out - len, "%" PRIu64 " ", seq);
}

/* What is due at @now_ns; tickets are numbers here. The deadline is what reseq_take() keeps. */
static void run_at(uint64_t now_ns)
{
	uint64_t due_ns;
	uint16_t ticket;

	while (reseq_take(&reseq, now_ns, &ticket))
		say(ticket);
	due_ns = reseq_deadline_ns(&reseq, now_ns);
	cr_assert(lt(u64, now_ns, due_ns));
	cr_assert(eq(int, due_ns == NEVER_NS, reseq.held == 0));
}

static void put_at(uint64_t seq, unsigned path, uint64_t now_ns)
{
	enum reseq_verdict verdict;
	uint16_t ticket;

	while ((verdict = reseq_arrived(&reseq, seq, path, now_ns)) == RESEQ_FULL) {
		cr_assert(reseq_take_any(&reseq, now_ns, &ticket));
		say(ticket);
	}
	if (verdict == RESEQ_DELIVER)
		say(seq);
	else
		reseq_hold(&reseq, seq, path, (uint16_t)seq, now_ns);
	run_at(now_ns);
}

enum {
	A,
	B,
	C,
	UNKNOWN = PATHS_MAX
};
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

/* Packets over A, one per ms, from @seq on: returns the number behind them. */
static uint64_t stream(uint64_t seq, uint64_t from_ns, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++)
		put_at(seq + i, A, from_ns + i * NS_PER_MS);
	return seq + ms;
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

/* Over A every second number, while B stands still; then B brings all of its own at once. Each had a
 * gap of its own, and all were given up before.
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

/* Over B everything comes 10 ms after its gap was given up, which no probe tells. Every second number
 * goes over B, so each is a gap of its own.
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

/* ---- in virtual time ---- */

#define SIM_PATHS   4u
#define SIM_PACKETS 400u
#define SIM_EVENTS  (SIM_PACKETS + 1000)

enum kind {
	CONSTANT, /* constant delays, no loss, all paths probed and in use */
	LOSSY,    /* jitter and loss, all paths probed and in use */
	WILD, /* also: dark paths, stray packets, jumps, unknown origin, vague times, no probes */
	KIND_COUNT
};

struct sim_path {
	uint64_t delay_ns, jitter_ns, last_ns; /* of the newest arrival: a path keeps order */
	uint64_t dark_from_ns, dark_to_ns;
	unsigned loss; /* of 1000 */
	int64_t owd_us[SIM_EVENTS];
	unsigned owd_len;
};

struct sim_packet {
	uint64_t seq, arrived_ns, delivered_ns; /* 0: not */
	unsigned path, order;
	bool was_given_up, has_no_place;
	uint64_t waited_ns; /* when it was given up: by the first packet behind the gap */
	uint64_t wanted_ns; /* that should have been the least */
};

struct sim_event {
	uint64_t at_ns;
	unsigned rank; /* order among those of one time */
	bool is_probe;
	unsigned path;
	int64_t owd_us;
	unsigned packet;
};

static struct sim {
	enum kind kind;
	unsigned vague_ns; /* callers' times are up to so much in the past */
	unsigned paths;
	int64_t offset_us; /* our clock less the sender's */
	struct sim_path path[SIM_PATHS];
	struct epochs epochs;
	unsigned order;     /* the sender numbers packets in it; the first is 1 */
	unsigned change[2]; /* packets with which another order begins */
	bool is_mixed;      /* an order had fallen silent and was heard of again */
	struct sim_packet packet[SIM_PACKETS];
	unsigned packets;
	struct sim_event event[SIM_EVENTS];
	unsigned events;
	unsigned top; /* all packets below were delivered or given up */
	unsigned violations;
} sim;

static uint64_t random_state;

/* SEED=N repeats a run. */
static void seed_random(void)
{
	const char *given = getenv("SEED");

	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	fprintf(stderr, "SEED=%" PRIu64 "\n", random_state);
}

static uint32_t random_below(uint32_t limit) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dull) >> 33) % limit;
}

/* Evenly below @limit_ns. */
static uint64_t random_ns(uint64_t limit_ns)
{
	return limit_ns / NS_PER_US * random_below(1000) + random_below(1000);
}

/* When something sent at @sent_ns arrives; 0: never. */
static uint64_t travel(struct sim_path *p, uint64_t sent_ns)
{
	uint64_t at_ns = sent_ns + p->delay_ns;

	if (p->jitter_ns)
		at_ns += random_ns(p->jitter_ns);
	if (p->jitter_ns && random_below(100) == 0)
		at_ns += random_ns(2 * p->jitter_ns);
	if (at_ns < p->last_ns)
		at_ns = p->last_ns;
	if (random_below(1000) < p->loss)
		return 0;
	if (sent_ns >= p->dark_from_ns && sent_ns < p->dark_to_ns)
		return 0;
	p->last_ns = at_ns;
	if (sim.kind == WILD && random_below(10) == 0)
		at_ns += random_ns(50 * NS_PER_MS);
	return at_ns;
}

static void add_event(struct sim_event event)
{
	cr_assert(lt(uint, sim.events, SIM_EVENTS));
	if (!event.at_ns)
		return;
	event.rank = sim.events;
	sim.event[sim.events++] = event;
}

static void send_packet(unsigned path, uint64_t seq, uint64_t sent_ns)
{
	unsigned n = sim.packets++;

	sim.packet[n] = (struct sim_packet){.seq = seq, .path = path, .order = sim.order};
	add_event((struct sim_event){
		.at_ns = travel(&sim.path[path], sent_ns), .path = path, .packet = n});
}

static void send_probes(uint64_t sent_ns)
{
	for (unsigned i = 0; i < sim.paths; i++) {
		uint64_t at_ns = travel(&sim.path[i], sent_ns);
		int64_t owd_us = (int64_t)(at_ns / NS_PER_US) - (int64_t)(sent_ns / NS_PER_US);

		if (sim.kind == WILD && random_below(2))
			continue;
		add_event((struct sim_event){.at_ns = at_ns,
		                             .is_probe = true,
		                             .path = i,
		                             .owd_us = owd_us + sim.offset_us});
	}
}

static int compare_events(const void *left, const void *right)
{
	const struct sim_event *a = left, *b = right;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return a->rank < b->rank ? -1 : 1;
}

/* Delays, unless anything goes, that let no path go out of use between two orders. */
static void make_paths(uint64_t start_ns)
{
	static const uint32_t most_us[KIND_COUNT] = {150000, 80000, 400000};

	sim.paths = 2 + random_below(SIM_PATHS - 1);
	sim.offset_us = random_below(UINT32_MAX);
	if (random_below(2)) /* about to wrap */
		sim.offset_us = INT32_MAX - (int64_t)random_below(100000);
	memset(sim.path, 0, sizeof sim.path);
	for (unsigned i = 0; i < sim.paths; i++) {
		struct sim_path *p = &sim.path[i];

		p->delay_ns = random_below(most_us[sim.kind]) * NS_PER_US;
		if (sim.kind == CONSTANT)
			continue;
		p->jitter_ns = random_below(2) * random_below(20000) * NS_PER_US;
		p->loss = random_below(2) * random_below(50);
		if (sim.kind != WILD || random_below(2))
			continue;
		p->dark_from_ns = start_ns + random_ns(NS_PER_S);
		p->dark_to_ns = p->dark_from_ns + random_ns(NS_PER_S);
	}
}

/* A packet and a probe over each path, so sent that they all come at @start_ns: then all are in use.
 * Longest delay first, as it was sent first.
 */
static uint64_t use_all_paths(uint64_t seq, uint64_t start_ns)
{
	bool is_done[SIM_PATHS] = {0};

	for (unsigned n = 0; n < sim.paths; n++) {
		unsigned slowest = SIM_PATHS;

		for (unsigned i = 0; i < sim.paths; i++) {
			if (!is_done[i] && (slowest == SIM_PATHS ||
			                    sim.path[i].delay_ns > sim.path[slowest].delay_ns))
				slowest = i;
		}
		is_done[slowest] = true;
		sim.packet[sim.packets] =
			(struct sim_packet){.seq = seq++, .path = slowest, .order = sim.order};
		sim.path[slowest].last_ns = start_ns;
		add_event((struct sim_event){
			.at_ns = start_ns, .path = slowest, .packet = sim.packets++});
		add_event((struct sim_event){
			.at_ns = start_ns,
			.is_probe = true,
			.path = slowest,
			.owd_us =
				(int64_t)(sim.path[slowest].delay_ns / NS_PER_US) + sim.offset_us});
	}
	return seq;
}

/* Striped at random, from @start_ns on; the key is changed on the way. */
static void send_stream(uint64_t seq, uint64_t start_ns, bool is_first)
{
	uint64_t now_ns = start_ns, probe_ns = start_ns, step_ns;

	step_ns = 1000 + random_ns(2 * NS_PER_MS);
	if (is_first)
		seq = use_all_paths(seq, start_ns);
	while (sim.packets < SIM_PACKETS) {
		if (now_ns >= probe_ns) {
			send_probes(now_ns);
			probe_ns = now_ns + 20 * NS_PER_MS;
		}
		now_ns += 1 + 2 * random_ns(step_ns);
		if (sim.packets == sim.change[0] || sim.packets == sim.change[1]) {
			sim.order++;
			seq = 0;
		}
		if (sim.kind == WILD && random_below(100) == 0)
			seq += random_below(2 * RESEQ_SLOTS);
		if (sim.kind == WILD && random_below(100) == 0)
			now_ns += random_ns(NS_PER_S);
		send_packet(random_below(sim.paths), seq++, now_ns);
	}
	qsort(sim.event, sim.events, sizeof sim.event[0], compare_events);
}

/* By the last probes, in a clock that does not wrap: how much later than over @fast over @slow. */
static uint64_t measured_ns(unsigned slow, unsigned fast)
{
	const struct sim_path *s = &sim.path[slow], *f = &sim.path[fast];
	int64_t most = INT64_MIN, least = INT64_MAX;

	if (!s->owd_len || !f->owd_len)
		return UNKNOWN_NS;
	for (unsigned i = 0; i < RESEQ_OWD_KEPT && i < s->owd_len; i++)
		most = s->owd_us[s->owd_len - 1 - i] > most ? s->owd_us[s->owd_len - 1 - i] : most;
	for (unsigned i = 0; i < RESEQ_OWD_KEPT && i < f->owd_len; i++)
		least = f->owd_us[f->owd_len - 1 - i] < least ? f->owd_us[f->owd_len - 1 - i]
		                                              : least;
	return most > least ? (uint64_t)(most - least) * NS_PER_US : 0;
}

/* When the one came that has waited longest; NEVER_NS: none waits. */
static uint64_t oldest_ns(void)
{
	uint64_t oldest = NEVER_NS;

	for (unsigned i = sim.top; i < sim.packets; i++) {
		const struct sim_packet *p = &sim.packet[i];

		if (p->arrived_ns && !p->delivered_ns && p->arrived_ns < oldest)
			oldest = p->arrived_ns;
	}
	return oldest;
}

/* Packet @n goes before those missing between @sim.top and it. */
static void give_up(unsigned n, uint64_t now_ns)
{
	const struct sim_packet *first = &sim.packet[n];
	/* Nothing counts any more once somebody has waited so long. */
	bool is_over = now_ns >= oldest_ns() + RESEQ_WAIT_MAX_NS;

	for (; sim.top < n; sim.top++) {
		struct sim_packet *p = &sim.packet[sim.top];

		if (p->has_no_place)
			continue;
		cr_assert(eq(u64, p->arrived_ns, 0), "held, but overtaken");
		p->was_given_up = true;
		p->waited_ns = is_over ? RESEQ_WAIT_MAX_NS : now_ns - first->arrived_ns;
		p->wanted_ns = measured_ns(p->path, first->path) + SLACK_NS;
	}
}

/* The oracle: each one once, in order, late ones at once and with reason. */
static void check_delivery(unsigned n, uint64_t now_ns)
{
	struct sim_packet *p = &sim.packet[n];

	cr_assert(lt(uint, n, sim.packets));
	cr_assert(ne(u64, p->arrived_ns, 0), "packet %u never came", n);
	cr_assert(eq(u64, p->delivered_ns, 0), "packet %u twice", n);
	cr_assert(le(u64, now_ns - p->arrived_ns, RESEQ_WAIT_MAX_NS));
	if (sim.is_mixed) {
		p->delivered_ns = now_ns;
		return;
	}
	if (n >= sim.top) {
		give_up(n, now_ns);
		p->delivered_ns = now_ns;
		sim.top = n + 1;
		return;
	}
	p->delivered_ns = now_ns;
	sim.violations++;
	cr_assert(p->was_given_up);
	cr_assert(eq(u64, now_ns, p->arrived_ns), "late and yet held");
	if (sim.kind != WILD && p->wanted_ns < RESEQ_WAIT_MAX_NS)
		cr_assert(ge(u64, p->waited_ns, p->wanted_ns), "packet %u", n);
}

/* @told_ns is the time as the caller read it, perhaps a little earlier. */
static void sim_take(uint64_t now_ns, uint64_t told_ns)
{
	uint16_t ticket;

	while (reseq_take(&reseq, told_ns, &ticket))
		check_delivery(ticket, now_ns);
}

/* The order of the sender is found, but where anything goes. */
static bool find_place(const struct sim_packet *p, uint64_t told_ns, uint64_t *ret_place)
{
	uint64_t newest = sim.epochs.newest.born_ns;
	bool has_place = epochs_place(&sim.epochs, &reseq, p->order, 0, p->seq, told_ns, ret_place);

	if (sim.epochs.newest.born_ns < newest) {
		sim.is_mixed = true;
		sim.top = 0;
	}
	cr_assert(has_place || sim.kind == WILD);
	cr_assert(sim.kind == WILD || !sim.is_mixed);
	return has_place;
}

static void sim_arrive(unsigned n, uint64_t now_ns, uint64_t told_ns)
{
	struct sim_packet *p = &sim.packet[n];
	unsigned path = sim.kind == WILD && random_below(10) == 0 ? PATHS_MAX : p->path;
	enum reseq_verdict verdict;
	uint16_t ticket;
	uint64_t place;

	p->arrived_ns = now_ns;
	if (!find_place(p, told_ns, &place)) {
		p->has_no_place = true;
		p->delivered_ns = now_ns;
		return;
	}
	while ((verdict = reseq_arrived(&reseq, place, path, told_ns)) == RESEQ_FULL) {
		cr_assert(eq(int, sim.kind, WILD));
		cr_assert(reseq_take_any(&reseq, told_ns, &ticket));
		check_delivery(ticket, now_ns);
	}
	if (verdict == RESEQ_HOLD)
		reseq_hold(&reseq, place, path, (uint16_t)n, told_ns);
	else
		check_delivery(n, now_ns);
	sim_take(now_ns, told_ns);
}

/* Whoever sleeps until the deadline gets something then, and nothing before. Returns when. */
static uint64_t sleep_until(uint64_t due_ns, uint64_t now_ns)
{
	uint16_t ticket;

	if (due_ns > now_ns + 1)
		cr_assert(not(reseq_take(&reseq, due_ns - 1, &ticket)));
	if (due_ns < now_ns)
		due_ns = now_ns;
	cr_assert(reseq_take(&reseq, due_ns, &ticket), "due, but nothing there");
	check_delivery(ticket, due_ns);
	sim_take(due_ns, due_ns);
	return due_ns;
}

/* All that arrives, until nothing waits any more; returns when that is. */
static uint64_t play(void)
{
	uint64_t now_ns = 0, due_ns;

	for (unsigned n = 0; n < sim.events || reseq.held;) {
		const struct sim_event *e = &sim.event[n];

		due_ns = reseq_deadline_ns(&reseq, now_ns);
		if (reseq.held && !sim.vague_ns)
			cr_assert(eq(u64, reseq.slot[reseq.oldest_at].arrived_ns, oldest_ns()));
		if (n == sim.events || due_ns < e->at_ns) {
			now_ns = sleep_until(due_ns, now_ns);
			continue;
		}
		now_ns = e->at_ns;
		n++;
		if (e->is_probe) {
			sim.path[e->path].owd_us[sim.path[e->path].owd_len++] = e->owd_us;
			reseq_probed(&reseq, e->path, (int32_t)(uint32_t)e->owd_us);
		} else {
			sim_arrive(e->packet, now_ns, now_ns - random_below(sim.vague_ns + 1));
		}
	}
	return now_ns;
}

/* What holds at the end: everything came out, and nothing waited without need. */
static void check_all(void)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned i = 0; i < sim.paths; i++) {
		least = sim.path[i].delay_ns < least ? sim.path[i].delay_ns : least;
		most = sim.path[i].delay_ns > most ? sim.path[i].delay_ns : most;
	}
	for (unsigned i = 0; i < sim.packets; i++) {
		const struct sim_packet *p = &sim.packet[i];

		cr_assert(eq(int, p->arrived_ns != 0, p->delivered_ns != 0), "packet %u", i);
		if (sim.kind == CONSTANT)
			cr_assert(
				le(u64, p->delivered_ns - p->arrived_ns, most - least + SLACK_NS));
	}
	if (sim.kind == CONSTANT)
		cr_assert(eq(uint, sim.violations, 0));
}

/* When orders begin on the way. The one before was heard of, except in the wild, where there may also be
 * three at a time.
 */
static void choose_changes(bool is_first)
{
	sim.change[0] = sim.change[1] = SIM_PATHS + 1 + random_below(SIM_PACKETS);
	if (sim.kind == WILD)
		sim.change[1] = SIM_PATHS + 1 + random_below(SIM_PACKETS);
	else if (!is_first)
		sim.change[0] = sim.change[1] = SIM_PACKETS;
}

/* Two streams, between which everything comes to rest. */
static void simulate(enum kind kind)
{
	uint64_t now_ns = START_NS + random_ns(NS_PER_S);

	memset(&reseq, 0, sizeof reseq);
	memset(&sim.epochs, 0, sizeof sim.epochs);
	sim.kind = kind;
	sim.order = 0;
	sim.vague_ns = kind == WILD && random_below(2) ? 50000 : 0;
	make_paths(now_ns);
	for (unsigned round = 0; round < 2; round++) {
		sim.packets = sim.events = sim.top = sim.violations = 0;
		sim.is_mixed = false;
		sim.order++;
		choose_changes(round == 0);
		send_stream(round ? 0 : random_below(1000), now_ns, round == 0);
		now_ns = play();
		check_all();
	}
}

static void simulate_many(enum kind kind, unsigned runs)
{
	seed_random();
	while (runs--)
		simulate(kind);
}

Test(reseq, constant_delays_never_break_order)
{
	simulate_many(CONSTANT, fewer_emulated(1000));
}

Test(reseq, loss_and_jitter_break_order_with_reason_only)
{
	simulate_many(LOSSY, fewer_emulated(1000));
}

Test(reseq, nothing_is_lost_or_stuck_whatever_happens)
{
	simulate_many(WILD, fewer_emulated(1000));
}
