/* SPDX-License-Identifier: MIT */
#include "sched/pull.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define START_NS (1000 * NS_PER_S)
#define MBPS(n)  ((uint64_t)(n)*125000)
#define PACKET   1416u /* with PATH_OVERHEAD: 1480 bytes */

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

/* Bulk goes to whoever is to take it until @packets wait no more, and everything is full. Returns
 * how many each slot took.
 */
struct taken {
	unsigned by[3];
};

static struct taken take(unsigned packets)
{
	struct taken taken = {{0}};

	while (packets) {
		const struct pull_backlog backlog = {(uint64_t)packets * PACKET, packets, PACKET};
		struct pull_share share = {0};

		if (pull_bulk(&pull, path, len, &backlog, now_ns, &share) != PULL_RUN)
			break;
		taken.by[share.slot]++;
		packets--;
		path_model_sent(path[share.slot].model, PACKET, 1, now_ns);
	}
	return taken;
}

static struct taken take_for(unsigned ms, unsigned waiting)
{
	struct taken sum = {{0}};

	for (; ms--; now_ns += NS_PER_MS) {
		pull_offered(&pull, now_ns);
		struct taken t = take(waiting);
		for (unsigned i = 0; i < 3; i++)
			sum.by[i] += t.by[i];
	}
	return sum;
}

Test(pull, without_a_path_nobody_takes)
{
	const struct pull_backlog backlog = {PACKET, 1, PACKET};
	struct pull_share share = {0};

	cr_expect(eq(int, pull_bulk(&pull, path, 0, &backlog, now_ns, &share), PULL_NONE));
}

Test(pull, equal_paths_share_alike)
{
	add_path(100, 10);
	add_path(100, 10);
	struct taken t = take_for(1000, 100);
	cr_expect(le(int, abs((int)t.by[0] - (int)t.by[1]), 20));
	cr_expect(ge(u32, t.by[0], 8400), "all that it carries");
	cr_expect(le(u32, t.by[0], 8600));
}

Test(pull, no_path_is_filled_beyond_its_target)
{
	add_path(100, 10);
	for (unsigned i = 0; i < 200; i++, now_ns += NS_PER_MS) {
		take(1000);
		cr_expect(le(u64, path_model_queue_ns(&model[0], now_ns),
		             path_model_target_ns(&model[0]) + 120 * NS_PER_US));
	}
}

Test(pull, waiting_ends_when_the_queue_has_become_short)
{
	const struct pull_backlog backlog = {100 * PACKET, 100, PACKET};
	struct pull_share share = {0};

	add_path(100, 10);
	take(1000);
	cr_assert(eq(int, pull_bulk(&pull, path, len, &backlog, now_ns, &share), PULL_WAIT));
	cr_expect(lt(u64, now_ns, share.at_ns));
	cr_expect(le(u64, share.at_ns, now_ns + NS_PER_MS));
	cr_expect(eq(int, pull_bulk(&pull, path, len, &backlog, share.at_ns, &share), PULL_RUN));
}

Test(pull, a_run_is_half_a_millisecond_of_the_rate)
{
	const struct pull_backlog backlog = {1000 * PACKET, 1000, PACKET};
	struct pull_share share = {0};

	add_path(800, 10);
	pull_bulk(&pull, path, len, &backlog, now_ns, &share);
	cr_expect(ge(u32, share.bytes, 49900));
	cr_expect(le(u32, share.bytes, 50000));
	capacity_train(&model[0].capacity, MBPS(5));
	pull_bulk(&pull, path, len, &backlog, now_ns, &share);
	cr_expect(eq(u32, share.bytes, 2 * PACKET), "at least two packets");
}

Test(pull, a_slower_path_does_not_join_for_a_short_backlog)
{
	add_path(100, 10);
	add_path(30, 60);
	struct taken t = take_for(200, 200); /* 24 ms at 100 Mbit/s */
	cr_expect(eq(u32, t.by[1], 0));
	cr_expect(ge(u32, t.by[0], 1650));
}

