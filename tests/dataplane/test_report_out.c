/* SPDX-License-Identifier: MIT */
/* Packets and probes come to an engine that has stopped, at times of the test; what it reports
 * arrives at sockets of the test.
 */
#include "dataplane/report_out.h"

#include "dataplane/feedback.h"
#include "dataplane/inject.h"
#include "inbound_rig.h"

#define START_NS (1000 * NS_PER_S)

static void setup(void)
{
	inbound_setup();
	cr_assert(eq(int, engine_enable_reorder(peer), 0));
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	atomic_store(&kp->send_lanes, true);
	engine_stop(ours.engine);
}

TestSuite(report_out, .init = setup, .fini = inbound_teardown, .timeout = 60);

/* A datagram with @payload over @path at @time_ns, that the kernel had @age_us before. */
static void come(unsigned path, uint64_t counter, const void *payload, size_t len, uint64_t time_ns,
                 uint16_t age_us)
{
	struct dp_thread *self = &ours.engine->control;
	struct batch *b = batch_get(&self->pool);
	struct segment *seg = batch_append(b, self->pool.stride);

	b->kind = BATCH_OPEN;
	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->peer = dp_peer_get(peer);
	b->route = (struct route){.link = engine_link(ours.engine, path), .remote = far_at[path]};
	b->time_ns = time_ns;
	seg->len = (uint16_t)rig_seal(segment_header(b, seg), INDEX_HERE, counter, payload, len);
	seg->age_us = age_us;
	sequencer_enter(&peer->arriving, &b->order);
	work_run(self, b);
}

static void data_comes(unsigned path, uint64_t counter, uint64_t time_ns, uint16_t age_us)
{
	uint8_t packet[RIG_MTU];
	size_t len = rig_flow_packet(packet, THERE, HERE, (uint32_t)counter);

	come(path, counter, packet, len, time_ns, age_us);
}

/* The peer calls our path @path 3. It is answered. */
static void probe_comes(unsigned path, uint64_t seq, uint64_t time_ns)
{
	uint8_t payload[64] = {0}; /* padded: an answer is no longer */

	probe_frame(payload, (uint16_t)seq);
	come(path, control_counter(path, seq), payload, 32, time_ns, 0);
	expect_echo(path, (uint16_t)seq);
}

static struct report expect_report(unsigned path)
{
	uint8_t payload[RIG_DATAGRAM];
	struct report report;
	struct frame frame;
	size_t offset = 0, len;
	uint64_t counter;

	len = rig_unseal(far[path], INDEX_THERE, &counter, payload);
	cr_expect(eq(u64, counter >> LANE_SHIFT, LANE_CONTROL + path));
	cr_assert(eq(int, frame_next(payload, len, &offset, &frame), FRAME_FOUND));
	cr_assert(eq(u8, frame.type, FRAME_REPORT));
	cr_assert(report_decode(&report, frame.body, frame.body_len));
	return report;
}

static void expect_silence(void)
{
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(not(rig_is_readable(far[i], 0)));
}

Test(report_out, what_came_is_told_over_every_path)
{
	struct report first, second;

	probe_comes(0, 0, START_NS);
	for (unsigned i = 0; i < LINKS; i++)
		expect_report(i);
	data_comes(0, 0, START_NS + NS_PER_S, 250);
	first = expect_report(0);
	second = expect_report(1);
	cr_expect(eq(int, memcmp(&first, &second, sizeof first), 0));
	cr_assert(eq(u32, first.paths, 1));
	cr_expect(eq(u32, first.key, INDEX_HERE));
	cr_expect(eq(u64, first.next, 1));
	cr_expect(eq(u8, first.path[0].path_id, 3), "the peer's own number");
	cr_expect(eq(u8, first.path[0].flags, REPORT_DATA | REPORT_PROBE));
	cr_expect(eq(u32, first.path[0].newest, 0));
	cr_expect(eq(u32, first.path[0].newest_us, (uint32_t)((START_NS + NS_PER_S) / 1000 - 250)),
	          "when the kernel had it");
	cr_expect(eq(u32, first.path[0].packets, 1));
	cr_expect(eq(u32, first.path[0].probe_us, 0x04030201));
	cr_expect(eq(u32, first.path[0].probe_came_us, (uint32_t)(START_NS / 1000)));
}

