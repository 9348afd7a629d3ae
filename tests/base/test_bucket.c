/* SPDX-License-Identifier: MIT */
#include "base/bucket.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS    1000000ull
#define TOKEN (50 * MS)
#define ROOM  (5 * TOKEN)
#define START (100000 * MS)

static bool take(struct bucket *b, uint64_t now_ns)
{
	return bucket_take(b, TOKEN, ROOM, now_ns);
}

Test(bucket, full_one_gives_what_it_holds_and_no_more)
{
	struct bucket b = {0};

	for (unsigned i = 0; i < 5; i++)
		cr_expect(take(&b, START), "%u", i);
	cr_expect(not(take(&b, START)));
}

Test(bucket, token_is_back_after_its_time_and_not_before)
{
	struct bucket b = {0};

	while (take(&b, START))
		;
	cr_expect(not(take(&b, START + TOKEN - 1)));
	cr_expect(take(&b, START + TOKEN));
	cr_expect(not(take(&b, START + TOKEN)));
	cr_expect(take(&b, START + 2 * TOKEN));
}

Test(bucket, refusal_costs_nothing)
{
	struct bucket b = {0};

	while (take(&b, START))
		;
	for (unsigned i = 0; i < 1000; i++)
		cr_expect(not(take(&b, START + TOKEN / 2)));
	cr_expect(take(&b, START + TOKEN));
}

Test(bucket, rest_saves_up_no_more_than_a_full_one)
{
	struct bucket b = {0};
	unsigned taken = 0;

	cr_assert(take(&b, START));
	while (take(&b, START + 1000 * TOKEN))
		taken++;
	cr_expect(eq(uint, taken, 5));
}

Test(bucket, ready_is_the_moment_from_which_it_can_be_taken)
{
	struct bucket b = {0};
	uint64_t ready;

	cr_expect(eq(u64, bucket_ready_ns(&b, TOKEN, ROOM, START), START));
	while (take(&b, START))
		;
	ready = bucket_ready_ns(&b, 3 * TOKEN, ROOM, START + 1);
	cr_expect(eq(u64, ready, START + 3 * TOKEN));
	cr_expect(not(bucket_take(&b, 3 * TOKEN, ROOM, ready - 1)));
	cr_expect(bucket_take(&b, 3 * TOKEN, ROOM, ready));
}

Test(bucket, what_is_charged_beyond_its_room_is_owed)
{
	struct bucket b = {0};

	bucket_charge(&b, 3 * ROOM, START);
	cr_expect(eq(u64, bucket_ready_ns(&b, TOKEN, ROOM, START), START + 2 * ROOM + TOKEN));
	cr_expect(not(take(&b, START + 2 * ROOM)));
	cr_expect(take(&b, START + 2 * ROOM + TOKEN));
}

Test(bucket, clock_that_goes_back_gives_nothing)
{
	struct bucket b = {0};

	while (take(&b, START))
		;
	cr_expect(not(take(&b, START - 1000 * TOKEN)));
	cr_expect(not(take(&b, START)));
	cr_expect(take(&b, START + TOKEN));
}