Test(pull, a_slower_path_joins_for_a_backlog_longer_than_its_delay)
{
	add_path(100, 10);
	add_path(30, 60);
	struct taken t = take_for(200, 600); /* 71 ms */
	cr_expect(ge(u32, t.by[1], 480));
	cr_expect(pull.joined == 1u << path[1].path_id);
}

Test(pull, joined_it_stays_at_a_short_backlog)
{
	add_path(100, 10);
	add_path(30, 60);
	take_for(50, 600);
	struct taken t = take_for(200, 100); /* 12 ms */
	cr_expect(ge(u32, t.by[1], 480));
	t = take_for(200, 30); /* 3.5 ms: below the spill threshold */
	cr_expect(le(u32, t.by[1], 10));
}

Test(pull, it_leaves_when_the_fastest_runs_dry)
{
	add_path(100, 10);
	add_path(30, 60);
	take_for(50, 600);
	for (unsigned i = 0; i < 12; i++, now_ns += 10 * NS_PER_MS)
		pull_tick(&pull, path, len, true, now_ns);
	struct taken t = take_for(100, 100);
	cr_expect(eq(u32, t.by[1], 0));
	cr_expect(eq(u16, pull.joined, 0));
}

Test(pull, a_pause_for_a_clean_probe_is_not_dry)
{
	add_path(100, 10);
	add_path(30, 60);
	take_for(50, 600);
	for (unsigned i = 0; i < 12; i++, now_ns += 10 * NS_PER_MS) {
		model[0].pause_until_ns = now_ns + NS_PER_MS;
		pull_tick(&pull, path, len, true, now_ns);
	}
	cr_expect(le(u64, pull.dry_ns, PULL_DRY_NS));
}

Test(pull, the_tail_of_a_young_transfer_stays_on_the_fast_path)
{
	add_path(100, 10);
	add_path(30, 60);
	take_for(50, 600);
	cr_assert(pull.joined != 0);
	now_ns += 10 * NS_PER_MS; /* nothing followed */
	struct taken t = take(200);
	cr_expect(eq(u32, t.by[1], 0));
	now_ns += PULL_YOUNG_NS; /* an old one goes on */
	pull.dry_ns = 0;
	pull.dry_at_ns = now_ns;
	t = take(200);
	cr_expect(lt(u32, 0, t.by[1]));
}

Test(pull, a_path_not_worth_its_delay_is_left_out)
{
	add_path(300, 10);
	add_path(10, 100);
	struct taken t = take_for(500, 20000);
	cr_expect(eq(u32, t.by[1], 0));
	cr_expect(eq(u16, pull.left_out, (uint16_t)(1u << path[1].path_id)));
}

Test(pull, a_path_far_longer_than_the_shortest_is_left_out)
{
	add_path(10, 10);
	add_path(300, 170);
	struct taken t = take_for(500, 20000);
	cr_expect(eq(u32, t.by[1], 0));
}

Test(pull, the_set_does_not_change_back_and_forth)
{
	unsigned changes = 0;

	add_path(100, 10);
	add_path(13, 60);
	for (unsigned i = 0; i < 4000; i++, now_ns += NS_PER_MS) {
		uint16_t before = pull.left_out;

		capacity_train(&model[1].capacity, MBPS(i % 2 ? 7 : 40) * 10 / 9);
		model[1].capacity.most_bytes_per_s = model[1].capacity.bytes_per_s;
		take(1000);
		changes += pull.left_out != before;
	}
	cr_expect(le(u32, changes, 1), "once in five seconds");
}

Test(pull, a_path_of_less_weight_comes_after_its_equal)
{
	add_path(100, 10);
	add_path(100, 10);
	path[0].weight = 10;
	path[1].weight = 1;
	struct taken t = take(5);
	cr_expect(eq(u32, t.by[0], 5));
	t = take_for(500, 2000);
	cr_expect(ge(u32, t.by[1], 4000), "with enough backlog it is used all the same");
}

