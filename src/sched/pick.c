/* SPDX-License-Identifier: MIT */
/* A credit is in weight * bytes: credit / weight sum are the bytes a path is owed, below 0 those it
 * has had too early. The credits of a table's paths sum to 0; that is also how a change of the
 * table shows.
 *
 * Who is owed nothing is not picked, so nobody gets a run more than a run ahead of its share; among
 * the others the one that must have a whole run soonest goes first, so nobody falls a run behind
 * (earliest deadline first with release times, the Pfair rule of Baruah et al. 1996). Picking the
 * richest instead would save a multiplication, but let one of 16 fall 1.5 packets behind.
 *
 * Weights are at most 1,000,000 (the configuration says so) and a run is below 2^32 bytes: with 16
 * paths credits stay below 2^57.
 */
#include "sched/pick.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define DEBT_MAX \
	(1 << 20) /* bytes that a path may be ahead for want of others that a packet fits */

/* Other paths or weights than before: what a path is owed in bytes stays, in the unit of the new
 * weights. Paths that are not in the table lose theirs, else they would come back to a debt long
 * forgotten. What is missing for the sum of 0 then is taken from all alike.
 */
static void carry_over(struct pick_state *state, const struct path_table *table, int64_t weight_sum)
{
	int64_t owed[PATHS_MAX], rest = 0;

	for (unsigned i = 0; i < table->len; i++) {
		int64_t credit = state->credit[table->slot[i].path_id];

		owed[i] = state->weight_sum ? credit / state->weight_sum : 0;
		rest += owed[i];
	}

	memset(state, 0, sizeof(*state));
	for (unsigned i = 0; i < table->len; i++) {
		int64_t part = rest / (int64_t)(table->len - i);

		state->credit[table->slot[i].path_id] = (owed[i] - part) * weight_sum;
		rest -= part;
	}
	state->weight_sum = weight_sum;
}

/* @value * @weight, which takes up to 96 bits: high * 2^32 + low. 32-bit machines have no wider
 * type than that of @value.
 */
struct product {
	int64_t high;
	uint32_t low;
};

static inline struct product multiply(int64_t value, uint32_t weight)
{
	uint64_t low = (uint64_t)(uint32_t)value * weight;

	return (struct product){.high = (value >> 32) * weight + (int64_t)(low >> 32),
	                        .low = (uint32_t)low};
}

static inline bool is_less(struct product a, struct product b)
{
	return (a.high < b.high) | ((a.high == b.high) & (a.low < b.low));
}

/* Whether @a must have its next run sooner than @b: (run - credit) / weight is the traffic until
 * then. Of equals the heavier, whose turns lie closer together.
 */
static bool is_sooner(const struct pick_state *state, const struct path_slot *a,
                      const struct path_slot *b)
{
	int64_t run = state->weight_sum * state->run_max_bytes;
	struct product a_due = multiply(run - state->credit[a->path_id], b->weight);
	struct product b_due = multiply(run - state->credit[b->path_id], a->weight);

	return is_less(a_due, b_due) || (!is_less(b_due, a_due) && a->weight > b->weight);
}

/* Makes the credits those of @table. Returns the sum of its weights. */
static int64_t settle(struct pick_state *state, const struct path_table *table)
{
	int64_t weight_sum = 0, credit_sum = 0;

	assert(table->len > 0);
	for (unsigned i = 0; i < table->len; i++) {
		weight_sum += table->slot[i].weight;
		credit_sum += state->credit[table->slot[i].path_id];
	}
	if (weight_sum != state->weight_sum || credit_sum != 0)
		carry_over(state, table, weight_sum);
	return weight_sum;
}

/* Every path earns its share of @bytes. */
static void earn(struct pick_state *state, const struct path_table *table, int64_t bytes)
{
	for (unsigned i = 0; i < table->len; i++)
		state->credit[table->slot[i].path_id] += table->slot[i].weight * bytes;
}

/* Deadlines are reckoned with the longest run there was, else a path falls several behind. */
static void note_run(struct pick_state *state, uint32_t bytes)
{
	state->run_bytes = bytes;
	if (bytes > state->run_max_bytes)
		state->run_max_bytes = bytes;
}

void pick_charge(struct pick_state *state, const struct path_table *table, unsigned slot,
                 int32_t bytes)
{
	int64_t weight_sum = settle(state, table);

	note_run(state, state->run_bytes + (uint32_t)bytes);
	earn(state, table, bytes);
	state->credit[table->slot[slot].path_id] -= weight_sum * bytes;
}

/* What fits no path goes where it would go otherwise. */
static bool is_asked(const struct path_table *table, const struct path_slot *slot, uint32_t bytes)
{
	return path_slot_fits(slot, bytes) || !path_table_fits_one(table, bytes);
}

/* All paths that the packet fits have had more than their share. */
static unsigned soonest_of_those(const struct pick_state *state, const struct path_table *table,
                                 uint32_t bytes)
{
	unsigned best = PATHS_MAX;

	for (unsigned i = 0; i < table->len; i++) {
		const struct path_slot *slot = &table->slot[i];

		if (is_asked(table, slot, bytes) &&
		    (best == PATHS_MAX || is_sooner(state, slot, &table->slot[best])))
			best = i;
	}
	return best;
}

/* It gets more than its share for as long as nothing else is sent: that is forgotten by halves, and
 * what is missing for the sum of 0 then is found by settle().
 */
static void bound_debt(struct pick_state *state, uint8_t path_id)
{
	if (state->credit[path_id] > -state->weight_sum * DEBT_MAX)
		return;
	for (unsigned i = 0; i < PATHS_MAX; i++)
		state->credit[i] /= 2;
}

unsigned pick_path(struct pick_state *state, const struct path_table *table, uint32_t bytes)
{
	int64_t weight_sum = settle(state, table);
	unsigned best = PATHS_MAX;

	if (bytes == 0)
		bytes = 1; /* else nobody would be owed anything */
	note_run(state, bytes);
	earn(state, table, bytes);
	for (unsigned i = 0; i < table->len; i++) {
		const struct path_slot *slot = &table->slot[i];

		if (state->credit[slot->path_id] > 0 && is_asked(table, slot, bytes) &&
		    (best == PATHS_MAX || is_sooner(state, slot, &table->slot[best])))
			best = i;
	}
	if (best == PATHS_MAX) {
		best = soonest_of_those(state, table, bytes);
		bound_debt(state, table->slot[best].path_id);
	}
	assert(best < table->len); /* the credits sum to weight_sum * bytes now */
	state->credit[table->slot[best].path_id] -= weight_sum * bytes;
	return best;
}
