/* SPDX-License-Identifier: MIT */
#include "control/rare_news.h"

#include "vtrunkd/limits.h"

bool rare_news_due(struct rare_news *news, uint64_t count, uint64_t now_ns, uint64_t *ret_new)
{
	if (count == news->told)
		return false;
	if (news->told_ns && now_ns < news->told_ns + RARE_NEWS_AGAIN_S * NS_PER_S)
		return false;
	*ret_new = count - news->told;
	news->told = count;
	news->told_ns = now_ns;
	return true;
}
