/* SPDX-License-Identifier: MIT */
#include "sched/path_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define BYTES    1400u
#define RTT_NS   (40 * NS_PER_MS)
#define OWD_US   20000u
#define CLOCK_US 0xfffffff0u /* the receiver's clock less ours: wraps */

static struct path_model model;
static struct send_record record;
static struct report_path said;
static uint64_t now_ns, sent_packets, sent_bytes;

static void begin(void)
{
	path_model_init(&model);
	now_ns = START_NS;
	capacity_train(&model.capacity, 12500000 * 10 / 9);
	said = (struct report_path){.flags = REPORT_DATA};
}

TestSuite(path_model, .init = begin);

/* A packet leaves, and is recorded. */
static void send(void)
{
	record = (struct send_record){.first = sent_packets,
	                              .t_tx_ns = now_ns,
	                              .packets_before = sent_packets,
	                              .bytes_before = sent_bytes,
	                              .queue_ns = (uint32_t)path_model_queue_ns(&model, now_ns),
	                              .corrected_ns = model.queue.corrected_ns,
	                              .packets = 1,
	                              .bytes = BYTES};
	sent_packets++;
	sent_bytes += BYTES;
	path_model_sent(&model, BYTES, 1, now_ns);
}

/* The last one came @queue_us later than over an empty path, and a report says so. */
static bool hear(uint32_t queue_us)
{
	said.newest = (uint32_t)record.first;
	said.newest_us = (uint32_t)(record.t_tx_ns / NS_PER_US) + OWD_US + queue_us + CLOCK_US;
	return path_model_heard(&model, &said, &record, record.first, CLOCK_US, now_ns);
}

static void come(uint32_t packets)
{
	said.packets += packets;
	said.bytes += packets * BYTES;
}

Test(path_model, sending_fills_the_queue_at_the_capacity)
{
	for (unsigned i = 0; i < 10; i++)
		send();
	uint64_t want_ns = 10ull * (BYTES + PATH_OVERHEAD) * 80;
	cr_expect(ge(u64, path_model_queue_ns(&model, now_ns), want_ns - 1000));
	cr_expect(le(u64, path_model_queue_ns(&model, now_ns), want_ns + 1000));
}

Test(path_model, delays_of_data_are_relative_to_the_clocks)
{
	send();
	come(1);
	cr_expect(hear(0));
	cr_expect(eq(i64, model.delay.base_ns, (int64_t)OWD_US * 1000));
	now_ns += 10 * NS_PER_MS;
	send();
	come(1);
	hear(3000);
	cr_expect(eq(i64, owd_queue_ns(&model.delay), 3000000));
}

Test(path_model, the_same_report_twice_is_nothing_new)
{
	send();
	come(1);
	cr_expect(hear(0));
	cr_expect(not(hear(0)));
}

Test(path_model, what_was_sent_twice_tells_nothing_of_its_way)
{
	send();
	come(1);
	hear(0);
	now_ns += 10 * NS_PER_MS;
	send();
	record.resent = 1;
	come(1);
	cr_expect(hear(90000), "but it arrived");
	cr_expect(eq(i64, owd_queue_ns(&model.delay), 0));
}

Test(path_model, loss_is_what_was_sent_and_did_not_arrive)
{
	for (unsigned i = 0; i < 4000; i++) {
		now_ns += NS_PER_MS;
		send();
		if (i % 10 == 0)
			continue;
		come(1);
		hear(0);
	}
	cr_expect(ge(u32, model.loss_ppm, 90000));
	cr_expect(le(u32, model.loss_ppm, 110000));
}

Test(path_model, without_loss_there_is_none)
{
	for (unsigned i = 0; i < 1000; i++) {
		now_ns += NS_PER_MS;
		send();
		come(1);
		hear(0);
	}
	cr_expect(eq(u32, model.loss_ppm, 0));
}

