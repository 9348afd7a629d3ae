/* SPDX-License-Identifier: MIT */
#include "dataplane/path_watch.h"

#include "base/bytes.h"
#include "dataplane/feedback.h"
#include "dataplane/frame.h"
#include "runs_rig.h"
#include "sched/heard.h"
#include "sched/measure.h"

TestSuite(path_watch, .init = runs_setup, .fini = runs_teardown, .timeout = 60);

/* A turn, @ns later. */
static void watch(uint64_t ns)
{
	self->now_ns += ns;
	path_watch_hear(self, &runs);
	cr_assert(runs_begin(self, &runs));
	path_watch_tick(self, &runs);
	send_all();
}

static uint64_t due_ns(void)
{
	return path_watch_due_ns(&runs, self->now_ns);
}

/* As if nothing were to be measured of @path. */
static void measured(uint8_t path)
{
	stripe_model(&runs.sender.stripe, path)->clean_at_ns = NEVER_NS;
	runs.sender.stripe.trained |= (uint16_t)(1u << path);
}

static void measured_all(void)
{
	for (uint8_t i = 0; i < PATHS; i++)
		measured(i);
}

/* The next datagram on @path is a probe: its body, and the length of the payload in @ret_len. */
static struct frame_probe expect_probe(unsigned path, size_t *ret_len)
{
	uint8_t payload[RIG_DATAGRAM];
	struct frame_probe probe;
	struct frame frame;
	uint64_t counter;
	size_t offset = 0;

	*ret_len = rig_unseal(far[path], INDEX_THERE, &counter, payload);
	cr_expect(eq(u64, counter >> LANE_SHIFT, LANE_CONTROL + path));
	cr_assert(eq(int, frame_next(payload, *ret_len, &offset, &frame), FRAME_FOUND));
	cr_assert(eq(u8, frame.type, FRAME_PROBE));
	cr_assert(eq(uint, frame.body_len, sizeof probe));
	memcpy(&probe, frame.body, sizeof probe);
	cr_expect(eq(int, frame_next(payload, *ret_len, &offset, &frame), FRAME_END));
	return probe;
}

static void expect_silence(void)
{
	for (unsigned i = 0; i < PATHS; i++)
		cr_expect(not(rig_is_readable(far[i], 0)), "%u", i);
}

/* ---- probes that measure ---- */

/* Each with its own number and longer than the one before, the last as long as data where padding
 * allows, all made at the same time; before there is a connection.
 */
Test(path_watch, idle_path_that_is_known_gets_a_train)
{
	size_t before = 0;
	uint32_t now_us;

	begin(1);
	watch(0);
	now_us = (uint32_t)(self->now_ns / NS_PER_US);
	for (unsigned i = 0; i < TRAIN_LENGTH; i++) {
		size_t len;
		struct frame_probe probe = expect_probe(0, &len);

		cr_expect(eq(u8, probe.path_id, 0));
		cr_expect(eq(u8, probe.flags, PROBE_MEASURES | PROBE_TRAIN));
		cr_expect(eq(u32, load_le32(probe.t_tx_us), now_us), "when it was made");
		cr_expect(eq(u32, load_le32(probe.tx_packets), i));
		cr_expect(le(sz, len, RIG_MTU), "padding included, as data");
		cr_expect(lt(sz, before, len));
		before = len;
	}
	cr_expect(lt(sz, RIG_MTU - PADDING_MULTIPLE, before));
	expect_silence();
	for (unsigned i = 0; i < 10; i++)
		watch(STRIPE_TICK_NS);
	cr_expect(eq(u64, atomic_load(&kp->sent[LANE_CONTROL]), TRAIN_LENGTH), "one is enough");
}

/* While there is no traffic the pump comes for the next of them, and then rests. */
Test(path_watch, train_over_another_path_is_waited_for)
{
	uint8_t datagram[RIG_DATAGRAM];

	begin(2);
	watch(0);
	for (unsigned i = 0; i < TRAIN_LENGTH; i++)
		cr_assert(lt(sz, 0, next_on(0, datagram)));
	expect_silence();
	cr_assert(lt(u64, due_ns(), NEVER_NS));
	watch(due_ns() - self->now_ns);
	cr_expect(lt(sz, 0, next_on(1, datagram)));
	cr_expect(eq(u64, due_ns(), NEVER_NS));
}

