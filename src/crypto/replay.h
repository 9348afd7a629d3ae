/* SPDX-License-Identifier: MIT */
/* replay.h - which counters of one lane of a receiving keypair were accepted before.
 *
 * A sliding window kept as a ring of bitmap words, so moving it shifts no bits (RFC 6479; limits in
 * whitepaper 5.4.6). Its width is chosen per lane: bonded paths reorder far more than one path
 * does.
 */
#ifndef CRYPTO_REPLAY_H
#define CRYPTO_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

/* Owned by the one thread that delivers this keypair's packets; no locking. */
struct replay_window {
	uint64_t next;  /* highest counter accepted so far plus one; 0: none yet */
	uint64_t *seen; /* @words bitmap words, one bit per counter, modulo the ring */
	uint32_t words; /* a power of two, at least 2 */
};

/* Words of storage for a ring of @bits (a power of two, at least 128). */
#define REPLAY_WORDS(bits) ((bits) / 64u)

/* Accepted lateness of a ring: one word of slack, since moving clears whole words. A counter that
 * is exactly this much behind the newest is still accepted.
 */
#define REPLAY_LATENESS(bits) ((bits)-64u)

/* Uses @words words at @storage, which must outlive the window, and clears them. */
void replay_init(struct replay_window *win, uint64_t *storage, uint32_t words);

/* True, and marks @counter, if it is new and not too late. Call it only after the packet's tag was
 * verified: whoever could move the window with forgeries could make us refuse honest packets.
 * UINT64_MAX is never accepted.
 */
bool replay_accept(struct replay_window *win, uint64_t counter);

/* Whether @counter was accepted, or is too late to be. */
bool replay_is_past(const struct replay_window *win, uint64_t counter);

/* Moves to a wider ring without forgetting or accepting anything twice. @storage is all zero: fresh
 * memory of the system is touched only as counters reach it. @words must be greater than the
 * present ones. The old storage may be reused afterwards. What is older than the old ring's first
 * word, (newest & ~63) - REPLAY_LATENESS(old bits), is no longer known and stays refused.
 */
void replay_widen(struct replay_window *win, uint64_t *storage, uint32_t words);

#endif