Test(path_model, a_pause_of_the_traffic_is_no_low_rate)
{
	uint64_t before = model.capacity.bytes_per_s;

	for (unsigned i = 0; i < 50; i++) {
		now_ns += NS_PER_S;
		for (unsigned k = 0; k < 3; k++, now_ns += 100 * NS_PER_US) {
			send();
			come(1);
			hear(10000); /* a queue of others */
		}
	}
	cr_expect(eq(u64, model.capacity.bytes_per_s, before));
}

Test(path_model, a_train_tells_the_capacity_once)
{
	said.flags = 0;
	said.train_kbps = 50000;
	path_model_heard(&model, &said, NULL, 0, 0, now_ns);
	cr_expect(eq(u64, model.capacity.bytes_per_s, 50000ull * 125 * 9 / 10));
	said.train_kbps = 90000; /* more of it has come */
	path_model_heard(&model, &said, NULL, 0, 0, now_ns + 20 * NS_PER_MS);
	cr_expect(eq(u64, model.capacity.bytes_per_s, 90000ull * 125 * 9 / 10));
	said.train_kbps = 1000;
	path_model_heard(&model, &said, NULL, 0, 0, now_ns + NS_PER_S);
	cr_expect(eq(u64, model.capacity.bytes_per_s, 90000ull * 125 * 9 / 10), "old news");
}

static void hear_probe(uint32_t t_tx_us, uint32_t queue_us)
{
	said = (struct report_path){.flags = REPORT_PROBE,
	                            .probe_us = t_tx_us,
	                            .probe_came_us = t_tx_us + OWD_US + queue_us + CLOCK_US};
	path_model_heard(&model, &said, NULL, 0, CLOCK_US, now_ns);
}

static uint32_t now_us(void)
{
	return (uint32_t)(now_ns / NS_PER_US);
}

Test(path_model, probes_over_an_idle_path_are_clean)
{
	for (unsigned i = 0; i < 12; i++) {
		uint32_t t_us = now_us();

		cr_expect(eq(int, path_model_pause(&model, now_ns), PATH_PROBE_CLEAN));
		path_model_probe_sent(&model, t_us, now_ns);
		now_ns += 100 * NS_PER_MS;
		hear_probe(t_us, i < 6 ? 0 : 9000); /* the way gets longer */
	}
	cr_expect(eq(i64, model.delay.base_ns, (int64_t)(OWD_US + 9000) * 1000));
}

Test(path_model, a_loaded_path_pauses_once_a_second_for_its_queue)
{
	unsigned pauses = 0;
	uint64_t paused_ns = 0;

	send();
	for (unsigned ms = 0; ms < 5000; ms++, now_ns += NS_PER_MS) {
		bool was_pausing = path_model_is_pausing(&model, now_ns);

		if (ms % 10 == 0)
			cr_expect(eq(int, path_model_pause(&model, now_ns), PATH_PROBE_NONE));
		pauses += !was_pausing && path_model_is_pausing(&model, now_ns);
		paused_ns += path_model_is_pausing(&model, now_ns) ? NS_PER_MS : 0;
		while (!path_model_is_pausing(&model, now_ns) &&
		       path_model_queue_ns(&model, now_ns) < 3 * NS_PER_MS)
			send();
	}
	cr_expect(eq(u32, pauses, 5));
	cr_expect(le(u64, paused_ns, 5 * 8 * NS_PER_MS));
}

Test(path_model, the_probe_after_the_pause_is_clean)
{
	while (path_model_queue_ns(&model, now_ns) < 3 * NS_PER_MS)
		send();
	path_model_pause(&model, now_ns);
	cr_assert(path_model_is_pausing(&model, now_ns));
	path_model_probe_sent(&model, 1, now_ns + NS_PER_MS);
	cr_expect(eq(u32, model.clean, 0), "within the pause it may meet what is left");
	path_model_probe_sent(&model, 2, model.pause_until_ns);
	cr_expect(eq(u32, model.clean, 1));
}

