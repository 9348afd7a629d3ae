/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/path_watch.h"

#include "base/bytes.h"
#include "dataplane/feedback.h"
#include "dataplane/frame.h"
#include "dataplane/late.h"
#include "dataplane/runs.h"
#include "dataplane/self.h"
#include "sched/arrivals.h"
#include "sched/copies.h"
#include "sched/heard.h"
#include "sched/measure.h"

/* So long after the last packet paths are looked at: what is overdue after that is past mending. */
#define WATCHED_NS NS_PER_S

#define TRAIN_LEN_MIN 256u
#define TRAIN_TURN_NS (50 * NS_PER_MS) /* of full ones 11 Mbit/s */
#define MEASURE_LEN   (FRAME_HEADER_LEN + sizeof(struct frame_probe)) /* of a lone probe */

void path_watch_hear(struct dp_thread *self, struct runs *runs)
{
	struct feedback *fb = feedback_of(runs->peer);

	if (fb)
		feedback_hear(fb, &runs->sender, self->now_ns);
	sender_service(&runs->sender, self->now_ns);
}

/* A probe for the peer's next report, padded to @len bytes. */
static void send_measure(struct dp_thread *self, struct runs *runs, uint8_t path_id, uint8_t flags,
                         size_t len)
{
	uint32_t t_tx_us = (uint32_t)(self->now_ns / NS_PER_US);
	struct frame_probe body = {.path_id = path_id, .flags = PROBE_MEASURES | flags};
	uint8_t payload[FRAMES_LEN_MAX] = {0};
	struct batch *b;

	store_le32(body.t_tx_us, t_tx_us);
	frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);
	b = late_make(self, runs->peer, runs->kp, path_id, LANE_CONTROL + path_id, payload, len,
	              NULL, 0);
	if (!b)
		return;
	if (!(flags & PROBE_TRAIN))
		measure_probe_sent(&runs->sender, path_id, t_tx_us, self->now_ns);
	runs_add(self, runs, b);
}

/* The @n-th of a train is longer than the one before, or kernels would join them and give them one
 * time. Frames are padded past the MTU, which data is not: a train has to fit where data does.
 */
static size_t train_len(const struct dp_thread *self, const struct runs *runs, uint8_t path_id,
                        unsigned n)
{
	size_t longest = path_table_packet_max(runs->facts.table, path_id);
	size_t shorter = (TRAIN_LENGTH - 1 - n) * PADDING_MULTIPLE;

	longest = longest < FRAMES_LEN_MAX ? longest : FRAMES_LEN_MAX;
	longest = longest < self->mtu ? longest : self->mtu;
	longest -= longest % PADDING_MULTIPLE;
	return shorter + TRAIN_LEN_MIN < longest ? longest - shorter : TRAIN_LEN_MIN;
}

static void send_train(struct dp_thread *self, struct runs *runs, uint8_t path_id)
{
	for (unsigned i = 0; i < TRAIN_LENGTH; i++)
		send_measure(self, runs, path_id, PROBE_TRAIN, train_len(self, runs, path_id, i));
}

/* Something waits or is on its way. */
static bool is_watched(const struct runs *runs, uint64_t now_ns)
{
	const struct sender *sender = &runs->sender;

	return sender_waiting(sender) ||
	       (sender->sent_ns && now_ns <= sender->sent_ns + WATCHED_NS);
}

/* What is to be measured now. Of trains that nobody waits for one leaves every TRAIN_TURN_NS, to
 * whichever peer.
 */
static enum measure next(struct dp_thread *self, struct runs *runs, uint8_t path_id)
{
	enum measure ret = measure_next(&runs->sender, path_id, self->now_ns);

	if (ret != MEASURE_TURN)
		return ret;
	self->train_turn_ns += TRAIN_TURN_NS;
	if (self->train_turn_ns < self->now_ns)
		self->train_turn_ns = self->now_ns;
	measure_take_turn(&runs->sender, self->train_turn_ns);
	return measure_next(&runs->sender, path_id, self->now_ns);
}

/* Trains also while nothing is sent: before there is traffic is the time for them. */
static void measure(struct dp_thread *self, struct runs *runs)
{
	const struct path_table *table = runs->facts.table;

	for (unsigned i = 0; i < path_table_all(table); i++) {
		uint8_t path_id = table->slot[i].path_id;

		switch (next(self, runs, path_id)) {
		case MEASURE_DELAY:
			if (is_watched(runs, self->now_ns))
				send_measure(self, runs, path_id, 0, MEASURE_LEN);
			break;
		case MEASURE_TRAIN:
			send_train(self, runs, path_id);
			break;
		case MEASURE_TURN:
		case MEASURE_NOTHING:
			break;
		}
	}
}

/* A path that carries nothing as long as others work costs its owner no trains. */
static uint16_t idle_paths(const struct path_table *table)
{
	uint16_t mask = 0;

	for (unsigned i = table->len; i < path_table_all(table); i++) {
		if (table->mode == BONDING_FAILOVER || table->slot[i].role == LINK_ROLE_BACKUP)
			mask |= (uint16_t)(1u << table->slot[i].path_id);
	}
	return mask;
}

/* Control knows of some deaths before anything is overdue: a device is gone, the system refuses. */
static void note_paths(struct dp_thread *self, struct runs *runs)
{
	const struct path_table *table = runs->facts.table;
	uint16_t paths = 0;

	for (unsigned i = 0; i < path_table_all(table); i++)
		paths |= (uint16_t)(1u << table->slot[i].path_id);
	for (unsigned gone = runs->table_paths & ~paths; gone; gone &= gone - 1)
		sender_path_failed(&runs->sender, (uint8_t)__builtin_ctz(gone), self->now_ns);
	runs->table_paths = paths;
	runs->sender.stripe.spared = idle_paths(table);
}

void path_watch_tick(struct dp_thread *self, struct runs *runs)
{
	if (!runs->facts.is_learned) {
		kept_clear(&runs->kept);
		sender_forget_copies(&runs->sender);
		return;
	}
	note_paths(self, runs);
	feedback_hear_doubts(runs->feedback, &runs->sender, &runs->facts, self->now_ns);
	if (self->now_ns >= runs->tick_at_ns) {
		runs->tick_at_ns = self->now_ns + STRIPE_TICK_NS;
		sender_tick(&runs->sender, &runs->facts, self->now_ns);
		kept_expire(&runs->kept, self->now_ns - SENDLOG_KEPT_NS);
	} else if (self->now_ns < measure_due_ns(&runs->sender)) {
		return;
	}
	measure(self, runs);
}

uint64_t path_watch_due_ns(const struct runs *runs, uint64_t now_ns)
{
	uint64_t due_ns = measure_due_ns(&runs->sender);

	if (!runs->facts.is_learned)
		return NEVER_NS;
	if (!is_watched(runs, now_ns))
		return due_ns;
	return due_ns < runs->tick_at_ns ? due_ns : runs->tick_at_ns;
}
