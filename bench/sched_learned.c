/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "bench/sched_learned.h"

#include <stdio.h>

#include "sched/account.h"
#include "sched/sender.h"

#define PACKET_BYTES   1420u
#define TICKET_PACKETS 44u   /* a super-packet of 64 KB makes so many */
#define TICKETS        64u   /* that wait: enough for the longest path to join */
#define PER_SAMPLE     1024u /* packets */
#define MBPS           125000u

struct learned_work {
	struct sender sender;
	struct sender_facts facts;
	struct account account;
	struct path_table table;
	struct send_ticket ticket[TICKETS];
	uint64_t counter, now_ns;
};

static void offer(struct learned_work *w, struct send_ticket *ticket)
{
	*ticket = (struct send_ticket){.since_ns = w->now_ns,
	                               .packets = TICKET_PACKETS,
	                               .packet_bytes = PACKET_BYTES,
	                               .last_bytes = PACKET_BYTES};
	sender_offer(&w->sender, ticket);
}

/* What goes next, and another packet for each; or the time until a path has room. */
static void send_run(struct learned_work *w)
{
	struct send_run run;
	struct send_ticket *ticket;

	if (sender_next_run(&w->sender, &w->facts, w->now_ns, &run) != SENDER_RUN) {
		w->now_ns = sender_pump_ns(&w->sender);
		return;
	}
	while ((ticket = sender_take(&w->sender, &run))) {
		if (!ticket->packets)
			offer(w, ticket);
	}
	sender_sent(&w->sender, &w->facts, &run,
	            &(struct send_numbers){.first = w->counter, .key = 1}, w->now_ns);
	w->counter += run.packets;
}

static uint64_t send_packets(void *arg, uint64_t repetitions)
{
	struct learned_work *w = arg;
	uint64_t end = w->counter + repetitions * PER_SAMPLE, begin_ns = measure_now_ns();

	while (w->counter < end)
		send_run(w);
	return measure_now_ns() - begin_ns;
}

static void know(struct learned_work *w, uint8_t path_id)
{
	struct path_model *m = stripe_model(&w->sender.stripe, path_id);

	path_model_answered(m, (20 + path_id) * NS_PER_MS, w->now_ns);
	owd_sample(&m->delay, (int64_t)((10 + path_id / 2) * NS_PER_MS), true, w->now_ns);
	capacity_train(&m->capacity, 500 * MBPS / (1 + path_id));
}

static void begin(struct learned_work *w, unsigned paths)
{
	w->now_ns = NS_PER_S;
	w->table = (struct path_table){.mode = BONDING_AGGREGATE, .len = paths};
	w->facts = (struct sender_facts){
		.table = &w->table, .has_session = true, .is_reporting = true, .is_learned = true};
	sender_init(&w->sender);
	w->sender.stripe.account = &w->account;
	for (unsigned i = 0; i < paths; i++) {
		w->table.slot[i] = (struct path_slot){.path_id = (uint8_t)i, .weight = 1};
		know(w, (uint8_t)i);
	}
	for (unsigned i = 0; i < TICKETS; i++)
		offer(w, &w->ticket[i]);
}

static bool have_all_taken_part(const struct learned_work *w, unsigned paths)
{
	struct account_counts counts;

	for (unsigned i = 0; i < paths; i++) {
		account_read(&w->account, i, &counts);
		if (!counts.bytes[ACCOUNT_BULK])
			return false;
	}
	return true;
}

static void end(struct learned_work *w)
{
	while (sender_drop(&w->sender))
		;
	sender_fini(&w->sender);
	account_fini(&w->account);
}

bool sched_measure_learned(unsigned paths, double time_s, struct spread *ret)
{
	static struct learned_work work;
	static struct measure_task task;
	bool is_sound;

	work = (struct learned_work){0};
	begin(&work, paths);
	task = (struct measure_task){.run = send_packets, .arg = &work};
	measure(&task, 1, time_s);
	*ret = measure_spread(&task, PER_SAMPLE);
	is_sound = have_all_taken_part(&work, paths);
	end(&work);
	if (!is_sound)
		fprintf(stderr, "vtbench: not all of %u paths took part\n", paths);
	return is_sound;
}