Test(pull, weights_are_no_rates)
{
	add_path(100, 10);
	add_path(100, 10);
	path[0].weight = 1000000;
	path[1].weight = 1;
	struct taken t = take_for(1000, 4000);
	cr_expect(ge(u32, t.by[0] + t.by[1], 16500), "nobody is slowed down by a weight");
}

Test(pull, the_last_takes_what_others_have_no_room_for_though_it_is_the_shortest)
{
	struct taken t;

	add_path(100, 20);
	add_path(100, 5);
	path[1].is_last = true;
	t = take(15);
	cr_expect(eq(u32, t.by[0], 15));
	t = take_for(500, 2000);
	cr_expect(ge(u32, t.by[0], 4000));
	cr_expect(ge(u32, t.by[1], 4000));
}

Test(pull, path_that_a_limit_holds_back_waits_for_it)
{
	const struct pull_backlog backlog = {100 * PACKET, 100, PACKET};
	struct pull_share share = {0};

	add_path(100, 10);
	path[0].ready_ns = now_ns + 7 * NS_PER_MS;
	cr_expect(eq(int, pull_bulk(&pull, path, len, &backlog, now_ns, &share), PULL_WAIT));
	cr_expect(ge(u64, share.at_ns, path[0].ready_ns));
	cr_expect(le(u64, share.at_ns, path[0].ready_ns + NS_PER_MS));
	cr_expect(
		eq(int, pull_bulk(&pull, path, len, &backlog, path[0].ready_ns, &share), PULL_RUN));
}

/* Which slot takes a packet that comes alone. */
static int first_taken(void)
{
	const struct taken t = take(1);

	return t.by[0] ? 0 : t.by[1] ? 1 : -1;
}

/* So much was sent lately that there may be a download. */
static void load(void)
{
	pull_load_sent(&pull.load, 10ul * PACKET, now_ns);
}

/* Who takes a lone packet of @bytes. */
static int taker_of(uint32_t bytes)
{
	const struct pull_backlog backlog = {bytes, 1, bytes};
	struct pull_share share = {0};

	pull_offered(&pull, now_ns);
	if (pull_bulk(&pull, path, len, &backlog, now_ns, &share) != PULL_RUN)
		return -1;
	pull_load_sent(&pull.load, bytes, now_ns);
	return (int)share.slot;
}

Test(pull, who_asks_is_served_by_the_shortest_path_however_thin)
{
	add_path(2, 1);
	add_path(700, 30);
	pull_tick(&pull, path, len, true, now_ns);
	cr_expect(eq(int, taker_of(1200), 1), "nobody knows what it begins");
	for (unsigned i = 0; i < 10; i++) {
		now_ns += NS_PER_S;
		cr_expect(eq(int, taker_of(i % 2 ? 1200 : 300), 0));
	}
	load();
	cr_expect(eq(int, taker_of(1200), 1), "it may belong to a download");
	cr_expect(eq(int, taker_of(300), 0), "as a keystroke beside it");
	now_ns += 2 * PULL_LOAD_NS;
	cr_expect(eq(int, taker_of(1200), 0));
}

Test(pull, a_thin_path_does_not_set_the_pace)
{
	add_path(2, 1);
	add_path(700, 30);
	load();
	pull_tick(&pull, path, len, true, now_ns);
	cr_expect(eq(int, first_taken(), 1));
	struct taken t = take_for(1000, 2000);
	cr_expect(ge(u32, t.by[0], 100), "it takes what the other cannot");
	cr_expect(ge(u32, t.by[1], 50000));
}

Test(pull, a_shorter_path_that_is_worth_it_does)
{
	add_path(50, 10);
	add_path(100, 60);
	pull_tick(&pull, path, len, true, now_ns);
	cr_expect(eq(int, first_taken(), 0));
}

