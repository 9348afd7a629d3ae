/* SPDX-License-Identifier: MIT */
/* sched.c - `vtbench sched`: what the decisions about paths and order cost. */
#include "base/rcu.h"

#include <stdio.h>

#include "bench/measure.h"
#include "bench/options.h"
#include "bench/sched_learned.h"
#include "bench/vtbench.h"
#include "sched/path_table.h"
#include "sched/pick.h"
#include "sched/reseq.h"
#include "sched/sender.h"

#define PACKET_BYTES    1420u
#define PACKET_NS       (12 * NS_PER_US) /* from packet to packet: about 1 Gbit/s */
#define STRIPED_LAG     128u             /* packets sent while the slower path carries one; even */
#define PICKS_PER_TURN  1024u
#define PACKETS_AT_ONCE 1024u

/* ---- the choice of the path ---- */

struct pick_work {
	struct path_table *table;
	struct pick_state state;
};

static uint64_t pick_paths(void *arg, uint64_t repetitions)
{
	struct pick_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PICKS_PER_TURN; r++)
		measure_keep_number(pick_path(&w->state, w->table, PACKET_BYTES));
	return measure_now_ns() - begin_ns;
}

static void add_row(struct report *r, const char *operation, unsigned paths,
                    const struct measure_task *task, unsigned units)
{
	struct spread ns = measure_spread(task, units);
	char text[16];

	snprintf(text, sizeof text, "%u", paths);
	report_add(r, (const char *[]){operation, text}, (double[]){ns.median, ns.p10, ns.p90});
}

/* Weights differ, as those of real links do. */
static int measure_pick(struct report *r, unsigned paths, double time_s)
{
	static struct measure_task task;
	struct path_candidate candidates[PATHS_MAX];

	for (unsigned i = 0; i < paths; i++)
		candidates[i] = (struct path_candidate){.path_id = i, .weight = 10 + 7 * i};
	struct pick_work work = {path_table_build(BONDING_AGGREGATE, candidates, paths)};
	if (!work.table) {
		fputs("vtbench: out of memory\n", stderr);
		return VTBENCH_FAILED;
	}
	task = (struct measure_task){.run = pick_paths, .arg = &work};
	measure(&task, 1, time_s);
	add_row(r, "pick", paths, &task, PICKS_PER_TURN);
	path_table_retire(work.table);
	return VTBENCH_OK;
}

/* ---- the sending half ---- */

#define RUN_PACKETS    22u /* of each path in turn */
#define TICKET_PACKETS 44u /* a super-packet of 64 KB makes so many */
#define RUNS_PER_TURN  64u
#define RUN_HALVES     (2 * RUN_PACKETS - 1) /* half a packet less, as the last one may be longer */

/* Paths of one weight, and a rate at which each carries RUN_PACKETS in the time of a run. */
struct send_work {
	struct sender sender;
	struct sender_facts facts;
	struct send_ticket ticket[2]; /* one waits while the other is cut */
	uint64_t tickets, counter, runs;
	uint64_t now_ns, packet_ns;
};

static void offer(struct send_work *w)
{
	struct send_ticket *ticket = &w->ticket[w->tickets++ % 2];

	*ticket = (struct send_ticket){.since_ns = w->now_ns,
	                               .packets = TICKET_PACKETS,
	                               .packet_bytes = PACKET_BYTES,
	                               .last_bytes = PACKET_BYTES};
	sender_offer(&w->sender, ticket);
}

/* Chooses the path of a run, takes its packets and records it. Returns how many. */
static unsigned send_run(struct send_work *w)
{
	struct send_run run;
	struct send_ticket *ticket;

	if (w->sender.waiting.packets < TICKET_PACKETS)
		offer(w);
	if (sender_next_run(&w->sender, &w->facts, w->now_ns, &run) != SENDER_RUN)
		return 0;
	while (run.packets < RUN_PACKETS && (ticket = sender_take(&w->sender, &run)))
		measure_keep(ticket);
	sender_sent(&w->sender, &w->facts, &run,
	            &(struct send_numbers){.first = w->counter, .key = 1}, w->now_ns);
	w->counter += run.packets;
	w->now_ns += run.packets * w->packet_ns;
	w->runs++;
	return run.packets;
}

