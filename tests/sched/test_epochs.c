/* SPDX-License-Identifier: MIT */
#include "sched/epochs.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define START_NS  (1000 * NS_PER_S)
#define SILENT_NS RESEQ_WAIT_MAX_NS

static struct reseq reseq;
static struct epochs epochs;

/* The place of a number of the keypair born @born_s seconds after the start; UINT64_MAX: none. */
static uint64_t place_at(unsigned born_s, uint64_t seq, uint64_t now_ns)
{
	uint64_t born_ns = START_NS + born_s * NS_PER_S, place;

	if (!epochs_place(&epochs, &reseq, born_ns, 7, seq, now_ns, &place))
		return UINT64_MAX;
	/* All over one path: nothing waits, whatever is missing. */
	while (reseq_arrived(&reseq, place, 0, now_ns) == RESEQ_HOLD) {
		uint16_t ticket;

		reseq_hold(&reseq, place, 0, 0, now_ns);
		while (reseq_take_any(&reseq, now_ns, &ticket))
			;
		break;
	}
	return place;
}

static uint64_t place(unsigned born_s, uint64_t seq)
{
	return place_at(born_s, seq, START_NS);
}

Test(epochs, the_first_keypair_keeps_its_numbers)
{
	cr_expect(eq(u64, place(1, 70), 70));
	cr_expect(eq(u64, place(1, 71), 71));
	cr_expect(eq(u64, place(1, 0), 0));
}

Test(epochs, a_younger_keypair_comes_behind_all_and_room)
{
	uint64_t base = 91 + RESEQ_ROOM;

	place(1, 90);
	cr_expect(eq(u64, place(2, 5), base + 5));
	cr_expect(eq(u64, place(2, 0), base));
	cr_expect(eq(u64, place(2, 6), base + 6));
}

Test(epochs, what_is_to_come_of_the_older_one_has_its_place_before)
{
	place(1, 90);
	place(2, 0);
	cr_expect(eq(u64, place(1, 80), 80));
	cr_expect(eq(u64, place(1, 91), 91));
	cr_expect(eq(u64, place(1, 90 + RESEQ_ROOM), 90 + RESEQ_ROOM));
	cr_expect(eq(u64, place(1, 91 + RESEQ_ROOM), UINT64_MAX), "that is another's place");
	cr_expect(eq(u64, place(2, 1), 92 + RESEQ_ROOM));
}

Test(epochs, keypairs_born_in_one_turn_go_by_their_index)
{
	uint64_t first;

	place(1, 90);
	cr_assert(epochs_place(&epochs, &reseq, START_NS + NS_PER_S, 8, 0, START_NS, &first));
	cr_expect(eq(u64, first, 91 + RESEQ_ROOM));
	cr_expect(eq(u64, place(1, 91), 91));
}

Test(epochs, an_older_keypair_never_heard_of_has_no_place)
{
	place(2, 90);
	cr_expect(eq(u64, place(1, 91), UINT64_MAX));
	cr_expect(eq(u64, place(2, 91), 91));
}

Test(epochs, two_keypairs_are_remembered)
{
	uint64_t third;

	place(1, 90);
	place(2, 0);
	third = place(3, 0);
	cr_expect(eq(u64, third, 92 + 2 * RESEQ_ROOM));
	cr_expect(eq(u64, place(1, 91), UINT64_MAX));
	cr_expect(eq(u64, place(2, 1), 92 + RESEQ_ROOM));
	cr_expect(eq(u64, place(3, 1), third + 1));
}

/* Two handshakes crossed, and the peer stays with the keypair that is the older one to us. */
Test(epochs, a_keypair_that_goes_on_while_the_newest_is_silent_gets_the_order)
{
	uint64_t now_ns = START_NS, base;

	place(1, 90);
	place_at(3, 0, now_ns);
	cr_expect(eq(u64, place_at(2, 0, now_ns + SILENT_NS), UINT64_MAX));
	base = place_at(2, 4, now_ns + SILENT_NS + 1);
	cr_expect(eq(u64, base, 92 + 2 * RESEQ_ROOM));
	cr_expect(eq(u64, place_at(2, 6, now_ns + SILENT_NS + 2), base + 2));
	cr_expect(eq(u64, place_at(2, 3, now_ns + SILENT_NS + 2), UINT64_MAX), "before it all");
	cr_expect(eq(u64, place_at(3, 1, now_ns + SILENT_NS + 3), 92 + RESEQ_ROOM));
}

Test(epochs, the_older_of_two_can_get_the_order_back)
{
	uint64_t now_ns = START_NS, base;

	place(1, 90);
	place(2, 0);
	base = place_at(1, 91, now_ns + SILENT_NS + 1);
	cr_expect(eq(u64, base, 92 + 2 * RESEQ_ROOM));
	cr_expect(eq(u64, place_at(1, 95, now_ns + SILENT_NS + 1), base + 4));
	cr_expect(eq(u64, place_at(2, 1, now_ns + SILENT_NS + 1), 92 + RESEQ_ROOM), "late");
	now_ns += 2 * (SILENT_NS + 1);
	cr_expect(eq(u64, place_at(2, 2, now_ns), base + 5 + RESEQ_ROOM),
	          "it was in use after all");
}

/* Else one late packet of a keypair given up long ago would put those in use behind it. */
Test(epochs, only_the_youngest_of_all_begins_an_order_by_its_age)
{
	uint64_t now_ns = START_NS;

	place(1, 90);
	place(2, 0);
	place(3, 0);
	cr_assert(ne(u64, place_at(1, 91, now_ns + SILENT_NS + 1), UINT64_MAX));
	cr_expect(eq(u64, place_at(2, 1, now_ns + SILENT_NS + 1), UINT64_MAX));
}

/* Batches of two links may be handed over with times that step back. */
Test(epochs, a_time_that_steps_back_is_no_silence)
{
	place_at(1, 90, START_NS + NS_PER_S);
	place_at(2, 0, START_NS + NS_PER_S);
	cr_expect(eq(u64, place_at(1, 91, START_NS), 91));
}