Test(report_out, the_next_is_due_later_and_the_alarm_is_set_to_it)
{
	uint64_t now_ns = START_NS + NS_PER_S;

	probe_comes(0, 0, START_NS);
	data_comes(0, 0, now_ns, 0);
	for (unsigned i = 0; i < 2 * LINKS; i++)
		expect_report(i % LINKS);
	cr_expect(eq(u64, alarm_at_ns(&peer->overdue), NEVER_NS));
	data_comes(0, 1, now_ns += NS_PER_MS, 0);
	expect_silence();
	cr_expect(eq(u64, alarm_at_ns(&peer->overdue), now_ns + 19 * NS_PER_MS));
	inject_flush(&ours.engine->control, peer, now_ns + 19 * NS_PER_MS);
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(eq(u32, expect_report(i).path[0].newest, 1));
	cr_expect(eq(u64, alarm_at_ns(&peer->overdue), NEVER_NS));
}

Test(report_out, a_copy_counts_though_it_is_refused)
{
	probe_comes(0, 0, START_NS);
	data_comes(0, 0, START_NS + NS_PER_S, 0);
	for (unsigned i = 0; i < 2 * LINKS; i++)
		expect_report(i % LINKS);
	data_comes(0, 0, START_NS + NS_PER_S, 0);
	data_comes(0, 1, START_NS + 2 * NS_PER_S, 0);
	cr_expect(eq(u64, drops(DROP_REPLAY), 1));
	cr_expect(eq(u32, expect_report(0).path[0].packets, 3));
}

Test(report_out, what_is_missing_is_told)
{
	struct report report;

	probe_comes(0, 0, START_NS);
	expect_report(1);
	data_comes(0, 0, START_NS + NS_PER_S, 0);
	expect_report(1);
	data_comes(1, 1, START_NS + NS_PER_S + NS_PER_MS, 0); /* that way more may come */
	data_comes(0, 4, START_NS + NS_PER_S + 50 * NS_PER_MS, 0);
	report = expect_report(1);
	cr_expect(eq(u64, report.next, 2));
	cr_assert(eq(u32, report.ranges, 1));
	cr_expect(eq(u32, report.range[0].offset, 0));
	cr_expect(eq(u32, report.range[0].len, 2));
}

/* Takes the next report, from every path. */
static struct report expect_on_all(void)
{
	struct report report = expect_report(0);

	for (unsigned i = 1; i < LINKS; i++)
		expect_report(i);
	return report;
}

/* Both paths bring something, and what is missing is waited for. The last report is of @now_ns. */
static void begin_repairs(uint64_t now_ns)
{
	probe_comes(0, 0, START_NS);
	expect_on_all();
	peer->feedback->patience =
		(struct patience){.repair_ns = 100 * NS_PER_MS, .death_ns = 50 * NS_PER_MS};
	data_comes(0, 0, now_ns, 0);
	expect_on_all();
	data_comes(1, 1, now_ns, 0);
	expect_silence();
}

static void expect_missing(uint64_t counter)
{
	struct report report = expect_on_all();

	cr_expect(eq(u64, report.next, counter));
	cr_assert(eq(u32, report.ranges, 1));
	cr_expect(eq(u32, report.range[0].offset, 0));
	cr_expect(eq(u32, report.range[0].len, 1));
}

