/* SPDX-License-Identifier: MIT */
/* The ring holds the @words bitmap words that end with the one of the newest counter; word number n
 * (counter / 64) lives in slot n modulo @words. Accepting a newer counter clears the slots between
 * and so drops the oldest words. The oldest word held is complete, but whether a counter in it is
 * still accepted goes by the distance to the newest, so that the limit does not depend on where in
 * its word the newest lies.
 */
#include "crypto/replay.h"

#include <assert.h>
#include <string.h>

#define WORD_BITS 64u

static uint64_t *slot(const struct replay_window *win, uint64_t word)
{
	return &win->seen[word & (win->words - 1)];
}

void replay_init(struct replay_window *win, uint64_t *storage, uint32_t words)
{
	assert(words >= 2 && (words & (words - 1)) == 0);
	memset(storage, 0, words * sizeof *storage);
	*win = (struct replay_window){.seen = storage, .words = words};
}

/* Makes @counter, which is not below @next, the newest. A jump over the whole ring clears it once.
 */
static void advance(struct replay_window *win, uint64_t counter)
{
	uint64_t from = win->next ? (win->next - 1) / WORD_BITS : 0;
	uint64_t to = counter / WORD_BITS;

	if (to - from > win->words)
		from = to - win->words;
	while (from < to)
		*slot(win, ++from) = 0;
	win->next = counter + 1;
}

bool replay_accept(struct replay_window *win, uint64_t counter)
{
	uint64_t bit = 1ull << counter % WORD_BITS;

	if (counter == UINT64_MAX)
		return false; /* @next could not follow it */
	if (counter >= win->next)
		advance(win, counter);
	else if (win->next - 1 - counter > REPLAY_LATENESS(win->words * WORD_BITS))
		return false;

	uint64_t *seen = slot(win, counter / WORD_BITS);
	if (*seen & bit)
		return false;
	*seen |= bit;
	return true;
}

bool replay_is_past(const struct replay_window *win, uint64_t counter)
{
	if (counter >= win->next)
		return false;
	return win->next - 1 - counter > REPLAY_LATENESS(win->words * WORD_BITS) ||
	       *slot(win, counter / WORD_BITS) >> counter % WORD_BITS & 1;
}

void replay_widen(struct replay_window *win, uint64_t *storage, uint32_t words)
{
	struct replay_window wide = {.seen = storage, .words = words};

	assert(words > win->words && (words & (words - 1)) == 0);
	if (win->next > 0) {
		uint64_t newest_word = (win->next - 1) / WORD_BITS;

		/* From the newest word back to the first there ever was, or as far as the ring. */
		for (uint32_t age = 0; age < words && age <= newest_word; age++) {
			uint64_t word = newest_word - age;

			*slot(&wide, word) = age < win->words ? *slot(win, word) : UINT64_MAX;
		}
		wide.next = win->next;
	}
	*win = wide;
}
