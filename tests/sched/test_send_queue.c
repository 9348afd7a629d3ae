/* SPDX-License-Identifier: MIT */
#include "sched/send_queue.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct send_ticket ticket_of(uint32_t packets, uint32_t packet_bytes, uint32_t last_bytes)
{
	return (struct send_ticket){
		.packets = packets, .packet_bytes = packet_bytes, .last_bytes = last_bytes};
}

Test(send_queue, counts_packets_and_bytes)
{
	struct send_ticket lone = ticket_of(1, 1400, 60), cut = ticket_of(3, 1400, 500);
	struct send_queue q = {0};

	send_queue_put(&q, &lone);
	send_queue_put(&q, &cut);
	cr_expect(eq(u64, q.packets, 4));
	cr_expect(eq(u64, q.bytes, 60 + 1400 + 1400 + 500));
}

Test(send_queue, gives_packet_by_packet_in_order)
{
	struct send_ticket cut = ticket_of(3, 1400, 500), lone = ticket_of(1, 0, 60);
	static const uint32_t lens[] = {1400, 1400, 500, 60};
	struct send_queue q = {0};

	send_queue_put(&q, &cut);
	send_queue_put(&q, &lone);
	for (unsigned i = 0; i < 4; i++) {
		struct send_ticket *expected = i < 3 ? &cut : &lone;

		cr_assert(q.first != NULL);
		cr_expect(eq(u32, send_ticket_next_bytes(q.first), lens[i]));
		cr_expect(send_queue_take(&q) == expected);
		cr_expect(eq(u32, expected->packets, i < 3 ? 2 - i : 0));
	}
	cr_expect(q.first == NULL);
	cr_expect(eq(u64, q.packets, 0));
	cr_expect(eq(u64, q.bytes, 0));
}

/* What was taken is the caller's: it may offer the same memory again. */
Test(send_queue, a_ticket_comes_back_after_its_last_packet)
{
	struct send_ticket ticket, other;
	struct send_queue q = {0};

	for (unsigned round = 0; round < 3; round++) {
		ticket = ticket_of(1, 0, 60);
		other = ticket_of(1, 0, 70);
		send_queue_put(&q, &ticket);
		send_queue_put(&q, &other);
		cr_expect(send_queue_take(&q) == &ticket);
		ticket = ticket_of(1, 0, 80);
		send_queue_put(&q, &ticket);
		cr_expect(send_queue_take(&q) == &other);
		cr_expect(send_queue_take(&q) == &ticket);
		cr_expect(eq(u64, q.bytes, 0));
	}
}

/* ---- by flows ---- */

#define PACKET 1400u
#define MANY   400u

static struct send_ticket tickets[MANY];
static unsigned used;
static struct send_queue fair;

static void begin(void)
{
	send_queue_make_fair(&fair);
	cr_assert(fair.flows != NULL);
}

static void end(void)
{
	while (fair.first)
		send_queue_take(&fair);
	send_queue_rest(&fair);
	cr_expect(fair.flows == NULL);
}

TestSuite(send_queue_fair, .init = begin, .fini = end);

static void put(uint32_t flow, unsigned count, uint64_t since_ns)
{
	while (count--) {
		struct send_ticket *t = &tickets[used++];

		*t = ticket_of(1, PACKET, PACKET);
		t->flow = flow;
		t->since_ns = since_ns;
		send_queue_put(&fair, t);
	}
}

/* Takes @count packets; how many of them were of @flow. */
static unsigned take(unsigned count, uint32_t flow)
{
	unsigned its = 0;

	while (count--)
		its += send_queue_take(&fair)->flow == flow;
	return its;
}

Test(send_queue_fair, flows_share_alike_whatever_each_has_waiting)
{
	put(1, 200, 0);
	put(2, 50, 0);
	put(3, 50, 0);
	cr_expect(eq(u64, fair.packets, 300));
	cr_expect(eq(u64, fair.bytes, 300 * PACKET));
	unsigned its = take(90, 1);
	cr_expect(ge(uint, its, 25));
	cr_expect(le(uint, its, 35));
}

Test(send_queue_fair, one_that_comes_later_does_not_wait_for_what_others_piled_up)
{
	put(1, 200, 0);
	take(10, 1);
	put(2, 1, 1);
	cr_expect(eq(uint, take(SEND_QUANTUM / PACKET + 1, 2), 1));
}

Test(send_queue_fair, each_flow_keeps_its_order)
{
	uint64_t newest[2] = {0};

	for (unsigned i = 1; i <= 100; i++) {
		put(7, 1, i);
		put(8, 2, i);
	}
	while (fair.first) {
		const struct send_ticket *t = send_queue_take(&fair);

		cr_expect(ge(u64, t->since_ns, newest[t->flow - 7]));
		newest[t->flow - 7] = t->since_ns;
	}
	cr_expect(eq(u64, newest[0], 100));
	cr_expect(eq(u64, newest[1], 100));
	cr_expect(eq(u64, fair.bytes, 0));
	cr_expect(eq(u64, fair.packets, 0));
}

