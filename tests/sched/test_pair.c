/* SPDX-License-Identifier: MIT */
/* A sender, some paths and a receiver: what was offered comes out, once, and in order where nothing
 * is lost and the delays are known.
 */
#include "../emulation.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "sched/receiver.h"
#include "sched/sender.h"
#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define PACKETS  3000u
#define TICKETS  256u
#define KEY_BORN 7u

/* A packet on its way; its number in the lane is its place in the list. */
struct flying {
	uint64_t arrives_ns; /* 0: lost */
	uint8_t path_id;
	bool is_delivered;
};

struct arrival {
	uint64_t at_ns;
	uint64_t seq;
};

struct line {
	uint64_t delay_ns;
	unsigned loss_percent;
};

static struct sender sender;
static struct receiver receiver;
static struct send_ticket ticket[TICKETS];
static unsigned offered;
static struct path_table table;
static struct line line[PATHS_MAX];
static struct flying flying[PACKETS];
static struct arrival arrival[PACKETS];
static uint64_t sent, delivered, first, newest, overtaken;

TestSuite(pair, .init = seed_random);

static void make_paths(unsigned loss_percent)
{
	table = (struct path_table){.mode = BONDING_AGGREGATE, .len = 1 + random_below(4)};
	for (unsigned i = 0; i < table.len; i++) {
		table.slot[i] = (struct path_slot){.path_id = (uint8_t)(3 * i),
		                                   .weight = 1 + random_below(100)};
		line[3 * i] = (struct line){.delay_ns = random_below(100) * NS_PER_MS,
		                            .loss_percent = loss_percent};
	}
}

/* The receiver hears probes of every path, with the delays that it has, on a clock of its own. */
static void probe_paths(void)
{
	int32_t offset_us = (int32_t)random_below(UINT32_MAX);

	for (unsigned i = 0; i < table.len; i++) {
		uint8_t id = table.slot[i].path_id;
		uint32_t owd_us = (uint32_t)(line[id].delay_ns / NS_PER_US);

		receiver_probed(&receiver, id, (int32_t)((uint32_t)offset_us + owd_us));
	}
}

/* When what is sent now arrives; 0: never. */
static uint64_t travel(const struct line *l, uint64_t now_ns)
{
	return random_below(100) < l->loss_percent ? 0 : now_ns + l->delay_ns;
}

/* Sends all that waits. Runs have consecutive numbers, and go over a path of the table. */
static void pump(uint64_t now_ns)
{
	const struct sender_facts facts = {.table = &table, .has_session = true};
	struct send_run run;

	while (sender_next_run(&sender, &facts, now_ns, &run) == SENDER_RUN) {
		const struct send_numbers numbers = {.first = sent, .key = 1, .lane = LANE_ORDERED};

		cr_assert(run.is_ordered);
		cr_assert(eq(uint, run.path_mask, 1u << run.path_id));
		while (sender_take(&sender, &run)) {
			cr_assert(lt(u64, sent, PACKETS));
			flying[sent] =
				(struct flying){.arrives_ns = travel(&line[run.path_id], now_ns),
			                        .path_id = run.path_id};
			arrival[sent] = (struct arrival){flying[sent].arrives_ns, sent};
			sent++;
		}
		sender_sent(&sender, &facts, &run, &numbers, now_ns);
	}
}

/* Some reads of the device with pauses between them, up to PACKETS packets. */
static void send_all(void)
{
	uint64_t now_ns = START_NS;

	sent = 0;
	while (sent + 50 < PACKETS) {
		struct send_ticket *t = &ticket[offered++ % TICKETS];

		now_ns += random_below(random_once_in(20) ? 20000 : 500) * NS_PER_US;
		*t = (struct send_ticket){.since_ns = now_ns,
		                          .packets = random_once_in(3) ? 1 + random_below(45) : 1,
		                          .packet_bytes = 1400,
		                          .last_bytes = 1 + random_below(1400)};
		sender_offer(&sender, t);
		pump(now_ns);
	}
}

