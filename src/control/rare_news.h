/* SPDX-License-Identifier: MIT */
/* rare_news.h - when to say that something happens which the data plane only counts.
 *
 * Nobody looks at counters, so it is said, at once and then rarely for as long as it goes on. One
 * thread (control).
 */
#ifndef CONTROL_RARE_NEWS_H
#define CONTROL_RARE_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#define RARE_NEWS_AGAIN_S 60u /* between two lines about what lasts */

/* All zero: nothing has happened yet. */
struct rare_news {
	uint64_t told;    /* the count when it was said last */
	uint64_t told_ns; /* when that was; 0 never */
};

/* It happened @count times since the start. True when it is to be said now; @ret_new is how often
 * it did since it was said last.
 */
bool rare_news_due(struct rare_news *news, uint64_t count, uint64_t now_ns, uint64_t *ret_new);

#endif
