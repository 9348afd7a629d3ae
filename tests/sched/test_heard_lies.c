/* SPDX-License-Identifier: MIT */
/* Reports of a peer that lies: about paths, counters, times and rates, now and then near the truth.
 * Whatever it says, packets go on, a copy of each at most so often, and what is told of its paths
 * are numbers. It spoils what goes to itself.
 */
#include "sched/heard.h"

#include "learned_rig.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define STEPS 20000u

static void begin(void)
{
	seed_random();
	rig_begin();
}

TestSuite(heard_lies, .init = begin, .fini = rig_end);

static uint64_t sent_packets, repaired_packets;
static uint32_t number;

/* Near @truth, or anything. */
static uint32_t lie(uint64_t truth)
{
	static const uint32_t extremes[] = {0, 1, INT32_MAX, 1u << 31, UINT32_MAX};

	if (random_once_in(4))
		return extremes[random_below(5)];
	if (random_once_in(3))
		return random_below(UINT32_MAX);
	return (uint32_t)truth + random_below(2000) - 1000;
}

static struct report_path lie_about(uint8_t path_id)
{
	uint64_t now_us = now_ns / NS_PER_US;

	return (struct report_path){.path_id = path_id,
	                            .flags = (uint8_t)random_below(8),
	                            .reorder_us = lie(0) % 655350,
	                            .newest = lie(sent_packets),
	                            .newest_us = lie(now_us),
	                            .packets = lie(sent_packets),
	                            .bytes = lie(sent_packets * PACKET),
	                            .probe_us = lie(now_us),
	                            .probe_came_us = lie(now_us),
	                            .train_kbps = lie(100000)};
}

static void hear_lies(void)
{
	struct report report = {.number = random_once_in(20) ? lie(number) : ++number,
	                        .time_us = lie(now_ns / NS_PER_US),
	                        .key = random_once_in(20) ? lie(KEY) : KEY,
	                        .next = random_once_in(10) ? UINT64_MAX - lie(0)
	                                                   : lie(sent_packets)};

	for (unsigned id = 0; id < PATHS_MAX; id++) {
		if (id == FAST || id == SLOW || random_once_in(8))
			report.path[report.paths++] = lie_about((uint8_t)id);
	}
	report.ranges = random_below(REPORT_RANGES_MAX + 1);
	for (unsigned i = 0; i < report.ranges; i++)
		report.range[i] = (struct report_range){.offset = i * 128,
		                                        .len = 1 + random_below(127)};
	sender_heard(&sender, &report, now_ns);
}

static void send_something(void)
{
	struct send_run run;

	if (sender_waiting(&sender) < 2000)
		rig_offer(1 + random_below(8), random_once_in(4));
	for (unsigned i = 0; i < 8 && rig_send(&run); i++)
		sent_packets += run.packets;
}

static void repair_something(void)
{
	struct send_numbers numbers;
	uint8_t path_id;

	for (unsigned i = 0;
	     i < 8 && sender_next_repair(&sender, &facts, now_ns, &numbers, &path_id); i++) {
		sender_repaired(&sender, path_id, random_once_in(4) ? 0 : PACKET, now_ns);
		repaired_packets++;
	}
}

static void check_beliefs(void)
{
	for (unsigned id = 0; id < PATHS_MAX; id++) {
		const struct path_model *model = sender.stripe.model[id];
		struct path_belief belief;

		if (!model || !path_model_belief(model, &belief))
			continue;
		cr_expect(le(u32, belief.loss_ppm, 1000000));
		cr_expect(lt(u64, 0, model->capacity.bytes_per_s));
	}
}

Test(heard_lies, packets_go_on_whatever_is_said)
{
	uint64_t before;

	for (unsigned i = 0; i < STEPS; i++) {
		if (random_once_in(2000))
			table.mode = (enum bonding_mode)random_below(BONDING_BALANCE + 1);
		now_ns += random_below(3 * NS_PER_MS);
		send_something();
		if (random_once_in(3))
			hear_lies();
		if (random_once_in(3))
			sender_answered(&sender, (uint8_t)random_below(PATHS_MAX), lie(20000),
			                now_ns);
		repair_something();
		if (random_once_in(4))
			sender_tick(&sender, &facts, now_ns);
		check_beliefs();
	}
	cr_expect(lt(u64, 0, sent_packets));
	cr_expect(le(u64, repaired_packets, sent_packets * (PATIENCE_REPAIRS + 1)));
	before = sent_packets; /* it does not stop for ever */
	for (unsigned i = 0; i < 20000 && sent_packets < before + 100; i++) {
		now_ns += NS_PER_MS;
		repair_something();
		sender_tick(&sender, &facts, now_ns);
		send_something();
	}
	cr_expect(ge(u64, sent_packets, before + 100));
}
