/* SPDX-License-Identifier: MIT */
#include "host_kept.h"

#include <stdlib.h>

#include "events.h"
#include "vtrunkd/limits.h"

#define CAPACITY_MIN 1024u

static void drop_first(struct host_kept *kept, struct host_kept_ring *ring)
{
	struct packet *p = ring->slot[ring->first++ & (ring->capacity - 1)].packet;

	if (!p)
		return;
	kept->bytes -= wire_bytes(p);
	packet_free(p);
}

static void grow(struct host_kept_ring *ring)
{
	struct host_kept_ring larger = *ring;

	larger.capacity = ring->capacity ? 2 * ring->capacity : CAPACITY_MIN;
	larger.slot = malloc(larger.capacity * sizeof *larger.slot);
	if (!larger.slot)
		abort();
	for (uint64_t c = ring->first; c != ring->end; c++)
		larger.slot[c & (larger.capacity - 1)] = ring->slot[c & (ring->capacity - 1)];
	free(ring->slot);
	*ring = larger;
}

void host_kept_add(struct host_kept *kept, const struct packet *p)
{
	struct host_kept_ring *ring = &kept->ring[p->lane];
	bool has_room = kept->bytes + wire_bytes(p) <= HOST_KEPT_BYTES;

	if (ring->first == ring->end)
		ring->first = ring->end = p->counter;
	for (; ring->end <= p->counter; ring->end++) {
		if (ring->end - ring->first == ring->capacity)
			grow(ring);
		ring->slot[ring->end & (ring->capacity - 1)].packet = NULL;
		ring->slot[ring->end & (ring->capacity - 1)].since_ns = sim_now_ns;
	}
	if (!has_room)
		return;
	ring->slot[p->counter & (ring->capacity - 1)].packet = packet_copy(p);
	kept->bytes += wire_bytes(p);
	kept->bytes_max = MAX(kept->bytes_max, kept->bytes);
}

const struct packet *host_kept_find(const struct host_kept *kept, unsigned lane, uint64_t counter)
{
	const struct host_kept_ring *ring = &kept->ring[lane];

	if (counter < ring->first || counter >= ring->end)
		return NULL;
	return ring->slot[counter & (ring->capacity - 1)].packet;
}

void host_kept_expire(struct host_kept *kept, uint64_t before_ns)
{
	for (unsigned lane = 0; lane < 2; lane++) {
		struct host_kept_ring *ring = &kept->ring[lane];

		while (ring->first != ring->end &&
		       ring->slot[ring->first & (ring->capacity - 1)].since_ns < before_ns)
			drop_first(kept, ring);
	}
}

void host_kept_clear(struct host_kept *kept)
{
	host_kept_expire(kept, NEVER_NS);
	for (unsigned lane = 0; lane < 2; lane++) {
		free(kept->ring[lane].slot);
		kept->ring[lane] = (struct host_kept_ring){0};
	}
}
