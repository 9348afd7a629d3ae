/* SPDX-License-Identifier: MIT */
#include "sched/heard.h"

#include "sched/stripe_lives.h"
#include "vtrunkd/wire.h"

#define AGAIN_SLACK_NS (10 * NS_PER_MS) /* beyond the loop: the repair is lost as well */
#define REINJECT_NS    NS_PER_S

/* The whole counter to its lower 32 bits: the latest at or below @end. */
static uint64_t whole(uint32_t low, uint64_t end)
{
	uint64_t counter = (end & ~(uint64_t)UINT32_MAX) | low;

	return counter >= end && counter > UINT32_MAX ? counter - (1ull << 32) : counter;
}

/* One above the highest counter that was sent over the path in @epoch. */
static uint64_t end_of(const struct sendlog *log, unsigned lane, uint32_t epoch)
{
	const struct send_record *newest = sendlog_back(log, lane, 0);

	return newest && newest->epoch == epoch ? newest->first + newest->packets : 0;
}

/* ---- what arrived ---- */

static void hear_path(struct sender *s, const struct report_path *said, uint32_t epoch,
                      uint64_t now_ns)
{
	struct path_model *model = stripe_model(&s->stripe, said->path_id);
	const struct sendlog *log = s->log[said->path_id];
	const struct send_record *record = NULL;
	unsigned lane = said->flags & REPORT_UNORDERED ? LANE_UNORDERED : LANE_ORDERED;
	uint64_t counter = 0;

	if (!model)
		return;
	if (said->flags & REPORT_DATA && log && epoch) {
		counter = whole(said->newest, end_of(log, lane, epoch));
		record = sendlog_find(log, lane, epoch, counter);
	}
	if (path_model_heard(model, said, record, counter, s->stripe.zero_us, now_ns))
		stripe_progress(&s->stripe, said->path_id, now_ns);
	stripe_look_at_doubt(&s->stripe, said->path_id);
}

/* ---- what is missing ---- */

/* The path that @counter went over first, and its record. */
static const struct send_record *find_record(const struct sender *s, uint32_t epoch, unsigned lane,
                                             uint64_t counter, uint8_t *ret_path)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct send_record *r =
			s->log[i] ? sendlog_find(s->log[i], lane, epoch, counter) : NULL;

		if (r) {
			*ret_path = (uint8_t)i;
			return r;
		}
	}
	return NULL;
}

/* It may have left a moment after @now_ns was read. */
static uint64_t age_ns(const struct send_record *record, uint64_t now_ns)
{
	return now_ns > record->t_tx_ns ? now_ns - record->t_tx_ns : 0;
}

static bool is_lost(const struct path_model *m, const struct send_record *record)
{
	return m && m->acked_ns > record->t_tx_ns + m->reorder_ns * 7 / 10;
}

/* The repair that was sent before is sent once more if it must be lost too. */
static void repeat(struct sender *s, struct repair_range *one, uint64_t now_ns)
{
	const struct repair_recent *last =
		repair_find(s->stripe.repair, one->key, LANE_ORDERED, one->first);
	const struct path_model *m = s->stripe.model[one->from];

	if (!last || last->attempt + 1 >= PATIENCE_REPAIRS || !m ||
	    now_ns - last->sent_ns <= m->srtt_ns + 4 * m->rttvar_ns + AGAIN_SLACK_NS)
		return;
	one->attempt = last->attempt + 1;
	repair_add_again(&s->stripe.repair, one, last);
}

static void miss(struct sender *s, uint32_t key, uint32_t epoch, uint64_t counter,
                 const struct send_record *record, uint8_t path_id, uint64_t now_ns)
{
	struct repair_range one = {
		.first = counter, .len = 1, .key = key, .lane = LANE_ORDERED, .from = path_id};
	uint64_t place = counter - record->first;

	if (age_ns(record, now_ns) > SENDLOG_KEPT_NS || place >= 64)
		return;
	if (record->resent >> place & 1) {
		repeat(s, &one, now_ns);
	} else if (is_lost(s->stripe.model[path_id], record) &&
	           repair_add(&s->stripe.repair, &one)) {
		sendlog_resend(s->log[path_id], LANE_ORDERED, epoch, counter);
	}
}

