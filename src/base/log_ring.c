/* SPDX-License-Identifier: MIT */
/* Slot i is free for the line with number n = i, i + N, ... when its turn is n, and holds it when
 * its turn is n + 1; taking it sets the turn to n + N. Numbers wrap around with unsigned int, of
 * which N is a divisor.
 */
#include "base/log_ring.h"

#include <string.h>

_Static_assert((LOG_RING_LINES & (LOG_RING_LINES - 1)) == 0, "a power of two");

static struct log_ring_slot *slot_of(struct log_ring *ring, unsigned number)
{
	return &ring->slot[number % LOG_RING_LINES];
}

static void copy_line(struct log_line *to, const struct log_line *from)
{
	to->time = from->time;
	to->level = from->level;
	memcpy(to->message, from->message, strlen(from->message) + 1);
}

void log_ring_init(struct log_ring *ring)
{
	atomic_store_explicit(&ring->put, 0, memory_order_relaxed);
	ring->taken = 0;
	atomic_store_explicit(&ring->lost, 0, memory_order_relaxed);
	for (unsigned i = 0; i < LOG_RING_LINES; i++)
		atomic_store_explicit(&ring->slot[i].turn, i, memory_order_relaxed);
}

bool log_ring_put(struct log_ring *ring, const struct log_line *line)
{
	/* Relaxed: the number is only a claim, the turn of its slot tells whether it holds. */
	unsigned number = atomic_load_explicit(&ring->put, memory_order_relaxed);
	struct log_ring_slot *slot;

	for (;;) {
		slot = slot_of(ring, number);
		/* Acquire: the taker's release below, so that it is done with the slot. */
		int ahead = (int)(atomic_load_explicit(&slot->turn, memory_order_acquire) - number);

		if (ahead < 0) {
			counter_add_shared(&ring->lost, 1);
			return false;
		}
		if (ahead > 0)
			number = atomic_load_explicit(&ring->put, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(&ring->put, &number, number + 1,
		                                               memory_order_relaxed,
		                                               memory_order_relaxed))
			break;
	}
	copy_line(&slot->line, line);
	slot->lost = counter_read(&ring->lost);
	/* Release: the line is there before the taker sees its turn. */
	atomic_store_explicit(&slot->turn, number + 1, memory_order_release);
	return true;
}

bool log_ring_take(struct log_ring *ring, struct log_line *ret, uint64_t *ret_lost)
{
	struct log_ring_slot *slot = slot_of(ring, ring->taken);

	if (atomic_load_explicit(&slot->turn, memory_order_acquire) != ring->taken + 1)
		return false;
	copy_line(ret, &slot->line);
	*ret_lost = slot->lost;
	atomic_store_explicit(&slot->turn, ring->taken + LOG_RING_LINES, memory_order_release);
	ring->taken++;
	return true;
}