/* A few in a row, so that they make a train. */
Test(send_queue_fair, turns_are_some_packets_long)
{
	unsigned changes = 0;
	uint32_t last = 0;

	put(1, 100, 0);
	put(2, 100, 0);
	for (unsigned i = 0; i < 200; i++) {
		uint32_t flow = send_queue_take(&fair)->flow;

		changes += flow != last;
		last = flow;
	}
	cr_expect(le(uint, changes, 200 * PACKET / SEND_QUANTUM + 2));
	cr_expect(ge(uint, changes, 20));
}

Test(send_queue_fair, oldest_is_found_whoever_has_its_turn)
{
	cr_expect(eq(u64, send_queue_oldest_ns(&fair), NEVER_NS));
	put(1, 3, 100);
	put(2, 1, 50);
	put(3, 1, 70);
	cr_expect(eq(u64, send_queue_oldest_ns(&fair), 50));
	cr_expect(not(send_queue_has_older(&fair, 49)));
	cr_assert(send_queue_has_older(&fair, 60));
	cr_expect(eq(u32, send_queue_take(&fair)->flow, 2));
	cr_expect(not(send_queue_has_older(&fair, 60)));
	cr_assert(send_queue_has_older(&fair, 70));
	cr_expect(eq(u32, send_queue_take(&fair)->flow, 3));
	cr_expect(not(send_queue_has_older(&fair, 99)));
	cr_expect(eq(u64, fair.packets, 3));
}

static bool is_flow(void *context, const struct send_ticket *first)
{
	const uint32_t *flow = context;

	return first->flow == *flow;
}

Test(send_queue_fair, the_turn_can_be_given_and_the_round_goes_on_from_there)
{
	uint32_t flow = 2;

	for (uint32_t i = 1; i <= 3; i++)
		put(i, 1, 100);
	cr_assert(send_queue_turn_to(&fair, is_flow, &flow));
	cr_expect(eq(u32, send_queue_take(&fair)->flow, 2));
	cr_expect(eq(u32, send_queue_take(&fair)->flow, 3));
	cr_expect(not(send_queue_turn_to(&fair, is_flow, &flow)), "it has nothing any more");
	cr_expect(eq(u32, send_queue_take(&fair)->flow, 1));
	cr_expect(not(send_queue_turn_to(&fair, is_flow, &flow)));
}

Test(send_queue, without_flows_only_the_first_may_have_its_turn)
{
	struct send_ticket one = ticket_of(1, 1400, 60), two = one;
	struct send_queue q = {0};
	uint32_t flow = 2;

	cr_expect(not(send_queue_turn_to(&q, is_flow, &flow)));
	one.flow = 1;
	two.flow = 2;
	send_queue_put(&q, &one);
	send_queue_put(&q, &two);
	cr_expect(not(send_queue_turn_to(&q, is_flow, &flow)));
	send_queue_take(&q);
	cr_expect(send_queue_turn_to(&q, is_flow, &flow));
}

Test(send_queue_fair, longest_is_found_by_its_bytes)
{
	put(1, 3, 0);
	put(2, 9, 0);
	put(3, 5, 0);
	send_queue_turn_to_longest(&fair);
	cr_expect(eq(uint, take(5, 2), 5));
	send_queue_turn_to_longest(&fair);
	cr_expect(eq(u32, send_queue_take(&fair)->flow, 3), "4 are left of the longest, 5 of it");
}

Test(send_queue_fair, each_flow_is_judged_by_itself)
{
	struct codel *one;

	put(1, 10, 0);
	put(2, 10, 0);
	one = send_queue_codel(&fair);
	cr_assert(one != &fair.codel);
	take(6, 1);
	cr_expect(send_queue_codel(&fair) != one);
	take(14, 1);
	cr_expect(send_queue_codel(&fair) == &fair.codel, "nothing waits");
}

/* Whether what waits in @q for @waited_ms is too much at @now_ms. */
static bool is_too_much(struct send_queue *q, unsigned waited_ms, uint64_t now_ms)
{
	return codel_drop(send_queue_codel(q), waited_ms * NS_PER_MS, 10 * NS_PER_MS, false,
	                  now_ms * NS_PER_MS);
}

/* Twice something waited for a moment, and between them nothing did. */
Test(send_queue_fair, two_short_waits_are_not_a_long_one)
{
	for (uint64_t now_ms = 1000; now_ms < 5000; now_ms += 1000) {
		put(1, 10, 0);
		cr_expect(not(is_too_much(&fair, 30, now_ms)), "at %d ms", (int)now_ms);
		take(10, 1);
	}
}

Test(send_queue, two_short_waits_are_not_a_long_one)
{
	struct send_queue q = {0};

	for (uint64_t now_ms = 1000; now_ms < 5000; now_ms += 1000) {
		struct send_ticket ticket = ticket_of(1, 0, 60);

		send_queue_put(&q, &ticket);
		cr_expect(not(is_too_much(&q, 30, now_ms)), "at %d ms", (int)now_ms);
		send_queue_take(&q);
	}
}

Test(send_queue_fair, what_waits_already_stays_in_its_order)
{
	struct send_ticket ticket = ticket_of(1, 0, 60);
	struct send_queue q = {0};

	send_queue_put(&q, &ticket);
	send_queue_make_fair(&q);
	cr_expect(q.flows == NULL);
	cr_expect(send_queue_take(&q) == &ticket);
}
