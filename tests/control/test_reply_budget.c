/* SPDX-License-Identifier: MIT */
#include "control/reply_budget.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW (1000 * NS_PER_S)

static struct bucket replies;

Test(reply_budget, answers_together_weigh_no_more_than_their_cause)
{
	struct reply_budget b = {.bytes = 144};

	cr_expect(reply_budget_take(&b, &replies, FRAME_HELLO, 80, NOW));
	cr_expect(not(reply_budget_take(&b, &replies, FRAME_PATH_CHALLENGE, 65, NOW)));
	cr_expect(reply_budget_take(&b, &replies, FRAME_PATH_CHALLENGE, 64, NOW));
	cr_expect(eq(uint, b.bytes, 0));
}

Test(reply_budget, each_type_is_answered_once)
{
	struct reply_budget b = {.bytes = 1504};

	cr_expect(reply_budget_take(&b, &replies, FRAME_HELLO, 64, NOW));
	cr_expect(not(reply_budget_take(&b, &replies, FRAME_HELLO, 64, NOW)));
	cr_expect(reply_budget_take(&b, &replies, FRAME_PROBE, 64, NOW));
	cr_expect(eq(uint, b.bytes, 1504 - 128));
}

Test(reply_budget, peer_has_forty_at_once_and_forty_per_second)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct reply_budget b = {.bytes = 64};

		taken += reply_budget_take(&b, &replies, FRAME_HELLO, 64, NOW);
	}
	cr_expect(eq(uint, taken, REPLIES_BURST));
	for (unsigned i = 0; i < 100; i++) {
		struct reply_budget b = {.bytes = 64};

		taken += reply_budget_take(&b, &replies, FRAME_HELLO, 64, NOW + NS_PER_S / 2);
	}
	cr_expect(eq(uint, taken, REPLIES_BURST + 20));
}

Test(reply_budget, refused_answer_takes_nothing_of_the_peer)
{
	struct reply_budget small = {.bytes = 10}, b;

	for (unsigned i = 0; i < 100; i++)
		cr_expect(not(reply_budget_take(&small, &replies, FRAME_HELLO, 64, NOW)));
	b.bytes = 64, b.has_reply = 0;
	cr_expect(reply_budget_take(&b, &replies, FRAME_HELLO, 64, NOW));
	cr_expect(eq(u64,
	             bucket_ready_ns(&replies, (REPLIES_BURST - 1) * REPLY_NS,
	                             REPLIES_BURST * REPLY_NS, NOW),
	             NOW));
}
