/* SPDX-License-Identifier: MIT */
/* What is found of each path when bulk asks who takes the next run. */
#include "sched/pull.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define MBPS(n)  ((uint64_t)(n)*125000)
#define PACKET   1416u
#define A        4u /* the first path that is added, and so on */
#define B        5u

static struct pull pull;
static struct path_model model[3];
static struct pull_path path[3];
static unsigned len;
static uint64_t now_ns = START_NS;
static struct pull_share share;

static void add_path(uint64_t mbps, int64_t delay_ms)
{
	struct path_model *m = &model[len];

	path_model_init(m);
	if (mbps)
		capacity_train(&m->capacity, MBPS(mbps) * 10 / 9);
	for (unsigned i = 0; i < 10; i++)
		owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	path[len] = (struct pull_path){.model = m, .weight = 1, .path_id = (uint8_t)(A + len)};
	len++;
}

static enum pull_outcome ask(unsigned packets)
{
	const struct pull_backlog backlog = {(uint64_t)packets * PACKET, packets, PACKET};

	share = (struct pull_share){0};
	return pull_bulk(&pull, path, len, &backlog, now_ns, &share);
}

/* Until the first path is full. */
static void fill_first(void)
{
	pull_offered(&pull, now_ns);
	while (ask(1) == PULL_RUN && share.slot == 0)
		path_model_sent(path[0].model, PACKET, 1, now_ns);
}

static int found(uint8_t path_id)
{
	return share.choice.found[path_id];
}

Test(pull_found, first_takes_and_an_equal_one_is_behind)
{
	add_path(100, 10);
	add_path(100, 10);
	cr_assert(eq(int, ask(1), PULL_RUN));
	cr_expect(eq(int, found(A), FOUND_FIRST));
	cr_expect(eq(int, found(B), FOUND_BEHIND));
	cr_expect(eq(u8, share.choice.base, A + 1));
	cr_expect(eq(u64, share.choice.need_ns[B], 0));
}

Test(pull_found, one_whose_limit_is_used_up_is_told_from_a_full_one)
{
	add_path(100, 10);
	add_path(100, 10);
	path[1].ready_ns = now_ns + NS_PER_MS;
	fill_first();
	cr_assert(eq(int, ask(1), PULL_WAIT));
	cr_expect(eq(int, found(A), FOUND_FULL));
	cr_expect(eq(int, found(B), FOUND_LIMITED));
}

Test(pull_found, longer_one_is_early_until_enough_waits)
{
	add_path(100, 10);
	add_path(30, 60);
	fill_first();
	cr_assert(eq(int, ask(10), PULL_WAIT));
	cr_expect(eq(int, found(A), FOUND_FULL));
	cr_expect(eq(int, found(B), FOUND_EARLY));
	cr_expect(eq(u64, share.choice.need_ns[A], 0));
	cr_expect(ge(u64, share.choice.need_ns[B], 48 * NS_PER_MS));
	cr_expect(le(u64, share.choice.need_ns[B], 55 * NS_PER_MS));
	cr_assert(eq(int, ask(1000), PULL_RUN));
	cr_expect(eq(int, found(B), FOUND_JOINED));
	cr_expect(eq(int, found(A), FOUND_FULL));
	cr_expect(ge(u64, share.choice.need_ns[B], 48 * NS_PER_MS));
}

/* The longest leaves it to those before it, and so do the next, but the first. */
Test(pull_found, of_each_that_leaves_it_to_quicker_ones_it_is_told_what_has_to_wait)
{
	add_path(100, 10);
	add_path(30, 60);
	add_path(30, 90);
	fill_first();
	cr_assert(eq(int, ask(10), PULL_WAIT));
	cr_expect(eq(int, found(A), FOUND_FULL));
	cr_expect(eq(int, found(B), FOUND_EARLY));
	cr_expect(ge(u64, share.choice.need_ns[B], 48 * NS_PER_MS));
	cr_expect(le(u64, share.choice.need_ns[B], 55 * NS_PER_MS));
	cr_expect(ne(int, found(B + 1), FOUND_NOTHING));
}

Test(pull_found, senders_that_pause_may_be_at_their_end)
{
	add_path(100, 10);
	add_path(30, 60);
	fill_first();
	now_ns += PULL_TAIL_NS + NS_PER_MS;
	path_model_sent(path[0].model, PACKET * 100, 100, now_ns);
	cr_assert(eq(int, ask(10), PULL_WAIT));
	cr_expect(eq(int, found(B), FOUND_ENDING));
}

Test(pull_found, way_that_is_too_long_is_far)
{
	add_path(100, 10);
	add_path(100, 200);
	cr_assert(eq(int, ask(1), PULL_RUN));
	cr_expect(eq(int, found(B), FOUND_FAR));
}

Test(pull_found, little_that_comes_late_is_poor)
{
	add_path(300, 10);
	add_path(2, 100);
	cr_assert(eq(int, ask(1), PULL_RUN));
	cr_expect(eq(int, found(B), FOUND_POOR));
}

Test(pull_found, what_a_quicker_one_carries_is_to_be_measured_first)
{
	add_path(0, 10);
	add_path(30, 60);
	cr_assert(eq(int, ask(1), PULL_RUN));
	cr_expect(eq(int, found(A), FOUND_FIRST));
	cr_expect(eq(int, found(B), FOUND_UNKNOWN));
}

Test(pull_found, copies_are_taken_by_those_that_have_room)
{
	const struct pull_backlog backlog = {PACKET, 1, PACKET};

	add_path(100, 10);
	add_path(30, 60);
	path_model_sent(path[1].model, PACKET * 100, 100, now_ns);
	cr_assert(eq(int, pull_copies(&pull, path, len, &backlog, now_ns, &share), PULL_RUN));
	cr_expect(eq(int, found(A), FOUND_FIRST));
	cr_expect(eq(int, found(B), FOUND_FULL));
	path_model_sent(path[0].model, PACKET * 100, 100, now_ns);
	share = (struct pull_share){0};
	cr_assert(eq(int, pull_copies(&pull, path, len, &backlog, now_ns, &share), PULL_WAIT));
	cr_expect(eq(int, found(A), FOUND_FULL));
	cr_expect(eq(int, found(B), FOUND_NOTHING), "nobody asked");
}

Test(pull_found, of_those_that_a_packet_fits_the_first_takes_it)
{
	const struct pull_backlog backlog = {PACKET, 1, PACKET};

	add_path(100, 10);
	add_path(30, 60);
	cr_assert(eq(int, pull_first_ready(path, len, &backlog, now_ns, &share), PULL_RUN));
	cr_expect(eq(int, found(A), FOUND_FIRST));
	cr_expect(eq(int, found(B), FOUND_BEHIND));
	cr_expect(eq(u8, share.choice.base, 0), "ways were not compared with any");
}