static uint64_t send_runs(void *arg, uint64_t repetitions)
{
	struct send_work *w = arg;
	uint64_t end, begin_ns;

	if (w->sender.waiting.packets < TICKET_PACKETS)
		offer(w);
	end = w->counter + repetitions * RUNS_PER_TURN * RUN_PACKETS;
	begin_ns = measure_now_ns();
	while (w->counter < end)
		send_run(w);
	return measure_now_ns() - begin_ns;
}

/* Until the rate is known. False when runs do not come out as they should. */
static bool begin_sending(struct send_work *w)
{
	uint64_t runs, packets;

	while (w->now_ns < NS_PER_S + 4 * RUN_WINDOW_NS)
		send_run(w);
	runs = w->runs;
	packets = w->counter;
	for (unsigned i = 0; i < RUNS_PER_TURN; i++)
		send_run(w);
	return w->runs - runs == RUNS_PER_TURN &&
	       w->counter - packets == RUNS_PER_TURN * RUN_PACKETS;
}

static int measure_send(struct report *r, unsigned paths, double time_s)
{
	static struct measure_task task;
	struct path_candidate candidates[PATHS_MAX];
	struct send_work work = {.now_ns = NS_PER_S,
	                         .packet_ns = 2 * RUN_TIME_NS / RUN_HALVES / paths};
	int status = VTBENCH_OK;

	for (unsigned i = 0; i < paths; i++)
		candidates[i] = (struct path_candidate){.path_id = (uint8_t)i, .weight = 1};
	struct path_table *table = path_table_build(BONDING_AGGREGATE, candidates, paths);
	if (!table) {
		fputs("vtbench: out of memory\n", stderr);
		return VTBENCH_FAILED;
	}
	work.facts = (struct sender_facts){.table = table, .has_session = true};
	sender_init(&work.sender);
	if (begin_sending(&work)) {
		task = (struct measure_task){.run = send_runs, .arg = &work};
		measure(&task, 1, time_s);
		add_row(r, "send", paths, &task, RUNS_PER_TURN * RUN_PACKETS);
	} else {
		fprintf(stderr, "vtbench: runs over %u paths are not of %u packets\n", paths,
		        RUN_PACKETS);
		status = VTBENCH_FAILED;
	}
	while (sender_drop(&work.sender))
		;
	sender_fini(&work.sender);
	path_table_retire(table);
	return status;
}

static int measure_learned(struct report *r, unsigned paths, double time_s)
{
	struct spread ns;
	char text[16];

	if (!sched_measure_learned(paths, time_s, &ns))
		return VTBENCH_FAILED;
	snprintf(text, sizeof text, "%u", paths);
	report_add(r, (const char *[]){"learned", text}, (double[]){ns.median, ns.p10, ns.p90});
	return VTBENCH_OK;
}

/* ---- order ---- */

struct reseq_work {
	struct reseq *reseq;
	bool is_striped;
	uint64_t turn; /* packets of all samples */
	uint64_t arrived, delivered;
};

/* Packet @seq comes over @path; what may go on now does. */
static void arrive(struct reseq_work *w, uint64_t seq, unsigned path, uint64_t now_ns)
{
	uint16_t ticket;

	w->arrived++;
	if (reseq_arrived(w->reseq, seq, path, now_ns) == RESEQ_DELIVER)
		w->delivered++;
	else
		reseq_hold(w->reseq, seq, path, (uint16_t)(seq % RESEQ_SLOTS), now_ns);
	while (reseq_take(w->reseq, now_ns, &ticket))
		w->delivered++;
}

static uint64_t resequence_in_order(void *arg, uint64_t repetitions)
{
	struct reseq_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PACKETS_AT_ONCE; r++, w->turn++)
		arrive(w, w->turn, 0, NS_PER_S + w->turn * PACKET_NS);
	return measure_now_ns() - begin_ns;
}

/* Even numbers go over path 0 and odd ones over path 1, which brings them STRIPED_LAG turns later.
 */
static uint64_t resequence_striped(void *arg, uint64_t repetitions)
{
	struct reseq_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PACKETS_AT_ONCE; r++, w->turn++) {
		uint64_t seq = w->turn % 2 == 0 ? w->turn : w->turn - STRIPED_LAG;

		arrive(w, seq, w->turn % 2, NS_PER_S + w->turn * PACKET_NS);
	}
	return measure_now_ns() - begin_ns;
}

