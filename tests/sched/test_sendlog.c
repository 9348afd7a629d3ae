/* SPDX-License-Identifier: MIT */
#include "sched/sendlog.h"

#include "../emulation.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#define START_NS (1000 * NS_PER_S)

TestSuite(sendlog, .init = seed_random);

static struct sendlog sent;

static void add(unsigned lane, uint32_t epoch, uint64_t first, uint32_t packets, uint64_t now_ns)
{
	const struct send_record record = {
		.first = first, .packets = packets, .bytes = 100 * packets, .epoch = epoch};

	sendlog_add(&sent, lane, &record, now_ns);
}

Test(sendlog, says_when_a_counter_was_sent_and_what_before)
{
	const struct send_record *r;

	add(0, 1, 0, 10, START_NS);
	add(0, 1, 30, 5, START_NS + 1);
	add(1, 1, 7, 2, START_NS + 2);
	r = sendlog_find(&sent, 0, 1, 34);
	cr_assert(r != NULL);
	cr_expect(eq(u64, r->first, 30));
	cr_expect(eq(u64, r->t_tx_ns, START_NS + 1));
	cr_expect(eq(u64, r->packets_before, 10));
	cr_expect(eq(u64, r->bytes_before, 1000));
	r = sendlog_find(&sent, 1, 1, 8);
	cr_assert(r != NULL);
	cr_expect(eq(u64, r->packets_before, 15), "all lanes count");
	sendlog_fini(&sent);
}

Test(sendlog, what_went_elsewhere_is_not_found)
{
	cr_expect(sendlog_find(&sent, 0, 1, 0) == NULL);
	add(0, 3, 10, 10, START_NS);
	add(0, 3, 30, 10, START_NS);
	cr_expect(sendlog_find(&sent, 0, 3, 9) == NULL);
	cr_expect(sendlog_find(&sent, 0, 3, 10) != NULL);
	cr_expect(sendlog_find(&sent, 0, 3, 19) != NULL);
	cr_expect(sendlog_find(&sent, 0, 3, 20) == NULL);
	cr_expect(sendlog_find(&sent, 0, 3, 29) == NULL);
	cr_expect(sendlog_find(&sent, 0, 3, 40) == NULL);
	cr_expect(sendlog_find(&sent, 1, 3, 10) == NULL, "another lane");
	cr_expect(sendlog_find(&sent, 0, 2, 10) == NULL, "an older keypair");
	cr_expect(sendlog_find(&sent, 0, 4, 10) == NULL, "a newer one");
	sendlog_fini(&sent);
}

Test(sendlog, a_run_left_later_than_it_was_numbered)
{
	add(0, 1, 0, 10, START_NS);
	add(0, 1, 10, 10, START_NS);
	cr_expect(sendlog_departed(&sent, 0, 1, 10, START_NS + 5));
	cr_expect(eq(u64, sendlog_find(&sent, 0, 1, 9)->t_tx_ns, START_NS));
	cr_expect(eq(u64, sendlog_find(&sent, 0, 1, 15)->t_tx_ns, START_NS + 5));
	cr_expect(sendlog_departed(&sent, 0, 1, 10, START_NS + 3), "never earlier");
	cr_expect(eq(u64, sendlog_find(&sent, 0, 1, 15)->t_tx_ns, START_NS + 5));
	cr_expect(not(sendlog_departed(&sent, 0, 1, 20, START_NS + 5)));
	cr_expect(not(sendlog_departed(&sent, 1, 1, 10, START_NS + 5)));
	sendlog_fini(&sent);
}

Test(sendlog, an_idle_path_keeps_a_small_ring)
{
	for (unsigned i = 0; i < 10 * SENDLOG_RUNS_MIN; i++)
		add(0, 1, i, 1, START_NS + i * SENDLOG_KEPT_NS / SENDLOG_RUNS_MIN);
	cr_expect(eq(u32, sent.ring[0].capacity, SENDLOG_RUNS_MIN));
	cr_expect(not(sendlog_is_large(&sent)));
	cr_expect(sent.ring[1].record == NULL);
	sendlog_fini(&sent);
}

Test(sendlog, a_busy_path_keeps_what_may_still_be_missed)
{
	const unsigned runs = 1600;

	for (unsigned i = 0; i < 3 * runs; i++)
		add(0, 1, i, 1, START_NS + i * SENDLOG_KEPT_NS / runs);
	for (unsigned i = 2 * runs; i < 3 * runs; i++)
		cr_expect(sendlog_find(&sent, 0, 1, i) != NULL, "%u", i);
	cr_expect(eq(u32, sent.ring[0].capacity, 2048));
	cr_expect(sendlog_is_large(&sent));
	sendlog_fini(&sent);
}

Test(sendlog, beyond_its_bound_the_oldest_gives_way)
{
	for (unsigned i = 0; i < SENDLOG_RUNS_MAX + 5; i++)
		add(0, 1, 2 * i, 1, START_NS);
	cr_expect(eq(u32, sent.ring[0].capacity, SENDLOG_RUNS_MAX));
	cr_expect(sendlog_find(&sent, 0, 1, 8) == NULL);
	cr_expect(sendlog_find(&sent, 0, 1, 10) != NULL);
	cr_expect(sendlog_find(&sent, 0, 1, 2 * (SENDLOG_RUNS_MAX + 4)) != NULL);
	sendlog_fini(&sent);
}