/* As another peer does just before. */
Test(path_watch, trains_that_no_connection_needs_leave_one_after_the_other)
{
	uint8_t datagram[RIG_DATAGRAM];
	uint64_t wait_ns;

	begin(1);
	self->train_turn_ns = self->now_ns;
	watch(0);
	expect_silence();
	wait_ns = due_ns() - self->now_ns;
	cr_assert(lt(u64, 10 * NS_PER_MS, wait_ns));
	cr_assert(lt(u64, wait_ns, NS_PER_S));
	watch(wait_ns - 1);
	expect_silence();
	watch(1);
	cr_expect(lt(sz, 0, next_on(0, datagram)));
}

/* Before there is traffic nobody asks for them, and the pump rests. */
Test(path_watch, clean_probes_are_sent_while_something_is_on_its_way)
{
	uint32_t now_us;
	size_t len;
	struct frame_probe probe;

	begin(1);
	runs.sender.stripe.trained = 1;
	watch(NS_PER_S);
	watch(NS_PER_S);
	expect_silence();
	cr_expect(eq(u64, due_ns(), NEVER_NS));
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	cr_assert(lt(sz, 0, next_on(0, (uint8_t[RIG_DATAGRAM]){0})));
	for (unsigned i = 0; i < 20; i++)
		watch(STRIPE_TICK_NS);
	now_us = (uint32_t)(self->now_ns / NS_PER_US);
	probe = expect_probe(0, &len);
	cr_expect(eq(u8, probe.flags, PROBE_MEASURES));
	cr_expect(eq(sz, len, 32), "frame and padding");
	cr_expect(lt(u32, now_us - load_le32(probe.t_tx_us), 200000));
	cr_assert(ge(uint, runs.sender.stripe.model[0]->clean, 1), "the model knows of it");
	cr_expect(eq(u32, runs.sender.stripe.model[0]->clean_us[0], load_le32(probe.t_tx_us)));
}

/* Not by the tick alone: a pause ends when the queue is gone. */
Test(path_watch, end_of_a_pause_is_waited_for)
{
	struct path_model *m;
	uint64_t end_ns;
	size_t len;

	begin(1);
	runs.sender.stripe.trained = 1;
	fill();
	send_all();
	while (next_on(0, (uint8_t[RIG_DATAGRAM]){0}))
		;
	watch(0);
	m = runs.sender.stripe.model[0];
	end_ns = measure_due_ns(&runs.sender);
	cr_assert(lt(u64, self->now_ns, end_ns));
	cr_assert(lt(u64, end_ns, self->now_ns + STRIPE_TICK_NS));
	cr_expect(eq(u64, due_ns(), end_ns));
	watch(end_ns - self->now_ns - 1);
	expect_silence();
	cr_expect(eq(u64, path_model_queue_ns(m, self->now_ns), 0));
	cr_expect(eq(int, place(false), RUNS_WAIT), "though there is room");
	watch(1);
	cr_expect(eq(u8, expect_probe(0, &len).flags, PROBE_MEASURES));
	cr_expect(eq(uint, m->clean, 1), "it met no queue");
}

/* ---- what is told ---- */

static void hear(uint32_t number)
{
	struct report report = {.number = number, .key = INDEX_THERE, .paths = 1};
	uint8_t body[REPORT_BYTES_MAX];
	size_t len = report_encode(&report, body);

	cr_assert(eq(int, feedback_report_came(peer->feedback, kp, body, len), FEEDBACK_NEWS));
}

Test(path_watch, reports_and_answers_are_heard)
{
	begin_unknown(1);
	hear(7);
	feedback_answer_came(peer->feedback, 0, 20000);
	watch(0);
	cr_expect(eq(u32, runs.sender.stripe.report_number, 7));
	cr_assert(ne(ptr, (void *)runs.sender.stripe.model[0], NULL));
	cr_expect(eq(u64, runs.sender.stripe.model[0]->srtt_ns, 20 * NS_PER_MS));
}

/* ---- what nobody can miss any more ---- */

static unsigned kept_batches(void)
{
	return self->lasting.fresh - free_list_count(&self->lasting.free);
}

Test(path_watch, what_is_kept_is_let_go_of_in_time)
{
	begin(PATHS);
	measured_all();
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	watch(0);
	cr_expect(eq(u64, due_ns(), self->now_ns + STRIPE_TICK_NS));
	watch(SENDLOG_KEPT_NS);
	cr_expect(eq(uint, kept_batches(), 1), "it is not older than that");
	watch(STRIPE_TICK_NS);
	cr_expect(eq(uint, kept_batches(), 0));
	watch(NS_PER_S);
	cr_expect(eq(u64, due_ns(), NEVER_NS), "nothing is on its way");
}

