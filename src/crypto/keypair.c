/* SPDX-License-Identifier: MIT */
#include "crypto/keypair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto/secret.h"

#define WIDE_WORDS REPLAY_WORDS(REPLAY_BITS_BONDED)
#define WIDE_BYTES (2 * WIDE_WORDS * sizeof(uint64_t))      /* of lanes 0 and 1 ... */
#define WIDE_ALL   (WIDE_BYTES + 2 * sizeof(struct copies)) /* ... and their copies behind them */

#define COPIES_AWAITED 4096u /* so many packets after the last copy none is expected any more */

_Static_assert(sizeof(struct keypair_keys) <= SECRET_CELL_LEN, "the keys fit a cell");
_Static_assert(LANE_ORDERED == 0 && LANE_UNORDERED == 1, "halves of the wide windows");
_Static_assert(LANE_CONTROL + 16 == LANE_COUNT, "a control lane for each of control_bits");

/* Lanes without a window have no words and accept nothing. */
static void init_windows(struct keypair *kp)
{
	replay_init(&kp->received[LANE_ORDERED], kp->stock_bits, REPLAY_WORDS(REPLAY_BITS_STOCK));
	replay_init(&kp->received[LANE_UNORDERED], kp->unordered_bits,
	            REPLAY_WORDS(KEYPAIR_BITS_UNORDERED));
	for (unsigned i = 0; i < LANE_COUNT - LANE_CONTROL; i++)
		replay_init(&kp->received[LANE_CONTROL + i], kp->control_bits[i],
		            REPLAY_WORDS(REPLAY_BITS_CONTROL));
}

struct keypair *keypair_create(bool is_initiator, uint32_t local_index, uint32_t remote_index,
                               uint64_t now_ns)
{
	struct keypair *kp = aligned_alloc(_Alignof(struct keypair), sizeof *kp);

	if (!kp)
		return NULL;
	memset(kp, 0, sizeof *kp);
	kp->keys = secret_alloc(sizeof *kp->keys);
	if (!kp->keys) {
		free(kp);
		return NULL;
	}
	kp->local_index = local_index;
	kp->remote_index = remote_index;
	kp->is_initiator = is_initiator;
	kp->born_ns = now_ns;
	kp->rekey_ns = now_ns + REKEY_AFTER_TIME;
	init_windows(kp);
	reference_init(&kp->references);
	return kp;
}

bool keypair_get(struct keypair *kp)
{
	return reference_get(&kp->references);
}

int keypair_accept_lanes(struct keypair *kp)
{
	/* Nothing of it is touched before counters get there, so a peer at rest needs none of it.
	 */
	void *bits =
		mmap(NULL, WIDE_ALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bits == MAP_FAILED)
		return -ENOMEM;
	kp->wide_bits = bits;
	kp->copies = (void *)((char *)bits + WIDE_BYTES);
	kp->accepts_lanes = true;
	return 0;
}

/* After a grace period: nobody who found it in a table is still looking at it. */
static void destroy(struct rcu_head *head)
{
	struct keypair *kp = caa_container_of(head, struct keypair, rcu);

	secret_free(kp->keys);
	if (kp->wide_bits)
		munmap(kp->wide_bits, WIDE_ALL);
	free(kp);
}

void keypair_put(struct keypair *kp)
{
	if (kp && reference_put(&kp->references))
		call_rcu(&kp->rcu, destroy);
}

/* The ring inside the keypair is as good as the wide one while it still reaches back to the first
 * counter; then it moves, and knows all there ever was.
 */
static void widen_before(struct keypair *kp, uint64_t lane, uint64_t seq)
{
	struct replay_window *win = &kp->received[lane];

	if (lane > LANE_UNORDERED || !kp->wide_bits ||
	    seq <= REPLAY_LATENESS((uint64_t)win->words * 64))
		return;
	replay_widen(win, kp->wide_bits + lane * WIDE_WORDS, WIDE_WORDS);
}

void keypair_copy_came(struct keypair *kp)
{
	if (!kp->copies_expected)
		atomic_store_explicit(&kp->expects_copies, true, memory_order_relaxed);
	kp->copies_expected = COPIES_AWAITED;
}

/* Those of the lanes of data, while copies come. */
static void remember(struct keypair *kp, uint64_t lane, uint64_t seq)
{
	if (lane > LANE_UNORDERED)
		return;
	copies_note(&kp->copies[lane], seq);
	if (!--kp->copies_expected)
		atomic_store_explicit(&kp->expects_copies, false, memory_order_relaxed);
}

bool keypair_accept(struct keypair *kp, uint64_t counter)
{
	uint64_t lane = counter >> LANE_SHIFT;
	uint64_t seq = counter & ((1ull << LANE_SHIFT) - 1);

	if (lane >= LANE_COUNT || !kp->received[lane].words || seq >= REJECT_AFTER_MESSAGES)
		return false;
	if (lane != LANE_ORDERED && !kp->accepts_lanes)
		return false;
	if (kp->received[lane].words < WIDE_WORDS)
		widen_before(kp, lane, seq);
	if (!replay_accept(&kp->received[lane], seq)) {
		if (kp->copies && lane <= LANE_UNORDERED)
			keypair_copy_came(kp);
		return false;
	}
	if (kp->copies_expected)
		remember(kp, lane, seq);
	return true;
}
