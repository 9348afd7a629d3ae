/* SPDX-License-Identifier: MIT */
/* reseq.c - `vtbench reseq`: what the receiving half of a peer costs, which puts packets in order.
 *
 * Packets come as sched/receiver.h gets them, under one keypair. What is lost comes again a round
 * trip later over the other path, as a sender repairs it; the gap is kept open until then.
 */
#include <stdio.h>

#include "bench/measure.h"
#include "bench/options.h"
#include "bench/vtbench.h"
#include "sched/receiver.h"

#define PACKET_NS       (12 * NS_PER_US) /* from packet to packet: about 1 Gbit/s */
#define LAG             128u             /* packets sent while the slower path carries one; even */
#define LOST_EACH       97u              /* one of so many is lost: about 1 % */
#define REPAIR_LAG      1000u            /* packets until it comes again: 12 ms */
#define PACKETS_AT_ONCE 1024u

struct reseq_case {
	const char *name;
	unsigned paths;
	uint64_t (*run)(void *arg, uint64_t repetitions);
	unsigned lag; /* by which the second path is slower */
	bool repairs;
};

struct reseq_work {
	struct receiver receiver;
	uint64_t turn; /* packets of all samples */
	uint64_t now_ns;
	uint64_t arrived, delivered, waited;
};

/* Packet @seq comes over @path; what may go on now does. */
static void arrive(struct reseq_work *w, uint64_t seq, unsigned path)
{
	const struct receiver_packet packet = {.seq = seq, .born_ns = 1, .index = 1, .path = path};
	uint64_t place;
	uint16_t ticket;

	w->arrived++;
	if (receiver_arrived(&w->receiver, &packet, w->now_ns, &place) == RESEQ_DELIVER) {
		w->delivered++;
	} else {
		w->waited++;
		receiver_hold(&w->receiver, &packet, place, (uint16_t)(seq % RESEQ_SLOTS),
		              w->now_ns);
	}
	while (receiver_take(&w->receiver, w->now_ns, &ticket))
		w->delivered++;
}

static uint64_t run_in_order(void *arg, uint64_t repetitions)
{
	struct reseq_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PACKETS_AT_ONCE; r++, w->turn++) {
		w->now_ns += PACKET_NS;
		arrive(w, w->turn, 0);
	}
	return measure_now_ns() - begin_ns;
}

static uint64_t run_interleaved(void *arg, uint64_t repetitions)
{
	struct reseq_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PACKETS_AT_ONCE; r++, w->turn++) {
		w->now_ns += PACKET_NS;
		arrive(w, w->turn, w->turn % 2);
	}
	return measure_now_ns() - begin_ns;
}

/* Even numbers go over path 0 and odd ones over path 1, which brings them LAG packets later. */
static uint64_t run_unequal(void *arg, uint64_t repetitions)
{
	struct reseq_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PACKETS_AT_ONCE; r++, w->turn++) {
		w->now_ns += PACKET_NS;
		arrive(w, w->turn % 2 ? w->turn - LAG : w->turn, w->turn % 2);
	}
	return measure_now_ns() - begin_ns;
}

static bool is_lost(uint64_t seq)
{
	return seq % LOST_EACH == LOST_EACH - 1;
}

static uint64_t run_repaired(void *arg, uint64_t repetitions)
{
	struct reseq_work *w = arg;
	uint64_t begin_ns = measure_now_ns();

	for (uint64_t r = 0; r < repetitions * PACKETS_AT_ONCE; r++, w->turn++) {
		w->now_ns += PACKET_NS;
		if (!is_lost(w->turn))
			arrive(w, w->turn, w->turn % 2);
		if (w->turn >= REPAIR_LAG && is_lost(w->turn - REPAIR_LAG))
			arrive(w, w->turn - REPAIR_LAG, (w->turn + 1) % 2);
	}
	return measure_now_ns() - begin_ns;
}

