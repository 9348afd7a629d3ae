/* SPDX-License-Identifier: MIT */
/* The sender at random, beside a slow reading of the same policy: a path for every packet alone,
 * and a list of all that was sent.
 */
#include "sched/sender.h"

#include "../emulation.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define TICKETS  1024u
#define LOOKED   4096u /* packets sent last, whose records are looked for */

/* A packet that was sent. */
struct sent_packet {
	uint64_t counter, t_tx_ns;
	uint32_t key;
	uint16_t path_mask;
	uint8_t lane;
};

static struct sender sender;
static struct send_ticket ticket[TICKETS];
static unsigned offered; /* tickets so far */
static struct path_table table;
static struct sender_facts facts = {.table = &table, .has_session = true};
static uint64_t next_counter[SENDLOG_LANES];
static uint32_t key = 1;

/* What the oracle knows. */
static struct {
	struct pick_state pick;
	struct run_state run;
	struct sent_packet sent[LOOKED];
	uint64_t sent_len;
	uint64_t path_packets[PATHS_MAX], path_bytes[PATHS_MAX];
	uint64_t waiting_packets, waiting_bytes;
} oracle;

static void begin(void)
{
	seed_random();
	sender_init(&sender);
}

TestSuite(sender, .init = begin);

/* The path of one packet: that of the present run, or a newly picked one. */
static uint8_t choose_slowly(uint32_t bytes, uint64_t now_ns)
{
	int slot;

	run_tick(&oracle.run, now_ns);
	if (table.mode != BONDING_AGGREGATE || table.len == 1)
		return table.slot[0].path_id;
	slot = run_slot(&oracle.run, &table);
	if (slot >= 0) {
		pick_charge(&oracle.pick, &table, (unsigned)slot, (int32_t)bytes);
	} else {
		slot = (int)pick_path(&oracle.pick, &table, bytes);
		run_begin(&oracle.run, &table, (unsigned)slot);
	}
	run_sent(&oracle.run, bytes);
	return table.slot[slot].path_id;
}

/* Other paths, or a new keypair. */
static void change_something(void)
{
	unsigned first = random_below(PATHS_MAX);

	if (random_once_in(3)) {
		key++;
		next_counter[0] = next_counter[1] = 0;
		return;
	}
	table = (struct path_table){.mode = random_once_in(8) ? BONDING_REDUNDANT
	                                                      : BONDING_AGGREGATE,
	                            .len = 1 + random_below(PATHS_MAX - first)};
	for (unsigned i = 0; i < table.len; i++)
		table.slot[i] = (struct path_slot){.path_id = (uint8_t)(first + i),
		                                   .weight = 1 + random_below(100)};
}

static void offer_anything(uint64_t now_ns)
{
	struct send_ticket *t = &ticket[offered++ % TICKETS];

	cr_assert(eq(u32, t->packets, 0), "the rig has too few tickets");
	*t = (struct send_ticket){.since_ns = now_ns,
	                          .packets = random_once_in(3) ? 1 + random_below(50) : 1,
	                          .packet_bytes = 40 + random_below(1400),
	                          .last_bytes = 40 + random_below(1400)};
	oracle.waiting_packets += t->packets;
	oracle.waiting_bytes += (t->packets - 1) * t->packet_bytes + t->last_bytes;
	sender_offer(&sender, t);
}

static void note_taken(uint32_t bytes)
{
	oracle.waiting_packets--;
	oracle.waiting_bytes -= bytes;
}

static void note_sent(const struct send_run *run, const struct send_numbers *numbers,
                      uint64_t now_ns)
{
	for (unsigned i = 0; i < run->packets; i++)
		oracle.sent[oracle.sent_len++ % LOOKED] =
			(struct sent_packet){.counter = numbers->first + i,
		                             .t_tx_ns = now_ns,
		                             .key = numbers->key,
		                             .path_mask = run->path_mask,
		                             .lane = numbers->lane};
	for (unsigned id = 0; id < PATHS_MAX; id++) {
		oracle.path_packets[id] += run->path_mask >> id & 1 ? run->packets : 0;
		oracle.path_bytes[id] += run->path_mask >> id & 1 ? run->bytes : 0;
	}
}

