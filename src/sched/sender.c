/* SPDX-License-Identifier: MIT */
/* A path's turn is what run.h gives it: some bytes in a row. It may be taken in several runs, when
 * fewer packets wait or a train is full. The shares are reckoned by turns: pick.h chooses the path
 * with the first packet of the turn, which is paid at once (prepaid_bytes); the rest is paid by
 * run.
 */
#include "sched/sender.h"

#include <assert.h>
#include <stdlib.h>

#include "vtrunkd/wire.h"

_Static_assert(LANE_ORDERED < SENDLOG_LANES && LANE_UNORDERED < SENDLOG_LANES, "recorded lanes");

void sender_init(struct sender *s)
{
	*s = (struct sender){.rest_at_ns = NEVER_NS};
}

void sender_fini(struct sender *s)
{
	assert(!s->waiting.first);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (s->log[i])
			sendlog_fini(s->log[i]);
		free(s->log[i]);
	}
	sender_init(s);
}

void sender_offer(struct sender *s, struct send_ticket *ticket)
{
	send_queue_put(&s->waiting, ticket);
}

/* ---- who takes how much ---- */

/* Only where there is a choice are shares kept and rates measured. */
static bool is_striped(const struct path_table *table)
{
	return table->mode == BONDING_AGGREGATE && table->len > 1;
}

static uint16_t mask_of(const struct path_table *table)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < table->len; i++)
		mask |= (uint16_t)(1u << table->slot[i].path_id);
	return mask;
}

/* The slot of the path whose turn it is: it goes on, or one begins with a packet of @bytes. */
static unsigned whose_turn(struct sender *s, const struct path_table *table, uint32_t bytes)
{
	bool goes_on = s->run.left || s->prepaid_bytes;
	int slot = goes_on ? path_table_slot(table, s->run.path_id) : -1;

	if (slot < 0) {
		s->prepaid_bytes = bytes;
		slot = (int)pick_path(&s->pick, table, s->prepaid_bytes);
		run_begin(&s->run, table, (unsigned)slot);
	}
	return (unsigned)slot;
}

/* A turn without a byte is one packet long. */
static uint32_t bytes_left(const struct sender *s)
{
	return s->run.left ? s->run.left : 1;
}

enum sender_outcome sender_run_for(struct sender *s, const struct sender_facts *facts,
                                   uint32_t bytes, uint64_t now_ns, struct send_run *ret_run)
{
	const struct path_table *table = facts->table;
	unsigned slot = 0;

	s->is_blocked = !facts->has_session || !table || !table->len;
	if (s->is_blocked)
		return SENDER_BLOCKED;
	run_tick(&s->run, now_ns);
	if (is_striped(table))
		slot = whose_turn(s, table, bytes);
	uint8_t path_id = table->slot[slot].path_id;
	*ret_run = (struct send_run){
		.path_id = path_id,
		.path_mask = table->mode == BONDING_REDUNDANT ? mask_of(table)
	                                                      : (uint16_t)(1u << path_id),
		.is_ordered = table->mode == BONDING_AGGREGATE,
		.bytes_max = is_striped(table) ? bytes_left(s) : UINT32_MAX,
		.packets_max = BATCH_MAX,
	};
	return SENDER_RUN;
}

enum sender_outcome sender_next_run(struct sender *s, const struct sender_facts *facts,
                                    uint64_t now_ns, struct send_run *ret_run)
{
	if (!s->waiting.first)
		return SENDER_NOTHING;
	return sender_run_for(s, facts, send_ticket_next_bytes(s->waiting.first), now_ns, ret_run);
}

/* ---- what was sent ---- */

static void charge(struct sender *s, const struct path_table *table, const struct send_run *run)
{
	int slot = path_table_slot(table, run->path_id);
	int32_t rest = (int32_t)(run->bytes - s->prepaid_bytes);

	s->prepaid_bytes = 0;
	run_sent(&s->run, run->bytes);
	if (slot >= 0 && rest)
		pick_charge(&s->pick, table, (unsigned)slot, rest);
}

