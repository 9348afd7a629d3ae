/* SPDX-License-Identifier: MIT */
/* Packets placed by hand in an engine of which no thread runs; far ends are sockets of the test. */
#include "dataplane/feedback.h"
#include "dataplane/late.h"
#include "dataplane/runs.h"

#include "dataplane/statistics.h"
#include "dataplane/super_packet.h"
#include "engine_rig.h"

enum {
	PATHS = 2,
	LEN = 100,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static struct dp_thread *self;
static struct runs runs;
static int far[PATHS];
static struct endpoint far_at[PATHS];

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, PATHS, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	for (unsigned i = 0; i < PATHS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&end, peer, i, i, &far_at[i]);
	}
	self = &end.engine->dispatcher[0].self;
	self->now_ns = clock_boot_ns();
	runs_init(&runs, peer);
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, far, PATHS);
}

TestSuite(runs, .init = setup, .fini = teardown, .timeout = 60);

static void begin_session(enum bonding_mode mode, unsigned paths)
{
	kp = rig_keypair(&end, peer, true, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	rig_publish_paths(peer, mode, paths, NULL);
	cr_assert(runs_begin(self, &runs));
}

/* Where a packet of @len bytes goes, read alone. */
static enum runs_outcome place_one(size_t len, uint8_t **ret_at)
{
	static uint8_t packet[RIG_MTU];
	const struct virtio_net_hdr header = {0};
	const struct send_class bulk = {0};
	struct super_packet cut;

	cr_assert(eq(uint, super_packet_begin(&cut, &header, packet, len), 1));
	return runs_place(self, &runs, &cut, &bulk, ret_at);
}

static void place_long(unsigned count, size_t len)
{
	while (count--) {
		uint8_t *at;

		cr_assert(eq(int, place_one(len, &at), RUNS_PLACED));
		memset(at, 0x45, len);
	}
}

static void place(unsigned count)
{
	place_long(count, LEN);
}

static void expect_run(const struct batch *b, unsigned path_id, uint64_t counter, unsigned len)
{
	cr_assert(ne(ptr, (void *)b, NULL));
	cr_expect(eq(uint, b->path_id, path_id));
	cr_expect(eq(u64, b->first_counter, counter));
	cr_expect(eq(uint, b->len, len));
}

/* Sends what is numbered, that nothing is left behind. */
static void send_all(void)
{
	struct run_list list = {0};

	runs_take(&runs, &list);
	runs_work(self, &list, false);
	cr_expect(eq(ptr, list.first, NULL));
}

Test(runs, without_session_or_path_nothing_can_be_sent)
{
	cr_expect(not(runs_begin(self, &runs)));
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	cr_expect(not(runs_begin(self, &runs)));
	begin_session(BONDING_AGGREGATE, 1);
	cr_expect(runs_can_send(&runs));
	rig_publish_paths(peer, BONDING_AGGREGATE, 0, NULL);
	cr_expect(not(runs_begin(self, &runs)));
	cr_expect(not(runs_can_send(&runs)));
}

Test(runs, key_that_is_too_old_sends_nothing)
{
	begin_session(BONDING_AGGREGATE, 1);
	self->now_ns = kp->born_ns + REJECT_AFTER_TIME;
	cr_expect(not(runs_begin(self, &runs)));
}

Test(runs, peer_whose_data_is_refused_gets_none_of_what_waits)
{
	begin_session(BONDING_AGGREGATE, 1);
	atomic_store(&peer->data_refused, true);
	cr_expect(not(runs_begin(self, &runs)));
	atomic_store(&peer->data_refused, false);
	cr_expect(runs_begin(self, &runs));
}

Test(runs, run_is_numbered_when_it_is_complete)
{
	begin_session(BONDING_AGGREGATE, 1);
	place(3);
	cr_expect(eq(ptr, runs.done.first, NULL));
	runs_close(self, &runs);
	expect_run(runs.done.first, 0, 0, 3);
	runs_close(self, &runs); /* none is open: nothing happens */
	cr_expect(eq(uint, runs.done.len, 1));
	place(1);
	runs_close(self, &runs);
	expect_run(runs.done.last, 0, 3, 1);
	cr_expect(eq(uint, runs.count, 2));
	send_all();
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 4));
}

Test(runs, full_run_is_followed_by_another)
{
	begin_session(BONDING_AGGREGATE, 1);
	place(BATCH_MAX + 1);
	expect_run(runs.done.first, 0, 0, BATCH_MAX);
	runs_close(self, &runs);
	expect_run(runs.done.last, 0, BATCH_MAX, 1);
	send_all();
}

