/* SPDX-License-Identifier: MIT */
/* copies.h - counters of a lane that were accepted lately, for anybody to ask before a datagram is
 * opened.
 *
 * Where every packet comes over several paths, half of the work would be to open copies that the
 * replay window refuses. That window belongs to one thread, and it takes verified packets only.
 * This one may be read by others at any time, remembers the latest COPIES_KEPT counters or fewer,
 * and knows nothing for sure but what it says yes to: such a counter was accepted.
 *
 * A ring of words, each with the number of the 32 counters that it is about in its upper half and a
 * bit for each of them in its lower one. So a word can be written and read whole, without an order
 * between words.
 */
#ifndef CRYPTO_COPIES_H
#define CRYPTO_COPIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define COPIES_KEPT  8192u
#define COPIES_WORDS (COPIES_KEPT / 32u)

/* All zero at first. */
struct copies {
	/* The number, of which 32 bits are enough for the life of a keypair, and the counters. */
	_Atomic uint64_t word[COPIES_WORDS];
};

/* @counter was accepted. Whoever owns the replay window. */
static inline void copies_note(struct copies *c, uint64_t counter)
{
	const uint32_t number = (uint32_t)(counter / 32);
	_Atomic uint64_t *at = &c->word[number % COPIES_WORDS];
	uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
	uint32_t there = (uint32_t)(word >> 32);

	if (number != there) {
		if ((int32_t)(number - there) < 0)
			return; /* too long ago */
		word = (uint64_t)number << 32;
	}
	atomic_store_explicit(at, word | 1ull << counter % 32, memory_order_relaxed);
}

/* Whether it is known that @counter was accepted. Any thread. */
static inline bool copies_has(const struct copies *c, uint64_t counter)
{
	const uint32_t number = (uint32_t)(counter / 32);
	uint64_t word = atomic_load_explicit(&c->word[number % COPIES_WORDS], memory_order_relaxed);

	return (uint32_t)(word >> 32) == number && word >> counter % 32 & 1;
}

#endif
