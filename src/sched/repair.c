/* SPDX-License-Identifier: MIT */
#include "sched/repair.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

static struct repair_range *at(struct repair *r, uint32_t n)
{
	return &r->waiting[n % REPAIR_WAITING_MAX];
}

static bool goes_on(const struct repair_range *a, const struct repair_range *b)
{
	return a->first + a->len == b->first && a->key == b->key && a->lane == b->lane &&
	       a->from == b->from && a->attempt == b->attempt;
}

bool repair_add(struct repair **repair, const struct repair_range *range)
{
	struct repair *r = *repair;

	if (!r)
		r = *repair = calloc(1, sizeof *r);
	if (!r)
		return false;
	if (repair_is_waiting(r) && goes_on(at(r, r->end - 1), range)) {
		at(r, r->end - 1)->len += range->len;
		return true;
	}
	if (r->end - r->first == REPAIR_WAITING_MAX)
		return false;
	*at(r, r->end++) = *range;
	return true;
}

bool repair_add_again(struct repair **repair, const struct repair_range *range,
                      const struct repair_recent *last)
{
	struct repair *r = *repair;
	size_t place = (size_t)(last - r->recent);

	if (last->waits || !repair_add(repair, range))
		return false;
	r->recent[place].waits = true;
	return true;
}

struct repair_range repair_peek(const struct repair *r)
{
	assert(repair_is_waiting(r));
	struct repair_range one = r->waiting[r->first % REPAIR_WAITING_MAX];

	one.len = 1;
	return one;
}

void repair_skip(struct repair *r)
{
	struct repair_range *range = at(r, r->first);

	range->first++;
	if (!--range->len)
		r->first++;
}

/* ---- what was sent again lately ---- */

static uint16_t *list_of(struct repair *r, uint64_t counter)
{
	return &r->newest[counter % REPAIR_LISTS];
}

static void forget(struct repair *r, uint32_t place)
{
	uint16_t *at = list_of(r, r->recent[place].counter);

	if (!r->recent[place].is_linked)
		return;
	while (*at != place + 1)
		at = &r->recent[*at - 1u].next;
	*at = r->recent[place].next;
}

void repair_sent(struct repair *r, uint64_t now_ns)
{
	const struct repair_range *range = at(r, r->first);
	uint32_t place = r->sent++ % REPAIR_RECENT_MAX;
	uint16_t *newest = list_of(r, range->first);

	forget(r, place);
	r->recent[place] = (struct repair_recent){.counter = range->first,
	                                          .sent_ns = now_ns,
	                                          .key = range->key,
	                                          .lane = range->lane,
	                                          .attempt = range->attempt,
	                                          .is_linked = true,
	                                          .next = *newest};
	*newest = (uint16_t)(place + 1);
	repair_skip(r);
}

const struct repair_recent *repair_find(const struct repair *r, uint32_t key, uint8_t lane,
                                        uint64_t counter)
{
	uint16_t place = r ? r->newest[counter % REPAIR_LISTS] : 0;

	for (; place; place = r->recent[place - 1].next) {
		const struct repair_recent *c = &r->recent[place - 1];

		if (c->counter == counter && c->key == key && c->lane == lane)
			return c;
	}
	return NULL;
}