static void hear_range(struct sender *s, uint32_t key, uint32_t epoch, uint64_t first, uint32_t len,
                       uint64_t now_ns)
{
	const struct send_record *record = NULL;
	uint8_t path_id = 0;

	for (uint64_t counter = first; counter != first + len; counter++) {
		if (!record || counter - record->first >= record->packets)
			record = find_record(s, epoch, LANE_ORDERED, counter, &path_id);
		if (record)
			miss(s, key, epoch, counter, record, path_id, now_ns);
	}
}

/* False: it is older than the newest. */
static bool is_news(struct stripe *st, const struct report *report)
{
	if (!st->has_report || report_is_newer(report->number, st->report_number))
		return true;
	if (report->key == st->report_key)
		return false;
	stripe_forget(st);
	return true;
}

bool sender_heard(struct sender *s, const struct report *report, uint64_t now_ns)
{
	struct stripe *st = &s->stripe;
	uint32_t epoch = sender_epoch_of(s, report->key);

	if (!is_news(st, report))
		return false;
	if (!st->has_report)
		st->zero_us = report->time_us - (uint32_t)(now_ns / NS_PER_US);
	st->has_report = true;
	stripe_reported(st, now_ns);
	st->report_number = report->number;
	st->report_key = report->key;
	for (unsigned i = 0; i < report->paths; i++)
		hear_path(s, &report->path[i], epoch, now_ns);
	for (unsigned i = 0; i < report->ranges && epoch; i++)
		hear_range(s, report->key, epoch, report->next + report->range[i].offset,
		           report->range[i].len, now_ns);
	return true;
}

void sender_answered(struct sender *s, uint8_t path_id, uint64_t rtt_ns, uint64_t now_ns)
{
	struct path_model *model = stripe_model(&s->stripe, path_id);

	if (!model)
		return;
	path_model_answered(model, rtt_ns, now_ns);
	stripe_look_at_doubt(&s->stripe, path_id);
}

struct patience sender_patience(const struct sender *s)
{
	struct patience_loops loops = {0};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_model *m = s->stripe.model[i];

		if (m && !(s->stripe.dead >> i & 1))
			patience_add(&loops, m->srtt_ns, m->rttvar_ns);
	}
	return patience_for(&loops, STRIPE_REPORT_NS);
}

/* ---- what is sent again ---- */

bool sender_next_repair(struct sender *s, const struct sender_facts *facts, uint64_t now_ns,
                        struct send_numbers *ret_numbers, uint8_t *ret_path_id)
{
	struct pull_path path[PATHS_MAX];
	struct repair_range one;
	int slot;

	if (!repair_is_waiting(s->stripe.repair) || !facts->table || !facts->table->len)
		return false;
	s->stripe.wait_until_ns = 0;
	one = repair_peek(s->stripe.repair);
	slot = stripe_repair_slot(&s->stripe, path, stripe_paths(&s->stripe, facts->table, path),
	                          one.from, now_ns);
	if (slot < 0)
		return false;
	*ret_path_id = path[slot].path_id;
	*ret_numbers = (struct send_numbers){.first = one.first, .key = one.key, .lane = one.lane};
	return true;
}

bool sender_fit_repair(struct sender *s, const struct sender_facts *facts, uint32_t bytes,
                       uint64_t now_ns, uint8_t *path_id)
{
	struct pull_path path[PATHS_MAX];
	unsigned len;
	int slot;

	if (bytes <= path_table_packet_max(facts->table, *path_id) ||
	    !path_table_fits_one(facts->table, bytes))
		return true;
	len = stripe_paths_for(&s->stripe, facts->table, bytes, path);
	slot = stripe_repair_slot(&s->stripe, path, len, repair_peek(s->stripe.repair).from,
	                          now_ns);
	if (slot < 0)
		return false;
	*path_id = path[slot].path_id;
	return true;
}

