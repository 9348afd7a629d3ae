/* SPDX-License-Identifier: MIT */
#include "host_in.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/feedback.h"
#include "dataplane/frame.h"
#include "dataplane/reorder.h"
#include "events.h"
#include "host_control.h"
#include "host_key.h"
#include "host_out.h"

#define REPORT_SOON_NS     (3 * NS_PER_MS) /* dataplane/report_out.c */
#define REPORT_SPARE_EVERY 4u
#define HELD_BYTES         sizeof(struct packet *)

const struct keypair host_key = {.local_index = HOST_KEY, .remote_index = HOST_KEY, .born_ns = 1};

static uint64_t clock_ns(const struct host *h)
{
	return sim_now_ns + h->clock_ns;
}

/* ---- order ---- */

static void deliver(struct dp_thread *self, struct dp_peer *peer, uint8_t *held, size_t len)
{
	struct host *h = (struct host *)self;
	struct packet *p;

	(void)peer;
	(void)len;
	memcpy(&p, held, sizeof p);
	rules_delivered(p);
	h->deliver(h, p);
}

static void flush(struct dp_thread *self)
{
	(void)self;
}

static struct reorder_sink sink_of(struct host *h)
{
	return (struct reorder_sink){(struct dp_thread *)h, NULL, deliver, flush};
}

/* What is missing is known from it, and what waits for repairs. */
static struct reorder *whole_order(const struct host *h)
{
	return h->all ? h->all : h->order[0];
}

static void put_in_order(struct host *h, unsigned path, struct packet *p)
{
	const struct reorder_sink sink = sink_of(h);
	uint64_t counter = p->counter, place = h->all ? p->place : counter;
	uint8_t held[HELD_BYTES];

	memcpy(held, &p, sizeof p);
	reorder_put(h->order[p->group], &sink, &host_key, place, path, held, sizeof held,
	            sim_now_ns);
	if (h->all)
		reorder_put(h->all, &sink, &host_key, counter, path, NULL, 0, sim_now_ns);
}

static uint64_t run_order(struct host *h)
{
	const struct patience *patience = h->feedback ? &h->feedback->patience : NULL;
	const struct reorder_sink sink = sink_of(h);
	uint64_t due_ns = NEVER_NS;

	for (unsigned i = 0; i <= h->lanes; i++) {
		struct reorder *order = i < h->lanes ? h->order[i] : h->all;

		if (!order)
			continue;
		reorder_expect_repairs(order, patience);
		due_ns = MIN(due_ns, reorder_run(order, &sink, sim_now_ns));
	}
	return due_ns;
}

/* ---- reports ---- */

static void report_now(struct host *h)
{
	struct report report;
	uint8_t body[REPORT_BYTES_MAX];
	bool is_to_all = h->feedback->arrivals.number % REPORT_SPARE_EVERY == 0;
	unsigned copies = is_to_all ? path_table_all(h->table) : h->table->len;
	size_t len;

	reorder_report(whole_order(h), &h->feedback->arrivals, clock_ns(h), &report);
	len = report_encode(&report, body);
	for (unsigned i = 0; i < copies; i++) {
		struct packet *p = packet_new(PACKET_REPORT, FRAME_HEADER_LEN + (unsigned)len);

		p->report = malloc(len);
		if (!p->report)
			abort();
		memcpy(p->report, body, len);
		p->report_len = (uint16_t)len;
		host_put(h, h->table->slot[i].path_id, p);
	}
}

static bool is_repair_wanted(struct host *h)
{
	uint64_t gap = reorder_passed_gap(whole_order(h));

	if (gap == UINT64_MAX || gap == h->feedback->passed_for ||
	    clock_ns(h) < h->feedback->arrivals.reported_ns + REPORT_SOON_NS)
		return false;
	h->feedback->passed_for = gap;
	return true;
}

static uint64_t report_if_due(struct host *h)
{
	uint64_t due_ns = arrivals_due_ns(&h->feedback->arrivals);

	if (due_ns > clock_ns(h) && !is_repair_wanted(h))
		return due_ns;
	report_now(h);
	return arrivals_due_ns(&h->feedback->arrivals);
}

/* ---- what came ---- */

static void on_alarm(void *what, uint64_t number);

static void finish_delivery(struct host *h)
{
	uint64_t due_ns = run_order(h), report_ns = NEVER_NS;

	if (h->feedback)
		report_ns = report_if_due(h);
	if (report_ns != NEVER_NS)
		due_ns = MIN(due_ns, report_ns - h->clock_ns);
	due_ns = MAX(due_ns, sim_now_ns);
	if (due_ns >= h->deliver_at_ns)
		return;
	h->deliver_at_ns = due_ns;
	event_at(due_ns, on_alarm, h, due_ns);
}