Test(sendlog, at_rest_it_gives_its_memory_back_and_keeps_its_sums)
{
	for (unsigned i = 0; i < 100; i++)
		add(i % 2, 1, i, 1, START_NS);
	sendlog_rest(&sent);
	cr_expect(not(sendlog_is_large(&sent)));
	cr_expect(sent.ring[0].record == NULL);
	cr_expect(sent.ring[1].record == NULL);
	cr_expect(sendlog_find(&sent, 1, 1, 99) == NULL);
	cr_expect(eq(u64, sent.packets, 100));
	add(0, 1, 200, 1, START_NS + NS_PER_S);
	cr_assert(sendlog_find(&sent, 0, 1, 200) != NULL);
	cr_expect(eq(u64, sendlog_find(&sent, 0, 1, 200)->packets_before, 100));
	sendlog_fini(&sent);
}

/* ---- against a list of all there ever was ---- */

struct entry {
	unsigned lane;
	struct send_record record;
};

static const struct entry *find_slowly(const struct entry *all, unsigned len, unsigned lane,
                                       uint32_t epoch, uint64_t counter)
{
	for (unsigned i = len; i-- > 0;) {
		const struct send_record *r = &all[i].record;

		if (all[i].lane == lane && r->epoch == epoch && r->first <= counter &&
		    counter < r->first + r->packets)
			return &all[i];
	}
	return NULL;
}

/* Nothing that is young enough and within the bound may be forgotten, nothing found that was not
 * sent.
 */
Test(sendlog, agrees_with_a_list)
{
	const unsigned len = fewer_emulated(8000);
	struct entry *all = calloc(len, sizeof *all);
	uint64_t now_ns = START_NS, next[SENDLOG_LANES] = {0}, bytes = 0;
	uint32_t epoch = 1;

	cr_assert(all != NULL);
	for (unsigned i = 0; i < len; i++) {
		unsigned lane = random_below(SENDLOG_LANES);

		if (random_once_in(500)) {
			epoch++;
			next[0] = next[1] = 0;
		}
		now_ns += random_once_in(300) ? random_below(600) * NS_PER_MS
		                              : random_below(400) * NS_PER_US;
		next[lane] += random_below(3) * random_below(50);
		all[i] = (struct entry){lane,
		                        {.first = next[lane],
		                         .packets = 1 + random_below(64),
		                         .bytes = random_below(90000),
		                         .epoch = epoch,
		                         .t_tx_ns = now_ns,
		                         .bytes_before = bytes}};
		bytes += all[i].record.bytes;
		next[lane] += all[i].record.packets;
		sendlog_add(&sent, lane, &all[i].record, now_ns);

		unsigned back = random_below(i < 5000 ? i + 1 : 5000);
		uint64_t counter = all[i - back].record.first + random_below(100);
		uint32_t asked_epoch = all[i - back].record.epoch;
		const struct send_record *r = sendlog_find(&sent, lane, asked_epoch, counter);
		const struct entry *e = find_slowly(all, i + 1, lane, asked_epoch, counter);

		if (r) {
			cr_assert(e != NULL);
			cr_assert(eq(u64, r->first, e->record.first));
			cr_assert(eq(u64, r->t_tx_ns, e->record.t_tx_ns));
			cr_assert(eq(u64, r->bytes_before, e->record.bytes_before));
		} else if (e) {
			cr_assert(ge(u64, now_ns - e->record.t_tx_ns, SENDLOG_KEPT_NS),
			          "record %u of %u", (unsigned)(e - all), i);
		}
	}
	free(all);
	sendlog_fini(&sent);
}

Test(sendlog, the_newest_are_found_from_behind)
{
	add(0, 1, 0, 10, START_NS);
	add(0, 1, 30, 5, START_NS + 1);
	cr_assert(sendlog_back(&sent, 0, 0) != NULL);
	cr_expect(eq(u64, sendlog_back(&sent, 0, 0)->first, 30));
	cr_expect(eq(u64, sendlog_back(&sent, 0, 1)->first, 0));
	cr_expect(sendlog_back(&sent, 0, 2) == NULL);
	cr_expect(sendlog_back(&sent, 1, 0) == NULL);
	sendlog_fini(&sent);
}

Test(sendlog, a_counter_is_sent_again_once)
{
	add(0, 1, 10, 64, START_NS);
	cr_expect(sendlog_resend(&sent, 0, 1, 10));
	cr_expect(sendlog_resend(&sent, 0, 1, 73));
	cr_expect(not(sendlog_resend(&sent, 0, 1, 73)));
	cr_expect(not(sendlog_resend(&sent, 0, 1, 74)), "never sent");
	cr_expect(not(sendlog_resend(&sent, 0, 2, 11)), "another keypair");
	cr_expect(eq(u64, sendlog_find(&sent, 0, 1, 10)->resent, 1 | 1ull << 63));
	sendlog_fini(&sent);
}

Test(sendlog, packets_of_others_count_for_the_path)
{
	sendlog_count(&sent, 700, 2);
	add(0, 1, 0, 1, START_NS);
	cr_expect(eq(u64, sendlog_back(&sent, 0, 0)->packets_before, 2));
	cr_expect(eq(u64, sendlog_back(&sent, 0, 0)->bytes_before, 700));
	sendlog_fini(&sent);
}
