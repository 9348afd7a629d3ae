/* SPDX-License-Identifier: MIT */
/* Packets placed by hand for a peer that reports what arrives: paths take them by what was learned
 * of them, and what may be lost is kept.
 */
#include "runs_rig.h"
#include "sched/copies.h"
#include "sched/heard.h"

enum {
	NEXT_HERE = 0x33, /* of the next session */
	NEXT_THERE = 0x44,
};

static const uint64_t unordered = (uint64_t)LANE_UNORDERED << LANE_SHIFT;

TestSuite(runs_learned, .init = runs_setup, .fini = runs_teardown, .timeout = 60);

static void expect_run(const struct batch *b, unsigned lane, uint64_t counter, unsigned len)
{
	cr_assert(ne(ptr, (void *)b, NULL));
	cr_expect(eq(uint, b->lane, lane));
	cr_expect(eq(u64, b->first_counter, counter));
	cr_expect(eq(uint, b->len, len));
}

/* ---- who takes what ---- */

Test(runs_learned, only_who_reports_is_learned_of)
{
	begin(PATHS);
	for (unsigned mode = BONDING_AGGREGATE; mode <= BONDING_FAILOVER; mode++) {
		rig_publish_paths(peer, mode, PATHS, NULL);
		cr_assert(runs_begin(self, &runs));
		cr_expect(runs.facts.is_learned, "%u", mode);
	}
	atomic_store(&kp->send_lanes, false);
	cr_assert(runs_begin(self, &runs));
	cr_expect(not(runs.facts.is_learned), "it has one lane");
	atomic_store(&kp->send_lanes, true);
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_assert(runs_begin(self, &runs));
	cr_expect(not(runs.facts.is_learned), "it does not report");
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	cr_assert(runs_begin(self, &runs));
	cr_expect(runs.facts.is_learned);
}

Test(runs_learned, lowlat_puts_all_into_the_unordered_lane)
{
	begin(PATHS);
	rig_publish_paths(peer, BONDING_LOWLAT, PATHS, NULL);
	cr_assert(runs_begin(self, &runs));
	cr_assert(runs.facts.is_learned);
	cr_assert(eq(int, place(false), RUNS_PLACED));
	cr_assert(eq(int, place(true), RUNS_PLACED));
	runs_close(self, &runs);
	expect_run(runs.done.first, LANE_UNORDERED, unordered, 1);
	expect_run(runs.done.last, LANE_UNORDERED, unordered + 1, 1);
	send_all();
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 2));
}

/* The far flow waits in front, and its path is full. */
Test(runs_learned, balance_pulls_what_has_room_and_cuts_what_it_pulled)
{
	struct send_ticket waits[2], *ticket;
	uint8_t *at;

	begin(PATHS);
	rig_publish_paths(peer, BONDING_BALANCE, PATHS, NULL);
	cr_assert(runs_begin(self, &runs));
	for (uint32_t flow = 0; flow < 2; flow++) /* flow 0 gets path 0, and flow 1 the other */
		cr_assert(eq(int, place_of(flow), RUNS_PLACED));
	send_all();
	path_model_sent(runs.sender.stripe.model[0], 40 * LEN, 40, self->now_ns);
	cr_assert(eq(int, place_of(0), RUNS_WAIT));
	for (uint32_t flow = 0; flow < 2; flow++) {
		waits[flow] = (struct send_ticket){.since_ns = self->now_ns,
		                                   .packets = 1,
		                                   .packet_bytes = LEN - flow,
		                                   .last_bytes = LEN - flow,
		                                   .flow = flow};
		sender_offer(&runs.sender, &waits[flow]);
	}
	cr_assert(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_PLACED));
	cr_expect(eq(ptr, ticket, &waits[1]));
	cr_expect(eq(u8, runs.open->path_id, 1));
	cr_expect(eq(u8, runs.open->lane, LANE_UNORDERED));
	cr_expect(eq(u16, runs.open->segment[0].len, LEN - 1));
	memset(at, 0x45, LEN - 1);
	cr_expect(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_WAIT));
	cr_expect(lt(u64, self->now_ns, sender_pump_ns(&runs.sender)));
	send_all();
	sender_drop(&runs.sender);
}

/* What was sent is charged to the path before the next is chosen. */
Test(runs_learned, a_run_is_a_batch)
{
	uint64_t next = 0;

	begin(1);
	for (unsigned i = 0; i < 12; i++)
		cr_assert(eq(int, place(false), RUNS_PLACED));
	runs_close(self, &runs);
	cr_expect(ge(uint, runs.done.len, 3), "runs of half a millisecond");
	cr_expect(le(uint, runs.done.len, 4));
	for (const struct batch *b = runs.done.first; b; b = b->next) {
		expect_run(b, LANE_ORDERED, next, b->len);
		next += b->len;
	}
	cr_expect(eq(u64, next, 12));
	cr_expect(
		lt(u64, NS_PER_MS, path_model_queue_ns(runs.sender.stripe.model[0], self->now_ns)));
	send_all();
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 12));
}