/* The paths have probed their delays, both have carried a packet, and the faster one has brought
 * what comes before the next one of the slower.
 */
static void begin_striped(struct reseq_work *w)
{
	for (unsigned i = 0; i < RESEQ_OWD_KEPT; i++) {
		reseq_probed(w->reseq, 0, 0);
		reseq_probed(w->reseq, 1, (int32_t)(STRIPED_LAG * PACKET_NS / NS_PER_US));
	}
	arrive(w, 0, 0, NS_PER_S);
	arrive(w, 1, 1, NS_PER_S);
	for (w->turn = 2; w->turn < STRIPED_LAG + 2; w->turn += 2)
		arrive(w, w->turn, 0, NS_PER_S + w->turn * PACKET_NS);
}

static int measure_reseq(struct report *r, bool is_striped, double time_s)
{
	static struct measure_task task;
	static struct reseq reseq;
	struct reseq_work work = {.reseq = &reseq, .is_striped = is_striped};
	const char *name = is_striped ? "reseq striped" : "reseq in order";

	reseq = (struct reseq){0};
	if (is_striped)
		begin_striped(&work);
	task = (struct measure_task){.run = is_striped ? resequence_striped : resequence_in_order,
	                             .arg = &work};
	measure(&task, 1, time_s);
	if (reseq.gaps_given_up > 0 || work.delivered + reseq.held != work.arrived) {
		fprintf(stderr, "vtbench: %s: not every packet was delivered in its turn\n", name);
		return VTBENCH_FAILED;
	}
	add_row(r, name, is_striped ? 2 : 1, &task, PACKETS_AT_ONCE);
	return VTBENCH_OK;
}

/* ---- the subcommand ---- */

static int measure_all(struct report *r, double time_s)
{
	static const unsigned paths[] = {1, 2, 4, 8, 16};
	const unsigned count = sizeof paths / sizeof *paths;
	int status = VTBENCH_OK;

	for (unsigned i = 0; i < count && !status; i++) {
		report_progress(r, i + 1, 3 * count + 2, "pick");
		status = measure_pick(r, paths[i], time_s);
	}
	for (unsigned i = 0; i < count && !status; i++) {
		report_progress(r, count + i + 1, 3 * count + 2, "send");
		status = measure_send(r, paths[i], time_s);
	}
	for (unsigned i = 0; i < count && !status; i++) {
		report_progress(r, 2 * count + i + 1, 3 * count + 2, "learned");
		status = measure_learned(r, paths[i], time_s);
	}
	for (unsigned striped = 0; striped < 2 && !status; striped++) {
		report_progress(r, 3 * count + striped + 1, 3 * count + 2, "reseq");
		status = measure_reseq(r, striped, time_s);
	}
	return status;
}

static const char about[] =
	"pick: the time to choose the path of the next run, among paths of different\n"
	"weight. send: the time per packet of the sending half of a peer - which path,\n"
	"taken from what waits, recorded - in runs of 22 packets over paths of one weight.\n"
	"learned: the same of one that goes by what it has learned of unequal paths.\n"
	"reseq: the time per packet to restore the order, when all packets come in\n"
	"order over one path, and when they are striped over two of different delay.\n";

int sched_main(int argc, char **argv)
{
	static const char *const labels[] = {"operation", "paths", NULL};
	static const struct report_metric metrics[] = {
		{"ns", "ns", 2, .less_is_better = true},
		{"ns_p10", "p10", 2, .less_is_better = true, .is_spread = true},
		{"ns_p90", "p90", 2, .less_is_better = true, .is_spread = true},
		{0},
	};
	static const struct options_command command = {
		.name = "sched",
		.about = about,
	};
	struct common_options common = {.time_s = 0.3};

	int status = options_parse(&command, &common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	rcu_register_thread(); /* path tables are retired through RCU */
	struct report *r = options_report(&common, "sched", labels, metrics);
	status = measure_all(r, common.time_s);
	int written = options_finish(r, &common, "paths", "ns");
	rcu_barrier();
	rcu_unregister_thread();
	return status ? status : written;
}
