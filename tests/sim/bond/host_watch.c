/* SPDX-License-Identifier: MIT */
#include "host_watch.h"

#include "dataplane/feedback.h"
#include "dataplane/frame.h"
#include "events.h"
#include "sched/heard.h"
#include "sched/measure.h"

#define WATCHED_NS    NS_PER_S
#define TRAIN_LEN_MIN 256u
#define MEASURE_LEN   (FRAME_HEADER_LEN + sizeof(struct frame_probe))

void host_watch_hear(struct host *h)
{
	if (h->feedback)
		feedback_hear(h->feedback, &h->sender, sim_now_ns);
	sender_service(&h->sender, sim_now_ns);
}

static void send_measure(struct host *h, uint8_t path_id, uint8_t flags, unsigned len)
{
	struct packet *p = packet_new(PACKET_PROBE, len);

	p->t_tx_us = (uint32_t)(sim_now_ns / NS_PER_US);
	p->flags = PROBE_MEASURES | flags;
	if (!(flags & PROBE_TRAIN))
		measure_probe_sent(&h->sender, path_id, p->t_tx_us, sim_now_ns);
	host_put(h, path_id, p);
}

static unsigned train_len(unsigned n)
{
	unsigned longest = INNER_BYTES - INNER_BYTES % PADDING_MULTIPLE;
	unsigned shorter = (TRAIN_LENGTH - 1 - n) * PADDING_MULTIPLE;

	return shorter + TRAIN_LEN_MIN < longest ? longest - shorter : TRAIN_LEN_MIN;
}

static void send_train(struct host *h, uint8_t path_id)
{
	for (unsigned i = 0; i < TRAIN_LENGTH; i++)
		send_measure(h, path_id, PROBE_TRAIN, train_len(i));
}

static bool is_watched(const struct host *h)
{
	const struct sender *sender = &h->sender;

	return sender_waiting(sender) ||
	       (sender->sent_ns && sim_now_ns <= sender->sent_ns + WATCHED_NS);
}

static enum measure next(struct host *h, uint8_t path_id)
{
	enum measure ret = measure_next(&h->sender, path_id, sim_now_ns);

	if (ret != MEASURE_TURN)
		return ret;
	measure_take_turn(&h->sender, sim_now_ns);
	return measure_next(&h->sender, path_id, sim_now_ns);
}

static void measure(struct host *h)
{
	const struct path_table *table = h->facts.table;

	for (unsigned i = 0; i < table->len; i++) {
		uint8_t path_id = table->slot[i].path_id;

		switch (next(h, path_id)) {
		case MEASURE_DELAY:
			if (is_watched(h))
				send_measure(h, path_id, 0, MEASURE_LEN);
			break;
		case MEASURE_TRAIN:
			send_train(h, path_id);
			break;
		case MEASURE_TURN:
		case MEASURE_NOTHING:
			break;
		}
	}
}

static void note_paths(struct host *h)
{
	const struct path_table *table = h->facts.table;
	uint16_t paths = 0;

	for (unsigned i = 0; i < path_table_all(table); i++)
		paths |= (uint16_t)(1u << table->slot[i].path_id);
	for (unsigned gone = h->table_paths & ~paths; gone; gone &= gone - 1)
		sender_path_failed(&h->sender, (uint8_t)__builtin_ctz(gone), sim_now_ns);
	h->table_paths = paths;
}

void host_watch_tick(struct host *h)
{
	if (!h->facts.is_learned) {
		host_kept_clear(&h->kept);
		return;
	}
	note_paths(h);
	if (sim_now_ns >= h->tick_at_ns) {
		h->tick_at_ns = sim_now_ns + STRIPE_TICK_NS;
		sender_tick(&h->sender, &h->facts, sim_now_ns);
		host_kept_expire(&h->kept, sim_now_ns - SENDLOG_KEPT_NS);
	} else if (sim_now_ns < measure_due_ns(&h->sender)) {
		return;
	}
	measure(h);
}

uint64_t host_watch_due_ns(const struct host *h)
{
	uint64_t due_ns = measure_due_ns(&h->sender);

	if (!h->facts.is_learned)
		return NEVER_NS;
	if (!is_watched(h))
		return due_ns;
	return due_ns < h->tick_at_ns ? due_ns : h->tick_at_ns;
}