/* The next one lies in a chunk of its own, and the first stays where it is until it is sent. */
Test(runs, run_ends_with_its_chunk)
{
	unsigned fit = self->pool.chunks.bytes / batch_piece_bytes(RIG_MTU);
	const struct batch *first, *last;

	begin_session(BONDING_AGGREGATE, 1);
	place_long(fit + 1, RIG_MTU);
	runs_close(self, &runs);
	first = runs.done.first;
	last = runs.done.last;
	expect_run(first, 0, 0, BATCH_MAX);
	expect_run(last, 0, fit, 1);
	cr_expect(ne(ptr, last->chunk, first->chunk));
	cr_expect(eq(u32, last->segment[0].offset, 0));
	cr_expect(eq(uint, chunk_pool_in_use(&self->pool.chunks), 2));
	expect_run(first->next, 0, BATCH_MAX, fit - BATCH_MAX);
	send_all();
	cr_expect(eq(uint, chunk_pool_in_use(&self->pool.chunks), 0));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), fit + 1));
}

Test(runs, small_packets_of_several_runs_share_a_chunk)
{
	begin_session(BONDING_AGGREGATE, PATHS);
	place(8);
	runs_close(self, &runs);
	for (const struct batch *b = runs.done.first; b; b = b->next)
		cr_expect(eq(ptr, b->chunk, runs.done.first->chunk));
	cr_expect(lt(uint, 1, runs.done.len));
	send_all();
}

/* At a low rate a run is one packet. */
Test(runs, counters_go_on_from_path_to_path)
{
	unsigned on[PATHS] = {0}, len = 0;
	const struct batch *b;

	begin_session(BONDING_AGGREGATE, PATHS);
	place(8);
	runs_close(self, &runs);
	for (b = runs.done.first; b; b = b->next) {
		expect_run(b, b->path_id, len, b->len);
		len += b->len;
		on[b->path_id] += b->len;
	}
	cr_expect(eq(uint, on[0], 4));
	cr_expect(eq(uint, on[1], 4));
	send_all();
}

Test(runs, redundant_run_is_on_all_paths)
{
	begin_session(BONDING_REDUNDANT, PATHS);
	place(2);
	runs_close(self, &runs);
	cr_expect(eq(uint, runs.done.first->path_mask, 3));
	cr_expect(eq(uint, atomic_load(&runs.done.first->paths_left), 2));
	send_all();
	for (unsigned i = 0; i < PATHS; i++)
		cr_expect(eq(u64, counter_read(&peer->path[i].tx_packets), 2));
}

/* Those that wait in the sender, of whatever length, go where others would. */
Test(runs, what_waits_in_the_sender_is_pulled_in_its_order)
{
	struct send_ticket offered[2] = {{.packets = 3, .packet_bytes = LEN, .last_bytes = LEN / 2},
	                                 {.packets = 1, .packet_bytes = 1, .last_bytes = 1}};
	struct send_ticket *ticket;
	const struct batch *b;

	begin_session(BONDING_AGGREGATE, PATHS);
	for (unsigned i = 0; i < 2; i++)
		sender_offer(&runs.sender, &offered[i]);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *at;

		cr_assert(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_PLACED));
		memset(at, 0x45, LEN);
		cr_expect(eq(ptr, ticket, &offered[i / 3]));
	}
	runs_close(self, &runs);
	b = runs.done.first;
	for (unsigned i = 0; i < 4; i++, b = b->next) {
		expect_run(b, i % PATHS, i, 1);
		cr_expect(eq(uint, b->segment[0].len, i < 2 ? LEN : i < 3 ? LEN / 2 : 1));
	}
	send_all();
}

Test(runs, without_memory_nothing_is_taken_out_of_the_sender)
{
	struct send_ticket offered = {.packets = 1, .packet_bytes = LEN, .last_bytes = LEN};
	struct batch *taken = NULL, *b;
	struct send_ticket *ticket;
	uint8_t *at;

	begin_session(BONDING_AGGREGATE, PATHS);
	sender_offer(&runs.sender, &offered);
	while ((b = batch_get(&self->pool))) {
		b->next = taken;
		taken = b;
	}
	cr_expect(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_NO_MEMORY));
	cr_expect(eq(u64, runs.sender.waiting.packets, 1));
	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
	cr_assert(eq(int, runs_pull(self, &runs, &ticket, &at), RUNS_PLACED));
	cr_expect(eq(ptr, ticket, &offered));
	runs_close(self, &runs);
	expect_run(runs.done.first, 0, 0, 1);
	send_all();
}

Test(runs, without_memory_nothing_is_changed)
{
	struct batch *taken = NULL, *b;
	uint8_t *at;

	begin_session(BONDING_AGGREGATE, PATHS);
	while ((b = batch_get(&self->pool))) {
		b->next = taken;
		taken = b;
	}
	cr_expect(eq(int, place_one(LEN, &at), RUNS_NO_MEMORY));
	cr_expect(eq(uint, runs.run.packets, 0));
	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
	place(1);
	runs_close(self, &runs);
	expect_run(runs.done.first, runs.done.first->path_id, 0, 1);
	send_all();
}