Test(runs_learned, a_full_path_makes_bulk_wait_until_the_pump)
{
	struct send_ticket waits = {.packets = 1, .packet_bytes = LEN, .last_bytes = LEN};
	unsigned count;
	uint8_t *at;
	struct send_ticket *ticket;

	begin(1);
	count = fill();
	cr_expect(ge(uint, count, 17), "2 ms of 100 Mbit/s");
	cr_expect(le(uint, count, 24));
	cr_expect(eq(ptr, runs.open, NULL), "what was placed before does not wait");
	waits.since_ns = self->now_ns;
	sender_offer(&runs.sender, &waits);
	cr_expect(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_WAIT));
	cr_expect(eq(u64, sender_waiting(&runs.sender), 1));
	cr_assert(lt(u64, self->now_ns, sender_pump_ns(&runs.sender)));
	cr_assert(lt(u64, sender_pump_ns(&runs.sender), self->now_ns + 2 * NS_PER_MS));
	self->now_ns = sender_pump_ns(&runs.sender);
	cr_assert(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_PLACED));
	memset(at, 0x45, LEN);
	cr_expect(eq(ptr, ticket, &waits));
	send_all();
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), count + 1));
}

/* What is in a hurry makes runs of its own, in the lane without an order. */
Test(runs_learned, the_urgent_goes_in_the_unordered_lane)
{
	const struct batch *b;

	begin(1);
	for (unsigned i = 0; i < 4; i++)
		cr_assert(eq(int, place(i == 1 || i == 2), RUNS_PLACED));
	runs_close(self, &runs);
	cr_assert(eq(uint, runs.done.len, 3));
	b = runs.done.first;
	expect_run(b, LANE_ORDERED, 0, 1);
	expect_run(b->next, LANE_UNORDERED, unordered, 2);
	expect_run(runs.done.last, LANE_ORDERED, 1, 1);
	send_all();
}

Test(runs_learned, the_urgent_passes_what_waits)
{
	struct send_ticket bulk = {.packets = 1, .packet_bytes = LEN, .last_bytes = LEN};
	struct send_ticket urgent = bulk, *ticket;
	uint8_t *at;

	begin(1);
	fill();
	urgent.is_urgent = true;
	bulk.since_ns = urgent.since_ns = self->now_ns;
	sender_offer(&runs.sender, &bulk);
	cr_expect(eq(int, place(true), RUNS_PLACED));
	cr_expect(runs_begins_anew(&runs), "bulk is next, of another run");
	sender_offer(&runs.sender, &urgent);
	cr_expect(not(runs_begins_anew(&runs)));
	cr_assert(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_PLACED));
	memset(at, 0x45, LEN);
	cr_expect(eq(ptr, ticket, &urgent));
	cr_expect(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_WAIT));
	cr_assert(ne(ptr, runs.done.last, NULL));
	expect_run(runs.done.last, LANE_UNORDERED, unordered, 2);
	cr_expect(eq(ptr, sender_drop(&runs.sender), &bulk));
	send_all();
}

/* ---- what is kept ---- */

static unsigned in_lasting(void)
{
	return self->lasting.fresh - free_list_count(&self->lasting.free);
}

Test(runs_learned, where_a_path_may_die_all_is_kept_after_it_left)
{
	const struct batch *b;
	unsigned index;

	begin(PATHS);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(eq(int, place(i == 2), RUNS_PLACED));
	cr_expect(eq(uint, in_lasting(), 2));
	send_all();
	cr_expect(eq(uint, in_lasting(), 2));
	b = kept_find(&runs.kept, LANE_ORDERED, runs.sender.epoch, 1, &index);
	cr_assert(ne(ptr, (void *)b, NULL));
	cr_expect(eq(uint, index, 1));
	cr_expect(eq(ptr, b->peer, NULL));
	b = kept_find(&runs.kept, LANE_UNORDERED, runs.sender.epoch, 0, &index);
	cr_expect(ne(ptr, (void *)b, NULL));
	cr_expect(eq(uint, rig_pool_count(&self->pool), self->pool.count));
	kept_expire(&runs.kept, self->now_ns);
	cr_expect(eq(uint, in_lasting(), 2), "it is not older than now");
	kept_expire(&runs.kept, self->now_ns + 1);
	cr_expect(eq(uint, in_lasting(), 0));
	cr_expect(eq(uint, chunk_pool_in_use(&self->lasting.chunks), 0));
}

