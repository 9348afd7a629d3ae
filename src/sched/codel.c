/* SPDX-License-Identifier: MIT */
#include "sched/codel.h"

#define AGAIN_NS (16 * CODEL_INTERVAL_NS) /* a series so soon after another goes on from there */

static uint32_t square_root(uint64_t n)
{
	uint64_t root = n, next = (n + 1) / 2;

	while (next < root) {
		root = next;
		next = (root + n / root) / 2;
	}
	return (uint32_t)root;
}

/* The interval divided by the root of how many were dropped. */
static uint64_t step_ns(uint32_t count)
{
	return CODEL_INTERVAL_NS * 256 / square_root((uint64_t)count << 16);
}

static void begin(struct codel *c, uint64_t now_ns)
{
	bool is_again = c->count > 2 && now_ns - c->next_ns < AGAIN_NS;

	c->is_dropping = true;
	c->count = is_again ? c->count - 2 : 1;
	c->next_ns = now_ns + step_ns(c->count);
}

bool codel_drop(struct codel *c, uint64_t waited_ns, uint64_t target_ns, bool is_last,
                uint64_t now_ns)
{
	if (waited_ns < target_ns || is_last) {
		codel_emptied(c);
		return false;
	}
	if (!c->above_ns)
		c->above_ns = now_ns + CODEL_INTERVAL_NS;
	if (now_ns < c->above_ns)
		return false;
	if (!c->is_dropping) {
		begin(c, now_ns);
		return true;
	}
	if (now_ns < c->next_ns)
		return false;
	c->count++;
	c->next_ns += step_ns(c->count);
	return true;
}
