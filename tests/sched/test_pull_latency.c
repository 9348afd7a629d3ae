/* SPDX-License-Identifier: MIT */
#include "sched/pull_latency.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define MBPS(n)  ((uint64_t)(n)*125000)

static struct pull pull;
static struct path_model model[3];
static struct pull_path path[3];
static unsigned len;
static uint64_t now_ns = START_NS;

/* A path of so much rate and delay that is known well. */
static void add_path(uint64_t mbps, int64_t delay_ms)
{
	struct path_model *m = &model[len];

	path_model_init(m);
	capacity_train(&m->capacity, MBPS(mbps) * 10 / 9);
	for (unsigned i = 0; i < 10; i++)
		owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	path[len] = (struct pull_path){.model = m, .weight = 1, .path_id = (uint8_t)(4 + len)};
	len++;
}

Test(pull_latency, without_a_path_nobody_takes)
{
	cr_expect(eq(int, pull_latency(&pull, path, 0, now_ns), -1));
}

/* ACKs of a download at a rate that the quickest path cannot carry back. */
Test(pull_latency, what_is_too_much_in_a_hurry_goes_over_another)
{
	add_path(5, 10);
	add_path(100, 14);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
	virtual_queue_add(&model[0].queue, 6 * NS_PER_MS, now_ns);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0), "it may be gone soon");
	pull_latency_sent(&pull, path[0].path_id, 6 * NS_PER_MS, now_ns);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1), "what stands is its own");
	now_ns += 4 * NS_PER_MS;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0), "and the rest does not");
}

/* Of ACKs the few that are quick tell all: they need not wait behind the rest. */
Test(pull_latency, a_flood_in_a_hurry_takes_even_a_longer_path)
{
	add_path(1, 5);
	add_path(100, 60);
	cr_assert(eq(int, pull_latency(&pull, path, len, now_ns), 0));
	pull_latency_sent(&pull, path[0].path_id, 10 * NS_PER_MS, now_ns);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
	pull_latency_sent(&pull, path[0].path_id, 5 * NS_PER_MS, now_ns);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1));
	now_ns += 5 * NS_PER_MS;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
}

/* Nobody waits for what is far away. */
Test(pull_latency, a_flood_does_not_go_far_away)
{
	add_path(1, 5);
	add_path(100, 300);
	pull_latency(&pull, path, len, now_ns);
	pull_latency_sent(&pull, path[0].path_id, 50 * NS_PER_MS, now_ns);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
}

Test(pull_latency, what_is_in_a_hurry_goes_where_it_arrives_first)
{
	add_path(100, 30);
	add_path(10, 10);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1));
}

Test(pull_latency, it_does_not_move_for_a_moment)
{
	add_path(100, 10);
	add_path(100, 12);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
	virtual_queue_add(&model[0].queue, 20 * NS_PER_MS, now_ns);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
	now_ns += 100 * NS_PER_MS;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0), "over by now");
}

Test(pull_latency, it_moves_when_another_is_better_for_long)
{
	int slot = 0;

	add_path(100, 10);
	add_path(100, 12);
	pull_latency(&pull, path, len, now_ns);
	for (unsigned i = 0; i < 30; i++, now_ns += 10 * NS_PER_MS) {
		model[0].queue.busy_ns = now_ns + 20 * NS_PER_MS;
		slot = pull_latency(&pull, path, len, now_ns);
	}
	cr_expect(eq(int, slot, 1));
}

Test(pull_latency, it_leaves_a_suspect_at_once)
{
	add_path(100, 10);
	add_path(100, 30);
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
	path[0].is_suspect = true;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1));
	path[1].is_suspect = true;
	cr_expect(ge(int, pull_latency(&pull, path, len, now_ns), 0), "if all are, one of them");
}

static void two(int64_t first_ms, int64_t second_ms)
{
	len = 0;
	add_path(100, first_ms);
	add_path(100, second_ms);
	for (unsigned i = 0; i < len; i++)
		path_model_answered(&model[i], (uint64_t)(i ? second_ms : first_ms) * 2 * NS_PER_MS,
		                    now_ns);
}

Test(pull_latency, it_comes_back_to_what_was_suspect_for_a_moment)
{
	two(10, 30);
	pull_latency(&pull, path, len, now_ns);
	path[0].is_suspect = true;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1));
	now_ns += PULL_BETTER_NS / 2;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1));
	path[0].is_suspect = false;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
}

Test(pull_latency, it_stays_where_it_went_if_the_other_was_suspect_for_long)
{
	two(10, 12);
	pull_latency(&pull, path, len, now_ns);
	path[0].is_suspect = true;
	for (unsigned i = 0; i <= 20; i++, now_ns += PULL_BETTER_NS / 20)
		cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1));
	path[0].is_suspect = false;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 1), "2 ms are not worth it");
}

Test(pull_latency, a_suspect_path_is_better_than_a_long_detour)
{
	two(10, 61);
	pull_latency(&pull, path, len, now_ns);
	path[0].is_suspect = true;
	cr_expect(eq(int, pull_latency(&pull, path, len, now_ns), 0));
}

/* How long slot 0 of @ms one way is kept though slot 1 is @better_ms shorter; 0: for ever. */
static uint64_t kept_for(int64_t ms, int64_t better_ms)
{
	uint64_t begin_ns = now_ns;

	two(ms, ms - better_ms);
	pull = (struct pull){.has_latency_path = true, .latency_path = path[0].path_id};
	for (unsigned i = 0; i < 100; i++, now_ns += 10 * NS_PER_MS) {
		if (pull_latency(&pull, path, len, now_ns) == 1)
			return now_ns - begin_ns;
	}
	return 0;
}

Test(pull_latency, the_latency_class_moves_for_more_than_3_ms_and_a_fifth_of_its_way)
{
	cr_expect(eq(u64, kept_for(10, 3), 0));
	cr_expect(eq(u64, kept_for(10, 4), PULL_BETTER_NS));
	cr_expect(eq(u64, kept_for(100, 19), 0));
	cr_expect(eq(u64, kept_for(100, 21), PULL_BETTER_NS));
}
