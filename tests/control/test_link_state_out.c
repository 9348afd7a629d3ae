/* SPDX-License-Identifier: MIT */
#include "control/link_state_out.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW (1000 * NS_PER_S)

static struct link_state_out out;

static void setup(void)
{
	link_state_out_init(&out);
}

TestSuite(link_state_out, .init = setup);

/* Paths of @mask, all of which carry but those of @leaving. */
static struct link_state state(unsigned mask, unsigned leaving)
{
	struct link_state all = {.paths = (uint16_t)mask};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (mask >> i & 1)
			all.path[i] = (struct link_state_path){
				.state = leaving >> i & 1 ? LINK_STATE_NO_DEVICE
			                                  : LINK_STATE_CARRIES,
				.weight = 1};
	}
	return all;
}

static void update(unsigned mask, unsigned leaving, uint64_t now_ns)
{
	struct link_state now = state(mask, leaving);

	link_state_out_update(&out, &now, now_ns);
}

/* Said and acknowledged for paths 0 and 1. */
static void settle(void)
{
	update(3, 0, NOW);
	link_state_out_begin(&out, NOW);
	link_state_out_sent(&out, NOW);
	link_state_out_acked(&out, out.number);
	cr_assert(eq(u64, out.due_ns, NEVER_NS));
}

Test(link_state_out, nothing_is_due_for_a_peer_that_does_not_take_it)
{
	update(3, 0, NOW);
	update(3, 1, NOW + 1);
	cr_expect(eq(u64, out.due_ns, NEVER_NS));
}

Test(link_state_out, all_is_said_at_once_when_the_peer_takes_it)
{
	update(3, 0, NOW);
	link_state_out_begin(&out, NOW + 5);
	cr_expect(eq(u64, out.due_ns, NOW + 5));
	cr_expect(eq(uint, out.said.paths, 3));
}

Test(link_state_out, another_greeting_of_the_same_peer_changes_nothing)
{
	settle();
	link_state_out_begin(&out, NOW + NS_PER_S);
	cr_expect(eq(u64, out.due_ns, NEVER_NS));
}

Test(link_state_out, another_peer_is_told_all_under_a_higher_number)
{
	uint32_t before;

	settle();
	before = out.number;
	link_state_out_end(&out);
	link_state_out_begin(&out, NOW + NS_PER_S);
	cr_expect(eq(u64, out.due_ns, NOW + NS_PER_S));
	cr_expect(eq(u32, out.number, before + 1));
}

Test(link_state_out, change_is_said_at_once_and_under_the_next_number)
{
	uint32_t before;

	settle();
	before = out.number;
	update(3, 0, NOW + 1);
	cr_expect(eq(u64, out.due_ns, NEVER_NS), "nothing is new");
	update(3, 2, NOW + 2);
	cr_expect(eq(u64, out.due_ns, NOW + 2));
	cr_expect(eq(u32, out.number, before + 1));
	cr_expect(eq(int, out.said.path[1].state, LINK_STATE_NO_DEVICE));
}

Test(link_state_out, what_is_not_acknowledged_is_said_again_after_pauses_that_double)
{
	static const unsigned pauses_ms[] = {50, 100, 200, 400, 800, 1600, 3200, 3200, 3200};
	uint64_t now_ns = NOW;

	settle();
	update(3, 1, now_ns);
	for (unsigned i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
		link_state_out_sent(&out, now_ns);
		cr_expect(eq(u64, out.due_ns - now_ns, pauses_ms[i] * NS_PER_MS), "pause %u", i);
		now_ns = out.due_ns;
	}
}

Test(link_state_out, change_begins_with_the_shortest_pause_again)
{
	settle();
	update(3, 1, NOW);
	link_state_out_sent(&out, NOW);
	link_state_out_sent(&out, NOW);
	update(3, 3, NOW + 10);
	link_state_out_sent(&out, NOW + 10);
	cr_expect(eq(u64, out.due_ns, NOW + 10 + 50 * NS_PER_MS));
}

Test(link_state_out, acknowledgement_of_an_earlier_one_ends_nothing)
{
	uint32_t before;

	settle();
	before = out.number;
	update(3, 1, NOW);
	link_state_out_acked(&out, before);
	cr_expect(eq(u64, out.due_ns, NOW));
	link_state_out_acked(&out, before + 1);
	cr_expect(eq(u64, out.due_ns, NEVER_NS));
}

Test(link_state_out, path_that_is_gone_is_told_as_removed_until_that_is_acknowledged)
{
	settle();
	update(1, 0, NOW);
	cr_expect(eq(u64, out.due_ns, NOW));
	cr_expect(eq(uint, out.said.paths, 3));
	cr_expect(eq(int, out.said.path[1].state, LINK_STATE_REMOVED));
	update(1, 0, NOW + 1);
	cr_expect(eq(int, out.said.path[1].state, LINK_STATE_REMOVED), "said again");
	link_state_out_acked(&out, out.number);
	update(1, 0, NOW + 2);
	cr_expect(eq(uint, out.said.paths, 1));
	cr_expect(eq(u64, out.due_ns, NEVER_NS), "and is no news any more");
}

Test(link_state_out, place_that_is_taken_again_carries)
{
	settle();
	update(1, 0, NOW);
	update(3, 0, NOW + 1);
	cr_expect(eq(u64, out.due_ns, NOW + 1));
	cr_expect(eq(int, out.said.path[1].state, LINK_STATE_CARRIES));
}
