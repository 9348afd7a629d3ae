/* SPDX-License-Identifier: MIT */
#include "sched/report.h"

#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(report, .init = seed_random);

static uint8_t body[REPORT_BYTES_MAX];

/* Whatever a receiver can say. */
static struct report any_report(void)
{
	struct report r = {.number = random_below(UINT32_MAX),
	                   .time_us = random_below(UINT32_MAX),
	                   .key = random_below(UINT32_MAX),
	                   .next = (uint64_t)random_below(1u << 24) << 32 |
	                           random_below(UINT32_MAX),
	                   .paths = random_below(PATHS_MAX + 1),
	                   .ranges = random_below(REPORT_RANGES_MAX + 1)};

	for (unsigned i = 0; i < r.paths; i++)
		r.path[i] = (struct report_path){.path_id = (uint8_t)(PATHS_MAX - 1 - i),
		                                 .flags = (uint8_t)random_below(8),
		                                 .reorder_us = 10 * random_below(6001),
		                                 .newest = random_below(UINT32_MAX),
		                                 .newest_us = random_below(UINT32_MAX),
		                                 .packets = random_below(UINT32_MAX),
		                                 .bytes = random_below(UINT32_MAX),
		                                 .probe_us = random_below(UINT32_MAX),
		                                 .probe_came_us = random_below(UINT32_MAX),
		                                 .train_kbps = random_below(UINT32_MAX)};
	for (unsigned i = 0; i < r.ranges; i++)
		r.range[i] = (struct report_range){i * 128, 1 + random_below(128)};
	return r;
}

static void expect_same_path(const struct report_path *a, const struct report_path *b)
{
	cr_expect(eq(u8, a->path_id, b->path_id));
	cr_expect(eq(u8, a->flags, b->flags));
	cr_expect(eq(u32, a->reorder_us, b->reorder_us));
	cr_expect(eq(u32, a->newest, b->newest));
	cr_expect(eq(u32, a->newest_us, b->newest_us));
	cr_expect(eq(u32, a->packets, b->packets));
	cr_expect(eq(u32, a->bytes, b->bytes));
	cr_expect(eq(u32, a->probe_us, b->probe_us));
	cr_expect(eq(u32, a->probe_came_us, b->probe_came_us));
	cr_expect(eq(u32, a->train_kbps, b->train_kbps));
}

Test(report, says_the_same_after_the_way)
{
	for (unsigned n = 0; n < 200; n++) {
		struct report sent = any_report(), got;
		size_t len = report_encode(&sent, body);

		cr_assert(report_decode(&got, body, len));
		cr_expect(eq(u32, got.number, sent.number));
		cr_expect(eq(u32, got.time_us, sent.time_us));
		cr_expect(eq(u32, got.key, sent.key));
		cr_expect(eq(u64, got.next, sent.next));
		cr_assert(eq(u32, got.paths, sent.paths));
		cr_assert(eq(u32, got.ranges, sent.ranges));
		for (unsigned i = 0; i < got.paths; i++)
			expect_same_path(&got.path[i], &sent.path[i]);
		for (unsigned i = 0; i < got.ranges; i++) {
			cr_expect(eq(u32, got.range[i].offset, sent.range[i].offset));
			cr_expect(eq(u32, got.range[i].len, sent.range[i].len));
		}
	}
}

Test(report, its_bytes_are_those_that_are_written_down)
{
	const struct report r = {.number = 0x04030201,
	                         .key = 0x0c0b0a09,
	                         .next = 0x1716151413121110,
	                         .paths = 1,
	                         .ranges = 1,
	                         .path = {{.path_id = 5, .flags = REPORT_DATA, .reorder_us = 40}},
	                         .range = {{0x010203, 4}}};

	cr_assert(eq(sz, report_encode(&r, body), 24 + 32 + 4));
	cr_expect(eq(u8, body[0], 1));
	cr_expect(eq(u8, body[3], 4));
	cr_expect(eq(u8, body[8], 0x09));
	cr_expect(eq(u8, body[12], 1), "paths");
	cr_expect(eq(u8, body[13], 1), "ranges");
	cr_expect(eq(u8, body[16], 0x10));
	cr_expect(eq(u8, body[23], 0x17));
	cr_expect(eq(u8, body[24], 5), "path id");
	cr_expect(eq(u8, body[26], 4), "40 us are 4 units");
	cr_expect(eq(u8, body[56], 3), "offset");
	cr_expect(eq(u8, body[59], 4), "length");
}

Test(report, cut_short_it_is_none)
{
	struct report sent = any_report(), got;

	sent.paths = 3;
	sent.ranges = 2;
	size_t len = report_encode(&sent, body);
	for (size_t i = 0; i < len; i++)
		cr_expect(not(report_decode(&got, body, i)), "%zu", i);
}

Test(report, paths_twice_and_ranges_across_each_other_are_refused)
{
	struct report sent = {.paths = 2, .path = {{.path_id = 3}, {.path_id = 3}}}, got;

	cr_expect(not(report_decode(&got, body, report_encode(&sent, body))));
	sent.path[1].path_id = PATHS_MAX;
	cr_expect(not(report_decode(&got, body, report_encode(&sent, body))), "no such path");
	sent = (struct report){.ranges = 2, .range = {{5, 4}, {8, 1}}};
	cr_expect(not(report_decode(&got, body, report_encode(&sent, body))), "across");
	sent.range[1].offset = 9;
	cr_expect(report_decode(&got, body, report_encode(&sent, body)));
	sent.range[1].len = 0;
	cr_expect(not(report_decode(&got, body, report_encode(&sent, body))), "empty");
	sent.range[1] = (struct report_range){REPORT_REACH, 1};
	cr_expect(not(report_decode(&got, body, report_encode(&sent, body))), "too far");
}

Test(report, garbage_never_says_more_than_there_is_room_for)
{
	for (unsigned n = 0; n < 20000; n++) {
		struct report got;
		size_t len = random_below(REPORT_BYTES_MAX + 1);

		for (size_t i = 0; i < len; i++)
			body[i] = (uint8_t)random_below(256);
		body[12] %= 20;
		body[13] %= 70;
		if (!report_decode(&got, body, len))
			continue;
		cr_expect(le(u32, got.paths, PATHS_MAX));
		cr_expect(le(u32, got.ranges, REPORT_RANGES_MAX));
	}
}

Test(report, numbers_wrap)
{
	cr_expect(report_is_newer(5, 4));
	cr_expect(not(report_is_newer(4, 4)));
	cr_expect(not(report_is_newer(3, 4)));
	cr_expect(report_is_newer(2, UINT32_MAX - 2));
	cr_expect(not(report_is_newer(UINT32_MAX - 2, 2)));
}
