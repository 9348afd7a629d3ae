/* SPDX-License-Identifier: MIT */
/* Turn by turn, and without memory; see gather_rig.h. */
#include "control/gather.h"

#include <limits.h>
#include <stdlib.h>

#include "gather_rig.h"

TestSuite(gather_turns, .init = gather_rig_start, .fini = gather_rig_stop);

/* ---- memory ---- */

static long allocations_left = LONG_MAX, allocations_held;

static bool may_allocate(void)
{
	if (allocations_left == LONG_MAX)
		return true;
	if (allocations_left == 0)
		return false;
	allocations_left--;
	allocations_held++;
	return true;
}

/* The linker has control call these (see meson.build). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *at);

void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return may_allocate() ? __real_calloc(count, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
	return may_allocate() ? __real_strdup(text) : NULL;
}

void __wrap_free(void *at)
{
	allocations_held -= at && allocations_left != LONG_MAX;
	__real_free(at);
}

/* Every allocation fails once: then there are no facts, and nothing is left behind. */
Test(gather_turns, without_memory_there_is_nothing)
{
	long tries = 0;

	fill_links();
	fill_peer();
	facts_free(gather.facts);
	cr_assert(eq(int, deadline_reserve(&gather.control.loop.deadlines, 1), 0));
	gather.facts = NULL;
	for (; !gather.facts; tries++) {
		allocations_left = tries;
		gather.answers = 0;
		begin_gathering();
		while (!gather.answers)
			deadline_run(&gather.control.loop.deadlines, NOW + gather.turn_ns++);
		cr_assert(gather.facts || allocations_held == 0, "%ld held after %ld allocations",
		          allocations_held, tries);
	}
	cr_assert(lt(long, 4, tries));
	cr_assert(eq(long, allocations_left, 0), "an allocation that fails does no harm");
	facts_free(gather.facts);
	cr_assert(eq(long, allocations_held, 0));
	allocations_left = LONG_MAX;
}

/* ---- turns ---- */

#define MANY 4096u

/* So many that nobody else would have his turn. */
static void fill_many(void)
{
	static struct peer *many[MANY];

	for (unsigned i = 0; i < MANY; i++)
		many[i] = &gather.peer;
	gather.control.peers.at = many;
	gather.control.peers.count = MANY;
}

static size_t peers_in(const struct facts *facts)
{
	size_t count = 0;

	for (const struct fact_item *item = facts->peers.first; item; item = item->next)
		count++;
	return count;
}

Test(gather_turns, a_turn_looks_at_few_peers)
{
	fill_many();
	begin_gathering();
	for (size_t seen = 0; seen < MANY - GATHER_COST_MAX; seen += GATHER_COST_MAX) {
		cr_assert(eq(sz, peers_in(gather.control.gathering.facts), seen));
		cr_assert(eq(sz,
		             deadline_run(&gather.control.loop.deadlines, NOW + gather.turn_ns++),
		             1));
	}
	turn_until_gathered();
	cr_assert(eq(sz, peers_in(gather.facts), MANY));
	facts_free(gather.facts);
}

Test(gather_turns, long_list_of_prefixes_counts_as_many_peers)
{
	gather.peer.set.allowed_ips.count = 16 * 1024;
	gather.peer.set.allowed_ips.at =
		calloc(gather.peer.set.allowed_ips.count, sizeof(struct prefix));
	fill_many();
	gather.control.peers.count = 20;
	begin_gathering();
	cr_assert(eq(uint, turn_until_gathered(), 20));
	facts_free(gather.facts);
	free(gather.peer.set.allowed_ips.at);
}

Test(gather_turns, one_that_is_stopped_leaves_nothing)
{
	fill_many();
	begin_gathering();
	deadline_run(&gather.control.loop.deadlines, NOW + gather.turn_ns++);
	gather_stop(&gather.control.gathering);
	cr_assert(eq(ptr, gather.control.gathering.facts, NULL));
	cr_assert(eq(u64, deadline_next_ns(&gather.control.loop.deadlines), NEVER_NS));
	cr_assert(eq(uint, gather.answers, 0));
}