/* Takes some of what waits in a run, and checks the path of each packet. */
static void send_run(uint64_t now_ns)
{
	unsigned limit = random_once_in(2) ? 1 + random_below(BATCH_MAX) : BATCH_MAX;
	struct send_run run;

	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	if (random_once_in(10)) /* no memory: asked again, it says the same */
		cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	while (run.packets < limit && sender.waiting.first) {
		uint32_t bytes = send_ticket_next_bytes(sender.waiting.first);

		if (!sender_take(&sender, &run))
			break;
		note_taken(bytes);
		cr_assert(eq(uint, run.path_id, choose_slowly(bytes, now_ns)));
	}
	cr_assert(lt(u32, 0, run.packets));

	const struct send_numbers numbers = {
		.first = next_counter[!run.is_ordered], .key = key, .lane = !run.is_ordered};

	next_counter[numbers.lane] += run.packets;
	sender_sent(&sender, &facts, &run, &numbers, now_ns);
	note_sent(&run, &numbers, now_ns);
}

/* A packet sent lately has its record on the paths that carried it, and on no other. */
static void check_records(uint64_t now_ns)
{
	uint64_t lately = oracle.sent_len < LOOKED ? oracle.sent_len : LOOKED;

	if (lately == 0)
		return;
	const struct sent_packet *p = &oracle.sent[random_below((uint32_t)lately)];
	const struct send_numbers numbers = {.first = p->counter, .key = p->key, .lane = p->lane};

	for (unsigned id = 0; id < PATHS_MAX; id++) {
		const struct send_record *r = sender_find(&sender, id, &numbers);

		if (!(p->path_mask >> id & 1))
			cr_assert(r == NULL, "path %u", id);
		else if (now_ns - p->t_tx_ns < SENDLOG_KEPT_NS && key - p->key < SENDER_KEYS_KEPT)
			cr_assert(r != NULL, "path %u", id);
		if (r)
			cr_assert(eq(u64, r->t_tx_ns, p->t_tx_ns));
	}
}

static void check_view(void)
{
	struct sender_view view;

	sender_view(&sender, &view);
	cr_assert(eq(u64, view.waiting_packets, oracle.waiting_packets));
	cr_assert(eq(u64, view.waiting_bytes, oracle.waiting_bytes));
	for (unsigned id = 0; id < PATHS_MAX; id++) {
		cr_assert(eq(u64, view.path[id].packets, oracle.path_packets[id]));
		cr_assert(eq(u64, view.path[id].bytes, oracle.path_bytes[id]));
	}
}

/* What the alarm is for is over when it has been served, and it lies ahead then. */
static void serve_alarm(uint64_t now_ns)
{
	if (sender_alarm_ns(&sender) > now_ns) {
		cr_assert(ne(int, sender_excess(&sender, now_ns), SENDER_TOO_OLD));
		return;
	}
	sender_service(&sender, now_ns);
	while (sender_excess(&sender, now_ns) == SENDER_TOO_OLD) {
		note_taken(send_ticket_next_bytes(sender.waiting.first));
		sender_drop(&sender);
	}
	cr_assert(lt(u64, now_ns, sender_alarm_ns(&sender)));
}

/* Most of the time packet by packet, with bursts and pauses of up to 15 s between. */
static uint64_t step_ns(void)
{
	if (random_once_in(500))
		return random_below(15000) * NS_PER_MS;
	return random_below(random_once_in(50) ? 5000 : 200) * NS_PER_US;
}

Test(sender, agrees_with_a_slow_reading_of_its_policy)
{
	uint64_t now_ns = START_NS;

	table = (struct path_table){
		.mode = BONDING_AGGREGATE, .len = 1, .slot = {{.path_id = 3, .weight = 1}}};
	for (unsigned i = 0; i < fewer_emulated(50000); i++) {
		if (random_once_in(100))
			change_something();
		now_ns += step_ns();
		serve_alarm(now_ns);
		if (sender.waiting.packets < 500)
			offer_anything(now_ns);
		while (sender.waiting.first && !random_once_in(20))
			send_run(now_ns);
		check_records(now_ns);
		check_view();
	}
	while (sender_drop(&sender))
		;
	sender_fini(&sender);
}