/* There is nothing to choose. */
Test(runs_learned, path_that_always_was_alone_takes_what_comes)
{
	use_key(INDEX_HERE, INDEX_THERE);
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	cr_assert(runs_begin(self, &runs));
	cr_expect(runs.facts.is_reporting);
	cr_expect(not(runs.facts.is_learned));
	cr_assert(eq(int, place(false), RUNS_PLACED));
	cr_expect(eq(ptr, runs.open->home, &self->pool));
	send_all();
	cr_expect(kept_is_empty(&runs.kept));
	cr_expect(eq(uint, self->lasting.fresh, 0));
	stripe_model(&runs.sender.stripe, 1);
	cr_assert(runs_begin(self, &runs));
	cr_expect(runs.facts.is_learned, "there was another");
}

Test(runs_learned, where_weights_decide_nothing_is_kept)
{
	begin(PATHS);
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_assert(runs_begin(self, &runs));
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	cr_expect(kept_is_empty(&runs.kept));
	cr_expect(eq(uint, self->lasting.fresh, 0));
}

/* It goes all the same. */
Test(runs_learned, without_memory_for_it_nothing_is_kept)
{
	struct batch *taken = NULL, *b;

	begin(PATHS);
	while ((b = batch_get(&self->lasting))) {
		b->next = taken;
		taken = b;
	}
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	cr_expect(eq(u64,
	             counter_read(&peer->path[0].tx_packets) +
	                     counter_read(&peer->path[1].tx_packets),
	             1));
	cr_expect(kept_is_empty(&runs.kept));
	cr_expect(eq(uint, rig_pool_count(&self->pool), self->pool.count));
	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
}

/* ---- what is sent again ---- */

enum {
	RUN = 3, /* packets, of which the second is lost */
};

/* Sends a run from @counter on. Of it @datagram is lost; returns the path. */
static unsigned lose_one(bool is_urgent, uint32_t key, uint64_t counter,
                         uint8_t datagram[static RIG_DATAGRAM])
{
	struct repair_range lost = {.first = counter + 1,
	                            .len = 1,
	                            .key = key,
	                            .lane = is_urgent ? LANE_UNORDERED : LANE_ORDERED};
	uint8_t other[RIG_DATAGRAM];

	for (unsigned i = 0; i < RUN; i++)
		cr_assert(eq(int, place(is_urgent), RUNS_PLACED));
	runs_close(self, &runs);
	cr_assert(eq(uint, runs.done.len, 1));
	lost.from = runs.done.first->path_id;
	send_all();
	for (unsigned i = 0; i < RUN; i++)
		cr_assert(lt(sz, 0, next_on(lost.from, i == 1 ? datagram : other)));
	cr_assert(repair_add(&runs.sender.stripe.repair, &lost));
	return lost.from;
}

static void expect_again(unsigned path, const uint8_t *want)
{
	uint8_t again[RIG_DATAGRAM];
	size_t len;

	cr_assert(runs_have_repairs(&runs));
	cr_expect(runs_send_repairs(self, &runs));
	cr_expect(not(runs_have_repairs(&runs)));
	send_all();
	len = next_on(path, again);
	cr_assert(ge(sz, len, LEN + TRANSPORT_OVERHEAD));
	ASSERT_BYTES(again, want, len);
	cr_expect(eq(sz, next_on(path, again), 0));
}

/* To the byte: number, key and seal. */
Test(runs_learned, what_was_lost_leaves_again_on_the_other_path)
{
	for (unsigned urgent = 0; urgent < 2; urgent++) {
		uint8_t datagram[RIG_DATAGRAM];
		unsigned from, other;
		uint64_t queue_ns;

		if (!urgent)
			begin(PATHS);
		from = lose_one(urgent, INDEX_THERE, 0, datagram);
		other = 1 - from;
		queue_ns = path_model_queue_ns(runs.sender.stripe.model[other], self->now_ns);
		expect_again(other, datagram);
		cr_expect(lt(u64, queue_ns,
		             path_model_queue_ns(runs.sender.stripe.model[other], self->now_ns)),
		          "it is charged");
		cr_expect(eq(sz, next_on(from, datagram), 0));
	}
	cr_expect(eq(u64,
	             counter_read(&peer->path[0].tx_packets) +
	                     counter_read(&peer->path[1].tx_packets),
	             2 * (RUN + 1)));
	rig_expect_drops(&end, DROP_REASON_COUNT, 0);
}