/* Long before the next report is due: nothing else can fill it. Once for each gap. */
Test(report_out, a_gap_that_only_a_repair_can_fill_is_told_at_once)
{
	const uint64_t now_ns = START_NS + NS_PER_S;

	begin_repairs(now_ns);
	data_comes(0, 3, now_ns + 3 * NS_PER_MS, 0);
	expect_silence();
	data_comes(1, 4, now_ns + 4 * NS_PER_MS, 0);
	expect_missing(2);
	data_comes(0, 5, now_ns + 8 * NS_PER_MS, 0);
	expect_silence();
	data_comes(1, 2, now_ns + 8 * NS_PER_MS, 0);
	expect_silence();
	data_comes(0, 7, now_ns + 8 * NS_PER_MS, 0);
	data_comes(1, 8, now_ns + 8 * NS_PER_MS, 0);
	expect_missing(6);
}

/* Not one for each of many gaps in a row. */
Test(report_out, soon_after_a_report_a_gap_has_to_wait)
{
	const uint64_t now_ns = START_NS + NS_PER_S;

	begin_repairs(now_ns);
	data_comes(0, 3, now_ns + 2 * NS_PER_MS, 0);
	data_comes(1, 4, now_ns + 3 * NS_PER_MS - 1, 0);
	expect_silence();
	data_comes(1, 5, now_ns + 3 * NS_PER_MS, 0);
	expect_missing(2);
}

/* Who does not repair is not asked for it. */
Test(report_out, where_nothing_is_waited_for_a_gap_is_no_reason)
{
	const uint64_t now_ns = START_NS + NS_PER_S;

	begin_repairs(now_ns);
	peer->feedback->patience = (struct patience){0};
	data_comes(0, 3, now_ns + 3 * NS_PER_MS, 0);
	data_comes(1, 4, now_ns + 4 * NS_PER_MS, 0);
	expect_silence();
}

/* ---- probes that are for a report alone ---- */

/* One of @len bytes, made at 0x0a0b0c0d. */
static void measure_comes(unsigned path, uint64_t seq, uint8_t flags, size_t len, uint64_t time_ns)
{
	struct frame_probe body = {
		.path_id = 3, .flags = PROBE_MEASURES | flags, .t_tx_us = {0xd, 0xc, 0xb, 0xa}};
	uint8_t payload[RIG_MTU] = {0};

	frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);
	come(path, control_counter(path, seq), payload, len, time_ns, 0);
}

/* expect_on_all() would find an answer instead. */
Test(report_out, probe_that_measures_is_told_and_not_answered)
{
	struct report report;

	measure_comes(0, 0, 0, 32, START_NS);
	report = expect_on_all();
	cr_assert(eq(u32, report.paths, 1));
	cr_expect(eq(u8, report.path[0].path_id, 3));
	cr_expect(eq(u8, report.path[0].flags, REPORT_PROBE));
	cr_expect(eq(u32, report.path[0].probe_us, 0x0a0b0c0d));
	cr_expect(eq(u32, report.path[0].probe_came_us, (uint32_t)(START_NS / 1000)));
	cr_expect(eq(u32, report.path[0].train_kbps, 0));
	expect_silence();
}

/* A thousand bytes in every millisecond, and what IP and UDP add to them. */
Test(report_out, rate_of_a_train_is_told)
{
	uint64_t now_ns = START_NS + NS_PER_S;
	struct report report;

	probe_comes(0, 0, START_NS);
	expect_on_all();
	for (unsigned i = 0; i < TRAIN_LENGTH; i++, now_ns += NS_PER_MS)
		measure_comes(0, 1 + i, PROBE_TRAIN, 1000, now_ns);
	cr_expect(eq(u32, expect_on_all().path[0].train_kbps, 0), "of the first one");
	report = expect_on_all();
	cr_expect(eq(u32, report.path[0].train_kbps, (1000 + PATH_OVERHEAD) * 8), "of all");
	cr_expect(eq(u32, report.path[0].probe_us, 0x04030201), "they are no probes of its delay");
	expect_silence();
	inject_flush(&ours.engine->control, peer, now_ns + NS_PER_S);
	expect_silence();
}