Test(path_model, answers_tell_round_trip_and_variation)
{
	for (unsigned i = 0; i < 100; i++)
		path_model_answered(&model, RTT_NS + (i % 2) * 2 * NS_PER_MS, now_ns);
	cr_expect(ge(u64, model.srtt_ns, RTT_NS));
	cr_expect(le(u64, model.srtt_ns, RTT_NS + 2 * NS_PER_MS));
	cr_expect(le(u64, model.rttvar_ns, 2 * NS_PER_MS));
}

Test(path_model, overdue_is_what_is_not_acknowledged_in_time)
{
	for (unsigned i = 0; i < 20; i++)
		path_model_answered(&model, RTT_NS, now_ns);
	for (unsigned i = 0; i < 10; i++, now_ns += 2 * NS_PER_MS)
		send();
	cr_expect(eq(u32, path_model_overdue(&model, 10 * NS_PER_MS, now_ns + 40 * NS_PER_MS), 0));
	cr_expect(ge(u32, path_model_overdue(&model, 10 * NS_PER_MS, now_ns + 80 * NS_PER_MS), 9));
	come(10);
	hear(0);
	cr_expect(eq(u32, path_model_overdue(&model, 10 * NS_PER_MS, now_ns + 80 * NS_PER_MS), 0));
}

Test(path_model, packets_of_one_millisecond_are_overdue_once)
{
	path_model_answered(&model, RTT_NS, now_ns);
	now_ns += NS_PER_S;
	for (unsigned i = 0; i < 50; i++, now_ns += 10 * NS_PER_US)
		send();
	cr_expect(eq(u32, path_model_overdue(&model, 10 * NS_PER_MS, now_ns + NS_PER_S), 1));
}

Test(path_model, what_is_forgiven_is_neither_overdue_nor_lost)
{
	path_model_answered(&model, RTT_NS, now_ns);
	now_ns += NS_PER_S;
	for (unsigned i = 0; i < 200; i++, now_ns += 2 * NS_PER_MS)
		send();
	now_ns += NS_PER_S;
	path_model_forgive(&model, now_ns);
	cr_expect(eq(u32, path_model_overdue(&model, 10 * NS_PER_MS, now_ns), 0));
	cr_expect(not(hear(0)), "sent before");
	for (unsigned i = 0; i < 200; i++, now_ns += 2 * NS_PER_MS) {
		send();
		come(1);
		hear(0);
	}
	cr_expect(eq(u32, model.loss_ppm, 0));
}

Test(path_model, jitter_is_allowed_for_in_the_queue_that_is_kept)
{
	for (unsigned i = 0; i < 200; i++, now_ns += 5 * NS_PER_MS) {
		send();
		come(1);
		hear(i % 2 * 4000);
	}
	cr_expect(ge(u64, path_model_target_ns(&model), PATH_TARGET_NS + 3 * NS_PER_MS));
}

Test(path_model, what_is_believed_can_be_shown)
{
	struct path_belief belief;

	path_model_init(&model);
	cr_expect(not(path_model_belief(&model, &belief)), "nothing is known of its way");
	owd_sample(&model.delay, 30 * (int64_t)NS_PER_MS, true, now_ns);
	owd_sample(&model.delay, 34 * (int64_t)NS_PER_MS, false, now_ns);
	path_model_answered(&model, 70 * NS_PER_MS, now_ns);
	model.loss_ppm = 5;
	cr_assert(path_model_belief(&model, &belief));
	cr_expect(eq(i64, belief.way_ns, 30 * (int64_t)NS_PER_MS));
	cr_expect(eq(u64, belief.queue_ns, 4 * NS_PER_MS));
	cr_expect(eq(u64, belief.jitter_ns, model.delay.jitter_ns));
	cr_expect(eq(u64, belief.rtt_ns, 70 * NS_PER_MS));
	cr_expect(eq(u64, belief.capacity_bytes_per_s, 0), "what is assumed is not told");
	capacity_train(&model.capacity, 2000000);
	cr_assert(path_model_belief(&model, &belief));
	cr_expect(eq(u64, belief.capacity_bytes_per_s, model.capacity.bytes_per_s));
	cr_expect(eq(u32, belief.loss_ppm, 5));
}