static void on_alarm(void *what, uint64_t number)
{
	struct host *h = what;

	if (h->deliver_at_ns != number)
		return;
	h->deliver_at_ns = NEVER_NS;
	finish_delivery(h);
}

static void receive_data(struct host *h, unsigned path, struct packet *p)
{
	if (h->feedback)
		feedback_data_came(h->feedback, &host_key, path,
		                   (uint64_t)p->lane << LANE_SHIFT | p->counter, p->bytes,
		                   clock_ns(h));
	if (!replay_accept(&h->replay[p->lane], p->counter)) {
		h->doubles++;
		rules_refused(p);
		packet_free(p);
		return;
	}
	rules_came(p);
	host_control_data(h);
	if (p->lane == LANE_ORDERED) {
		put_in_order(h, path, p);
		return;
	}
	rules_delivered(p);
	h->deliver(h, p);
}

static void note_delay(struct host *h, unsigned path, const struct packet *p)
{
	int32_t owd_us = (int32_t)((uint32_t)(clock_ns(h) / NS_PER_US) - p->t_tx_us);

	for (unsigned i = 0; i < h->lanes; i++)
		reorder_probed(h->order[i], path, owd_us);
	if (h->all)
		reorder_probed(h->all, path, owd_us);
}

static void receive_measure(struct host *h, unsigned path, struct packet *p)
{
	if (h->feedback && p->flags & PROBE_TRAIN)
		feedback_train_came(h->feedback, path, p->bytes, clock_ns(h));
	else if (h->feedback)
		feedback_probe_came(h->feedback, path, (uint8_t)path, p->t_tx_us, clock_ns(h));
	if (!(p->flags & PROBE_TRAIN))
		note_delay(h, path, p);
	packet_free(p);
}

static void receive_probe(struct host *h, unsigned path, struct packet *p)
{
	if (p->flags & PROBE_MEASURES) {
		receive_measure(h, path, p);
		return;
	}
	note_delay(h, path, p);
	if (h->feedback)
		feedback_probe_came(h->feedback, path, (uint8_t)path, p->t_tx_us, clock_ns(h));
	p->kind = PACKET_ECHO;
	p->bytes = FRAME_HEADER_LEN + sizeof(struct frame_echo);
	host_put(h, path, p);
}

static void receive_echo(struct host *h, unsigned path, struct packet *p)
{
	uint64_t rtt_ns = sim_now_ns - p->born_ns;

	host_control_answered(h, path, p->probe_seq, rtt_ns);
	if (h->feedback)
		feedback_answer_came(h->feedback, path, (uint32_t)(rtt_ns / NS_PER_US));
	packet_free(p);
}

static void receive_report(struct host *h, struct packet *p)
{
	enum feedback_verdict verdict =
		feedback_report_came(h->feedback, &host_key, p->report, p->report_len);

	if (verdict == FEEDBACK_BAD)
		abort();
	if (verdict == FEEDBACK_NEWS)
		host_out_turn_at(h, sim_now_ns);
	packet_free(p);
}

void host_in_receive(struct host *h, unsigned path, struct packet *p)
{
	h->heard_ns[path] = sim_now_ns;
	switch (p->kind) {
	case PACKET_PROBE:
		receive_probe(h, path, p);
		break;
	case PACKET_ECHO:
		receive_echo(h, path, p);
		break;
	case PACKET_REPORT:
		receive_report(h, p);
		break;
	default:
		receive_data(h, path, p);
	}
	finish_delivery(h);
}

void host_in_begin(struct host *h)
{
	h->deliver_at_ns = NEVER_NS;
	h->feedback = h->is_reporting ? feedback_create() : NULL;
	if (h->is_reporting && !h->feedback)
		abort();
	for (unsigned i = 0; i < 2; i++)
		replay_init(&h->replay[i], h->replay_bits[i], REPLAY_WORDS(HOST_REPLAY));
	for (unsigned i = 0; i < h->lanes; i++) {
		h->order[i] = reorder_create(HELD_BYTES);
		if (!h->order[i])
			abort();
	}
	if (h->lanes > 1 && !(h->all = reorder_create(HELD_BYTES)))
		abort();
}

static void discard(struct host *h, struct packet *p)
{
	(void)h;
	packet_free(p);
}

/* What is held is given up as if it had waited long enough. */
void host_in_end(struct host *h)
{
	const struct reorder_sink sink = sink_of(h);

	h->deliver = discard;
	for (unsigned i = 0; i < h->lanes; i++) {
		reorder_run(h->order[i], &sink, sim_now_ns + RESEQ_WAIT_MAX_NS);
		reorder_destroy(h->order[i]);
	}
	reorder_destroy(h->all);
	feedback_destroy(h->feedback);
}
