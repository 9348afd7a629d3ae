/* SPDX-License-Identifier: MIT */
#include "learned_rig.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

struct sender sender;
struct path_table table;
struct sender_facts facts;
uint64_t now_ns;

static struct send_ticket ticket[RIG_TICKETS];
static unsigned offered;
static uint64_t next_counter[2];

void rig_know(uint8_t path_id, uint64_t mbps, int64_t delay_ms)
{
	struct path_model *m = stripe_model(&sender.stripe, path_id);

	path_model_answered(m, (uint64_t)delay_ms * 2 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, mbps * 125000 * 10 / 9);
}

void rig_begin(void)
{
	now_ns = RIG_START_NS;
	sender_init(&sender);
	table = (struct path_table){
		.mode = BONDING_AGGREGATE,
		.len = 2,
		.slot = {{.path_id = FAST, .weight = 1}, {.path_id = SLOW, .weight = 1}},
	};
	facts = (struct sender_facts){
		.table = &table, .has_session = true, .is_reporting = true, .is_learned = true};
	rig_know(FAST, 100, 10);
	rig_know(SLOW, 30, 60);
}

void rig_end(void)
{
	while (sender_drop(&sender))
		;
	sender_fini(&sender);
}

struct send_ticket *rig_offer_one(bool is_urgent)
{
	struct send_ticket *t = &ticket[offered++ % RIG_TICKETS];

	cr_assert(eq(u32, t->packets, 0), "the rig has too few tickets");
	*t = (struct send_ticket){.since_ns = now_ns,
	                          .packets = 1,
	                          .packet_bytes = PACKET,
	                          .last_bytes = PACKET,
	                          .is_urgent = is_urgent};
	sender_offer(&sender, t);
	return t;
}

void rig_offer(unsigned packets, bool is_urgent)
{
	while (packets--)
		rig_offer_one(is_urgent);
}

bool rig_send(struct send_run *run)
{
	if (sender_next_run(&sender, &facts, now_ns, run) != SENDER_RUN)
		return false;
	while (sender_take(&sender, run))
		;
	unsigned lane = run->is_ordered ? LANE_ORDERED : LANE_UNORDERED;
	const struct send_numbers numbers = {
		.first = next_counter[lane], .key = KEY, .lane = (uint8_t)lane};
	next_counter[lane] += run->packets;
	sender_sent(&sender, &facts, run, &numbers, now_ns);
	return true;
}

unsigned rig_send_all(uint8_t path_id)
{
	struct send_run run;
	unsigned packets = 0;

	while (rig_send(&run))
		packets += run.path_mask >> path_id & 1 ? run.packets : 0;
	return packets;
}
