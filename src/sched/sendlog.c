/* SPDX-License-Identifier: MIT */
#include "sched/sendlog.h"

#include <assert.h>
#include <stdlib.h>

/* Record number @n of all that were written. */
static struct send_record *record_at(const struct send_ring *ring, uint64_t n)
{
	return &ring->record[n & (ring->capacity - 1)];
}

static uint64_t oldest(const struct send_ring *ring)
{
	return ring->written_at - ring->len;
}

/* False, and it stays as it is, without memory. */
static bool resize(struct send_ring *ring, uint32_t capacity)
{
	struct send_ring larger = *ring;

	larger.record = calloc(capacity, sizeof *larger.record);
	larger.capacity = capacity;
	if (!larger.record)
		return false;
	for (uint64_t n = oldest(ring); n != ring->written_at; n++)
		*record_at(&larger, n) = *record_at(ring, n);
	free(ring->record);
	*ring = larger;
	return true;
}

/* Room for one more; false when there is no memory for a single one. */
static bool make_room(struct send_ring *ring, uint64_t now_ns)
{
	if (ring->len < ring->capacity)
		return true;
	if (!ring->capacity)
		return resize(ring, SENDLOG_RUNS_MIN);
	if (ring->capacity < SENDLOG_RUNS_MAX &&
	    now_ns < record_at(ring, oldest(ring))->t_tx_ns + SENDLOG_KEPT_NS &&
	    resize(ring, 2 * ring->capacity))
		return true;
	ring->len--;
	return true;
}

void sendlog_add(struct sendlog *log, unsigned lane, const struct send_record *record,
                 uint64_t now_ns)
{
	struct send_ring *ring = &log->ring[lane];

	assert(lane < SENDLOG_LANES && record->packets > 0);
	if (make_room(ring, now_ns)) {
		struct send_record *at = record_at(ring, ring->written_at++);

		*at = *record;
		at->t_tx_ns = now_ns;
		at->bytes_before = log->bytes;
		at->packets_before = log->packets;
		ring->len++;
	}
	log->bytes += record->bytes;
	log->packets += record->packets;
}

static bool begins_after(const struct send_record *r, uint32_t epoch, uint64_t counter)
{
	return r->epoch > epoch || (r->epoch == epoch && r->first > counter);
}

const struct send_record *sendlog_find(const struct sendlog *log, unsigned lane, uint32_t epoch,
                                       uint64_t counter)
{
	const struct send_ring *ring = &log->ring[lane];
	uint64_t from = oldest(ring), to = ring->written_at;

	/* Those before @from begin at @counter or before, those from @to on after it. */
	while (from != to) {
		uint64_t middle = from + (to - from) / 2;

		if (begins_after(record_at(ring, middle), epoch, counter))
			to = middle;
		else
			from = middle + 1;
	}
	if (from == oldest(ring))
		return NULL;

	const struct send_record *r = record_at(ring, from - 1);
	return r->epoch == epoch && counter - r->first < r->packets ? r : NULL;
}

const struct send_record *sendlog_back(const struct sendlog *log, unsigned lane, uint32_t back)
{
	const struct send_ring *ring = &log->ring[lane];

	return back < ring->len ? record_at(ring, ring->written_at - 1 - back) : NULL;
}

/* The same to be changed. */
static struct send_record *find(struct sendlog *log, unsigned lane, uint32_t epoch,
                                uint64_t counter)
{
	return (struct send_record *)sendlog_find(log, lane, epoch, counter);
}

bool sendlog_departed(struct sendlog *log, unsigned lane, uint32_t epoch, uint64_t counter,
                      uint64_t at_ns)
{
	struct send_record *r = find(log, lane, epoch, counter);

	if (r && at_ns > r->t_tx_ns)
		r->t_tx_ns = at_ns;
	return r;
}

bool sendlog_resend(struct sendlog *log, unsigned lane, uint32_t epoch, uint64_t counter)
{
	struct send_record *r = find(log, lane, epoch, counter);
	uint64_t place = r ? counter - r->first : 64;

	if (place >= 64 || r->resent >> place & 1)
		return false;
	r->resent |= 1ull << place;
	return true;
}

bool sendlog_is_large(const struct sendlog *log)
{
	for (unsigned i = 0; i < SENDLOG_LANES; i++) {
		if (log->ring[i].capacity > SENDLOG_RUNS_MIN)
			return true;
	}
	return false;
}

void sendlog_rest(struct sendlog *log)
{
	for (unsigned i = 0; i < SENDLOG_LANES; i++) {
		free(log->ring[i].record);
		log->ring[i] = (struct send_ring){0};
	}
}

void sendlog_fini(struct sendlog *log)
{
	sendlog_rest(log);
	*log = (struct sendlog){0};
}