static void deliver(uint64_t seq)
{
	cr_assert(lt(u64, seq, sent));
	cr_assert(flying[seq].arrives_ns != 0, "%u never came", (unsigned)seq);
	cr_assert(not(flying[seq].is_delivered), "%u twice", (unsigned)seq);
	flying[seq].is_delivered = true;
	if (!delivered)
		first = seq; /* here order begins */
	overtaken += seq < newest && seq > first;
	newest = seq > newest ? seq : newest;
	delivered++;
}

static void take_due(uint64_t now_ns)
{
	uint16_t seq;

	while (receiver_take(&receiver, now_ns, &seq))
		deliver(seq);
}

static void arrive(uint64_t seq, uint64_t now_ns)
{
	const struct receiver_packet packet = {
		.seq = seq, .born_ns = KEY_BORN, .path = flying[seq].path_id};
	enum reseq_verdict verdict;
	uint64_t place;
	uint16_t gone;

	while ((verdict = receiver_arrived(&receiver, &packet, now_ns, &place)) == RESEQ_FULL) {
		cr_assert(receiver_take_any(&receiver, now_ns, &gone));
		deliver(gone);
	}
	if (verdict == RESEQ_HOLD)
		receiver_hold(&receiver, &packet, place, (uint16_t)seq, now_ns);
	else
		deliver(seq);
	take_due(now_ns);
}

static int compare_arrivals(const void *left, const void *right)
{
	const struct arrival *a = left, *b = right;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return a->seq < b->seq ? -1 : 1;
}

/* All that comes, in time, with what is due between. */
static void receive_all(void)
{
	uint64_t now_ns = 0, alarm_ns;

	qsort(arrival, sent, sizeof *arrival, compare_arrivals);
	for (uint64_t i = 0; i < sent; i++) {
		if (!arrival[i].at_ns)
			continue;
		while ((alarm_ns = receiver_alarm_ns(&receiver, now_ns)) < arrival[i].at_ns) {
			now_ns = alarm_ns > now_ns ? alarm_ns : now_ns;
			take_due(now_ns);
		}
		now_ns = arrival[i].at_ns;
		arrive(arrival[i].seq, now_ns);
	}
	while ((alarm_ns = receiver_alarm_ns(&receiver, now_ns)) != NEVER_NS) {
		now_ns = alarm_ns > now_ns ? alarm_ns : now_ns;
		take_due(now_ns);
	}
}

/* One sender and one receiver from beginning to end; returns how many packets were lost on the way.
 */
static uint64_t run_pair(unsigned loss_percent)
{
	uint64_t lost = 0;

	memset(&receiver, 0, sizeof receiver);
	sender_init(&sender);
	delivered = newest = overtaken = 0;
	make_paths(loss_percent);
	probe_paths();
	send_all();
	receive_all();
	for (uint64_t seq = 0; seq < sent; seq++)
		lost += flying[seq].arrives_ns == 0;
	cr_assert(eq(u64, delivered, sent - lost));
	sender_fini(&sender);
	return lost;
}

Test(pair, without_loss_everything_comes_out_in_order)
{
	for (unsigned i = 0; i < fewer_emulated(200); i++) {
		cr_assert(eq(u64, run_pair(0), 0));
		cr_assert(eq(u64, overtaken, 0), "run %u", i);
	}
}

/* Nothing is twice there, nothing stays behind, and order is broken seldom: only where all that was
 * sent over a path for a while is lost.
 */
Test(pair, with_loss_what_came_comes_out)
{
	uint64_t lost = 0, all = 0, late = 0;

	for (unsigned i = 0; i < fewer_emulated(200); i++) {
		lost += run_pair(1 + random_below(10));
		all += sent;
		late += overtaken;
	}
	cr_expect(lt(u64, 0, lost));
	cr_expect(lt(u64, late, all / 100), "%u late", (unsigned)late);
}
