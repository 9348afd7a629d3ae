/* SPDX-License-Identifier: MIT */
#include "sched/receiver.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)

static struct receiver receiver;

static struct receiver_packet packet_of(uint64_t seq, unsigned path)
{
	return (struct receiver_packet){.seq = seq, .born_ns = START_NS, .index = 7, .path = path};
}

/* A packet comes and is kept under @ticket if it has to wait. */
static enum reseq_verdict arrive(struct receiver_packet packet, uint16_t ticket, uint64_t now_ns)
{
	enum reseq_verdict verdict;
	uint64_t place;

	verdict = receiver_arrived(&receiver, &packet, now_ns, &place);
	if (verdict == RESEQ_HOLD)
		receiver_hold(&receiver, &packet, place, ticket, now_ns);
	return verdict;
}

static void expect_taken(uint64_t now_ns, unsigned ticket)
{
	uint16_t taken;

	cr_assert(receiver_take(&receiver, now_ns, &taken));
	cr_expect(eq(uint, taken, ticket));
}

Test(receiver, delivers_what_comes_in_order)
{
	uint16_t ticket;

	for (uint64_t seq = 0; seq < 10; seq++)
		cr_expect(eq(int, arrive(packet_of(seq, 0), 1, START_NS), RESEQ_DELIVER));
	cr_expect(not(receiver_take(&receiver, START_NS, &ticket)));
	cr_expect(eq(u64, receiver_alarm_ns(&receiver, START_NS), NEVER_NS));
}

Test(receiver, holds_what_overtook_until_the_gap_is_filled)
{
	uint16_t ticket;

	arrive(packet_of(0, 0), 0, START_NS);
	arrive(packet_of(1, 1), 0, START_NS);
	cr_expect(eq(int, arrive(packet_of(3, 0), 30, START_NS), RESEQ_HOLD));
	cr_expect(eq(int, arrive(packet_of(4, 0), 40, START_NS), RESEQ_HOLD));
	cr_expect(not(receiver_take(&receiver, START_NS, &ticket)));
	cr_expect(eq(int, arrive(packet_of(2, 1), 0, START_NS), RESEQ_DELIVER));
	expect_taken(START_NS, 30);
	expect_taken(START_NS, 40);
	cr_expect(not(receiver_take(&receiver, START_NS, &ticket)));
}

Test(receiver, gives_a_gap_up_at_the_alarm)
{
	uint64_t alarm_ns;
	uint16_t ticket;

	arrive(packet_of(0, 0), 0, START_NS);
	arrive(packet_of(1, 1), 0, START_NS);
	arrive(packet_of(3, 0), 30, START_NS);
	cr_expect(not(receiver_take(&receiver, START_NS, &ticket)));
	alarm_ns = receiver_alarm_ns(&receiver, START_NS);
	cr_assert(lt(u64, START_NS, alarm_ns));
	cr_assert(le(u64, alarm_ns, START_NS + RESEQ_WAIT_MAX_NS));
	cr_expect(not(receiver_take(&receiver, alarm_ns - 1, &ticket)));
	expect_taken(alarm_ns, 30);
}

Test(receiver, waits_as_long_as_the_delays_differ)
{
	uint64_t without_ns, with_ns;
	uint16_t ticket;

	for (unsigned round = 0; round < 2; round++) {
		receiver = (struct receiver){0};
		receiver_probed(&receiver, 0, 0);
		receiver_probed(&receiver, 1, round ? 90000 : 10000);
		arrive(packet_of(0, 0), 0, START_NS);
		arrive(packet_of(1, 1), 0, START_NS);
		arrive(packet_of(3, 0), 30, START_NS);
		cr_expect(not(receiver_take(&receiver, START_NS, &ticket)));
		with_ns = receiver_alarm_ns(&receiver, START_NS);
		if (!round)
			without_ns = with_ns;
	}
	cr_expect(eq(u64, with_ns - without_ns, 80 * NS_PER_MS));
}

Test(receiver, a_younger_keypair_comes_behind_the_older)
{
	struct receiver_packet young = packet_of(0, 0);
	uint16_t ticket;

	young.born_ns += NS_PER_S;
	arrive(packet_of(50, 0), 0, START_NS);
	arrive(packet_of(51, 1), 0, START_NS);
	cr_expect(eq(int, arrive(young, 1, START_NS), RESEQ_HOLD));
	cr_expect(eq(int, arrive(packet_of(52, 1), 0, START_NS), RESEQ_DELIVER));
	cr_expect(not(receiver_take(&receiver, START_NS, &ticket)));
	young.seq = 1;
	young.path = 1;
	arrive(young, 2, START_NS); /* both paths are past the change */
	expect_taken(START_NS, 1);
	expect_taken(START_NS, 2);
}

/* What comes under a keypair that is long past has no place: nothing waits for it, nor it for
 * anything.
 */
Test(receiver, what_has_no_place_is_delivered)
{
	struct receiver_packet p = packet_of(0, 0);

	for (unsigned age = 0; age < 3; age++) {
		p.born_ns = START_NS + age;
		arrive(p, 0, START_NS);
	}
	p.born_ns = START_NS;
	p.seq = 1;
	cr_expect(eq(int, arrive(p, 0, START_NS), RESEQ_DELIVER));
}

Test(receiver, an_unknown_path_may_have_any_number)
{
	uint16_t ticket;

	arrive(packet_of(0, UINT32_MAX), 0, START_NS);
	cr_expect(eq(int, arrive(packet_of(2, UINT32_MAX), 20, START_NS), RESEQ_HOLD));
	cr_expect(receiver_take_any(&receiver, START_NS, &ticket));
	cr_expect(eq(uint, ticket, 20));
}

Test(receiver, when_full_the_oldest_gives_way)
{
	uint16_t ticket;

	arrive(packet_of(0, 0), 0, START_NS);
	cr_expect(eq(int, arrive(packet_of(2, 0), 20, START_NS), RESEQ_HOLD));
	cr_expect(eq(int, arrive(packet_of(RESEQ_SLOTS + 1, 0), 30, START_NS), RESEQ_FULL));
	cr_expect(receiver_take_any(&receiver, START_NS, &ticket));
	cr_expect(eq(uint, ticket, 20));
	cr_expect(eq(int, arrive(packet_of(RESEQ_SLOTS + 1, 0), 30, START_NS), RESEQ_HOLD));
}