static uint32_t epoch_of(struct sender *s, uint32_t key)
{
	if (!s->epoch || s->key[s->epoch % SENDER_KEYS_KEPT] != key)
		s->key[++s->epoch % SENDER_KEYS_KEPT] = key;
	return s->epoch;
}

/* Without memory it goes unrecorded, as one that is long forgotten. */
static void record_on(struct sender *s, unsigned path_id, const struct send_record *record,
                      unsigned lane, uint64_t now_ns)
{
	struct sendlog **log = &s->log[path_id];

	if (!*log)
		*log = calloc(1, sizeof **log);
	if (!*log)
		return;
	sendlog_add(*log, lane, record, now_ns);
	if (s->rest_at_ns == NEVER_NS && sendlog_is_large(*log))
		s->rest_at_ns = now_ns + SENDER_REST_NS;
}

void sender_sent(struct sender *s, const struct sender_facts *facts, const struct send_run *run,
                 const struct send_numbers *numbers, uint64_t now_ns)
{
	assert(run->packets > 0);
	if (is_striped(facts->table))
		charge(s, facts->table, run);
	if (!numbers)
		return;
	const struct send_record record = {.first = numbers->first,
	                                   .bytes = run->bytes,
	                                   .packets = run->packets,
	                                   .epoch = epoch_of(s, numbers->key)};
	s->sent_ns = now_ns;
	for (unsigned mask = run->path_mask; mask; mask &= mask - 1)
		record_on(s, (unsigned)__builtin_ctz(mask), &record, numbers->lane, now_ns);
}

const struct send_record *sender_find(const struct sender *s, unsigned path_id,
                                      const struct send_numbers *numbers)
{
	const struct send_record *record = NULL;
	uint32_t forgotten = s->epoch > SENDER_KEYS_KEPT ? s->epoch - SENDER_KEYS_KEPT : 0;

	if (!s->log[path_id])
		return NULL;
	/* A keypair that was used, left and used again has several epochs. */
	for (uint32_t epoch = s->epoch; epoch > forgotten && !record; epoch--) {
		if (s->key[epoch % SENDER_KEYS_KEPT] == numbers->key)
			record =
				sendlog_find(s->log[path_id], numbers->lane, epoch, numbers->first);
	}
	return record;
}

/* ---- what is given up, and when ---- */

enum sender_excess sender_excess(const struct sender *s, uint64_t now_ns)
{
	const struct send_ticket *oldest = s->waiting.first;

	if (oldest && now_ns >= oldest->since_ns + SENDER_AGE_NS)
		return SENDER_TOO_OLD;
	return s->is_blocked && s->waiting.packets > STAGED_MAX ? SENDER_TOO_MANY : SENDER_KEEPS;
}

struct send_ticket *sender_drop(struct sender *s)
{
	return s->waiting.first ? send_queue_take(&s->waiting) : NULL;
}

uint64_t sender_alarm_ns(const struct sender *s)
{
	uint64_t old_ns = s->waiting.first ? s->waiting.first->since_ns + SENDER_AGE_NS : NEVER_NS;

	return old_ns < s->rest_at_ns ? old_ns : s->rest_at_ns;
}

void sender_service(struct sender *s, uint64_t now_ns)
{
	if (now_ns < s->rest_at_ns)
		return;
	s->rest_at_ns = s->sent_ns + SENDER_REST_NS; /* as a rule it was not idle so long */
	if (now_ns < s->rest_at_ns)
		return;
	s->rest_at_ns = NEVER_NS;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (s->log[i])
			sendlog_rest(s->log[i]);
	}
}

void sender_view(const struct sender *s, struct sender_view *ret)
{
	*ret = (struct sender_view){.waiting_packets = s->waiting.packets,
	                            .waiting_bytes = s->waiting.bytes,
	                            .bytes_per_s = s->run.bytes_per_s};
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (!s->log[i])
			continue;
		ret->path[i].packets = s->log[i]->packets;
		ret->path[i].bytes = s->log[i]->bytes;
	}
}