static const struct reseq_case cases[] = {
	{"in order", 1, run_in_order, 0, false},
	{"interleaved", 2, run_interleaved, 0, false},
	{"unequal", 2, run_unequal, LAG, false},
	{"repaired", 2, run_repaired, 0, true},
};

#define CASES (sizeof cases / sizeof *cases)

/* The delays of both paths are known, and both have carried a packet. */
static void begin(struct reseq_work *w, const struct reseq_case *c)
{
	w->now_ns = NS_PER_S;
	for (unsigned i = 0; i < RESEQ_OWD_KEPT && c->paths > 1; i++) {
		receiver_probed(&w->receiver, 0, 0);
		receiver_probed(&w->receiver, 1, (int32_t)(c->lag * PACKET_NS / NS_PER_US));
	}
	if (c->repairs)
		reseq_expect_repair(&w->receiver.order, 2 * REPAIR_LAG * PACKET_NS, 0);
	for (w->turn = 0; w->turn < 2; w->turn++)
		arrive(w, w->turn, w->turn % c->paths);
	/* What the slower path brings, from packet LAG + 2 on, is sent before. */
	for (; w->turn < 2 + c->lag; w->turn += 2)
		arrive(w, w->turn, 0);
}

/* Nothing was given up, so all that came is delivered or has to wait for what is on its way. */
static bool is_sound(const struct reseq_work *w, const struct reseq_case *c)
{
	bool has_waited = w->waited > 0;

	return !w->receiver.order.gaps_given_up &&
	       w->delivered + w->receiver.order.held == w->arrived &&
	       has_waited == (c->lag || c->repairs);
}

static int measure_case(struct report *r, const struct reseq_case *c, double time_s)
{
	static struct reseq_work work;
	static struct measure_task task;
	struct spread ns;
	char paths[16];

	work = (struct reseq_work){0};
	begin(&work, c);
	task = (struct measure_task){.run = c->run, .arg = &work};
	measure(&task, 1, time_s);
	if (!is_sound(&work, c)) {
		fprintf(stderr, "vtbench: %s: packets were not delivered as they should be\n",
		        c->name);
		return VTBENCH_FAILED;
	}
	ns = measure_spread(&task, PACKETS_AT_ONCE);
	snprintf(paths, sizeof paths, "%u", c->paths);
	report_add(r, (const char *[]){c->name, paths},
	           (double[]){ns.median, ns.p10, ns.p90,
	                      100.0 * (double)work.waited / (double)work.arrived});
	return VTBENCH_OK;
}

static const char about[] =
	"The time per packet of the receiving half of a peer, which puts packets in order:\n"
	"in order over one path; interleaved over two that are as quick; over two unequal\n"
	"ones, where those of the quicker wait; over two that lose 1 %, which is sent\n"
	"again and waited for. Beside it how many packets had to wait.\n";

int reseq_main(int argc, char **argv)
{
	static const char *const labels[] = {"packets come", "paths", NULL};
	static const struct report_metric metrics[] = {
		{"ns", "ns", 2, .less_is_better = true},
		{"ns_p10", "p10", 2, .less_is_better = true, .is_spread = true},
		{"ns_p90", "p90", 2, .less_is_better = true, .is_spread = true},
		{"waited_percent", "waited %", 1, .less_is_better = true, .is_spread = true},
		{0},
	};
	static const struct options_command command = {.name = "reseq", .about = about};
	struct common_options common = {.time_s = 0.3};
	struct report *r;
	int status = options_parse(&command, &common, argc, argv), written;

	if (status != OPTIONS_RUN)
		return status;
	r = options_report(&common, "reseq", labels, metrics);
	status = VTBENCH_OK;
	for (unsigned i = 0; i < CASES && !status; i++) {
		report_progress(r, i + 1, CASES, cases[i].name);
		status = measure_case(r, &cases[i], common.time_s);
	}
	written = options_finish(r, &common, "paths", "ns");
	return status ? status : written;
}