void sender_repaired(struct sender *s, uint8_t path_id, uint32_t bytes, uint64_t now_ns)
{
	if (!bytes) {
		repair_skip(s->stripe.repair);
		return;
	}
	repair_sent(s->stripe.repair, now_ns);
	account_sent(s->stripe.account, ACCOUNT_REPAIR, path_id, (uint16_t)(1u << path_id), bytes);
	path_model_sent(s->stripe.model[path_id], bytes, 1, now_ns);
	pacers_charge(&s->stripe.pacers, (uint16_t)(1u << path_id), bytes + PATH_OVERHEAD, now_ns);
	if (s->log[path_id])
		sendlog_count(s->log[path_id], bytes, 1);
}

/* Whether a path that lives has carried it as well. */
static bool has_copy(const struct sender *s, uint8_t path_id, unsigned lane,
                     const struct send_record *record)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (i != path_id && s->log[i] && !(s->stripe.dead >> i & 1) &&
		    sendlog_find(s->log[i], lane, record->epoch, record->first))
			return true;
	}
	return false;
}

/* What is not known to have arrived, of one record. */
static void reinject(struct sender *s, uint8_t path_id, unsigned lane,
                     const struct send_record *record)
{
	uint64_t arrived = s->stripe.model[path_id]->heard.packets;

	for (uint32_t i = 0; i < record->packets && i < 64; i++) {
		const struct repair_range one = {.first = record->first + i,
		                                 .len = 1,
		                                 .key = s->key[record->epoch % SENDER_KEYS_KEPT],
		                                 .lane = (uint8_t)lane,
		                                 .from = path_id};

		if (record->packets_before + i >= arrived && !(record->resent >> i & 1) &&
		    repair_add(&s->stripe.repair, &one))
			sendlog_resend(s->log[path_id], lane, record->epoch, one.first);
	}
}

/* In the order in which they were sent, those after the newest that arrived. */
static void reinject_path(struct sender *s, uint8_t path_id, uint64_t now_ns)
{
	uint64_t arrived = s->stripe.model[path_id]->heard.packets;

	for (unsigned lane = 0; s->log[path_id] && lane < SENDLOG_LANES; lane++) {
		const struct send_record *record;
		uint32_t back = 0;

		while ((record = sendlog_back(s->log[path_id], lane, back)) != NULL &&
		       record->packets_before + record->packets > arrived &&
		       age_ns(record, now_ns) < REINJECT_NS)
			back++;
		while (back-- > 0) {
			record = sendlog_back(s->log[path_id], lane, back);
			if (!has_copy(s, path_id, lane, record))
				reinject(s, path_id, lane, record);
		}
	}
}

void sender_path_failed(struct sender *s, uint8_t path_id, uint64_t now_ns)
{
	struct path_model *model = s->stripe.model[path_id];

	s->stripe.pausing &= (uint16_t) ~(1u << path_id);
	s->stripe.awaits_train &= (uint16_t) ~(1u << path_id);
	s->stripe.doubted &= (uint16_t) ~(1u << path_id);
	if (!model)
		return;
	reinject_path(s, path_id, now_ns);
	path_model_forgive(model, now_ns);
}

/* Whether anything is left that neither is dead nor doubted. */
static bool has_other(const struct sender *s, const struct path_table *table)
{
	for (unsigned i = 0; table && i < path_table_all(table); i++) {
		if (!((s->stripe.dead | s->stripe.doubted) >> table->slot[i].path_id & 1))
			return true;
	}
	return false;
}

void sender_path_doubted(struct sender *s, const struct sender_facts *facts, uint8_t path_id,
                         uint64_t at_ns, uint64_t now_ns)
{
	if (stripe_doubt(&s->stripe, path_id, at_ns) && has_other(s, facts->table))
		reinject_path(s, path_id, now_ns);
}

uint16_t sender_tick(struct sender *s, const struct sender_facts *facts, uint64_t now_ns)
{
	uint16_t died;

	if (!facts->table)
		return 0;
	died = stripe_tick(&s->stripe, facts->table, !s->waiting.first, now_ns);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (died >> i & 1)
			reinject_path(s, (uint8_t)i, now_ns);
	}
	return died;
}