/* What was sealed with the key before is good for a while. */
Test(runs_learned, what_was_lost_under_the_key_before_is_sent_again)
{
	uint8_t datagram[RIG_DATAGRAM], other[RIG_DATAGRAM];
	struct keypair *before;
	unsigned from;

	begin(PATHS);
	from = lose_one(false, INDEX_THERE, 0, datagram);
	before = kp;
	use_key(NEXT_HERE, NEXT_THERE);
	cr_assert(runs_begin(self, &runs));
	cr_assert(eq(int, place(true), RUNS_PLACED));
	send_all();
	while (next_on(0, other) || next_on(1, other))
		;
	cr_assert(index_remove(engine_index(end.engine), before));
	keypair_put(before);
	expect_again(1 - from, datagram);
}

Test(runs_learned, what_is_kept_no_more_is_not_sent_again)
{
	uint8_t datagram[RIG_DATAGRAM];
	struct repair_range never = {.first = 99, .len = 3, .key = INDEX_THERE};

	begin(PATHS);
	lose_one(false, INDEX_THERE, 0, datagram);
	never.key = NEXT_THERE;
	cr_assert(repair_add(&runs.sender.stripe.repair, &never));
	kept_expire(&runs.kept, NEVER_NS);
	cr_expect(runs_send_repairs(self, &runs));
	cr_expect(not(runs_have_repairs(&runs)));
	cr_expect(eq(uint, runs.done.len, 0));
}

Test(runs_learned, without_memory_what_was_lost_waits)
{
	struct batch *taken = NULL, *b;
	uint8_t datagram[RIG_DATAGRAM];
	unsigned from;

	begin(PATHS);
	from = lose_one(false, INDEX_THERE, 0, datagram);
	while ((b = batch_get(&self->pool))) {
		b->next = taken;
		taken = b;
	}
	cr_expect(not(runs_send_repairs(self, &runs)));
	cr_expect(runs_have_repairs(&runs));
	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
	expect_again(1 - from, datagram);
}

/* The peer has stopped reporting; nobody asks for it any more. */
Test(runs_learned, where_weights_decide_nothing_is_sent_again)
{
	uint8_t datagram[RIG_DATAGRAM];

	begin(PATHS);
	lose_one(false, INDEX_THERE, 0, datagram);
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_assert(runs_begin(self, &runs));
	cr_expect(not(runs_have_repairs(&runs)));
	cr_expect(runs_send_repairs(self, &runs));
	cr_expect(eq(uint, runs.done.len, 0));
}

/* ---- what leaves twice ---- */

static void expect_same_on(unsigned path, unsigned other)
{
	uint8_t one[RIG_DATAGRAM], two[RIG_DATAGRAM];
	size_t len = next_on(path, one);

	cr_assert(gt(sz, len, LEN));
	cr_assert(eq(sz, next_on(other, two), len));
	cr_expect(zero(int, memcmp(one, two, len)), "sealed once");
}

Test(runs_learned, what_is_in_a_hurry_leaves_over_two_paths_while_one_loses)
{
	begin(PATHS);
	runs.sender.stripe.model[0]->loss_ppm = 20000;
	cr_assert(eq(int, place(true), RUNS_PLACED));
	cr_expect(eq(u16, runs.open->path_mask, 1 << 0 | 1 << 1));
	cr_expect(eq(ptr, runs.open->home, &self->pool), "it is not kept");
	cr_assert(eq(int, place(true), RUNS_PLACED));
	send_all();
	expect_same_on(0, 1);
	expect_same_on(0, 1);
	cr_expect(kept_is_empty(&runs.kept));
	cr_expect(eq(uint, rig_pool_count(&self->pool), self->pool.count));
}

Test(runs_learned, what_has_one_path_leaves_over_it_again_later)
{
	begin(1);
	runs.sender.stripe.model[0]->loss_ppm = 20000;
	cr_assert(eq(int, place(true), RUNS_PLACED));
	send_all();
	cr_assert(runs_send_repairs(self, &runs));
	cr_expect(eq(uint, runs.done.len, 0), "it is not time yet");
	cr_expect(eq(u64, sender_pump_ns(&runs.sender), self->now_ns + DUPLICATE_LATER_NS));
	self->now_ns += DUPLICATE_LATER_NS;
	cr_assert(runs_send_repairs(self, &runs));
	cr_expect(eq(uint, runs.done.len, 1));
	send_all();
	expect_same_on(0, 0);
	cr_expect(eq(u64, runs.sender.log[0]->packets, 2));
	cr_expect(eq(u64, sender_pump_ns(&runs.sender), NEVER_NS));
}

Test(runs_learned, what_is_to_be_doubled_leaves_over_both_paths)
{
	const struct send_class class = {.is_urgent = true, .is_doubled = true};

	begin(PATHS);
	cr_assert(eq(int, place_as(&class), RUNS_PLACED));
	send_all();
	expect_same_on(0, 1);
}