Test(path_watch, paths_are_looked_at_every_tick_and_no_more)
{
	begin(PATHS);
	measured_all();
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	watch(0);
	watch(STRIPE_TICK_NS - 1);
	cr_expect(eq(u64, due_ns(), self->now_ns + 1));
	watch(1);
	cr_expect(eq(u64, due_ns(), self->now_ns + STRIPE_TICK_NS));
}

Test(path_watch, of_a_peer_that_stops_reporting_all_is_let_go)
{
	begin(PATHS);
	measured_all();
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	watch(0);
	cr_assert(eq(uint, kept_batches(), 1));
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	watch(1);
	cr_expect(eq(uint, kept_batches(), 0));
	cr_expect(eq(u64, due_ns(), NEVER_NS));
}

/* ---- paths that carry nothing while others work ---- */

Test(path_watch, those_that_wait_for_others_to_fail_get_no_trains)
{
	const struct path_candidate both[] = {{.path_id = 0, .weight = 1},
	                                      {.path_id = 1, .weight = 1}};
	const struct path_candidate backup[] = {
		{.path_id = 0, .weight = 1}, {.path_id = 1, .weight = 1, .rank = LINK_ROLE_BACKUP}};

	begin(PATHS);
	measured_all();
	watch(0);
	cr_expect(eq(u32, runs.sender.stripe.spared, 0));
	engine_publish_paths(peer, path_table_build(BONDING_FAILOVER, both, 2));
	watch(NS_PER_MS);
	cr_expect(eq(u32, runs.sender.stripe.spared, 1u << 1));
	engine_publish_paths(peer, path_table_build(BONDING_AGGREGATE, backup, 2));
	watch(NS_PER_MS);
	cr_expect(eq(u32, runs.sender.stripe.spared, 1u << 1));
}

/* ---- paths that carry no more ---- */

/* Control has taken it away: a device is gone, say. */
Test(path_watch, what_a_path_that_is_gone_did_not_bring_goes_again)
{
	uint8_t lost[RIG_DATAGRAM], again[RIG_DATAGRAM];
	struct path_candidate other = {.path_id = 1, .weight = 1};
	size_t len;

	begin(PATHS);
	measured_all();
	watch(0);
	cr_assert(eq(int, place(false), RUNS_PLACED));
	send_all();
	len = next_on(0, lost);
	cr_assert(lt(sz, 0, len));
	watch(NS_PER_MS);
	cr_expect(not(runs_have_repairs(&runs)));
	engine_publish_paths(peer, path_table_build(BONDING_AGGREGATE, &other, 1));
	watch(NS_PER_MS);
	cr_assert(runs_have_repairs(&runs));
	cr_expect(runs_send_repairs(self, &runs));
	send_all();
	cr_assert(eq(sz, next_on(1, again), len));
	ASSERT_BYTES(again, lost, len);
	watch(NS_PER_MS);
	cr_expect(not(runs_have_repairs(&runs)), "once");
}

/* ---- paths that are said to lead nowhere ---- */

static void repair_all(void)
{
	cr_expect(runs_send_repairs(self, &runs));
	send_all();
}

Test(path_watch, what_a_doubted_path_did_not_bring_yet_goes_again_and_what_is_new_elsewhere)
{
	uint8_t lost[RIG_DATAGRAM], again[RIG_DATAGRAM];
	size_t len;

	begin(PATHS);
	measured_all();
	watch(0);
	cr_assert(eq(int, place(true), RUNS_PLACED));
	send_all();
	len = next_on(0, lost);
	cr_assert(lt(sz, 0, len));
	engine_doubt_path(peer, 0, self->now_ns + 1);
	watch(2);
	cr_assert(runs_have_repairs(&runs));
	repair_all();
	cr_assert(eq(sz, next_on(1, again), len));
	ASSERT_BYTES(again, lost, len);
	cr_assert(eq(int, place(true), RUNS_PLACED));
	send_all();
	cr_expect(lt(sz, 0, next_on(1, again)));
	expect_silence();
	feedback_answer_came(peer->feedback, 0, 1); /* to a probe that left just now */
	watch(NS_PER_MS);
	cr_expect(eq(u16, runs.sender.stripe.doubted, 0));
	cr_expect(not(runs_have_repairs(&runs)), "once");
}

Test(path_watch, doubt_that_was_told_to_a_peer_without_reports_is_none)
{
	begin(PATHS);
	measured_all();
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	engine_doubt_path(peer, 0, self->now_ns);
	watch(1);
	cr_expect(eq(u16, runs.sender.stripe.doubted, 0));
}