/* Batches there are, but no bytes. */
Test(runs, without_bytes_nothing_is_changed)
{
	struct batch *taken[1 << 10], *b;
	unsigned count = 0;
	uint8_t *at;

	begin_session(BONDING_AGGREGATE, PATHS);
	while ((b = batch_get_for(&self->pool, RIG_MTU))) {
		chunk_cut(b->chunk, b->chunk->bytes - b->chunk->used);
		taken[count++] = b;
	}
	cr_assert(lt(uint, count, self->pool.count));
	cr_expect(eq(int, place_one(LEN, &at), RUNS_NO_MEMORY));
	cr_expect(eq(uint, runs.run.packets, 0));
	batch_free(taken[--count]);
	place(1);
	runs_close(self, &runs);
	expect_run(runs.done.first, runs.done.first->path_id, 0, 1);
	send_all();
	while (count > 0)
		batch_free(taken[--count]);
}

/* Whitepaper 6.2. */
Test(runs, key_that_is_used_up_drops_the_run_and_is_renewed)
{
	begin_session(BONDING_AGGREGATE, 1);
	atomic_store(&kp->sent[LANE_ORDERED], REJECT_AFTER_MESSAGES - 1);
	place(2);
	runs_close(self, &runs);
	cr_expect(eq(ptr, runs.done.first, NULL));
	cr_expect(eq(u64, engine_drops(end.engine, DROP_COUNTER_LIMIT), 2));
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
}

Test(runs, key_that_is_old_is_renewed_by_the_initiator)
{
	begin_session(BONDING_AGGREGATE, 1);
	self->now_ns = kp->rekey_ns;
	cr_assert(runs_begin(self, &runs));
	place(1);
	runs_close(self, &runs);
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	send_all();
}

Test(runs, late_batch_gets_a_number_among_the_runs)
{
	struct batch *late;

	begin_session(BONDING_AGGREGATE, 1);
	place(1);
	runs_close(self, &runs);
	late = late_make(&end.engine->control, peer, kp, 0, LANE_ORDERED, NULL, 0, NULL, 0);
	cr_assert(ne(ptr, late, NULL));
	runs_add_late(self, &runs, late);
	place(1);
	runs_close(self, &runs);
	expect_run(runs.done.first->next, 0, 1, 1);
	expect_run(runs.done.last, 0, 2, 1);
	send_all();
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 3));
}

Test(runs, lists_are_joined_in_their_order)
{
	struct run_list list = {0};
	uint64_t next = 0;

	begin_session(BONDING_AGGREGATE, 1);
	for (unsigned i = 0; i < 5; i++) {
		place(1);
		runs_close(self, &runs);
		if (i % 2)
			runs_take(&runs, &list);
	}
	runs_take(&runs, &list);
	runs_take(&runs, &list); /* there is nothing more */
	cr_expect(eq(uint, list.len, 5));
	for (struct batch *b = list.first; b; b = b->next)
		expect_run(b, 0, next++, 1);
	cr_expect(eq(u64, next, 5));
	runs_work(self, &list, false);
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 5));
}

/* Of a peer that reports: a record for each batch, however many runs it is made of. */
Test(runs, what_is_sent_to_a_peer_that_reports_is_recorded)
{
	struct send_numbers numbers = {.key = INDEX_THERE, .lane = LANE_ORDERED};
	const struct send_record *r;

	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	begin_session(BONDING_AGGREGATE, 1);
	atomic_store(&kp->send_lanes, true);
	cr_assert(runs_begin(self, &runs));
	place(3);
	runs_close(self, &runs);
	place(2);
	runs_close(self, &runs);
	r = sender_find(&runs.sender, 0, &numbers);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(eq(u32, r->packets, 3));
	cr_expect(eq(u32, r->bytes, 3 * LEN));
	cr_expect(eq(u64, r->t_tx_ns, self->now_ns));
	numbers.first = 4;
	r = sender_find(&runs.sender, 0, &numbers);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(eq(u64, r->first, 3));
	cr_expect(eq(u32, r->packets, 2));
	cr_expect(eq(u64, r->bytes_before, 3 * LEN));
	send_all();
	feedback_hear(runs.feedback, &runs.sender, self->now_ns);
	cr_expect(lt(u64, self->now_ns, r->t_tx_ns), "when it left");
	runs_fini(&runs);
}

Test(runs, of_others_nothing_is_recorded)
{
	const struct send_numbers numbers = {.key = INDEX_THERE, .lane = LANE_ORDERED};

	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	begin_session(BONDING_AGGREGATE, 1); /* no HELLO yet */
	place(3);
	runs_close(self, &runs);
	atomic_store(&kp->send_lanes, true);
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_assert(runs_begin(self, &runs));
	place(1);
	runs_close(self, &runs);
	cr_expect(eq(ptr, (void *)sender_find(&runs.sender, 0, &numbers), NULL));
	send_all();
}
