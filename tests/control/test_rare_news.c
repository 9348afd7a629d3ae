/* SPDX-License-Identifier: MIT */
#include "control/rare_news.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

Test(rare_news, nothing_is_said_while_nothing_happens)
{
	struct rare_news news = {0};
	uint64_t fresh = 7;

	for (uint64_t s = 1; s < 1000; s++)
		cr_assert(not(rare_news_due(&news, 0, s * NS_PER_S, &fresh)));
	cr_expect(eq(u64, fresh, 7));
}

Test(rare_news, first_is_said_at_once_and_what_lasts_rarely)
{
	struct rare_news news = {0};
	unsigned lines = 0;
	uint64_t fresh, sum = 0;

	for (uint64_t s = 100; s < 100 + 10 * RARE_NEWS_AGAIN_S; s++) {
		if (!rare_news_due(&news, s - 99, s * NS_PER_S, &fresh))
			continue;
		cr_expect(eq(u64, (s - 100) % RARE_NEWS_AGAIN_S, 0));
		sum += fresh;
		lines++;
	}
	cr_expect(eq(uint, lines, 10));
	cr_expect(eq(u64, sum, 9 * RARE_NEWS_AGAIN_S + 1));
}

Test(rare_news, what_ended_and_happens_again_is_said_again)
{
	struct rare_news news = {0};
	uint64_t fresh;

	cr_assert(rare_news_due(&news, 5, 50 * NS_PER_S, &fresh));
	cr_expect(eq(u64, fresh, 5));
	cr_assert(not(rare_news_due(&news, 5, 500 * NS_PER_S, &fresh)));
	cr_assert(rare_news_due(&news, 6, 501 * NS_PER_S, &fresh));
	cr_expect(eq(u64, fresh, 1));
}
