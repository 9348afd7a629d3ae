/* SPDX-License-Identifier: MIT */
#include "dataplane/signs.h"

static struct sign_slot *slot_of(struct sign_ring *ring, uint32_t n)
{
	return &ring->slot[n % SIGNS_KEPT];
}

static void put(_Atomic uint32_t *at, uint32_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

static uint32_t get(_Atomic uint32_t *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

void signs_put(struct sign_ring *ring, const struct life_sign *sign)
{
	/* Relaxed: written by this role alone; the sequencer hands it from thread to thread. */
	uint32_t n = atomic_load_explicit(&ring->written, memory_order_relaxed);
	struct sign_slot *slot = slot_of(ring, n);

	put(&slot->mark, 2 * n + 1);
	put(&slot->key, sign->key);
	put(&slot->number, sign->number);
	put(&slot->rtt_us, sign->rtt_us);
	put(&slot->sent, sign->sent);
	put(&slot->heard, sign->heard);
	put(&slot->mark, 2 * n + 2);
	put(&ring->written, n + 1);
}

static bool read_slot(struct sign_slot *slot, uint32_t n, struct life_sign *ret)
{
	if (get(&slot->mark) != 2 * n + 2)
		return false;
	*ret = (struct life_sign){.key = get(&slot->key),
	                          .number = get(&slot->number),
	                          .rtt_us = get(&slot->rtt_us),
	                          .sent = get(&slot->sent),
	                          .heard = get(&slot->heard)};
	return atomic_load_explicit(&slot->mark, memory_order_relaxed) == 2 * n + 2;
}

bool signs_take(struct sign_ring *ring, uint32_t *taken, struct life_sign *ret)
{
	uint32_t written = get(&ring->written);

	if (written - *taken > SIGNS_KEPT)
		*taken = written - SIGNS_KEPT;
	while (*taken != written) {
		uint32_t n = (*taken)++;

		if (read_slot(slot_of(ring, n), n, ret))
			return true; /* else a newer one has just taken its place */
	}
	return false;
}