/* Estimates wander: who sets the pace stays, unless another is quicker by far. */
/* Of two alike the heavier is the base, though the other seems a little wider. */
Test(pull, the_heavier_of_two_alike_is_the_base)
{
	add_path(1000, 0);
	add_path(700, 0);
	path[1].weight = 4;
	load();
	pull_tick(&pull, path, len, true, now_ns);
	struct taken t = take_for(100, 10);
	cr_expect(eq(u32, t.by[0], 0));
	cr_expect(eq(u32, t.by[1], 1000));
}

Test(pull, the_base_changes_seldom)
{
	add_path(20, 10);
	add_path(500, 30);
	load();
	pull_tick(&pull, path, len, true, now_ns);
	cr_assert(eq(int, first_taken(), 1));
	capacity_train(&model[0].capacity, MBPS(27));
	pull_tick(&pull, path, len, true, now_ns);
	cr_expect(eq(int, first_taken(), 1));
	capacity_train(&model[0].capacity, MBPS(200));
	pull_tick(&pull, path, len, true, now_ns);
	cr_expect(eq(int, first_taken(), 0));
}

/* The second would bring the one packet sooner, but jitters too much for so little: before it was
 * so that nobody took it, as long as nothing came behind it.
 */
Test(pull, what_is_left_to_a_faster_path_is_taken_by_that)
{
	add_path(10, 10);
	add_path(100, 11);
	model[1].delay.jitter_ns = 5 * NS_PER_MS;
	cr_expect(eq(int, first_taken(), 0));
}

/* One left out stands between two others: it has room, but will never take any. */
Test(pull, whoever_takes_none_is_not_waited_for)
{
	const struct pull_backlog backlog = {PACKET, 1, PACKET};
	struct pull_share share = {0};

	add_path(100, 10);
	add_path(1, 40);
	add_path(100, 50);
	path_model_sent(&model[0], 40 * PACKET, 40, now_ns);
	cr_assert(eq(int, pull_bulk(&pull, path, len, &backlog, now_ns, &share), PULL_WAIT));
	cr_expect(eq(int, pull_bulk(&pull, path, len, &backlog, share.at_ns, &share), PULL_RUN));
	cr_expect(eq(u32, share.slot, 0));
}

Test(pull, while_the_fast_one_is_unknown_the_slow_one_waits)
{
	add_path(100, 10);
	add_path(30, 60);
	model[0].capacity.is_known = false;
	struct taken t = take(10000);
	cr_expect(eq(u32, t.by[1], 0));
}

Test(pull, as_much_may_wait_as_a_path_needs_to_join)
{
	add_path(100, 10);
	add_path(30, 60);
	cr_expect(eq(u64, pull_slack_ns(&pull, path, len), 50 * NS_PER_MS));
	pull.joined = (uint16_t)(1u << path[1].path_id);
	cr_expect(eq(u64, pull_slack_ns(&pull, path, len), 0));
}

/* ---- copies over all ---- */

/* Copies of bulk go to whoever has room until everything is full. Returns how many each took. */
static struct taken copy(unsigned packets)
{
	struct taken taken = {{0}};

	while (packets--) {
		const struct pull_backlog backlog = {PACKET, 1, PACKET};
		struct pull_share share = {0};

		if (pull_copies(&pull, path, len, &backlog, now_ns, &share) != PULL_RUN)
			break;
		cr_assert(share.copies >> path[share.slot].path_id & 1);
		for (unsigned i = 0; i < len; i++) {
			if (!(share.copies >> path[i].path_id & 1))
				continue;
			taken.by[i]++;
			path_model_sent(path[i].model, PACKET, 1, now_ns);
		}
	}
	return taken;
}

static struct taken copy_for(unsigned ms, unsigned waiting)
{
	struct taken sum = {{0}};