Test(report_out, who_does_not_report_does_not_answer_what_measures_either)
{
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	measure_comes(0, 0, 0, 32, START_NS);
	measure_comes(0, 1, PROBE_TRAIN, 1000, START_NS);
	expect_silence();
	expect_only(DROP_REASON_COUNT, 0);
}

/* ---- to whom ---- */

/* There is nobody to tell it to; it must not be due for ever. */
Test(report_out, without_lanes_nothing_is_told)
{
	atomic_store(&kp->send_lanes, false);
	probe_comes(0, 0, START_NS);
	data_comes(0, 0, START_NS + NS_PER_S, 0);
	expect_silence();
	cr_expect(eq(u64, alarm_at_ns(&peer->overdue), NEVER_NS));
}

Test(report_out, who_does_not_take_reports_gets_none)
{
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	probe_comes(0, 0, START_NS);
	data_comes(0, 0, START_NS + NS_PER_S, 0);
	expect_silence();
	cr_expect(eq(u64, alarm_at_ns(&peer->overdue), NEVER_NS));
}

Test(report_out, reports_of_many_peers_have_a_budget)
{
	struct dp_thread *self = &ours.engine->control;
	uint64_t now_ns = START_NS, due_ns;
	unsigned reports = 0, put_off = 0;

	probe_comes(0, 0, START_NS);
	for (unsigned i = 0; i < LINKS; i++)
		expect_report(i);
	/* A thousand copies a second, and two hundred at once. */
	for (uint64_t seq = 0; seq < 400; seq++) {
		struct batch *b;

		now_ns += NS_PER_MS;
		feedback_data_came(peer->feedback, kp, 0, seq, RIG_MTU * 20, now_ns);
		peer->feedback->arrivals.reported_ns = 0; /* as if of another peer */
		due_ns = report_out_if_due(self, peer, peer->feedback, NULL, now_ns);
		if (due_ns != NEVER_NS)
			put_off++;
		else
			reports++;
		while ((b = dp_take_follower(self)))
			work_run(self, b);
	}
	cr_expect(ge(uint, reports, 295));
	cr_expect(le(uint, reports, 305));
	cr_expect(lt(uint, 0, put_off));
}

Test(report_out, news_of_the_peer_go_to_its_outflow)
{
	uint8_t payload[FRAME_HEADER_LEN + REPORT_BYTES_MAX], body[REPORT_BYTES_MAX];
	struct report report = {.number = 5, .key = INDEX_THERE};
	size_t len = report_encode(&report, body);

	len = frame_append(payload, 0, sizeof payload, FRAME_REPORT, body, len);
	come(0, control_counter(0, 0), payload, len, START_NS, 0);
	cr_expect(eq(u32, peer->outflow->runs.sender.stripe.report_number, 5));
	report_encode(&(struct report){.number = 4}, body);
	frame_append(payload, 0, sizeof payload, FRAME_REPORT, body, REPORT_HEAD_BYTES);
	come(1, control_counter(1, 0), payload, len, START_NS, 0);
	cr_expect(eq(u32, peer->outflow->runs.sender.stripe.report_number, 5), "came late");
	expect_only(DROP_REASON_COUNT, 0);
}

Test(report_out, what_is_no_report_is_counted)
{
	uint8_t payload[FRAME_HEADER_LEN + REPORT_BYTES_MAX], body[REPORT_BYTES_MAX] = {0};
	size_t len;

	body[12] = PATHS_MAX + 1;
	len = frame_append(payload, 0, sizeof payload, FRAME_REPORT, body, sizeof body);
	come(0, control_counter(0, 0), payload, len, START_NS, 0);
	len = frame_append(payload, 0, sizeof payload, FRAME_REPORT, body, REPORT_HEAD_BYTES - 1);
	come(0, control_counter(0, 1), payload, len, START_NS, 0);
	expect_only(DROP_FRAME_MALFORMED, 2);
	cr_expect(not(peer->outflow->runs.sender.stripe.has_report));
}
