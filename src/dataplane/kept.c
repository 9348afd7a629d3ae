/* SPDX-License-Identifier: MIT */
#include "dataplane/kept.h"

#include <stdlib.h>

#include "dataplane/batch.h"
#include "vtrunkd/wire.h"

#define CAPACITY_MIN 64u

_Static_assert(SENDLOG_LANES == 2, "kept_is_empty() looks at two rings");

/* The entry that came @age entries after the oldest. */
static struct kept_entry *at(const struct kept_ring *ring, uint32_t age)
{
	return &ring->entry[(ring->end - ring->len + age) & (ring->capacity - 1)];
}

static bool grow(struct kept_ring *ring)
{
	uint32_t capacity = ring->capacity ? 2 * ring->capacity : CAPACITY_MIN;
	struct kept_entry *entry = malloc(capacity * sizeof *entry);

	if (!entry)
		return false;
	for (uint32_t i = 0; i < ring->len; i++)
		entry[i] = *at(ring, i);
	free(ring->entry);
	ring->entry = entry;
	ring->capacity = capacity;
	ring->end = ring->len;
	return true;
}

bool kept_add(struct kept *kept, unsigned lane, const struct kept_entry *entry)
{
	struct kept_ring *ring = &kept->ring[lane];

	if (ring->len == ring->capacity && !grow(ring))
		return false;
	ring->entry[ring->end++ & (ring->capacity - 1)] = *entry;
	ring->len++;
	return true;
}

static bool is_behind(const struct kept_entry *e, uint32_t epoch, uint64_t counter)
{
	return e->epoch != epoch ? e->epoch > epoch : e->first > counter;
}

const struct batch *kept_find(const struct kept *kept, unsigned lane, uint32_t epoch,
                              uint64_t counter, unsigned *ret_index)
{
	const struct kept_ring *ring = &kept->ring[lane];
	uint32_t low = 0, high = ring->len; /* it is none below low - 1, and none from high on */
	const struct kept_entry *e;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (is_behind(at(ring, middle), epoch, counter))
			high = middle;
		else
			low = middle + 1;
	}
	if (!low)
		return NULL;
	e = at(ring, low - 1);
	if (e->epoch != epoch || counter - e->first >= e->batch->len || !batch_has_left(e->batch))
		return NULL;
	*ret_index = (unsigned)(counter - e->first);
	return e->batch;
}

void kept_expire(struct kept *kept, uint64_t before_ns)
{
	for (unsigned lane = 0; lane < SENDLOG_LANES; lane++) {
		struct kept_ring *ring = &kept->ring[lane];

		while (ring->len && at(ring, 0)->since_ns < before_ns) {
			batch_put_kept(at(ring, 0)->batch);
			ring->len--;
		}
	}
}

void kept_clear(struct kept *kept)
{
	kept_expire(kept, NEVER_NS);
	for (unsigned lane = 0; lane < SENDLOG_LANES; lane++) {
		struct kept_ring *ring = &kept->ring[lane];

		if (ring->entry)
			free(ring->entry);
		*ring = (struct kept_ring){0};
	}
}