	for (; ms--; now_ns += NS_PER_MS) {
		struct taken t = copy(waiting);
		for (unsigned i = 0; i < 3; i++)
			sum.by[i] += t.by[i];
	}
	return sum;
}

Test(pull, copies_are_on_all_paths_that_have_room)
{
	add_path(30, 10);
	add_path(100, 60);
	struct taken t = copy_for(1000, 2); /* 24 Mbit/s */
	cr_expect(eq(u32, t.by[0], 2000));
	cr_expect(eq(u32, t.by[1], 2000));
}

Test(pull, copies_have_the_rate_of_the_widest_path_and_the_others_what_they_carry)
{
	add_path(30, 10);
	add_path(100, 60);
	struct taken t = copy_for(1000, 100);
	cr_expect(ge(u32, t.by[1], 8400));
	cr_expect(le(u32, t.by[1], 8600));
	cr_expect(ge(u32, t.by[0], 2500));
	cr_expect(le(u32, t.by[0], 2560));
}

Test(pull, the_widest_path_changes_for_a_quarter_more)
{
	add_path(100, 10);
	add_path(110, 10);
	cr_expect(eq(u32, pull_widest(&pull, path, len), 1));
	capacity_train(&model[0].capacity, MBPS(130) * 10 / 9);
	cr_expect(eq(u32, pull_widest(&pull, path, len), 1));
	capacity_train(&model[0].capacity, MBPS(150) * 10 / 9);
	cr_expect(eq(u32, pull_widest(&pull, path, len), 0));
	cr_expect(eq(u32, pull_widest(&pull, path + 1, len - 1), 0), "it is gone");
}

Test(pull, copies_wait_until_the_widest_has_room)
{
	const struct pull_backlog backlog = {PACKET, 1, PACKET};
	struct pull_share share = {0};

	add_path(30, 10);
	add_path(100, 60);
	copy(1000);
	now_ns += NS_PER_MS / 2;
	copy(1000);
	cr_assert(eq(int, pull_copies(&pull, path, len, &backlog, now_ns, &share), PULL_WAIT));
	cr_expect(lt(u64, now_ns, share.at_ns));
	cr_expect(le(u64, share.at_ns, now_ns + NS_PER_MS));
	cr_expect(eq(int, pull_copies(&pull, path, len, &backlog, share.at_ns, &share), PULL_RUN));
	share = (struct pull_share){0};
	cr_expect(eq(int, pull_copies(&pull, path, 0, &backlog, now_ns, &share), PULL_NONE));
}

/* It takes part in no decision about the others. */
Test(pull, what_only_some_can_carry_goes_to_the_first_of_them_that_has_room)
{
	const struct pull_backlog backlog = {PACKET, 1, PACKET};
	const struct pull before = pull;
	struct pull_share share = {.slot = 9};

	cr_expect(eq(int, pull_first_ready(path, 0, &backlog, now_ns, &share), PULL_NONE));
	add_path(30, 60);
	add_path(100, 10);
	cr_expect(eq(int, pull_first_ready(path, len, &backlog, now_ns, &share), PULL_RUN));
	cr_expect(eq(uint, share.slot, 1));
	cr_expect(ge(u32, share.bytes, PACKET));
	path_model_sent(path[1].model, 100 * PACKET, 100, now_ns);
	cr_expect(eq(int, pull_first_ready(path, len, &backlog, now_ns, &share), PULL_RUN));
	cr_expect(eq(uint, share.slot, 0), "the other has a queue");
	path_model_sent(path[0].model, 100 * PACKET, 100, now_ns);
	cr_expect(eq(int, pull_first_ready(path, len, &backlog, now_ns, &share), PULL_WAIT));
	cr_assert(lt(u64, now_ns, share.at_ns));
	cr_expect(eq(int, pull_first_ready(path, len, &backlog, share.at_ns, &share), PULL_RUN));
	cr_expect(eq(int, memcmp(&pull, &before, sizeof pull), 0));
}
